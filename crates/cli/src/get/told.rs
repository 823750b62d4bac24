//! `-v`: what each layer did, on standard error.

use std::time::SystemTime;

use netkit::http::{Request, Response};
use netkit::{Body, Exchange, Facts};

use super::sink::Read;
use super::status_line;
use crate::certificate::Certificate;
use crate::paint::Paint;
use crate::story::{self, Heard, Said, ms};

pub(crate) struct Told {
    on: bool,
    paint: Paint,
}

impl Told {
    pub(crate) fn new(on: bool, paint: Paint) -> Self {
        Self { on, paint }
    }

    /// What is about to be asked; the framing fields are the encoder's.
    pub(crate) fn request(&self, request: &Request<Body>) {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        self.line(">", &format!("{} {target}", request.method()));
        for (name, value) in request.headers() {
            self.line(
                ">",
                &format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())),
            );
        }
    }

    /// Everything below HTTP.
    pub(crate) fn connection(&self, response: &Response<Body>, heard: &[Heard]) {
        let Some(exchange) = response.extensions().get::<Exchange>() else {
            return;
        };
        let facts = &*exchange.connection;
        self.below_tls(facts);
        self.tls(heard);
        self.agreed(facts);
        self.line(
            "http",
            &format!(
                "sent in {}, answered after {}",
                ms(exchange.sent),
                ms(exchange.first_byte)
            ),
        );
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

    /// What TLS said, also where the handshake failed.
    pub(crate) fn tls(&self, heard: &[Heard]) {
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
                agreed.group,
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
    }

    pub(crate) fn body(&self, read: &Read, heard: &[Heard]) {
        let rate = u128::from(read.octets) * 1_000_000 / read.took.as_micros().max(1) / (1 << 20);
        self.line(
            "body",
            &format!("{} octets in {} ({rate} MiB/s)", read.octets, ms(read.took)),
        );
        // Closing is said last; the rest was told before the response.
        for heard in heard
            .iter()
            .filter(|heard| matches!(heard.said, Said::Alert(_)))
        {
            self.line("tls", &heard.to_string());
        }
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
