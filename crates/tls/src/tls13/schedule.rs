//! The key schedule (RFC 9846 7.1), read downwards. Each stage is consumed by the next, so no secret
//! can be taken from the wrong stage, or twice.
//!
//! ```text
//!             0
//!             |
//!   PSK or 0 -> HKDF-Extract = Early Secret                    Early
//!             |
//!             +--> Derive-Secret(., "res binder", "")          Early::binder
//!             +--> Derive-Secret(., "c e traffic", CH)         EarlyTraffic
//!       Derive-Secret(., "derived", "")
//!             |
//!   (EC)DHE  -> HKDF-Extract = Handshake Secret                Handshake
//!             |
//!             +--> Derive-Secret(., "c hs traffic", CH..SH)    HandshakeTraffic
//!             +--> Derive-Secret(., "s hs traffic", CH..SH)    HandshakeTraffic
//!       Derive-Secret(., "derived", "")
//!             |
//!   0        -> HKDF-Extract = Main Secret                     Main
//!             |
//!             +--> Derive-Secret(., "c ap traffic", CH..SF)    ApplicationTraffic
//!             +--> Derive-Secret(., "s ap traffic", CH..SF)    ApplicationTraffic
//!             +--> Derive-Secret(., "exp master", CH..SF)      Exporter
//!             +--> Derive-Secret(., "res master", CH..CF)      Resumption
//! ```

use crate::{
    codepoints::CipherSuite,
    crypto::{
        aead::{MAX_KEY, NONCE_LEN, RecordKey},
        hash::{Digest, Hash, MAX_HASH, Mac},
        hkdf::{MAX_LABEL, Prk, Secret},
    },
    error::Error,
    psk::{Origin, Psk},
};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// As many zeros as a hash is long.
fn zeros(hash: Hash) -> &'static [u8] {
    &[0; MAX_HASH][..hash.len()]
}

/// The salt of the next stage's HKDF-Extract.
fn derived(stage: &Prk, hash: Hash) -> Secret {
    stage.derive(b"derived", hash.of_nothing())
}

/// As [`derived`], of the Early Secret without a pre-shared key: the same in every handshake.
fn derived_without_psk(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha256 => &[
            0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54, 0xfc, 0x9d, 0xba,
            0xb6, 0x97, 0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48, 0x25, 0x0c, 0xeb, 0xea, 0xc3, 0x57,
            0x6c, 0x36, 0x11, 0xba,
        ],
        Hash::Sha384 => &[
            0x15, 0x91, 0xda, 0xc5, 0xcb, 0xbf, 0x03, 0x30, 0xa4, 0xa8, 0x4d, 0xe9, 0xc7, 0x53,
            0x33, 0x0e, 0x92, 0xd0, 0x1f, 0x0a, 0x88, 0x21, 0x4b, 0x44, 0x64, 0x97, 0x2f, 0xd6,
            0x68, 0x04, 0x9e, 0x93, 0xe5, 0x2f, 0x2b, 0x16, 0xfa, 0xd9, 0x22, 0xfd, 0xc0, 0x58,
            0x44, 0x78, 0x42, 0x8f, 0x28, 0x2b,
        ],
    }
}

/// The Early Secret of a handshake with a pre-shared key.
pub(super) struct Early(Hash, Prk);

impl Early {
    pub(super) fn new(psk: &Psk) -> Self {
        Self(
            psk.hash,
            Prk::extract(psk.hash, zeros(psk.hash), &psk.secret),
        )
    }

    /// The binder of a key from `origin`: `truncated` is the hash up to the binders (RFC 9846
    /// 4.3.11.2).
    pub(super) fn binder(&self, origin: Origin, truncated: &Digest) -> Mac {
        let key = self.1.derive(origin.binder_label(), self.0.of_nothing());
        finished(&key, truncated)
    }

    /// The client's secret for early data; `hello` is the hash of the ClientHello.
    pub(super) fn traffic(&self, suite: CipherSuite, hello: &Digest) -> EarlyTraffic {
        EarlyTraffic(suite, self.1.derive(b"c e traffic", hello.as_ref()))
    }
}

/// The client's secret for early data.
pub(super) struct EarlyTraffic(CipherSuite, Secret);

impl EarlyTraffic {
    pub(super) fn record_key(&self) -> RecordKey {
        record_key(self.0, &self.1)
    }

    /// For the key log.
    pub(super) fn expose(&self) -> &[u8] {
        self.1.expose()
    }
}

