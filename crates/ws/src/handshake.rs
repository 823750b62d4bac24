//! The opening handshake (RFC 6455 4): what stands in an HTTP request and its response.
//!
//! The fields come from any HTTP machine, netkit-http's [`Fields::iter`](netkit_http::Fields::iter) or
//! the `http` crate's `HeaderMap::iter`, and go to any.

#[cfg(feature = "deflate")]
use crate::deflate::{Deflate, DeflateAgreed};
use crate::{
    Error, Extension,
    coding::{Deflator, Inflator},
    error::Answer,
    limits::LISTED,
    octets::{elements, is_token},
};
#[cfg(feature = "deflate")]
use alloc::string::ToString;
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use netkit_http::{Status, Version};
use rand_core::CryptoRng;
use sha1::{Digest, Sha1};

/// RFC 6455 1.3: what no other protocol's server would put behind the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// RFC 6455 4.1 (9).
const VERSION: &str = "13";
/// RFC 6455 4.1 (7): a key is so many octets.
const KEY: usize = 16;

const CONNECTION: &str = "Connection";
const UPGRADE: &str = "Upgrade";
const WEBSOCKET: &str = "websocket";
const SEC_KEY: &str = "Sec-WebSocket-Key";
const SEC_ACCEPT: &str = "Sec-WebSocket-Accept";
const SEC_VERSION: &str = "Sec-WebSocket-Version";
const SEC_PROTOCOL: &str = "Sec-WebSocket-Protocol";
const SEC_EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// Names and values of fields to send.
pub type OwnedFields = Vec<(&'static str, String)>;

/// What this side wants of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Subprotocols, the best first: a server takes the first that the client names, too.
    pub protocols: Vec<String>,
    /// Compression; none if it is not wanted.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
}

/// What the opening handshake agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol, if there is one.
    pub protocol: Option<String>,
    /// How messages are compressed, if they are.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateAgreed>,
}

impl Agreed {
    /// What compresses and inflates on the client's side, or the server's.
    #[cfg(feature = "deflate")]
    pub(crate) fn coding(&self, client: bool) -> (Option<Deflator>, Option<Inflator>) {
        match &self.deflate {
            Some(agreed) => {
                let (deflate, inflate) = agreed.coding(client);
                (deflate, Some(inflate))
            }
            None => (None, None),
        }
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "nothing that could code was agreed on")]
    pub(crate) const fn coding(&self, _: bool) -> (Option<Deflator>, Option<Inflator>) {
        (None, None)
    }
}

/// RFC 6455 4.2.2 (5.4): what the server answers a key with.
fn accept(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key.as_bytes())
        .chain_update(GUID)
        .finalize();
    BASE64.encode(digest)
}

/// The values of the fields with this name.
fn all<'a>(
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    name: &str,
) -> impl Iterator<Item = &'a [u8]> {
    fields.filter_map(move |(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

/// The value of the one field with this name.
fn only<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>, name: &str) -> Option<&'a str> {
    let mut values = all(fields, name);
    let value = core::str::from_utf8(values.next()?).ok()?;
    values.next().is_none().then_some(value)
}

/// Whether the list that the fields with this name make has `wanted`, in any case.
fn lists<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>, name: &str, wanted: &str) -> bool {
    elements(all(fields, name)).any(|element| element.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Subprotocols are tokens, each once (RFC 6455 4.1 (10)).
fn are_protocols(protocols: &[String]) -> bool {
    let fresh = |at: usize| !protocols[..at].contains(&protocols[at]);
    protocols.len() <= LISTED
        && (0..protocols.len()).all(|at| is_token(protocols[at].as_bytes()) && fresh(at))
}

/// The client's side: a key, until the server has answered it.
#[derive(Debug)]
pub struct Opening {
    key: String,
    config: Config,
}

impl Opening {
    /// A handshake for what `config` wants, with a key from `random`.
    pub fn new(config: Config, random: &mut dyn CryptoRng) -> Result<Self, Error> {
        if !are_protocols(&config.protocols) {
            return Err(Error::MisuseProtocol);
        }
        let mut key = [0; KEY];
        random.fill_bytes(&mut key);
        Ok(Self {
            key: BASE64.encode(key),
            config,
        })
    }

    /// The fields of the request, a GET in HTTP/1.1 (RFC 6455 4.1). `Host`, and `Origin` in a browser, are the
    /// caller's.
    pub fn fields(&self) -> OwnedFields {
        let mut fields = Vec::from([
            (CONNECTION, UPGRADE.to_owned()),
            (UPGRADE, WEBSOCKET.to_owned()),
            (SEC_VERSION, VERSION.to_owned()),
            (SEC_KEY, self.key.clone()),
        ]);
        if !self.config.protocols.is_empty() {
            fields.push((SEC_PROTOCOL, self.config.protocols.join(", ")));
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &self.config.deflate {
            fields.push((SEC_EXTENSIONS, deflate.offer().to_string()));
        }
        fields
    }

    /// What the server's response agrees on (RFC 6455 4.1).
    pub fn check<'a>(
        &self,
        status: Status,
        fields: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
    ) -> Result<Agreed, Error> {
        if status != Status::SWITCHING_PROTOCOLS {
            return Err(Error::PeerStatus);
        }
        let upgrades = only(fields.clone(), UPGRADE)
            .is_some_and(|value| value.eq_ignore_ascii_case(WEBSOCKET))
            && lists(fields.clone(), CONNECTION, UPGRADE);
        if !upgrades {
            return Err(Error::PeerUpgrade);
        }
        if only(fields.clone(), SEC_ACCEPT) != Some(&accept(&self.key)) {
            return Err(Error::PeerAccept);
        }
        let protocol = self.protocol(all(fields.clone(), SEC_PROTOCOL))?;
        let extensions = Extension::list(all(fields, SEC_EXTENSIONS))?;
        self.agreed(protocol, &extensions)
    }

    fn protocol<'a>(
        &self,
        mut values: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Option<String>, Error> {
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let offered = self
            .config
            .protocols
            .iter()
            .find(|offered| offered.as_bytes() == value);
        match (offered, values.next()) {
            (Some(protocol), None) => Ok(Some(protocol.clone())),
            _ => Err(Error::PeerProtocol),
        }
    }

    #[cfg(feature = "deflate")]
    fn agreed(&self, protocol: Option<String>, extensions: &[Extension]) -> Result<Agreed, Error> {
        let deflate = match (extensions, &self.config.deflate) {
            ([], _) => None,
            ([response], Some(offered)) => Some(offered.check(response)?),
            _ => return Err(Error::PeerExtension),
        };
        Ok(Agreed { protocol, deflate })
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "no extension was offered")]
    fn agreed(&self, protocol: Option<String>, extensions: &[Extension]) -> Result<Agreed, Error> {
        match extensions {
            [] => Ok(Agreed { protocol }),
            _ => Err(Error::PeerExtension),
        }
    }
}

/// The server's side: what a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    key: String,
    protocols: Vec<String>,
    extensions: Vec<Extension>,
    origin: Option<String>,
}

