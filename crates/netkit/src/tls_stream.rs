use crate::{
    error::{Error, Stage},
    random,
    wire::{Broken, Wire},
};
use netkit_tls::{
    self as tls, Agreed, CertificateDer, ClientConfig, ServerConfig, ServerName, UnixTime,
};
use netkit_x509::Roots;
use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TLS connection over any stream, as a stream: what is written leaves encrypted, what is read was
/// authenticated.
///
/// `shutdown` sends close_notify and then ends the stream's own direction. Reading ends with the
/// peer's close_notify; a transport that ends without one is [`io::ErrorKind::UnexpectedEof`] with
/// [`netkit_tls::Error::Truncated`] inside, because somebody may have cut the data short. When the
/// peer breaks a rule, the alert is sent before the error is returned.
///
/// Writes are encrypted at once and leave with the next one or with `flush`, whichever comes first: at
/// most 64 KiB wait inside.
pub struct TlsStream<S> {
    wire: Wire<S>,
    agreed: Agreed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Shakes hands as a client; the server has to prove that it is `name`.
    ///
    /// It has no timeout of its own. Dropping the future drops the stream.
    pub async fn connect(
        io: S,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Error> {
        Self::over(connect(io, config, name, None).await?)
    }

    /// Shakes hands as a server.
    ///
    /// It has no timeout of its own. Dropping the future drops the stream.
    pub async fn accept(io: S, config: Arc<ServerConfig>) -> Result<Self, Error> {
        Self::over(accept(io, config).await?)
    }
}

impl<S> TlsStream<S> {
    /// A wire after its handshake.
    fn over(wire: Wire<S>) -> Result<Self, Error> {
        let Some(agreed) = wire.tls().and_then(|tls| tls.agreed().cloned()) else {
            let error = tls::Error::MisuseNotOpen;
            return Err(Error::tls(Stage::TlsHandshake, error));
        };
        Ok(Self { wire, agreed })
    }
}

/// A client's wire, the handshake done. With `roots` a refused certificate is diagnosed.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    roots: Option<&Roots>,
) -> Result<Wire<S>, Error> {
    let now = UnixTime::now();
    let mut hello = Vec::new();
    let machine = tls::Connection::client(config, name.clone(), now, random::system(), &mut hello)
        .map_err(|error| Error::tls(Stage::TlsHandshake, error))?;
    let mut wire = Wire::new(io, Some(Box::new(machine)), hello);
    match poll_fn(|cx| wire.poll_handshake(cx)).await {
        Ok(()) => Ok(wire),
        Err(Broken::Tls(error @ tls::Error::PeerCertificate(refused))) => {
            let chain = wire.tls().map_or(&[][..], tls::Connection::peer_chain);
            let diagnosis = roots
                .map(|roots| netkit_x509::diagnose(chain, roots, &name, now, refused).to_string());
            Err(Error::tls(Stage::TlsHandshake, error).diagnosed(diagnosis))
        }
        Err(broken) => Err(failed(&wire, broken)),
    }
}

/// Why a handshake failed; where nothing was in common, with what each side has.
fn failed<S>(wire: &Wire<S>, broken: Broken) -> Error {
    let lists = wire
        .tls()
        .map(tls::Connection::disagreements)
        .unwrap_or_default();
    let lines: Vec<String> = lists.iter().map(ToString::to_string).collect();
    broken
        .at(Stage::TlsHandshake)
        .diagnosed((!lines.is_empty()).then(|| lines.join("\n")))
}

/// A server's wire, the handshake done.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: Arc<ServerConfig>,
) -> Result<Wire<S>, Error> {
    let machine = tls::Connection::server(config, UnixTime::now(), random::system());
    let mut wire = Wire::new(io, Some(Box::new(machine)), Vec::new());
    match poll_fn(|cx| wire.poll_handshake(cx)).await {
        Ok(()) => Ok(wire),
        Err(broken) => Err(failed(&wire, broken)),
    }
}

impl<S> TlsStream<S> {
    /// What the two sides agreed on.
    pub fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// The peer's certificates, its own first; none on a server.
    pub fn peer_chain(&self) -> &[CertificateDer<'static>] {
        self.wire.tls().map_or(&[], tls::Connection::peer_chain)
    }

    /// The stream underneath.
    pub fn get_ref(&self) -> &S {
        self.wire.io()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut self.get_mut().wire;
        if wire.unread().is_empty() && !ready!(wire.poll_more(cx))? {
            return Poll::Ready(Ok(()));
        }
        // Every record that is here already may come along: fewer calls for a reader with room.
        loop {
            let unread = wire.unread();
            let count = unread.len().min(buf.remaining());
            buf.put_slice(&unread[..count]);
            wire.eat(count);
            if buf.remaining() == 0 || !wire.open_next() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Encrypts `parts`, joined, up to what may wait; then writes what the transport takes.
    fn poll_send(&mut self, parts: &[&[u8]], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.wire.has_room() {
            ready!(self.wire.poll_flush(cx))?;
        }
        self.wire.queue(parts)?;
        match self.wire.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(())) | Poll::Pending => {
                Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        const PARTS: usize = 8;
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let mut room = crate::limits::WRITE_AHEAD;
        for (part, buf) in parts
            .iter_mut()
            .zip(bufs.iter().filter(|buf| !buf.is_empty()))
        {
            *part = &buf[..buf.len().min(room)];
            room -= part.len();
        }
        if room == crate::limits::WRITE_AHEAD {
            return Poll::Ready(Ok(0));
        }
        self.get_mut().poll_send(&parts, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().wire.poll_flush(cx).map_err(Broken::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().wire.poll_close(cx).map_err(Broken::into)
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("agreed", &self.agreed)
            .finish_non_exhaustive()
    }
}
