//! Verdicts on a server's chain: end entity, intermediate, root. Both sides have the root as a name and a
//! key.
//!
//! `chain/checks` is what a verdict takes besides its signatures: the chain is signed with RSA, which is
//! quick to verify, and the time that bare ring takes for the same two signatures, measured in the same turn,
//! is taken off. What is left is a tenth of the whole: `chain/checks/instructions` is the same difference
//! in executed instructions, which nothing else on the machine disturbs.

use crate::{
    counted,
    measure::{Bench, Contest, Unit, timed},
};
use netkit_core::Reader;
use netkit_x509::{CertificateDer, PublicKey, Roots, ServerName, TrustAnchor, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use std::{hint::black_box, time::Duration};

const HOST: &str = "www.example.com";

/// 2030-01-01T00:00:00Z.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_893_456_000));

type Ca = CertifiedIssuer<'static, KeyPair>;

pub fn run(bench: &mut Bench) {
    if bench.wants("chain/parse") {
        parse(bench);
    }
    if bench.wants("chain/checks") {
        checks(bench);
        instructions(bench);
    }
    if bench.wants("chain/whole") {
        let p256 = Setting::new(&|| KeyPair::generate().expect("a key"));
        let contest = contest("chain/whole/p256");
        bench.run(
            &contest,
            |times| timed(|| (0..times).for_each(|_| p256.ours())),
            |times| timed(|| (0..times).for_each(|_| p256.theirs())),
        );
    }
    if bench.wants("chain/hostile") {
        hostile(bench);
    }
}

const fn contest(name: &str) -> Contest<'_> {
    Contest {
        name,
        peer: "rustls-webpki",
        unit: Unit::Time,
    }
}

/// One certificate, from octets to its parts.
fn parse(bench: &mut Bench) {
    let setting = Setting::new(&|| KeyPair::generate().expect("a key"));
    let leaf = &setting.chain[0];
    bench.run(
        &contest("chain/parse"),
        |times| {
            timed(|| {
                for _ in 0..times {
                    let key = PublicKey::of_certificate(black_box(leaf));
                    assert!(black_box(key).is_ok());
                }
            })
        },
        |times| {
            timed(|| {
                for _ in 0..times {
                    let parsed = webpki::EndEntityCert::try_from(black_box(leaf));
                    assert!(black_box(parsed).is_ok());
                }
            })
        },
    );
}

fn checks(bench: &mut Bench) {
    let setting = Setting::new(&rsa_key);
    let signatures = Signatures::of(&setting.chain);
    let without_signatures = |times: u64, verdict: &dyn Fn()| {
        let whole = timed(|| (0..times).for_each(|_| verdict()));
        let signatures = timed(|| (0..times).for_each(|_| signatures.verify()));
        whole.saturating_sub(signatures)
    };
    bench.run(
        &contest("chain/checks"),
        |times| without_signatures(times, &|| setting.ours()),
        |times| without_signatures(times, &|| setting.theirs()),
    );
}

/// What is counted, each with its name; the last is taken off the others.
const COUNTED: [&str; 3] = ["ours", "theirs", "signatures"];

/// Rows of instructions: each side's verdict less the signatures.
fn instructions(bench: &mut Bench) {
    if let Some([ours, theirs, signatures]) = counted::instructions(COUNTED) {
        let sides = [ours, theirs].map(|side| side.saturating_sub(signatures));
        let contest = Contest {
            unit: Unit::Instructions,
            ..contest("chain/checks/instructions")
        };
        bench.count(&contest, sides);
    }
}

/// Does once what is counted under this name.
pub fn count(name: &str) {
    let setting = Setting::new(&rsa_key);
    let signatures = Signatures::of(&setting.chain);
    let work: [&mut dyn FnMut(); 3] = [
        &mut || setting.ours(),
        &mut || setting.theirs(),
        &mut || signatures.verify(),
    ];
    let at = COUNTED.iter().position(|counted| *counted == name);
    counted::counted(work[at.expect("a name of what is counted")]);
}