/// The Handshake Secret.
pub(super) struct Handshake(CipherSuite, Prk);

impl Handshake {
    /// From the stage before, if there is a pre-shared key, and the shared secret of the key exchange.
    pub(super) fn new(early: Option<Early>, suite: CipherSuite, shared: &[u8]) -> Self {
        let prk = match early {
            Some(Early(hash, prk)) => Prk::extract(hash, derived(&prk, hash).expose(), shared),
            None => Prk::extract(suite.hash(), derived_without_psk(suite.hash()), shared),
        };
        Self(suite, prk)
    }

    /// The client's and the server's secret; `hello` is the hash of CH..SH.
    pub(super) fn traffic(&self, hello: &Digest) -> (HandshakeTraffic, HandshakeTraffic) {
        let derive = |label| HandshakeTraffic(self.0, self.1.derive(label, hello.as_ref()));
        (derive(b"c hs traffic"), derive(b"s hs traffic"))
    }

    /// Goes on to the Main Secret.
    pub(super) fn main(self) -> Main {
        let hash = self.0.hash();
        let salt = derived(&self.1, hash);
        Main(self.0, Prk::extract(hash, salt.expose(), zeros(hash)))
    }
}

/// The Main Secret.
pub(super) struct Main(CipherSuite, Prk);

impl Main {
    /// The client's and the server's secret; `finished` is the hash of CH..server Finished.
    pub(super) fn traffic(&self, finished: &Digest) -> (ApplicationTraffic, ApplicationTraffic) {
        let derive = |label| ApplicationTraffic(self.0, self.1.derive(label, finished.as_ref()));
        (derive(b"c ap traffic"), derive(b"s ap traffic"))
    }

    /// Of the same transcript.
    pub(super) fn exporter(&self, finished: &Digest) -> Exporter {
        Exporter(self.1.derive(b"exp master", finished.as_ref()))
    }

    /// What tickets are made from; `all` is the hash of CH..client Finished.
    pub(super) fn resumption(self, all: &Digest) -> Resumption {
        Resumption(self.1.derive(b"res master", all.as_ref()))
    }
}

/// What keys for other protocols are derived from (RFC 9846 7.5).
pub(crate) struct Exporter(Secret);

impl Exporter {
    /// Fills `out`.
    pub(super) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let hash = self.0.hash();
        if label.len() > MAX_LABEL || out.len() > 255 * hash.len() {
            return Err(Error::MisuseExport);
        }
        let secret = self.0.prk().derive(label, hash.of_nothing());
        let context = hash.of(context);
        secret
            .prk()
            .expand_label(b"exporter", context.as_ref(), out);
        Ok(())
    }

    /// For the key log.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What the pre-shared keys of later connections are derived from (RFC 9846 4.7.1).
pub(super) struct Resumption(Secret);

impl Resumption {
    /// The key of the ticket with this nonce.
    pub(super) fn psk(&self, ticket_nonce: &[u8]) -> Zeroizing<Vec<u8>> {
        let psk = self.0.prk().derive(b"resumption", ticket_nonce);
        Zeroizing::new(psk.expose().to_vec())
    }
}

/// The MAC of a Finished or a binder under the key that `base` gives (RFC 9846 4.5.3).
fn finished(base: &Secret, transcript: &Digest) -> Mac {
    let finished_key = base.prk().derive(b"finished", b"");
    base.hash().hmac(finished_key.expose(), transcript.as_ref())
}

/// The key and IV of a traffic secret (RFC 9846 7.3).
fn record_key(suite: CipherSuite, secret: &Secret) -> RecordKey {
    let prk = secret.prk();
    let mut key = Zeroizing::new([0; MAX_KEY]);
    let key = &mut key[..suite.aead().key_len()];
    prk.expand_label(b"key", b"", key);
    let mut iv = [0; NONCE_LEN];
    prk.expand_label(b"iv", b"", &mut iv);
    RecordKey::new(suite.aead(), key, iv)
}

/// A side's secret for its handshake messages.
pub(super) struct HandshakeTraffic(CipherSuite, Secret);

impl HandshakeTraffic {
    pub(super) fn record_key(&self) -> RecordKey {
        record_key(self.0, &self.1)
    }

    /// The verify_data of this side's Finished (RFC 9846 4.5.3).
    pub(super) fn verify_data(&self, transcript: &Digest) -> Mac {
        finished(&self.1, transcript)
    }

    /// For the key log.
    pub(super) fn expose(&self) -> &[u8] {
        self.1.expose()
    }
}

