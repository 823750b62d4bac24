//! What a script says happens, and what does.

use super::{
    Call, Event, Opt, Packet, Script, What, When, Wrong,
    host::{Answer, Host, errno},
};
use netkit_tcp::{
    Backlog, Config, Flags, Header, KeepAlive, NewReno, SackBlocks, Secret, Segment, Seq, TcpOption,
};
use std::{fmt::Write, net::SocketAddr, time::Duration};

/// Where the peer's numbers begin: not far below where they wrap.
const PEER_ISS: Seq = Seq(u32::MAX - 500);

/// How exactly times have to agree.
const TOLERANCE: Duration = Duration::from_millis(1);

struct Run {
    host: Host,
    start: Duration,
    /// When the last event was.
    last: Duration,
    /// Our initial number and our first timestamp, once they were seen.
    iss: Option<Seq>,
    stamp: Option<u32>,
    /// How many of what was sent have been expected.
    seen: usize,
}

impl Script {
    /// Plays the script.
    ///
    /// Options: `ip_version` (`ipv4`, `ipv6`), `mtu`, `tcp_timestamps`, `tcp_sack`, `tcp_window_scaling` (0 or
    /// 1), `receive_buffer`, `send_buffer` (octets), `syn_queue`, `accept_queue`.
    pub fn run(&self) -> Result<(), Wrong> {
        let wrong = |why| Wrong {
            line: 1,
            text: "the options".to_owned(),
            why,
        };
        let (host, backlog) = self.host().map_err(wrong)?;
        let mut run = Run {
            start: host.now,
            last: host.now,
            host,
            iss: None,
            stamp: None,
            seen: 0,
        };
        for event in &self.events {
            run.event(event, backlog).map_err(|why| Wrong {
                line: event.line,
                text: event.text.clone(),
                why,
            })?;
        }
        match (run.unexpected(), self.events.last()) {
            (Some(why), Some(event)) => Err(Wrong {
                line: event.line,
                text: event.text.clone(),
                why: format!("behind the last line: {why}"),
            }),
            _ => Ok(()),
        }
    }

    fn host(&self) -> Result<(Host, Backlog), String> {
        let mut config = Config::new(Secret::new([9; 16]));
        config.congestion = NewReno::start;
        let mut ends: [SocketAddr; 2] = [
            ([192, 0, 2, 1], 8080).into(),
            ([198, 51, 100, 1], 40_000).into(),
        ];
        let mut backlog = Backlog::default();
        for (name, value) in &self.options {
            let number = || -> Result<u32, String> {
                let not = |_| format!("--{name}={value}: not a number");
                value.parse().map_err(not)
            };
            match name.as_str() {
                "ip_version" if value == "ipv4" => {}
                "ip_version" if value == "ipv6" => {
                    let address = |last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last];
                    ends = [(address(1), 8080).into(), (address(2), 40_000).into()];
                }
                "mtu" => config.mtu = number()? as u16,
                "tcp_timestamps" => config.timestamps = number()? != 0,
                "tcp_sack" => config.sack = number()? != 0,
                "tcp_window_scaling" => config.window_scale = number()? != 0,
                "receive_buffer" => config.receive_buffer = number()?,
                "send_buffer" => config.send_buffer = number()?,
                "syn_queue" => backlog.syn_queue = number()? as usize,
                "accept_queue" => backlog.accept_queue = number()? as usize,
                _ => return Err(format!("--{name}={value}: no such option")),
            }
        }
        let [here, there] = ends;
        let host = Host::new(config, here, there).ok_or("two families of addresses")?;
        Ok((host, backlog))
    }
}

impl Run {
    fn event(&mut self, event: &Event, backlog: Backlog) -> Result<(), String> {
        let (from, to) = match event.when {
            When::At(from, to) => (self.start + from, self.start + to),
            When::After(from, to) => (self.last + from, self.last + to),
            When::Any => (self.host.now, Duration::MAX),
        };
        if let What::Expect(expected) = &event.what {
            return self.expect(expected, from, to);
        }
        if from < self.host.now {
            return Err("this is before the line above".to_owned());
        }
        self.advance(from);
        if let Some(why) = self.unexpected() {
            return Err(format!("before this, {why}"));
        }
        match &event.what {
            What::Expect(_) => {}
            What::Inject(packet) => {
                let octets = self.octets(packet);
                self.host.recv(&octets)?;
            }
            What::Icmp(report, seq) => {
                let iss = self
                    .iss
                    .ok_or("nothing was sent that this could be about")?;
                self.host.icmp(*report, iss + *seq);
            }
            What::Call(call) => {
                let answer = self.call(call, backlog)?;
                let expected = call.errno.as_deref().map_or(Ok(call.result), Err);
                if answer != expected {
                    return Err(format!("the call's answer is {}", show(answer)));
                }
            }
        }
        self.last = self.host.now;
        self.host.flush();
        self.learn();
        Ok(())
    }