/// The signatures of a chain whose keys are all [`rsa_key`].
struct Signatures {
    key: Vec<u8>,
    /// Message and signature.
    signed: Vec<[Vec<u8>; 2]>,
}

impl Signatures {
    fn of(chain: &[CertificateDer<'_>]) -> Self {
        // SEQUENCE { tbsCertificate, signatureAlgorithm, BIT STRING with no unused bits }
        let signed = |certificate: &CertificateDer<'_>| {
            let content = Reader::new(certificate).tlv().expect("DER").content;
            let mut reader = Reader::new(content);
            let [message, _, bits] = [(); 3].map(|()| reader.tlv().expect("DER"));
            [message.octets.to_vec(), bits.content[1..].to_vec()]
        };
        Self {
            key: rsa_key().public_key_raw().to_vec(),
            signed: chain.iter().map(signed).collect(),
        }
    }

    fn verify(&self) {
        for [message, signature] in &self.signed {
            let key =
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, black_box(self.key.as_slice()));
            key.verify(message, signature).expect("good");
        }
    }
}

/// A pool of 100 CAs of one name, none of which leads to the root.
fn hostile(bench: &mut Bench) {
    let mut setting = Setting::new(&|| KeyPair::generate().expect("a key"));
    let same = || {
        let key = KeyPair::generate().expect("a key");
        Ca::self_signed(ca("same"), key).expect("a CA")
    };
    let leaf = leaf()
        .signed_by(&KeyPair::generate().expect("a key"), &same())
        .expect("a leaf");
    setting.chain = vec![leaf.der().clone()];
    setting.chain.extend((0..100).map(|_| same().der().clone()));
    bench.run(
        &contest("chain/hostile"),
        |times| timed(|| (0..times).for_each(|_| assert!(setting.our_verdict().is_err()))),
        |times| timed(|| (0..times).for_each(|_| assert!(setting.their_verdict().is_err()))),
    );
}

struct Setting {
    chain: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    roots: Roots,
    name: ServerName<'static>,
}

impl Setting {
    fn new(key: &dyn Fn() -> KeyPair) -> Self {
        let root = Ca::self_signed(ca("root"), key()).expect("a root");
        let middle = Ca::signed_by(ca("middle"), key(), &root).expect("a CA");
        let leaf = leaf().signed_by(&key(), &middle).expect("a leaf");
        let anchor = webpki::anchor_from_trusted_cert(root.der()).expect("parses");
        let anchor = anchor.to_owned();
        let mut roots = Roots::new();
        roots.add_anchor(anchor.clone());
        let setting = Self {
            chain: vec![leaf.der().clone(), middle.der().clone()],
            anchors: vec![anchor],
            roots,
            name: HOST.try_into().expect("a name"),
        };
        setting.ours();
        setting.theirs();
        setting
    }

    fn our_verdict(&self) -> Result<(), netkit_x509::Error> {
        self.roots
            .verify_server(black_box(&self.chain), &self.name, NOW)
    }

    fn their_verdict(&self) -> Result<(), webpki::Error> {
        let (leaf, pool) = black_box(&self.chain).split_first().expect("a leaf");
        let leaf = webpki::EndEntityCert::try_from(leaf)?;
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.anchors,
            pool,
            NOW,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )?;
        leaf.verify_is_valid_for_subject_name(&self.name)
    }

    fn ours(&self) {
        assert_eq!(self.our_verdict(), Ok(()));
    }

    fn theirs(&self) {
        assert_eq!(self.their_verdict(), Ok(()));
    }
}

/// One RSA key for all: ring makes none.
fn rsa_key() -> KeyPair {
    let der: &[u8] = include_bytes!("../../crates/x509/tests/verify/fixtures/rsa2048.pkcs8.der");
    KeyPair::try_from(der).expect("a key")
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "XX");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "An organisation");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

fn leaf() -> CertificateParams {
    let names = [HOST, "example.com", "*.example.net", "www.example.org"];
    let mut params = CertificateParams::new(names.map(str::to_owned)).expect("names");
    params.distinguished_name.push(DnType::CommonName, HOST);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}
