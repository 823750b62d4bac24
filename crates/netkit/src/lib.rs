#![doc = include_str!("../README.md")]

mod body;
mod client;
mod coding;
mod connection;
mod date;
mod dial;
mod error;
mod exchange;
mod feed;
pub mod identity;
mod lenience;
mod limits;
mod pool;
mod random;
pub mod roots;
mod server;
mod serving;
mod shutdown;
#[cfg(feature = "sim")]
pub mod sim;
mod span;
#[cfg(feature = "stack")]
mod stacked;
mod switched;
mod timeouts;
mod tls_stream;
#[cfg(feature = "tower-service")]
mod tower;
mod transport;
pub mod websocket;
mod wire;

pub use body::Body;
pub use client::{Client, ClientBuilder};
pub use date::http_date;
pub use dial::Facts;
pub use error::{BoxError, Error, Layer, Stage};
pub use exchange::Exchange;
pub use server::{Bound, Handler, Server};
pub use serving::Arrival;
pub use shutdown::Shutdown;
pub use switched::{Switched, TakeOver};
pub use timeouts::{ClientTimeouts, ServerTimeouts};
pub use tls_stream::{Decisions, TlsStream, Undecided};
#[cfg(feature = "tower-service")]
pub use tower::Hosted;
pub use transport::{Doing, Listener, Stream, Tcp, Transport};
pub use websocket::WebSocket;

pub use bytes::Bytes;
pub use http;
pub use netkit_http::{Leniencies, Leniency, coding::Coding, limits::CodingLimits, semantics};
#[cfg(feature = "stack")]
pub use netkit_stack as stack;
pub use netkit_tls as tls;
pub use netkit_tls::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
pub use netkit_ws as ws;
pub use netkit_x509 as x509;
