//! Handshake messages: reading and writing, no flow.
//!
//! A [`Message`] knows its kind but has not been read: the flow first decides whether the kind has
//! its turn, then reads it.

mod certificate;
mod extensions;
mod hello;
mod offer;
mod tls12;

pub(crate) use certificate::{
    Certificate, CertificateRequest, CertificateVerify, CompressedCertificate, EndOfEarlyData,
    Finished, KeyUpdate, NewSessionTicket, write_certificate, write_certificate_body,
    write_certificate_request, write_certificate_verify, write_finished, write_new_session_ticket,
};
pub(crate) use extensions::{Extensions, ListU16, Place, write_protocol};
pub(crate) use hello::{
    ClientHello, EncryptedExtensions, HelloRetryRequest, PskOffer, ServerHello, ServerHelloHead,
    WantedIdentity, write_server_hello,
};
pub(crate) use offer::Offer;
pub(crate) use tls12::{
    CertificateRequestTls12, CertificateStatus, CertificateTls12, ClientKeyExchange,
    FIRST_HANDSHAKE, HelloRequest, NewSessionTicketTls12, POINT_FORMATS, ServerHelloDone,
    ServerHelloTls12, ServerKeyExchange, first_handshake, write_certificate_request_tls12,
    write_certificate_status, write_certificate_tls12, write_client_key_exchange,
    write_new_session_ticket_tls12, write_params, write_server_hello_done,
    write_server_hello_tls12, write_server_key_exchange,
};

use crate::{
    codepoints::{ContentType, HandshakeType},
    error::{Error, Malformed},
    identity::Shown,
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use netkit_core::{Reader, TooLong, Writer};

/// Octets of a message's header: its kind and the length of its body.
pub(crate) const HEADER_LEN: usize = 4;

/// A structure that a message's body, or a part of it, holds.
pub(crate) trait Parse<'a>: Sized {
    /// Reads the structure off the front.
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Error>;
}

/// A message's body that waits to be read.
pub(crate) struct Body<'a, T> {
    kind: HandshakeType,
    octets: &'a [u8],
    content: PhantomData<T>,
}

impl<'a, T: Parse<'a>> Body<'a, T> {
    fn new(kind: HandshakeType, octets: &'a [u8]) -> Self {
        Self {
            kind,
            octets,
            content: PhantomData,
        }
    }

    /// Reads the body, which must have nothing behind the structure.
    pub(crate) fn read(&self) -> Result<T, Error> {
        self.read_as()
    }

    /// As [`read`](Self::read), of a message that looks otherwise in TLS 1.2.
    pub(crate) fn read_as<U: Parse<'a>>(&self) -> Result<U, Error> {
        Reader::whole(self.octets, U::parse)
            .map_err(|error| error.within(Malformed::Message(self.kind)))
    }
}

/// One row a message that may have a turn in some state: its name in code and its kind on the wire.
macro_rules! messages {
    ($($Name:ident = $KIND:ident $(if $distinct:path)?;)*) => {
        /// A handshake message of a known kind, unread; or the answer to a question of ours, which
        /// has its turn like a message.
        pub(crate) enum Message<'a> {
            $($Name(Body<'a, $Name<'a>>),)*
            /// What was to be signed, signed.
            Signature(&'a [u8]),
            /// The peer's certificates have been judged.
            Verdict(Result<(), netkit_x509::Error>),
            /// Who we are, to a server that asks.
            Identity(&'a Shown),
            /// From here the peer's records are under new keys: of TLS 1.2, where it is a record and no
            /// message (RFC 5246 7.1).
            ChangeCipherSpec,
            /// A kind that has no turn in any state.
            Other(HandshakeType),
        }

        impl<'a> Message<'a> {
            /// Sorts a message by its kind; a HelloRetryRequest is a ServerHello by its random, and
            /// one of TLS 1.2 by its version.
            pub(crate) fn new(kind: HandshakeType, body: &'a [u8]) -> Self {
                match kind {
                    $(HandshakeType::$KIND $(if $distinct(body))? => Self::$Name(Body::new(kind, body)),)*
                    _ => Self::Other(kind),
                }
            }

            /// The error of a message that has no turn in `state`.
            pub(crate) fn unexpected(&self, state: &'static str) -> Error {
                let kind = match self {
                    $(Self::$Name(_) => HandshakeType::$KIND,)*
                    Self::Other(kind) => *kind,
                    Self::ChangeCipherSpec => {
                        return Error::PeerUnexpectedRecord(ContentType::CHANGE_CIPHER_SPEC);
                    }
                    // Given only in states that wait for them.
                    Self::Signature(_) => HandshakeType::CERTIFICATE_VERIFY,
                    Self::Verdict(_) | Self::Identity(_) => HandshakeType::CERTIFICATE,
                };
                Error::PeerUnexpectedMessage(kind, state)
            }
        }
    };
}

messages! {
    ClientHello = CLIENT_HELLO;
    HelloRetryRequest = SERVER_HELLO if hello::is_retry;
    ServerHelloTls12 = SERVER_HELLO if hello::is_tls12;
    ServerHello = SERVER_HELLO;
    EncryptedExtensions = ENCRYPTED_EXTENSIONS;
    CertificateRequest = CERTIFICATE_REQUEST;
    Certificate = CERTIFICATE;
    CompressedCertificate = COMPRESSED_CERTIFICATE;
    CertificateVerify = CERTIFICATE_VERIFY;
    Finished = FINISHED;
    NewSessionTicket = NEW_SESSION_TICKET;
    EndOfEarlyData = END_OF_EARLY_DATA;
    KeyUpdate = KEY_UPDATE;
    CertificateStatus = CERTIFICATE_STATUS;
    ServerKeyExchange = SERVER_KEY_EXCHANGE;
    ServerHelloDone = SERVER_HELLO_DONE;
    ClientKeyExchange = CLIENT_KEY_EXCHANGE;
    HelloRequest = HELLO_REQUEST;
}

/// Appends a message of `kind` with the body that `write` appends.
pub(crate) fn write_message(
    out: &mut Vec<u8>,
    kind: HandshakeType,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
) -> Result<(), TooLong> {
    out.u8(kind.0);
    out.nested_u24(write)
}
