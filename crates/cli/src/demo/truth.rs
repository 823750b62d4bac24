//! What must have happened before the demo tells it. The numbers of one side or layer are held
//! against those of another that counted them by itself.

use netkit::http::StatusCode;
use netkit::sim::End;
use netkit::stack::tcp::{Flags, Seq, State};
use netkit::tls::{ContentType, HandshakeType, ProtocolVersion};
use netkit::{Exchange, Facts};

use super::Seen;
use super::stage::{self, Course, NAME, REQUESTS, Served, Stage};
use super::tap::{self, Passed, RECORD_HEADER};
use super::wire::{Passage, Story};
use super::{echo, ending};
use crate::certificate::Certificate;
use crate::exit::Failure;
use crate::story::{self, Heard, Said};

/// Octets of one direction of a connection, by the layer that they belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Octets {
    /// HTTP: heads and bodies.
    pub(crate) application: usize,
    /// TLS records: headers, inner types and tags.
    pub(crate) presentation: usize,
    /// TLS's own messages: handshake, alerts, ChangeCipherSpec.
    pub(crate) session: usize,
    /// All of these: what was given to TCP.
    pub(crate) stream: usize,
}

/// What the checks found on the way.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) certificate: Certificate,
    pub(crate) client_random: String,
    pub(crate) server_random: String,
    pub(crate) out: Octets,
    pub(crate) back: Octets,
    pub(crate) carried: Carried,
}

pub(crate) fn check(seen: &Seen, passed: &[Passage]) -> Result<Checked, Failure> {
    let served = seen.stage.served();
    let few = || Failure::demo("the server saw too few requests");
    let each = REQUESTS as usize;
    let (short, rest) = served.split_at_checked(each).ok_or_else(few)?;
    let (long, rest) = rest.split_at_checked(each).ok_or_else(few)?;
    course(&seen.short, short)?;
    course(&seen.long, long)?;
    connections(&seen.short, short, REQUESTS)?;
    connections(&seen.long, long, 1)?;
    let [upgrade, last] = rest else {
        return Err(few());
    };
    echo::check(&seen.stage, &seen.frames, upgrade)?;
    hold(
        last.line == format!("GET {} HTTP/1.1", ending::PATH),
        "the last request arrived",
    )?;
    seen.endings.check(passed)?;
    handshake(&Story::of(passed, port(&seen.short)))?;
    for answered in seen.short.answered.iter().chain(&seen.long.answered) {
        agreed(seen, &answered.exchange.connection)?;
    }
    let hello = |sent, kind| message(&seen.long, sent, kind).and_then(random);
    let octets = |sent| octets(&seen.long, long, sent);
    let (out, back) = (octets(true)?, octets(false)?);
    let carried = Carried::by(&seen.long, passed);
    let stream = Story::of(passed, port(&seen.long));
    hold(
        [End::A, End::B].map(|end| stream.stream(end) as usize) == [out.stream, back.stream],
        "TCP carried what TLS gave it, each octet under a number of its own",
    )?;
    Ok(Checked {
        certificate: Certificate::read(&seen.stage.certificate)
            .ok_or_else(|| Failure::demo("the certificate cannot be read"))?,
        client_random: hello(true, HandshakeType::CLIENT_HELLO)?,
        server_random: hello(false, HandshakeType::SERVER_HELLO)?,
        out,
        back,
        carried,
    })
}

/// The client's port on a course's first connection.
pub(crate) fn port(course: &Course) -> u16 {
    let facts = course.answered.first().map(|it| &it.exchange.connection);
    facts
        .and_then(|facts| facts.local)
        .map_or(0, |local| local.port())
}