    /// Lets everything happen that does by itself until then.
    fn advance(&mut self, until: Duration) {
        while let Some(at) = self.host.timeout().filter(|at| *at <= until) {
            self.host.now = self.host.now.max(at);
            self.host.flush();
        }
        self.host.now = self.host.now.max(until);
        self.learn();
    }

    /// Takes down our first number and timestamp.
    fn learn(&mut self) {
        for (_, octets) in &self.host.sent[self.seen..] {
            let Ok(segment) = Segment::parse(octets) else {
                continue;
            };
            if segment.flags().has(Flags::SYN) {
                self.iss = Some(segment.sequence_number());
            }
            for option in segment.options().flatten() {
                if let TcpOption::Timestamps { value, .. } = option
                    && segment.flags().has(Flags::SYN)
                {
                    self.stamp.get_or_insert(value);
                }
            }
        }
    }

    fn unexpected(&self) -> Option<String> {
        let (at, octets) = self.host.sent.get(self.seen)?;
        let at = at.saturating_sub(self.start).as_secs_f64();
        let packet = self.read(octets);
        Some(format!("nobody expected, at {at:.3}: > {}", shown(&packet)))
    }

    fn expect(&mut self, expected: &Packet, from: Duration, to: Duration) -> Result<(), String> {
        while self.host.sent.len() <= self.seen {
            let Some(at) = self.host.timeout().filter(|at| *at <= to + TOLERANCE) else {
                return Err("nothing is sent".to_owned());
            };
            self.advance(at);
        }
        let (at, octets) = self.host.sent[self.seen].clone();
        self.seen += 1;
        let packet = self.read(&octets);
        let given = Packet {
            window: packet.window.filter(|_| expected.window.is_some()),
            urgent: packet.urgent.filter(|_| expected.urgent.is_some()),
            options: packet
                .options
                .clone()
                .filter(|_| expected.options.is_some()),
            ..packet.clone()
        };
        if given != *expected {
            return Err(format!("what is sent is: > {}", shown(&packet)));
        }
        if at + TOLERANCE < from || at > to + TOLERANCE {
            let late = at.as_secs_f64() - self.last.as_secs_f64();
            return Err(format!("it is sent {late:+.3} s after the line above"));
        }
        self.last = at;
        Ok(())
    }

    /// The peer's segment as octets.
    fn octets(&self, packet: &Packet) -> Vec<u8> {
        let (iss, stamp) = (self.iss.unwrap_or(Seq(0)), self.stamp.unwrap_or(0));
        let blocks: Vec<[u8; 8]> = packet
            .options
            .iter()
            .flatten()
            .flat_map(|option| match option {
                Opt::Sack(edges) => edges.as_slice(),
                _ => &[],
            })
            .map(|(left, right)| SackBlocks::block(iss + *left, iss + *right))
            .collect();
        let mut list = Vec::new();
        for option in packet.options.iter().flatten() {
            match option {
                Opt::Mss(size) => list.extend([2, 4, (size >> 8) as u8, *size as u8]),
                Opt::WScale(shift) => list.extend([3, 3, *shift]),
                Opt::SackOk => list.extend([4, 2]),
                Opt::Sack(_) => {
                    list.extend([5, 2 + 8 * blocks.len() as u8]);
                    list.extend(blocks.iter().flatten());
                }
                Opt::Timestamp(value, echo) => {
                    let echo = if packet.ack.is_some() {
                        echo.wrapping_add(stamp)
                    } else {
                        *echo
                    };
                    list.extend([8, 10]);
                    list.extend(value.to_be_bytes());
                    list.extend(echo.to_be_bytes());
                }
                Opt::Nop => list.push(1),
                Opt::Eol => list.push(0),
                Opt::Raw(octets) => list.extend(octets),
            }
        }
        list.resize(list.len().next_multiple_of(4), 0);
        let header = Header {
            source_port: self.host.there.port(),
            destination_port: self.host.here.port(),
            sequence_number: PEER_ISS + packet.seq,
            acknowledgment_number: packet.ack.map_or(Seq(0), |ack| iss + ack),
            flags: packet.flags,
            window: packet.window.unwrap_or(0),
            urgent_pointer: packet.urgent.unwrap_or(0),
            ..Header::default()
        };
        let mut octets = vec![0; header.length()];
        header.write(self.host.pseudo, &mut octets);
        octets[12] += (list.len() as u8 / 4) << 4;
        octets.extend(list);
        octets.resize(octets.len() + packet.length as usize, b'p');
        self.host.pseudo.fill(&mut octets);
        octets
    }

