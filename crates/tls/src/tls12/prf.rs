//! The pseudorandom function and the secrets (RFC 5246 5, 6.3, 8.1), read downwards.
//!
//! ```text
//!   premaster secret (an ECDHE secret, or the client's 48 octets)
//!         |
//!         +-- "extended master secret", hash of ClientHello..ClientKeyExchange   (RFC 7627 4)
//!         |   or "master secret", both randoms, where the peer lacks that
//!         v
//!   master secret --> "key expansion": client's and server's key, then their nonces' fixed part
//!         |
//!         +--> "client finished", "server finished": verify_data
//! ```

use crate::{
    codepoints::CipherSuite,
    crypto::{
        aead::{MAX_KEY, NONCE_LEN, RecordKey},
        hash::{Digest, Hash},
    },
    error::Error,
    messages::Finished,
    resumption::Session,
    transcript::Side,
};
use alloc::vec::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets of verify_data, for every suite here (RFC 5246 7.4.9).
const VERIFY_DATA_LEN: usize = 12;

/// PRF(secret, label, seed) (RFC 5246 5) into the whole of `out`; the seed is `seed`, joined.
fn prf(hash: Hash, secret: &[u8], label: &[u8], seed: [&[u8]; 2], out: &mut [u8]) {
    let key = hash.hmac_key(secret);
    let mut a = key.sign(&[label, seed[0], seed[1]]);
    for piece in out.chunks_mut(hash.len()) {
        let output = key.sign(&[a.as_ref(), label, seed[0], seed[1]]);
        piece.copy_from_slice(&output.as_ref()[..piece.len()]);
        a = key.sign(&[a.as_ref()]);
    }
}

/// Both sides' randoms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Randoms {
    pub(super) client: [u8; 32],
    pub(super) server: [u8; 32],
}

/// Both sides' keys.
pub(super) struct Keys {
    pub(super) client: RecordKey,
    pub(super) server: RecordKey,
}

/// The master secret. Wiped when dropped.
pub(super) struct MasterSecret {
    suite: CipherSuite,
    octets: Zeroizing<[u8; 48]>,
}

impl MasterSecret {
    /// Of a key exchange. `session_hash` is that of all messages up to ClientKeyExchange, if both
    /// sides have extended_master_secret.
    pub(super) fn new(
        suite: CipherSuite,
        premaster: &[u8],
        randoms: &Randoms,
        session_hash: Option<&Digest>,
    ) -> Self {
        let (label, seed): (&[u8], [&[u8]; 2]) = match session_hash {
            Some(hash) => (b"extended master secret", [hash.as_ref(), b""]),
            None => (b"master secret", [&randoms.client, &randoms.server]),
        };
        let mut octets = Zeroizing::new([0; 48]);
        prf(suite.hash(), premaster, label, seed, &mut octets[..]);
        Self { suite, octets }
    }

    /// Of an earlier handshake with `suite`; `None` if it is none.
    pub(super) fn of_session(session: &Session) -> Option<Self> {
        let octets = Zeroizing::new(session.secret[..].try_into().ok()?);
        Some(Self {
            suite: session.cipher_suite,
            octets,
        })
    }

    /// For a session.
    pub(super) fn keep(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.octets.to_vec())
    }

    /// For the key log.
    pub(super) fn expose(&self) -> &[u8] {
        &self.octets[..]
    }

    /// Both sides' keys (RFC 5246 6.3).
    pub(super) fn keys(&self, randoms: &Randoms) -> Keys {
        let aead = self.suite.aead();
        let mut block = Zeroizing::new([0; 2 * (MAX_KEY + NONCE_LEN)]);
        let block = &mut block[..2 * (aead.key_len() + aead.fixed_iv_len())];
        let seed = [&randoms.server[..], &randoms.client];
        prf(
            self.suite.hash(),
            &self.octets[..],
            b"key expansion",
            seed,
            block,
        );
        let (keys, ivs) = block.split_at(2 * aead.key_len());
        let (client, server) = keys.split_at(aead.key_len());
        let (client_iv, server_iv) = ivs.split_at(aead.fixed_iv_len());
        Keys {
            client: RecordKey::tls12(aead, client, client_iv),
            server: RecordKey::tls12(aead, server, server_iv),
        }
    }

    /// The verify_data of `side`'s Finished (RFC 5246 7.4.9).
    pub(super) fn verify_data(&self, side: Side, transcript: &Digest) -> [u8; VERIFY_DATA_LEN] {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut data = [0; VERIFY_DATA_LEN];
        let seed = [transcript.as_ref(), b""];
        prf(self.suite.hash(), &self.octets[..], label, seed, &mut data);
        data
    }

    /// RFC 5705 4: an empty context is none.
    pub(super) fn export(
        &self,
        randoms: &Randoms,
        label: &[u8],
        context: &[u8],
        out: &mut [u8],
    ) -> Result<(), Error> {
        let length = u16::try_from(context.len()).map_err(|_| Error::MisuseExport)?;
        let mut seed = [randoms.client, randoms.server].concat();
        if !context.is_empty() {
            seed.extend(length.to_be_bytes());
        }
        prf(
            self.suite.hash(),
            &self.octets[..],
            label,
            [&seed, context],
            out,
        );
        Ok(())
    }

    /// Refuses a Finished that is not `side`'s over `transcript`.
    pub(super) fn check_finished(
        &self,
        message: &Finished<'_>,
        side: Side,
        transcript: &Digest,
    ) -> Result<(), Error> {
        let expected = self.verify_data(side, transcript);
        if !bool::from(expected.ct_eq(message.verify_data)) {
            return Err(Error::PeerBadFinished);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{MasterSecret, Randoms, prf};
    use crate::{codepoints::CipherSuite, crypto::hash::Hash, transcript::Side};

    fn check(hash: Hash, secret: &str, seed: &str, output: &str) {
        let [secret, seed, output] = [secret, seed, output].map(|text| hex::decode(text).unwrap());
        for cut in [0, 3, seed.len()] {
            let mut got = output.clone();
            got.fill(0);
            let seed = [&seed[..cut], &seed[cut..]];
            prf(hash, &secret, b"test label", seed, &mut got);
            assert_eq!(got, output);
        }
    }

    /// The vectors that the TLS working group's list has for RFC 5246's function.
    #[test]
    fn follows_the_published_vectors() {
        check(
            Hash::Sha256,
            "9bbe436ba940f017b17652849a71db35",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a\
             6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab\
             4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
             87347b66",
        );
        check(
            Hash::Sha384,
            "b80b733d6ceefcdc71566ea48e5567df",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd\
             e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd\
             8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425\
             9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6\
             91c8f3a26854308d5eaa3be85e0990703d73e56f",
        );
    }

    #[test]
    fn sides_and_transcripts_have_proofs_of_their_own() {
        let randoms = Randoms {
            client: [1; 32],
            server: [2; 32],
        };
        let suite = CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;
        let hash = Hash::Sha384.of(b"transcript");
        let extended = MasterSecret::new(suite, b"premaster", &randoms, Some(&hash));
        let plain = MasterSecret::new(suite, b"premaster", &randoms, None);
        assert_ne!(extended.expose(), plain.expose());
        let other = Hash::Sha384.of(b"another");
        let client = extended.verify_data(Side::Client, &hash);
        assert_ne!(client, extended.verify_data(Side::Server, &hash));
        assert_ne!(client, extended.verify_data(Side::Client, &other));
        assert_eq!(client, extended.verify_data(Side::Client, &hash));
    }
}
