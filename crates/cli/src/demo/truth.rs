//! What must have happened before the demo tells it. The numbers of one side or layer are held
//! against those of another that counted them by itself.

use netkit::http::StatusCode;
use netkit::tls::{ContentType, HandshakeType, ProtocolVersion};
use netkit::{Exchange, Facts};

use super::Seen;
use super::echo;
use super::stage::{self, Course, REQUESTS, Served, Stage};
use super::tap::{self, Passed, RECORD_HEADER};
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
    /// All that was given to TCP.
    pub(crate) transport: usize,
}

/// What the checks found on the way.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) certificate: Certificate,
    pub(crate) client_random: String,
    pub(crate) server_random: String,
    pub(crate) out: Octets,
    pub(crate) back: Octets,
}

pub(crate) fn check(seen: &Seen) -> Result<Checked, Failure> {
    let served = seen.stage.served();
    let few = || Failure::demo("the server saw too few requests");
    let each = REQUESTS as usize;
    let (short, rest) = served.split_at_checked(each).ok_or_else(few)?;
    let (long, upgrade) = rest.split_at_checked(each).ok_or_else(few)?;
    course(&seen.short, short)?;
    course(&seen.long, long)?;
    connections(&seen.short, short, REQUESTS)?;
    connections(&seen.long, long, 1)?;
    echo::check(&seen.stage, &seen.frames, upgrade)?;
    for answered in seen.short.answered.iter().chain(&seen.long.answered) {
        agreed(seen, &answered.exchange.connection)?;
    }
    let hello = |sent, kind| message(&seen.long, sent, kind).and_then(random);
    let octets = |sent| octets(&seen.long, long, sent);
    Ok(Checked {
        certificate: Certificate::read(&seen.stage.certificate)
            .ok_or_else(|| Failure::demo("the certificate cannot be read"))?,
        client_random: hello(true, HandshakeType::CLIENT_HELLO)?,
        server_random: hello(false, HandshakeType::SERVER_HELLO)?,
        out: octets(true)?,
        back: octets(false)?,
    })
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
            served.server_name.as_deref() == Some("localhost"),
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
    let loopback = facts
        .local
        .is_some_and(|local| local.ip().is_loopback() && local.is_ipv4());
    hold(loopback, "all stays on IPv4's loopback")
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
        transport: wire.len(),
    };
    let sum = octets.application + octets.presentation + octets.session;
    hold(
        sum == octets.transport,
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
