//! A certificate authority of one test's own, and an echoing server.
#![allow(dead_code, reason = "each test file uses its part")]

use netkit::{
    Body, Bound, Bytes, Client, ClientBuilder, Server,
    http::{Request, Response},
    roots, tls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn roots(&self) -> netkit::x509::Roots {
        roots::pem(self.pem().as_bytes()).unwrap()
    }

    /// Who says to be `name`.
    pub(crate) fn identity(&self, name: &str) -> tls::Identity {
        self.identity_with(name, |_| {})
    }

    pub(crate) fn identity_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> tls::Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        netkit::identity::pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }
}

pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Octets that repeat in no power of two.
pub(crate) fn content(length: usize) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Sends back what it gets: chunked on `/chunked`, whole on `/whole`, its length elsewhere.
pub(crate) async fn echo(request: Request<Body>) -> Result<Response<Body>, netkit::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body();
    Ok(Response::new(match path.as_str() {
        "/chunked" => Body::wrap(Lengthless(body)),
        "/stream" => body,
        "/whole" => Body::full(body.collect(100 << 20).await?),
        _ => Body::full(body.collect(100 << 20).await?.len().to_string()),
    }))
}

/// A body that does not say how long it is.
pub(crate) struct Lengthless(pub(crate) Body);

impl http_body::Body for Lengthless {
    type Data = Bytes;
    type Error = netkit::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}

pub(crate) fn hello(_: Request<Body>) -> Ready<Result<Response<Body>, Infallible>> {
    ready(Ok(Response::new(Body::from("hello"))))
}

/// Starts `bound` in the background with an echo.
pub(crate) fn start_echo(server: Server) -> SocketAddr {
    let bound = server.bind(LOOPBACK).unwrap();
    start(bound)
}

pub(crate) fn start(bound: Bound) -> SocketAddr {
    let at = bound.local_addr();
    tokio::spawn(bound.serve(echo));
    at
}

/// A client that trusts nobody: for `http`, and for those who add roots.
pub(crate) fn client() -> ClientBuilder {
    Client::builder().roots(netkit::x509::Roots::new())
}
