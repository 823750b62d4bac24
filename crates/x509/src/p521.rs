//! Signatures on P-521, which ring has not: for peers that have nothing else.

use crate::Error;
use p521::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

/// Octets of a number below the order, or of a coordinate.
const FIELD: usize = 66;
/// Octets of an uncompressed point, the form that ring takes of other curves (RFC 5480 2.2).
const POINT: usize = 1 + 2 * FIELD;
const UNCOMPRESSED: u8 = 4;

/// Checks an ECDSA signature in ASN.1 of what has this hash, of 64 octets at most.
pub(crate) fn verify(point: &[u8], hash: &[u8], signature: &[u8]) -> Result<(), Error> {
    if point.len() != POINT || point[0] != UNCOMPRESSED {
        return Err(Error::BadSignature);
    }
    let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| Error::BadSignature)?;
    let signature = Signature::from_der(signature).map_err(|_| Error::BadSignature)?;
    // The same number, whose octets the crate does not find too few.
    let mut number = [0; FIELD];
    number[FIELD - hash.len()..].copy_from_slice(hash);
    key.verify_prehash(&number, &signature)
        .map_err(|_| Error::BadSignature)
}

#[cfg(test)]
mod tests {
    use super::{FIELD, verify};
    use crate::{Error, signature::hash};
    use alloc::{format, vec::Vec};
    use p521::ecdsa::{Signature, SigningKey};

    /// RFC 6979 A.2.7: the key.
    const KEY: &str = "0fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16\
                       fcc1466f6d8fbec67db89ec0c08b0e996b83538";
    /// And r and s of "sample", by the hash: the last arc of its identifier.
    const SIGNATURES: [(u8, &str, &str); 3] = [
        (
            1,
            "1511bb4d675114fe266fc4372b87682baecc01d3cc62cf2303c92b3526012659d16876e25c7c1e57648f23b73564d67\
             f61c6f14d527d54972810421e7d87589e1a7",
            "04a171143a83163d6df460aaf61522695f207a58b95c0644d87e52aa1a347916e4f7a72930b1bc06dbe22ce3f58264\
             afd23704cbb63b29b931f7de6c9d949a7ecfc",
        ),
        (
            2,
            "1ea842a0e17d2de4f92c15315c63ddf72685c18195c2bb95e572b9c5136ca4b4b576ad712a52be9730627d16054ba40\
             cc0b8d3ff035b12ae75168397f5d50c67451",
            "1f21a3cee066e1961025fb048bd5fe2b7924d0cd797babe0a83b66f1e35eeaf5fde143fa85dc394a7dee7665233937\
             84484bdf3e00114a1c857cde1aa203db65d61",
        ),
        (
            3,
            "0c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b53\
             4931d7d4e8455cc91f9b15bf05ec36e377fa",
            "0617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff077\
             7b1a20f8ccb1dccc43997f1ee0e44da4a67a",
        ),
    ];

    fn octets(hex: &str) -> [u8; FIELD] {
        let hex = format!("{hex:0>132}");
        core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&octets(KEY).into()).unwrap()
    }

    /// SHA-256, 384 or 512.
    fn sha(arc: u8, message: &[u8]) -> Vec<u8> {
        let identifier = [6, 9, 0x60, 0x86, 0x48, 1, 101, 3, 4, 2, arc];
        hash(&identifier, message).unwrap().as_ref().to_vec()
    }

    #[test]
    fn the_rfc_s_signatures_verify_and_no_other() {
        let point = key().verifying_key().to_sec1_point(false);
        for (arc, r, s) in SIGNATURES {
            let signature = Signature::from_scalars(octets(r), octets(s)).unwrap();
            let signature = signature.to_der();
            let verified = |message: &[u8], signature: &[u8]| {
                verify(point.as_bytes(), &sha(arc, message), signature)
            };
            assert_eq!(verified(b"sample", signature.as_bytes()), Ok(()));
            let refused = Err(Error::BadSignature);
            assert_eq!(verified(b"Sample", signature.as_bytes()), refused);
            let longer = [signature.as_bytes(), &[0]].concat();
            assert_eq!(verified(b"sample", &longer), refused);
        }
    }

    #[test]
    fn a_point_is_uncompressed() {
        let (arc, r, s) = SIGNATURES[2];
        let signature = Signature::from_scalars(octets(r), octets(s)).unwrap();
        let signature = signature.to_der();
        let hash = sha(arc, b"sample");
        let verified = |point: &[u8]| verify(point, &hash, signature.as_bytes());
        let point = key().verifying_key().to_sec1_point(false);
        let compressed = key().verifying_key().to_sec1_point(true);
        assert_eq!(verified(point.as_bytes()), Ok(()));
        let mut hybrid = point.as_bytes().to_vec();
        hybrid[0] = 6 + (hybrid[132] & 1);
        let short = &point.as_bytes()[..132];
        for wrong in [compressed.as_bytes(), &hybrid, &[], short] {
            assert_eq!(verified(wrong), Err(Error::BadSignature));
        }
    }
}