impl Offer {
    /// Reads a request (RFC 6455 4.2.1). A request that is none is refused with
    /// [`Error::answer`]'s status and [`refusal_fields`].
    pub fn read<'a>(
        method: &str,
        version: Version,
        fields: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
    ) -> Result<Self, Error> {
        let upgrades =
            lists(fields.clone(), CONNECTION, UPGRADE) && lists(fields.clone(), UPGRADE, WEBSOCKET);
        if !upgrades {
            return Err(Error::PeerNoUpgrade);
        }
        if method != "GET" {
            return Err(Error::PeerMethod);
        }
        if version != Version::Http11 {
            return Err(Error::PeerHttpVersion);
        }
        if only(fields.clone(), SEC_VERSION) != Some(VERSION) {
            return Err(Error::PeerVersion);
        }
        let key = only(fields.clone(), SEC_KEY).ok_or(Error::PeerKey)?;
        if !BASE64.decode(key).is_ok_and(|octets| octets.len() == KEY) {
            return Err(Error::PeerKey);
        }
        let text = |octets: &[u8]| core::str::from_utf8(octets).map(ToOwned::to_owned);
        let protocols: Result<Vec<String>, _> = elements(all(fields.clone(), SEC_PROTOCOL))
            .map(text)
            .collect();
        let protocols = protocols.map_err(|_| Error::PeerProtocols)?;
        if !are_protocols(&protocols) {
            return Err(Error::PeerProtocols);
        }
        Ok(Self {
            key: key.to_owned(),
            protocols,
            extensions: Extension::list(all(fields.clone(), SEC_EXTENSIONS))?,
            origin: only(fields, "Origin").map(ToOwned::to_owned),
        })
    }

    /// Where the page comes from that asks, if a browser does (RFC 6455 10.2): the caller decides, and
    /// refuses with [`Error::PeerOrigin`].
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The subprotocols that the client speaks, the best first.
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// The extensions that the client speaks.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// Accepts: what is agreed on, and the fields of the response, whose status is 101 (RFC 6455 4.2.2).
    pub fn accept(&self, config: &Config) -> (Agreed, OwnedFields) {
        let mut fields = Vec::from([
            (CONNECTION, UPGRADE.to_owned()),
            (UPGRADE, WEBSOCKET.to_owned()),
            (SEC_ACCEPT, accept(&self.key)),
        ]);
        let spoken = |protocol: &&String| self.protocols.contains(protocol);
        let protocol = config.protocols.iter().find(spoken).cloned();
        fields.extend(protocol.clone().map(|protocol| (SEC_PROTOCOL, protocol)));
        #[cfg(feature = "deflate")]
        let deflate = {
            let chosen = config.deflate.as_ref();
            let chosen = chosen.and_then(|deflate| deflate.choose(&self.extensions));
            chosen.map(|(agreed, response)| {
                fields.push((SEC_EXTENSIONS, response.to_string()));
                agreed
            })
        };
        let agreed = Agreed {
            protocol,
            #[cfg(feature = "deflate")]
            deflate,
        };
        (agreed, fields)
    }
}

/// The fields of a response that refuses a handshake, beside the status in [`Error::answer`].
pub fn refusal_fields(error: Error) -> OwnedFields {
    match error {
        Error::PeerMethod => Vec::from([("Allow", "GET".to_owned())]),
        // RFC 9110 15.5.22: 426 says what to upgrade to; RFC 6455 4.2.2 (4): and which version.
        _ if error.answer() == Answer::Status(Status::UPGRADE_REQUIRED) => Vec::from([
            (CONNECTION, UPGRADE.to_owned()),
            (UPGRADE, WEBSOCKET.to_owned()),
            (SEC_VERSION, VERSION.to_owned()),
        ]),
        _ => Vec::new(),
    }
}
