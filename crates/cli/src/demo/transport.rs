//! `netkit demo --rsa-key-transport`: HTTPS in the eight steps that it is explained with, which are TLS
//! 1.2's with RSA key transport, and the octets that each moves.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netkit::Facts;
use netkit::sim::Network;
use netkit::tls::{CipherSuite, HandshakeType as Type, ProtocolVersion};

use super::stage::{Course, Stage, Style, url};
use super::told::short;
use super::truth::{self, Octets, hold};
use crate::certificate::Certificate;
use crate::exit::Failure;
use crate::key_log::KeyLogFile;
use crate::paint::Paint;
use crate::story::{Heard, Said, ms};

/// The one suite that the client offers.
pub(crate) const SUITE: CipherSuite = CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256;

/// Octets of a premaster secret (RFC 5246 7.4.7.1), and of it encrypted for a key of 2048 bits.
const SECRET: usize = 48;
const ENCRYPTED: usize = 256;

pub(crate) async fn show(
    network: Network,
    key_log: Option<Arc<KeyLogFile>>,
    paint: Paint,
) -> Result<Vec<String>, Failure> {
    let mut stage = Stage::set(network, None, Style::RsaKeyTransport, key_log)?;
    let course = stage.course("rsa", true).await?;
    let checked = check(&stage, &course)?;
    let lines = story(&stage, &course, &checked, paint);
    stage.strike().await?;
    Ok(lines)
}

/// What the checks found on the way.
struct Checked {
    certificate: Certificate,
    /// The premaster secret as it travels, in hexadecimal.
    encrypted: String,
    /// From the client's key exchange to the server's Finished.
    decrypted_in: Duration,
    out: Octets,
    back: Octets,
}

/// What must have happened before it is told.
fn check(stage: &Stage, course: &Course) -> Result<Checked, Failure> {
    let served = stage.served();
    truth::course(course, &served)?;
    truth::connections(course, &served, 1)?;
    let facts = connection(course);
    truth::endpoints(stage, facts)?;
    let agreed = facts.tls.as_ref();
    let agreed = agreed.ok_or_else(|| Failure::demo("a connection without TLS"))?;
    hold(
        (agreed.version, agreed.cipher_suite) == (ProtocolVersion::TLS1_2, SUITE),
        "RSA key transport was agreed on",
    )?;
    let signed = course.heard.iter().any(|heard| {
        [Type::SERVER_KEY_EXCHANGE, Type::CERTIFICATE_VERIFY]
            .iter()
            .any(|&kind| heard.message(false, kind).is_some())
    });
    hold(
        !signed && agreed.signature_scheme.is_none() && agreed.group.is_none(),
        "the server proved its key by decrypting, and by nothing else",
    )?;
    // 4 octets of header and 2 of length come before the secret.
    let exchange = truth::message(course, true, Type::CLIENT_KEY_EXCHANGE)?;
    let encrypted = exchange.get(6..).unwrap_or_default();
    hold(encrypted.len() == ENCRYPTED, "the secret is encrypted")?;
    let at = |sent, kind| {
        let is = |heard: &&Heard| heard.message(sent, kind).is_some();
        course.heard.iter().find(is).map(|heard| heard.at)
    };
    let (sent, finished) = (
        at(true, Type::CLIENT_KEY_EXCHANGE).unwrap_or_default(),
        at(false, Type::FINISHED).unwrap_or_default(),
    );
    Ok(Checked {
        certificate: Certificate::read(&stage.certificate)
            .ok_or_else(|| Failure::demo("the certificate cannot be read"))?,
        encrypted: hex::encode(encrypted),
        decrypted_in: finished.saturating_sub(sent),
        out: truth::octets(course, &served, true)?,
        back: truth::octets(course, &served, false)?,
    })
}

fn connection(course: &Course) -> &Facts {
    &course.answered[0].exchange.connection
}

/// Octets of these messages, out and in.
fn moved(course: &Course, kinds: &[Type]) -> [usize; 2] {
    [true, false].map(|sent| {
        let of_kinds = |heard: &Heard| match &heard.said {
            Said::Handshake(kind, message) if kinds.contains(kind) => message.len(),
            Said::ChangeCipherSpec if kinds.contains(&Type::FINISHED) => 1,
            _ => 0,
        };
        let ours = course.heard.iter().filter(|heard| heard.sent == sent);
        ours.map(of_kinds).sum()
    })
}