/// Three segments opened the connection: each side's number was acknowledged, and the states are those of
/// RFC 9293 3.5.
fn handshake(story: &Story) -> Result<(), Failure> {
    use State::{Established, SynReceived, SynSent};
    let find = |from: End, flags: Flags, ack: Option<Seq>, states: [State; 2]| {
        story.segments.iter().find(|segment| {
            segment.from == from
                && segment.is(flags)
                && ack.is_none_or(|ack| segment.ack == ack)
                && segment.states == states.map(Some)
        })
    };
    let syn = find(End::A, Flags::SYN, None, [SynSent, SynReceived]);
    let syn = syn.ok_or_else(|| Failure::demo("no SYN arrived"))?;
    let both = Flags::SYN | Flags::ACK;
    let answer = find(End::B, both, Some(syn.end()), [Established, SynReceived]);
    let answer = answer.ok_or_else(|| Failure::demo("no SYN answered the SYN"))?;
    let ack = story.segments.iter().any(|segment| {
        segment.from == End::A
            && segment.ack == answer.end()
            && segment.states == [Some(Established); 2]
    });
    hold(ack, "the client acknowledged the server's SYN")
}

/// What TCP and IP added to a course's connection, by direction, as long as the course ran.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried {
    pub(crate) segments: [usize; 2],
    /// Octets of TCP's headers, and of data that were sent again.
    pub(crate) tcp: [usize; 2],
    pub(crate) ip: [usize; 2],
    /// Octets on the link.
    pub(crate) all: [usize; 2],
}

impl Carried {
    fn by(course: &Course, passed: &[Passage]) -> Self {
        let story = Story::of(passed, port(course));
        let of = |end: End, what: fn(&Passage) -> usize| -> usize {
            let ours = story.segments.iter().filter(|segment| segment.from == end);
            ours.filter(|segment| segment.at <= course.ended)
                .map(what)
                .sum()
        };
        let each = |what: fn(&Passage) -> usize| End::BOTH.map(|end| of(end, what));
        let (ip, all) = (
            each(|segment| segment.headers[0]),
            each(|segment| segment.headers[0] + segment.headers[1] + segment.length),
        );
        let carried = End::BOTH.map(|end| story.stream(end) as usize);
        Self {
            segments: each(|_| 1),
            tcp: [0, 1].map(|way| (all[way] - ip[way]).saturating_sub(carried[way])),
            ip,
            all,
        }
    }
}

/// Each request was served as it was asked, and answered as it was served.
pub(crate) fn course(course: &Course, served: &[Served]) -> Result<(), Failure> {
    hold(
        course.answered.len() == served.len(),
        "a request for every answer",
    )?;
    for (number, (answered, served)) in (1..).zip(course.answered.iter().zip(served)) {
        let path = format!("/{}/{number}", course.name);
        hold(
            served.line == format!("GET {path} HTTP/1.1"),
            "the request line arrived",
        )?;
        hold(
            served.server_name.as_deref() == Some(NAME),
            "the server name arrived",
        )?;
        hold(answered.status == StatusCode::OK, "the status is 200")?;
        hold(
            answered.body == stage::body(&path),
            "the body is the one that was sent",
        )?;
    }
    Ok(())
}

/// Both sides, the transport and TLS count the same connections.
pub(crate) fn connections(course: &Course, served: &[Served], count: u32) -> Result<(), Failure> {
    let exchanges: Vec<&Exchange> = course.answered.iter().map(|a| &a.exchange).collect();
    let new = exchanges.iter().filter(|exchange| !exchange.reused).count();
    let first = served.iter().filter(|served| served.number == 1).count();
    let mut peers: Vec<_> = served.iter().map(|served| served.peer).collect();
    peers.sort_unstable();
    peers.dedup();
    let count = count as usize;
    hold(
        course.passed.len() == count,
        "the transport dialled that often",
    )?;
    hold(new == count, "the client made that many connections")?;
    hold(
        first == count && peers.len() == count,
        "the server took that many",
    )?;
    hold(handshakes(course) == count, "TLS shook hands that often")?;
    let mut randoms: Vec<_> = course
        .heard
        .iter()
        .filter_map(|heard| heard.message(true, HandshakeType::CLIENT_HELLO))
        .map(story::random)
        .collect();
    randoms.sort_unstable();
    randoms.dedup();
    hold(
        randoms.len() == count,
        "every connection has its own random",
    )
}

/// Handshakes that the client finished.
pub(crate) fn handshakes(course: &Course) -> usize {
    let finished = |heard: &&Heard| heard.message(true, HandshakeType::FINISHED).is_some();
    course.heard.iter().filter(finished).count()
}