    /// Our segment as a script writes it.
    fn read(&self, octets: &[u8]) -> Packet {
        let Ok(segment) = Segment::parse(octets).and_then(|whole| whole.verify(self.host.pseudo))
        else {
            return damaged();
        };
        let flags = segment.flags();
        // A RST that answers what belongs to no connection has a number out of its ACK, or zero.
        let ours = |seq: Seq| match self.iss {
            Some(iss) => seq.since(iss),
            None => seq.0,
        };
        let options = segment.options().flatten().map(|option| match option {
            TcpOption::MaximumSegmentSize(size) => Opt::Mss(size),
            TcpOption::WindowScale(shift) => Opt::WScale(shift),
            TcpOption::SackPermitted => Opt::SackOk,
            TcpOption::Sack(blocks) => Opt::Sack(
                blocks
                    .iter()
                    .map(|(left, right)| (left.since(PEER_ISS), right.since(PEER_ISS)))
                    .collect(),
            ),
            TcpOption::Timestamps { value, echo_reply } => {
                Opt::Timestamp(value.wrapping_sub(self.stamp.unwrap_or(0)), echo_reply)
            }
            TcpOption::NoOperation => Opt::Nop,
            TcpOption::EndOfOptionList => Opt::Eol,
            _ => Opt::Raw(segment.option_octets().to_vec()),
        });
        Packet {
            flags: Flags(flags.0 & !Flags::AE.0),
            seq: match segment.sequence_number() {
                Seq(0) if flags.has(Flags::RST | Flags::ACK) => 0,
                seq => ours(seq),
            },
            length: segment.payload().len() as u32,
            ack: flags
                .has(Flags::ACK)
                .then(|| segment.acknowledgment_number().since(PEER_ISS)),
            window: Some(segment.window()),
            urgent: Some(segment.urgent_pointer()),
            options: Some(options.collect()),
        }
    }

    fn call(&mut self, call: &Call, backlog: Backlog) -> Result<Answer, String> {
        let argument = |at: usize| call.arguments.get(at).map_or("", String::as_str);
        let number = |at: usize| -> Result<u32, String> {
            let text = argument(at);
            text.parse().map_err(|_| format!("`{text}` is no number"))
        };
        if call.name == "socket" {
            return Ok(Ok(self.host.open()));
        }
        let socket = number(0)?.into();
        Ok(match call.name.as_str() {
            "bind" => Ok(0),
            "listen" => self.host.listen(socket, backlog),
            "accept" => self.host.accept(socket),
            "connect" => {
                let there = match argument(1) {
                    "..." => self.host.there,
                    address => {
                        let not = |_| format!("`{address}` is no address with a port");
                        address.parse().map_err(not)?
                    }
                };
                self.host.connect(socket, there)
            }
            "write" | "send" => {
                let (length, flags) = (number(2)? as usize, argument(3));
                self.write(socket, length, flags == "MSG_OOB")
            }
            "read" | "recv" => self.read_from(socket, number(2)? as usize),
            "shutdown" if argument(1) == "SHUT_WR" => self.connection(socket, |connection| {
                connection.close();
                Ok(0)
            }),
            "close" => self.host.close(socket),
            "setsockopt" => self.set(socket, argument(2), number(3)?)?,
            "getsockopt" if argument(2) == "SO_ERROR" => {
                let error = self.host.connection(socket).map(|known| known.error());
                error.and_then(|error| error.map_or(Ok(0), |error| Err(errno(error))))
            }
            // SIOCATMARK's sibling: how many octets are urgent still.
            "ioctl" if argument(1) == "SIOCURGENT" => self.connection(socket, |connection| {
                Ok(connection.urgent().unwrap_or(0).into())
            }),
            name => return Err(format!("`{name}` is no call of these sockets")),
        })
    }

