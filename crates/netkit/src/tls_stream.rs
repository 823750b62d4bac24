use crate::{
    error::{Error, Stage},
    random,
    wire::{Broken, Wire},
};
use netkit_tls::{
    self as tls, Agreed, AlertDescription, CertificateDer, ClientConfig, Question, ServerConfig,
    ServerName, ToSign, UnixTime,
};
use netkit_x509::Roots;
use std::{
    fmt,
    future::{poll_fn, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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
        Self::connect_with(io, config, name, &()).await
    }

    /// As [`connect`](Self::connect), with what the configuration leaves open decided by `decisions`.
    pub async fn connect_with(
        io: S,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        decisions: &impl Decisions,
    ) -> Result<Self, Error> {
        Self::over(connect(io, config, name, None, decisions).await?)
    }

    /// Shakes hands as a server.
    ///
    /// It has no timeout of its own. Dropping the future drops the stream.
    pub async fn accept(io: S, config: Arc<ServerConfig>) -> Result<Self, Error> {
        Self::accept_with(io, config, &()).await
    }

    /// As [`accept`](Self::accept), with what the configuration leaves open decided by `decisions`. To
    /// choose the configuration itself, see [`Undecided`].
    pub async fn accept_with(
        io: S,
        config: Arc<ServerConfig>,
        decisions: &impl Decisions,
    ) -> Result<Self, Error> {
        Self::over(accept(io, config, decisions).await?)
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
    decisions: &impl Decisions,
) -> Result<Wire<S>, Error> {
    let now = UnixTime::now();
    let mut hello = Vec::new();
    let machine = tls::Connection::client(config, name.clone(), now, random::system(), &mut hello)
        .map_err(|error| Error::tls(Stage::TlsHandshake, error))?;
    let mut wire = Wire::new(io, Some(Box::new(machine)), hello);
    match shake_hands(&mut wire, decisions).await {
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

/// A server's wire, the handshake done.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: Arc<ServerConfig>,
    decisions: &impl Decisions,
) -> Result<Wire<S>, Error> {
    let machine = tls::Connection::server(config, UnixTime::now(), random::system());
    let mut wire = Wire::new(io, Some(Box::new(machine)), Vec::new());
    match shake_hands(&mut wire, decisions).await {
        Ok(()) => Ok(wire),
        Err(broken) => Err(failed(&wire, broken)),
    }
}

/// Runs the handshake to its end, and asks whoever decides.
async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    decisions: &impl Decisions,
) -> Result<(), Broken> {
    let refuse = |tls: &mut tls::Connection, out: &mut Vec<u8>| {
        Err(tls.refuse(AlertDescription::INTERNAL_ERROR, out))
    };
    while let Some(question) = poll_fn(|cx| wire.poll_handshake(cx)).await? {
        let tls = wire.tls();
        match (question, tls.and_then(tls::Connection::to_sign), tls) {
            (Question::Sign, Some(to_sign), _) => match decisions.sign(to_sign).await {
                Some(signature) => wire.answer(|tls, out| tls.signature(&signature, out)),
                None => wire.answer(refuse),
            },
            (Question::Verify, _, Some(tls)) => match decisions.judge(tls.peer_chain()).await {
                Some(verdict) => wire.answer(|tls, out| tls.verdict(verdict, out)),
                None => wire.answer(refuse),
            },
            // Asked of those only who are undecided, and they have chosen.
            _ => wire.answer(refuse),
        }
    }
    Ok(())
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

/// Decides what a TLS configuration leaves open, in its own time: the handshake waits, others go on.
/// What is not decided ends the connection with the alert internal_error.
pub trait Decisions: Send + Sync {
    /// The signature of an [`Identity`](tls::Identity) whose key is elsewhere.
    fn sign(&self, _to_sign: &ToSign) -> impl Future<Output = Option<Vec<u8>>> + Send {
        ready(None)
    }

    /// Whether the peer's certificates are good, where the configuration has no verifier.
    fn judge(
        &self,
        _chain: &[CertificateDer<'static>],
    ) -> impl Future<Output = Option<Result<(), netkit_x509::Error>>> + Send {
        ready(None)
    }
}

/// For configurations that leave nothing open.
impl Decisions for () {}

/// A server's stream whose ClientHello has arrived, and nothing has been answered.
///
/// ```
/// # async fn front<S>(stream: S, ours: std::sync::Arc<netkit::tls::ServerConfig>) -> Result<(), netkit::Error>
/// # where S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {
/// use netkit::{Undecided, tls::AlertDescription};
///
/// let undecided = Undecided::read(stream).await?;
/// match undecided.hello().and_then(|hello| hello.server_name()) {
///     Some("a.example") => drop(undecided.accept(ours, &()).await?),
///     // To another server, the stream and what was read of it: not an octet is missing.
///     Some("b.example") => drop(undecided.into_parts()),
///     _ => drop(undecided.refuse(AlertDescription::UNRECOGNIZED_NAME).await),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Undecided<S> {
    wire: Wire<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Undecided<S> {
    /// Waits for the ClientHello.
    ///
    /// It has no timeout of its own. Dropping the future drops the stream.
    pub async fn read(io: S) -> Result<Self, Error> {
        let machine = tls::Connection::undecided(UnixTime::now(), random::system());
        let mut wire = Wire::new(io, Some(Box::new(machine)), Vec::new());
        match poll_fn(|cx| wire.poll_handshake(cx)).await {
            Ok(_) => Ok(Self { wire }),
            Err(broken) => Err(broken.at(Stage::TlsHandshake)),
        }
    }

    /// The ClientHello: every extension in order, and the octets.
    pub fn hello(&self) -> Option<tls::Hello<'_>> {
        self.wire.tls().and_then(tls::Connection::hello)
    }

    /// Goes on as this server.
    pub async fn accept(
        mut self,
        config: Arc<ServerConfig>,
        decisions: &impl Decisions,
    ) -> Result<TlsStream<S>, Error> {
        self.wire.answer(|tls, _| tls.choose(config));
        match shake_hands(&mut self.wire, decisions).await {
            Ok(()) => TlsStream::over(self.wire),
            Err(broken) => Err(failed(&self.wire, broken)),
        }
    }

    /// Sends an alert; the error says so.
    pub async fn refuse(mut self, alert: AlertDescription) -> Error {
        self.wire.answer(|tls, out| Err(tls.refuse(alert, out)));
        match poll_fn(|cx| self.wire.poll_handshake(cx)).await {
            Err(broken) => broken.at(Stage::TlsHandshake),
            Ok(_) => Error::tls(Stage::TlsHandshake, tls::Error::Refused(alert)),
        }
    }

    /// The stream, and all that was read of it.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        self.wire.into_parts()
    }
}

impl<S> fmt::Debug for Undecided<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undecided").finish_non_exhaustive()
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
        Pin::new(&mut self.get_mut().wire).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("agreed", &self.agreed)
            .finish_non_exhaustive()
    }
}
