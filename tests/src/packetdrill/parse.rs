//! From text to a script.

use super::{Call, Event, Opt, Packet, Script, What, When, Wrong};
use netkit_tcp::{Flags, Icmp};
use std::{fmt, str::FromStr, time::Duration};

type Parsed<T> = Result<T, String>;

impl Script {
    /// Reads a script.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut script = Self {
            options: Vec::new(),
            events: Vec::new(),
        };
        for (number, whole) in text.lines().enumerate() {
            let line = without_comment(whole).trim();
            let wrong = |why| Wrong {
                line: number + 1,
                text: whole.to_owned(),
                why,
            };
            if line.is_empty() {
                continue;
            }
            if let Some(option) = line.strip_prefix("--") {
                let (name, value) = option
                    .split_once('=')
                    .ok_or_else(|| wrong("an option without `=`".to_owned()))?;
                script.options.push((name.to_owned(), value.to_owned()));
                continue;
            }
            let (when, what) = event(line).map_err(wrong)?;
            script.events.push(Event {
                line: number + 1,
                text: line.to_owned(),
                when,
                what,
            });
        }
        Ok(script)
    }
}

fn without_comment(line: &str) -> &str {
    let end = line.find("//").unwrap_or(line.len());
    let line = &line[..end];
    &line[..line.find('#').unwrap_or(line.len())]
}

fn event(line: &str) -> Parsed<(When, What)> {
    let (time, rest) = line
        .split_once(char::is_whitespace)
        .ok_or("a time, and nothing that happens then")?;
    let rest = rest.trim();
    let what = if let Some(packet) = rest.strip_prefix('<') {
        let packet = packet.trim();
        match packet.strip_prefix("icmp ") {
            Some(report) => icmp(report)?,
            None => What::Inject(self::packet(packet)?),
        }
    } else if let Some(packet) = rest.strip_prefix('>') {
        What::Expect(self::packet(packet.trim())?)
    } else {
        What::Call(call(rest)?)
    };
    Ok((when(time)?, what))
}