    fn connection(
        &mut self,
        socket: i64,
        call: impl FnOnce(&mut netkit_tcp::Connection) -> Answer,
    ) -> Answer {
        self.host.connection(socket).and_then(call)
    }

    fn write(&mut self, socket: i64, length: usize, urgent: bool) -> Answer {
        self.connection(socket, |connection| {
            let octets = vec![b'w'; length];
            let taken = if urgent {
                connection.send_urgent(&octets)
            } else {
                connection.send(&octets)
            };
            match taken.map_err(errno)? {
                0 if length > 0 => Err("EAGAIN"),
                taken => Ok(whole(taken)),
            }
        })
    }

    fn read_from(&mut self, socket: i64, length: usize) -> Answer {
        self.connection(socket, |connection| {
            let count = connection.read(&mut vec![0; length]);
            match (count, connection.error()) {
                (0, Some(error)) => Err(errno(error)),
                (0, None) if !connection.at_end() => Err("EAGAIN"),
                (count, _) => Ok(whole(count)),
            }
        })
    }

    /// A socket option; those of a connection's birth are the host's until it is born.
    fn set(&mut self, socket: i64, name: &str, value: u32) -> Result<Answer, String> {
        let config = &mut self.host.config;
        let seconds = Duration::from_secs(value.into());
        match name {
            "TCP_NODELAY" => config.nagle = value == 0,
            "SO_KEEPALIVE" => {
                config.keep_alive = (value != 0).then(KeepAlive::default);
            }
            "TCP_KEEPIDLE" => config.keep_alive.get_or_insert_default().idle = seconds,
            "TCP_KEEPINTVL" => config.keep_alive.get_or_insert_default().interval = seconds,
            "TCP_KEEPCNT" => config.keep_alive.get_or_insert_default().probes = value as u8,
            "TCP_USER_TIMEOUT" => {
                let timeout = Duration::from_millis(value.into());
                config.user_timeout = timeout;
                if let Ok(connection) = self.host.connection(socket) {
                    connection.set_user_timeout(timeout);
                }
            }
            _ => return Err(format!("`{name}` is no option of these sockets")),
        }
        Ok(Ok(0))
    }
}

/// A count as a call gives it.
fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn show(answer: Answer) -> String {
    match answer {
        Ok(number) => number.to_string(),
        Err(name) => format!("-1 {name}"),
    }
}

/// What stands for a segment with a wrong checksum: it is like no expected one.
const fn damaged() -> Packet {
    Packet {
        flags: Flags(u16::MAX),
        seq: 0,
        length: 0,
        ack: None,
        window: None,
        urgent: None,
        options: None,
    }
}

/// As a script writes it.
fn shown(packet: &Packet) -> String {
    if packet.flags == damaged().flags {
        return "a segment whose checksum is wrong".to_owned();
    }
    let mut text = String::new();
    for (flag, letter) in [
        (Flags::FIN, 'F'),
        (Flags::SYN, 'S'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::ACK, '.'),
        (Flags::URG, 'U'),
        (Flags::ECE, 'E'),
        (Flags::CWR, 'W'),
    ] {
        if packet.flags.has(flag) {
            text.push(letter);
        }
    }
    let end = packet.seq.wrapping_add(packet.length);
    let _ = write!(text, " {}:{end}({})", packet.seq, packet.length);
    for (name, value) in [
        ("ack", packet.ack),
        ("win", packet.window.map(u32::from)),
        (
            "urg",
            packet.urgent.filter(|urgent| *urgent > 0).map(u32::from),
        ),
    ] {
        if let Some(value) = value {
            let _ = write!(text, " {name} {value}");
        }
    }
    let options: Vec<String> = packet
        .options
        .iter()
        .flatten()
        .map(|option| match option {
            Opt::Mss(size) => format!("mss {size}"),
            Opt::WScale(shift) => format!("wscale {shift}"),
            Opt::SackOk => "sackOK".to_owned(),
            Opt::Sack(edges) => {
                let edges: Vec<String> = edges
                    .iter()
                    .map(|(left, right)| format!("{left}:{right}"))
                    .collect();
                format!("sack {}", edges.join(" "))
            }
            Opt::Timestamp(value, echo) => format!("TS val {value} ecr {echo}"),
            Opt::Nop => "nop".to_owned(),
            Opt::Eol => "eol".to_owned(),
            Opt::Raw(octets) => format!("raw {}", hex::encode(octets)),
        })
        .collect();
    if !options.is_empty() {
        let _ = write!(text, " <{}>", options.join(","));
    }
    text
}