/// A line with the octets that its step moves, out and in.
fn row(what: &str, [out, back]: [usize; 2]) -> String {
    format!("  {what:<60}{out:>8}{back:>8}")
}

fn story(stage: &Stage, course: &Course, checked: &Checked, paint: Paint) -> Vec<String> {
    let facts = connection(course);
    let certificate = &checked.certificate;
    let mut lines = vec![
        paint.title("netkit demo: the eight steps of HTTPS, with RSA key transport"),
        format!("  server          {}", url("/")),
        format!(
            "  certificate     {}, serial {}",
            certificate.subject,
            short(&certificate.serial)
        ),
        String::new(),
        paint.title(&format!(
            "  {:<60}{:>8}{:>8}",
            "octets of each step", "out", "in"
        )),
    ];
    lines.extend(agreement(course, checked, facts));
    lines.extend(secret(course, checked));
    lines.extend(data(stage, course, checked));
    lines.push(String::new());
    lines.push(
        "  Who records this and gets the private key later reads all of it: that is".to_owned(),
    );
    lines.push(
        "  why TLS 1.3 has no such suites, and why here they are behind a switch.".to_owned(),
    );
    lines.push(String::new());
    lines.push(paint.good("All of it happened: both sides, TLS and the wire count the same."));
    lines
}

/// Steps 1 to 4, to the server's certificate.
fn agreement(course: &Course, checked: &Checked, facts: &Facts) -> Vec<String> {
    let certificate = &checked.certificate;
    let days = certificate.days_left(SystemTime::now());
    vec![
        row(&format!("1  the client asks: {}", url("/")), [0, 0]),
        format!("  2  TCP handshake, in {}; then", ms(facts.connect)),
        row(
            "   -> ClientHello <- ServerHello agree on",
            moved(course, &[Type::CLIENT_HELLO, Type::SERVER_HELLO]),
        ),
        format!("     {}, {SUITE}", ProtocolVersion::TLS1_2),
        row(
            "3  the server sends its certificate: <- Certificate",
            moved(course, &[Type::CERTIFICATE]),
        ),
        row(
            "   and has no more to say: <- ServerHelloDone",
            moved(course, &[Type::SERVER_HELLO_DONE]),
        ),
        "  4  the client checks it against its CAs:".to_owned(),
        format!("     by {}, {days} days left;", certificate.issuer),
        row(
            &format!("   it encrypts {SECRET} random octets to the certificate's RSA key"),
            [0, 0],
        ),
    ]
}

/// Steps 5 to 7, to the keys.
fn secret(course: &Course, checked: &Checked) -> Vec<String> {
    vec![
        row(
            "5  and sends them: -> ClientKeyExchange",
            moved(course, &[Type::CLIENT_KEY_EXCHANGE]),
        ),
        format!("     {}", short(&checked.encrypted)),
        row(
            &format!("6  the server decrypts {ENCRYPTED} octets with its private key"),
            [0, 0],
        ),
        format!("     and has answered after {}", ms(checked.decrypted_in)),
        "  7  both derive keys from the secret and the two randoms:".to_owned(),
        row(
            "   -> ChangeCipherSpec {Finished} <- the same",
            moved(course, &[Type::FINISHED]),
        ),
    ]
}

/// Step 8, and what TLS adds around all of them.
fn data(stage: &Stage, course: &Course, checked: &Checked) -> Vec<String> {
    let both = |of: fn(&Octets) -> usize| [of(&checked.out), of(&checked.back)];
    let mut lines = vec!["  8  and encrypt with them:".to_owned()];
    for (served, answered) in stage.served().iter().zip(&course.answered) {
        lines.push(row(
            &format!("   -> {{{}}} <- {{{}}}", served.line, answered.status),
            [served.octets, answered.octets],
        ));
    }
    lines.push(row(
        "   headers, nonces and tags of the records",
        both(|octets| octets.presentation),
    ));
    lines.push(row(
        "   what TCP carried, the sum",
        both(|octets| octets.stream),
    ));
    lines
}