/// A side's secret for its application data, the first or a later one.
pub(crate) struct ApplicationTraffic(CipherSuite, Secret);

impl ApplicationTraffic {
    pub(super) fn record_key(&self) -> RecordKey {
        record_key(self.0, &self.1)
    }

    /// Moves on to the next generation (RFC 9846 7.2).
    pub(super) fn update(&mut self) {
        self.1 = self.1.prk().derive(b"traffic upd", b"");
    }

    /// For the key log.
    pub(super) fn expose(&self) -> &[u8] {
        self.1.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::{Early, Handshake, Resumption, derived, derived_without_psk, zeros};
    use crate::{
        codepoints::CipherSuite,
        crypto::{hash::Hash, hkdf::Prk},
        psk::{Origin, Psk},
    };

    /// The trace of RFC 8448 3: its shared secret, its transcript hashes, its secrets.
    #[test]
    fn follows_the_published_trace() {
        let hex = |text: &str| hex::decode(text).unwrap();
        let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let suite = CipherSuite::TLS_AES_128_GCM_SHA256;
        let handshake = Handshake::new(None, suite, &shared);
        let prk = &handshake.1;
        let hello = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        assert_eq!(
            prk.derive(b"c hs traffic", &hello).expose(),
            hex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
        );
        assert_eq!(
            prk.derive(b"s hs traffic", &hello).expose(),
            hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
        );
        let main = handshake.main();
        let finished = hex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
        assert_eq!(
            main.1.derive(b"c ap traffic", &finished).expose(),
            hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
        );
        assert_eq!(
            main.1.derive(b"s ap traffic", &finished).expose(),
            hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
        );
    }

    #[test]
    fn what_is_the_same_in_every_handshake_is_what_the_schedule_gives() {
        for hash in [Hash::Sha256, Hash::Sha384] {
            assert_eq!(hash.of_nothing(), hash.of(b"").as_ref());
            let early = Prk::extract(hash, zeros(hash), zeros(hash));
            assert_eq!(derived(&early, hash).expose(), derived_without_psk(hash));
        }
    }

    /// The traces of RFC 8448 3 and 4: a ticket, and what is derived from its key.
    #[test]
    fn follows_the_published_trace_of_a_resumption() {
        let hex = |text: &str| hex::decode(text).unwrap();
        let suite = CipherSuite::TLS_AES_128_GCM_SHA256;
        let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let main = Handshake::new(None, suite, &shared).main();
        let finished = hex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
        assert_eq!(
            main.1.derive(b"exp master", &finished).expose(),
            hex("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50")
        );
        let all = hex("209145a96ee8e2a122ff810047cc952684658d6049e86429426db87c54ad143d");
        let resumption = Resumption(main.1.derive(b"res master", &all));
        assert_eq!(
            resumption.0.expose(),
            hex("7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c")
        );
        let psk = Psk {
            origin: Origin::Resumption,
            hash: Hash::Sha256,
            secret: resumption.psk(&[0, 0]),
        };
        assert_eq!(
            **psk.secret,
            hex("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3")
        );
        let early = Early::new(&psk);
        let hello = hex("08ad0fa05d7c7233b1775ba2ff9f4c5b8b59276b7f227f13a976245f5d960913");
        assert_eq!(
            early.1.derive(b"c e traffic", &hello).expose(),
            hex("3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62")
        );
        let truncated = hex("63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14");
        let nothing = Hash::Sha256.of(b"");
        let binder_key = early.1.derive(psk.origin.binder_label(), nothing.as_ref());
        let finished_key = binder_key.prk().derive(b"finished", b"");
        assert_eq!(
            Hash::Sha256
                .hmac(finished_key.expose(), &truncated)
                .as_ref(),
            hex("3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d")
        );
    }

    #[test]
    fn an_update_changes_the_secret_and_both_sides_agree() {
        let traffic = || {
            Handshake::new(None, CipherSuite::TLS_AES_256_GCM_SHA384, b"shared")
                .main()
                .traffic(&Hash::Sha384.of(b"transcript"))
        };
        let ((mut ours, server), (mut theirs, _)) = (traffic(), traffic());
        assert_ne!(ours.expose(), server.expose(), "the sides have their own");
        let first = ours.expose().to_vec();
        ours.update();
        theirs.update();
        assert_ne!(ours.expose(), first);
        assert_eq!(ours.expose(), theirs.expose());
        assert_eq!(first.len(), 48);
    }
}