fn when(text: &str) -> Parsed<When> {
    if text == "*" {
        return Ok(When::Any);
    }
    let (first, last) = text.split_once('~').unwrap_or((text, text));
    let seconds = |text: &str| -> Parsed<Duration> {
        let text = text.trim_start_matches('+');
        let number: f64 = parse("a time", text)?;
        Duration::try_from_secs_f64(number).map_err(|_| format!("`{text}` is no time"))
    };
    let (from, to) = (seconds(first)?, seconds(last)?);
    if from > to {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok(if text.starts_with('+') {
        When::After(from, to)
    } else {
        When::At(from, to)
    })
}

/// `[SFRP.UEW]+ seq:end(length) [ack N] [win N] [urg N] [<options>]`
fn packet(text: &str) -> Parsed<Packet> {
    let (head, options) = match text.split_once('<') {
        Some((head, rest)) => {
            let list = rest.strip_suffix('>').ok_or("options without `>`")?;
            (head, options(list)?)
        }
        None => (text, Some(Vec::new())),
    };
    let mut words = head.split_whitespace();
    let mut packet = Packet {
        flags: flags(words.next().ok_or("a packet without flags")?)?,
        seq: 0,
        length: 0,
        ack: None,
        window: None,
        urgent: None,
        options,
    };
    (packet.seq, packet.length) = numbers(words.next().ok_or("a packet without numbers")?)?;
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{word}` without a number"))?;
        match word {
            "ack" => packet.ack = Some(parse("an ack", value)?),
            "win" => packet.window = Some(parse("a window", value)?),
            "urg" => packet.urgent = Some(parse("a pointer", value)?),
            _ => return Err(format!("`{word}` is nothing of a packet")),
        }
    }
    if packet.flags.has(Flags::ACK) != packet.ack.is_some() {
        return Err("`.` goes with `ack`".to_owned());
    }
    Ok(packet)
}

fn flags(text: &str) -> Parsed<Flags> {
    let mut flags = Flags::NONE;
    for letter in text.chars() {
        flags |= match letter {
            'S' => Flags::SYN,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            '-' => Flags::NONE,
            _ => return Err(format!("`{letter}` is no flag")),
        };
    }
    Ok(flags)
}

/// `seq:end(length)`: the first number and the length.
fn numbers(text: &str) -> Parsed<(u32, u32)> {
    let parts = || {
        let (seq, rest) = text.split_once(':')?;
        let (end, length) = rest.strip_suffix(')')?.split_once('(')?;
        Some((seq, end, length))
    };
    let (seq, end, length) = parts().ok_or_else(|| format!("`{text}` is not `1:11(10)`"))?;
    let seq: u32 = parse("a number", seq)?;
    let end: u32 = parse("a number", end)?;
    let length: u32 = parse("a length", length)?;
    if end.wrapping_sub(seq) != length {
        return Err(format!("`{text}`: from {seq} to {end} is not {length}"));
    }
    Ok((seq, length))
}

fn options(text: &str) -> Parsed<Option<Vec<Opt>>> {
    if text.trim() == "..." {
        return Ok(None);
    }
    let mut options = Vec::new();
    for item in text.split(',').filter(|item| !item.trim().is_empty()) {
        let words: Vec<&str> = item.split_whitespace().collect();
        options.push(match *words {
            ["mss", size] => Opt::Mss(parse("an MSS", size)?),
            ["wscale", shift] => Opt::WScale(parse("a shift", shift)?),
            ["sackOK"] => Opt::SackOk,
            ["nop"] => Opt::Nop,
            ["eol"] => Opt::Eol,
            ["TS", "val", value, "ecr", echo] => {
                Opt::Timestamp(parse("a timestamp", value)?, parse("a timestamp", echo)?)
            }
            ["sack", ref blocks @ ..] => {
                let edges = blocks.iter().map(|block| {
                    let (left, right) = block.split_once(':').ok_or("a block is `left:right`")?;
                    Ok((parse("an edge", left)?, parse("an edge", right)?))
                });
                Opt::Sack(edges.collect::<Parsed<_>>()?)
            }
            ["raw", octets] => {
                Opt::Raw(hex::decode(octets).map_err(|_| format!("`{octets}` is not hex"))?)
            }
            _ => return Err(format!("`{item}` is no option")),
        });
    }
    Ok(Some(options))
}

/// `unreachable KIND [mtu N] [seq:end(length)]`, or `source_quench [..]`.
fn icmp(text: &str) -> Parsed<What> {
    let report = text.split('[').next().unwrap_or(text);
    let words: Vec<&str> = report.split_whitespace().collect();
    let report = match *words {
        ["unreachable", "net" | "host" | "source_route_failed"] | ["time_exceeded"] => Icmp::Soft,
        ["unreachable", "protocol" | "port"] => Icmp::Hard,
        ["unreachable", "frag_needed", "mtu", mtu] => Icmp::TooBig(parse("an MTU", mtu)?),
        ["source_quench"] => Icmp::SourceQuench,
        _ => return Err(format!("`{text}` is no report")),
    };
    let about = text
        .split_once('[')
        .and_then(|(_, rest)| rest.strip_suffix(']'));
    let (seq, _) = numbers(about.ok_or("a report is about a segment: `[1:11(10)]`")?)?;
    Ok(What::Icmp(report, seq))
}

/// `name(argument, ..) = result [ERRNO]`
fn call(text: &str) -> Parsed<Call> {
    let parts = || {
        let (name, rest) = text.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") =")?;
        Some((name, arguments, result))
    };
    let (name, arguments, result) =
        parts().ok_or_else(|| format!("`{text}` is not `name(..) = result`"))?;
    let mut result = result.split_whitespace();
    Ok(Call {
        name: name.trim().to_owned(),
        arguments: arguments
            .split(',')
            .map(|argument| argument.trim().trim_matches(['[', ']']).to_owned())
            .collect(),
        result: parse("a result", result.next().unwrap_or_default())?,
        errno: result.next().map(str::to_owned),
    })
}

fn parse<T: FromStr<Err: fmt::Display>>(what: &str, text: &str) -> Parsed<T> {
    text.parse()
        .map_err(|error| format!("`{text}` is not {what}: {error}"))
}
