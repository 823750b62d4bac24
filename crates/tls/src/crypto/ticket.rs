//! Encryption of tickets: every ticket has a key of its own, so no nonce can come twice.

use super::{
    hash::Hash,
    hkdf::{Prk, Secret},
};
use crate::error::Error;
use alloc::vec::Vec;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Octets of the random value that makes a ticket's key its own.
pub(crate) const SALT_LEN: usize = 32;
/// Octets of a key's name.
pub(crate) const NAME_LEN: usize = 16;

/// What tickets' keys are derived from.
#[derive(Debug)]
pub(crate) struct TicketKey {
    name: [u8; NAME_LEN],
    prk: Prk,
}

impl TicketKey {
    /// The same secret gives the same keys everywhere.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let prk = Prk::extract(Hash::Sha256, b"netkit ticket keys", secret);
        let mut name = [0; NAME_LEN];
        prk.expand_label(b"name", b"", &mut name);
        Self { name, prk }
    }

    /// Tells by which key a ticket was sealed; says nothing of the key.
    pub(crate) fn name(&self) -> &[u8; NAME_LEN] {
        &self.name
    }

    /// The key of the ticket with this `salt`, its only nonce, and what is authenticated beside it.
    fn of(&self, salt: &[u8; SALT_LEN]) -> (LessSafeKey, Nonce, Aad<[u8; NAME_LEN]>) {
        let secret: Secret = self.prk.derive(b"ticket", salt);
        let key = UnboundKey::new(&AES_256_GCM, secret.expose()).expect("SHA-256 gives 32 octets");
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        (LessSafeKey::new(key), nonce, Aad::from(self.name))
    }

    /// Encrypts `content` in place and appends its tag. A `salt` is used once.
    pub(crate) fn seal(
        &self,
        salt: &[u8; SALT_LEN],
        content: &mut Zeroizing<Vec<u8>>,
    ) -> Result<(), Error> {
        let (key, nonce, aad) = self.of(salt);
        key.seal_in_place_append_tag(nonce, aad, &mut **content)
            .map_err(|_| Error::CryptoFailed)
    }

    /// Decrypts `sealed` in place; `None` if it was not sealed so.
    pub(crate) fn open<'s>(
        &self,
        salt: &[u8; SALT_LEN],
        sealed: &'s mut [u8],
    ) -> Option<&'s mut [u8]> {
        let (key, nonce, aad) = self.of(salt);
        key.open_in_place(nonce, aad, sealed).ok()
    }
}