fn agreed(seen: &Seen, facts: &Facts) -> Result<(), Failure> {
    let agreed = facts
        .tls
        .as_ref()
        .ok_or_else(|| Failure::demo("a connection without TLS"))?;
    hold(
        agreed.version == ProtocolVersion::TLS1_3,
        "the version is TLS 1.3",
    )?;
    hold(
        agreed.alpn.as_deref() == Some(b"http/1.1"),
        "ALPN is http/1.1",
    )?;
    endpoints(&seen.stage, facts)
}

/// The connection is to our server, which showed the certificate that we made.
pub(crate) fn endpoints(stage: &Stage, facts: &Facts) -> Result<(), Failure> {
    hold(
        facts.chain == [stage.certificate.clone()],
        "the chain is the one we made",
    )?;
    hold(facts.peer == Some(stage.at), "the peer is our server")?;
    let ours = facts.local.map(|local| local.ip());
    hold(
        ours == Some(stage.network.client.at(0).ip()),
        "the client is on its host",
    )
}

/// The first message of this kind that went this way.
pub(crate) fn message(course: &Course, sent: bool, kind: HandshakeType) -> Result<&[u8], Failure> {
    course
        .heard
        .iter()
        .find_map(|heard| heard.message(sent, kind))
        .ok_or_else(|| Failure::demo(format!("no {kind} was seen")))
}

fn random(hello: &[u8]) -> Result<String, Failure> {
    let random = story::random(hello).ok_or_else(|| Failure::demo("a Hello without a random"))?;
    Ok(hex::encode(random))
}

/// One connection's octets by layer: HTTP counted from the heads and bodies, TLS from its messages,
/// the records from the wire. Together they must be what the wire carried.
pub(crate) fn octets(course: &Course, served: &[Served], sent: bool) -> Result<Octets, Failure> {
    let [passed] = course.passed.as_slice() else {
        return Err(Failure::demo("more than one connection to count"));
    };
    let wire = direction(passed, sent);
    let records = tap::records(wire).ok_or_else(|| Failure::demo("half a record on the wire"))?;
    let version = course.answered.first().and_then(|answered| {
        let tls = answered.exchange.connection.tls.as_ref()?;
        Some(tls.version)
    });
    let octets = Octets {
        application: if sent {
            served.iter().map(|served| served.octets).sum()
        } else {
            course.answered.iter().map(|answered| answered.octets).sum()
        },
        presentation: records.len() * RECORD_HEADER + protection(version, &records),
        session: course
            .heard
            .iter()
            .filter(|heard| heard.sent == sent)
            .map(length)
            .sum(),
        stream: wire.len(),
    };
    let sum = octets.application + octets.presentation + octets.session;
    hold(
        sum == octets.stream,
        &format!("{octets:?}: every octet belongs to one layer"),
    )?;
    Ok(octets)
}

/// Octets that protection adds to a direction's records.
fn protection(version: Option<ProtocolVersion>, records: &[tap::Record]) -> usize {
    let is = |kind: ContentType| move |record: &&tap::Record| record.content_type == kind.0;
    if version == Some(ProtocolVersion::TLS1_2) {
        // RFC 5288 3: a nonce of 8 octets and a tag of 16, from ChangeCipherSpec on.
        let clear = records
            .iter()
            .take_while(|record| !is(ContentType::CHANGE_CIPHER_SPEC)(record));
        24 * records.len().saturating_sub(clear.count() + 1)
    } else {
        // RFC 9846 5.2: the inner type and a tag of 16 octets.
        17 * records
            .iter()
            .filter(is(ContentType::APPLICATION_DATA))
            .count()
    }
}

pub(crate) fn direction(passed: &Passed, sent: bool) -> &[u8] {
    if sent { &passed.out } else { &passed.back }
}

fn length(heard: &Heard) -> usize {
    match &heard.said {
        Said::Handshake(_, message) => message.len(),
        Said::Alert(_) => 2,
        Said::ChangeCipherSpec => 1,
        Said::Keys(_) => 0,
    }
}

pub(crate) fn hold(holds: bool, what: &str) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::demo(format!("the demo did not hold: {what}")))
    }
}
