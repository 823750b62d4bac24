//! `-v`: what each layer did, on standard error.

use std::time::SystemTime;

use netkit::http::{Request, Response};
use netkit::{Body, Error, Exchange, Facts, Layer};

use super::sink::Read;
use super::status_line;
use crate::certificate::Certificate;
use crate::paint::Paint;
use crate::story::{self, Heard, ms};

pub(crate) struct Told {
    on: bool,
    paint: Paint,
    /// The request's head: it is told once there is a connection for it to leave by.
    asked: Vec<String>,
}

impl Told {
    pub(crate) fn new(on: bool, paint: Paint, request: &Request<Body>) -> Self {
        let asked = if on { head(request) } else { Vec::new() };
        Self { on, paint, asked }
    }

    /// Everything below HTTP, and the request.
    pub(crate) fn connection(&self, response: &Response<Body>, heard: &[Heard]) {
        let Some(exchange) = response.extensions().get::<Exchange>() else {
            return;
        };
        let facts = &*exchange.connection;
        self.below_tls(facts);
        // Closing is told last.
        self.tls(heard.iter().filter(|heard| !heard.is_alert()));
        self.agreed(facts);
        self.request();
        let (sent, first) = (ms(exchange.sent), ms(exchange.first_byte));
        self.line("http", &format!("sent in {sent}, answered after {first}"));
    }

    /// What is known when no response came.
    pub(crate) fn failure(&self, error: &Error, heard: &[Heard]) {
        self.tls(heard.iter());
        if error.layer() == Layer::Http {
            self.request();
        }
    }

    fn request(&self) {
        for line in &self.asked {
            self.line(">", line);
        }
    }

    fn below_tls(&self, facts: &Facts) {
        let addresses: Vec<String> = facts
            .resolved
            .iter()
            .map(|at| at.ip().to_string())
            .collect();
        self.line(
            "dns",
            &format!(
                "{} is {} ({})",
                facts.host,
                addresses.join(", "),
                ms(facts.dns)
            ),
        );
        for (at, why) in &facts.refused {
            self.line("tcp", &format!("{at}: {why}"));
        }
        if let (Some(local), Some(peer)) = (facts.local, facts.peer) {
            self.line("tcp", &format!("{local} -> {peer} ({})", ms(facts.connect)));
        }
    }

    fn tls<'a>(&self, heard: impl Iterator<Item = &'a Heard>) {
        for heard in heard {
            self.line("tls", &heard.to_string());
        }
    }

    fn agreed(&self, facts: &Facts) {
        let Some(agreed) = &facts.tls else { return };
        let alpn = agreed
            .alpn
            .as_deref()
            .map_or("none".into(), String::from_utf8_lossy);
        self.line(
            "tls",
            &format!(
                "{}, {}, {}, {}, ALPN {alpn}{} ({})",
                agreed.version,
                agreed.cipher_suite,
                agreed.key_exchange(),
                story::signature(agreed),
                if agreed.hello_retry {
                    ", after a HelloRetryRequest"
                } else {
                    ""
                },
                ms(facts.handshake.unwrap_or_default()),
            ),
        );
        for (depth, der) in facts.chain.iter().enumerate() {
            match Certificate::read(der) {
                Some(certificate) => {
                    for line in certificate.lines(SystemTime::now()) {
                        self.line(&format!("cert {depth}"), &line);
                    }
                }
                None => self.line(&format!("cert {depth}"), "cannot be shown"),
            }
        }
    }

    pub(crate) fn response(&self, response: &Response<Body>) {
        self.line("<", &status_line(response));
        for (name, value) in response.headers() {
            self.line(
                "<",
                &format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())),
            );
        }
        // It is no longer in the head.
        let exchange = response.extensions().get::<Exchange>();
        if let Some(coding) = exchange.and_then(|exchange| exchange.decoded) {
            self.line("body", &format!("comes as {}, decoded here", coding.name()));
        }
    }

    pub(crate) fn body(&self, read: &Read, heard: &[Heard]) {
        let rate = u128::from(read.octets) * 1_000_000 / read.took.as_micros().max(1) / (1 << 20);
        self.line(
            "body",
            &format!("{} octets in {} ({rate} MiB/s)", read.octets, ms(read.took)),
        );
        self.tls(heard.iter().filter(|heard| heard.is_alert()));
    }

    /// Control characters in what a peer sent must not reach the terminal.
    fn line(&self, layer: &str, text: &str) {
        if self.on {
            let text: String = text
                .chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect();
            crate::tell(&format!(
                "{} {text}",
                self.paint.faint(&format!("{layer:<6}"))
            ));
        }
    }
}

/// The head that the encoder writes.
fn head(request: &Request<Body>) -> Vec<String> {
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let mut lines = vec![format!(
        "{} {target} {:?}",
        request.method(),
        request.version()
    )];
    for (name, value) in request.headers() {
        lines.push(format!(
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        ));
    }
    match request.body().length() {
        Some(0) if request.method().is_safe() => {}
        Some(length) => lines.push(format!("content-length: {length}")),
        None => lines.push("transfer-encoding: chunked".to_owned()),
    }
    lines
}
