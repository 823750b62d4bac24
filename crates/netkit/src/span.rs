//! What `tracing` hears, with the feature of that name; without it, nothing of this is there at run time.
//!
//! Spans and events name methods, hosts, paths and statuses. They have no query, no field and no content: those may
//! hold what is nobody's business.

#[cfg(not(feature = "tracing"))]
pub(crate) use silent::{Span, dialled};
#[cfg(feature = "tracing")]
pub(crate) use traced::{Span, dialled};

#[cfg(feature = "tracing")]
mod traced {
    use crate::{
        dial::Facts,
        error::{BoxError, Error},
    };
    use http::{Request, StatusCode, request::Parts};
    use std::net::SocketAddr;
    use tracing::{Instrument, debug, debug_span, field::Empty};

    /// Something that takes a while.
    pub(crate) struct Span(tracing::Span);

    impl Span {
        /// A client's exchange, redials included.
        pub(crate) fn exchange(parts: &Parts) -> Self {
            let uri = &parts.uri;
            Self(debug_span!(
                "exchange",
                method = %parts.method,
                scheme = uri.scheme_str(),
                authority = uri.host(),
                port = uri.port_u16(),
                path = uri.path(),
                status = Empty,
            ))
        }

        /// A connection that a server accepted.
        pub(crate) fn connection(peer: Option<SocketAddr>) -> Self {
            Self(debug_span!(
                "connection",
                peer = peer.map(tracing::field::display)
            ))
        }

        /// A request that a server answers.
        pub(crate) fn request<B>(request: &Request<B>) -> Self {
            Self(debug_span!(
                "request",
                method = %request.method(),
                path = request.uri().path(),
                version = ?request.version(),
                status = Empty,
            ))
        }

        /// What `work` does, it does in this span.
        pub(crate) fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
            work.instrument(self.0.clone())
        }

        pub(crate) fn status(&self, status: StatusCode) {
            self.0.record("status", status.as_u16());
        }

        pub(crate) fn failed(&self, error: &Error) {
            self.0.in_scope(|| debug!(%error, "failed"));
        }

        pub(crate) fn handler_failed(&self, error: &BoxError) {
            self.0.in_scope(|| debug!(%error, "the handler failed"));
        }
    }

    /// A client has a connection.
    pub(crate) fn dialled(facts: &Facts) {
        debug!(
            host = facts.host,
            peer = facts.peer.map(tracing::field::display),
            dns = ?facts.dns,
            connect = ?facts.connect,
            handshake = facts.handshake.map(tracing::field::debug),
            tls = facts.tls.as_ref().map(|agreed| tracing::field::display(agreed.version)),
            "connected"
        );
    }
}

#[cfg(not(feature = "tracing"))]
mod silent {
    use crate::{
        dial::Facts,
        error::{BoxError, Error},
    };
    use http::{Request, StatusCode, request::Parts};
    use std::net::SocketAddr;

    pub(crate) fn dialled(_: &Facts) {}

    /// Nothing.
    pub(crate) struct Span;

    impl Span {
        pub(crate) fn exchange(_: &Parts) -> Self {
            Self
        }

        pub(crate) fn connection(_: Option<SocketAddr>) -> Self {
            Self
        }

        pub(crate) fn request<B>(_: &Request<B>) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "it stands for a span")]
        pub(crate) fn run<F>(&self, work: F) -> F {
            work
        }

        pub(crate) fn status(&self, _: StatusCode) {
            let Self = self;
        }

        pub(crate) fn failed(&self, _: &Error) {
            let Self = self;
        }

        pub(crate) fn handler_failed(&self, _: &BoxError) {
            let Self = self;
        }
    }
}
