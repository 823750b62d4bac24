//! OCSP responses (RFC 6960): who may sign, about whom, and when.

use crate::asn1::{der, sequence};
use crate::pki::{self, Ca, Der, NOW, at, ca, leaf, root, trust};
use crate::revocation::{List, revoked, serial, subject, unknown};
use netkit_x509::{Error, Inputs, PublicKey, Reason, Revocation, Scope, Unknown};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SigningKey};
use sha1::{Digest, Sha1};

/// About one certificate of a CA.
#[derive(Clone)]
struct Single {
    serial: u8,
    status: Vec<u8>,
    this_update: &'static [u8; 15],
    next_update: Option<&'static [u8; 15]>,
    extensions: Vec<u8>,
}

const GOOD: [u8; 2] = [0x80, 0];
const NOT_KNOWN: [u8; 2] = [0x82, 0];

/// On 2029-12-30, for no reason or this one.
fn revoked_status(reason: Option<u8>) -> Vec<u8> {
    let reason = reason.map(|code| der(0xa0, &[0x0a, 1, code]));
    let at = der(0x18, b"20291230000000Z");
    der(0xa1, &[at, reason.unwrap_or_default()].concat())
}

impl Single {
    fn of(serial: u8, status: &[u8]) -> Self {
        Self {
            serial,
            status: status.to_vec(),
            this_update: b"20291231000000Z",
            next_update: Some(b"20300102000000Z"),
            extensions: Vec::new(),
        }
    }

    fn der(&self, issuer: &Ca) -> Vec<u8> {
        let sha1 = [6, 5, 0x2b, 0x0e, 3, 2, 0x1a];
        let next = self.next_update.map(|time| der(0xa0, &der(0x18, time)));
        sequence(&[
            &sequence(&[
                &sequence(&[&sha1, &[5, 0]]),
                &der(4, &Sha1::digest(subject(issuer))),
                &der(4, &key_hash(issuer.der())),
                &[2, 1, self.serial],
            ]),
            &self.status,
            &der(0x18, self.this_update),
            &next.unwrap_or_default(),
            &self.extensions,
        ])
    }
}

/// KeyHash.
fn key_hash(certificate: &Der) -> Vec<u8> {
    let key = PublicKey::of_certificate(certificate).expect("a key");
    Sha1::digest(key.subject_public_key()).to_vec()
}

fn by_name(ca: &Ca) -> Vec<u8> {
    der(0xa1, &subject(ca))
}

fn by_key(ca: &Ca) -> Vec<u8> {
    der(0xa2, &der(4, &key_hash(ca.der())))
}

/// A response by `signer` with these certificates.
fn response(singles: &[Vec<u8>], responder: &[u8], signer: &Ca, certificates: &[Der]) -> Vec<u8> {
    let data = sequence(&[
        responder,
        &der(0x18, b"20291231000000Z"),
        &der(0x30, &singles.concat()),
    ]);
    let algorithm = sequence(&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let signature = signer.key().sign(&data).expect("a signature");
    let certificates: Vec<u8> = certificates.iter().flat_map(|der| der.to_vec()).collect();
    let certificates = match certificates.as_slice() {
        [] => Vec::new(),
        some => der(0xa0, &der(0x30, some)),
    };
    let bits = der(3, &[&[0], &signature[..]].concat());
    let basic = sequence(&[&data, &algorithm, &bits, &certificates]);
    let id_pkix_ocsp_basic = [6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
    let bytes = sequence(&[&id_pkix_ocsp_basic, &der(4, &basic)]);
    sequence(&[&[0x0a, 1, 0], &der(0xa0, &bytes)])
}

/// A response by the CA itself.
fn by_ca(top: &Ca, singles: &[Single]) -> Vec<u8> {
    let singles: Vec<_> = singles.iter().map(|single| single.der(top)).collect();
    response(&singles, &by_name(top), top, &[])
}

fn verdict(top: &Ca, leaf: &Der, responses: &[Vec<u8>], crls: &[Vec<u8>]) -> Result<(), Error> {
    let responses: Vec<&[u8]> = responses.iter().map(Vec::as_slice).collect();
    let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
    let mut inputs = Inputs::server(at(NOW));
    inputs.revocation = Some(Revocation::new(&crls, &responses));
    let chain = std::slice::from_ref(leaf);
    trust(&[top]).verify(chain, &inputs).map(drop)
}

#[test]
fn a_response_is_about_one_certificate() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    let namesake = root("top", |_| {});
    let about = |singles: &[Single]| verdict(&top, &leaf, &[by_ca(&top, singles)], &[]);
    let good = Single::of(7, &GOOD);
    assert_eq!(about(&[Single::of(5, &GOOD), good.clone()]), Ok(()));
    assert_eq!(
        about(&[Single::of(5, &GOOD)]),
        unknown(Unknown::NothingGiven)
    );
    assert_eq!(
        about(&[Single::of(7, &NOT_KNOWN)]),
        unknown(Unknown::ResponderDoesNotKnow)
    );
    for (reason, told) in [
        (None, Reason::Unspecified),
        (Some(1), Reason::KeyCompromise),
        (Some(6), Reason::CertificateHold),
    ] {
        assert_eq!(
            about(&[Single::of(7, &revoked_status(reason))]),
            revoked(told)
        );
    }
    // The same name and serial number, another CA's key.
    let other = response(&[good.der(&namesake)], &by_name(&top), &top, &[]);
    assert_eq!(
        verdict(&top, &leaf, &[other], &[]),
        unknown(Unknown::NothingGiven)
    );
    // Another hash than anybody uses.
    let mut strange = by_ca(&top, &[good]);
    let sha1 = [0x2b, 0x0e, 3, 2, 0x1a];
    let place = strange.windows(5).position(|octets| octets == sha1);
    strange[place.expect("SHA-1") + 4] = 0x1b;
    assert_eq!(
        verdict(&top, &leaf, &[strange], &[]),
        unknown(Unknown::NothingGiven)
    );
}

#[test]
fn a_response_is_of_its_time() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    for (this_update, next_update, fresh) in [
        (b"20300101000000Z", Some(b"20300101000000Z"), true),
        (b"20300101000001Z", Some(b"20300102000000Z"), false),
        (b"20291201000000Z", Some(b"20291231235959Z"), false),
        (b"20300102000000Z", None, false),
        (b"20291222000000Z", None, true),
        (b"20291221235959Z", None, false),
    ] {
        let single = Single {
            this_update,
            next_update,
            ..Single::of(7, &GOOD)
        };
        let given = by_ca(&top, &[single]);
        let expected = if fresh {
            Ok(())
        } else {
            unknown(Unknown::Stale)
        };
        let verdict = verdict(&top, &leaf, std::slice::from_ref(&given), &[]);
        assert_eq!(verdict, expected, "{this_update:?}");
        let responses = [given.as_slice()];
        let mut inputs = Inputs::server(at(NOW));
        let mut revocation = Revocation::new(&[], &responses);
        revocation.accept_stale = true;
        inputs.revocation = Some(revocation);
        let accepted = trust(&[&top]).verify(std::slice::from_ref(&leaf), &inputs);
        let begun = this_update <= b"20300101000000Z";
        assert_eq!(accepted.is_ok(), begun, "{this_update:?}");
    }
}

#[test]
fn whatever_revokes_has_the_last_word() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    let older = |status: &[u8]| Single {
        this_update: b"20291230000000Z",
        ..Single::of(7, status)
    };
    let (good, bad) = (Single::of(7, &GOOD), Single::of(7, &revoked_status(None)));
    for (singles, expected) in [
        ([older(&GOOD), bad.clone()], revoked(Reason::Unspecified)),
        // It was on hold.
        ([older(&revoked_status(Some(6))), good.clone()], Ok(())),
        ([good.clone(), bad], revoked(Reason::Unspecified)),
        ([older(&GOOD), Single::of(7, &NOT_KNOWN)], Ok(())),
    ] {
        let [one, other] = &singles;
        for singles in [[one.clone(), other.clone()], [other.clone(), one.clone()]] {
            let apart = singles
                .each_ref()
                .map(|single| by_ca(&top, std::slice::from_ref(single)));
            assert_eq!(verdict(&top, &leaf, &apart, &[]), expected);
            let together = by_ca(&top, &singles);
            assert_eq!(verdict(&top, &leaf, &[together], &[]), expected);
        }
    }
    let good = [by_ca(&top, &[good])];
    let lists = |serials: &[u8]| [List::of(serials).signed(&top)];
    assert_eq!(
        verdict(&top, &leaf, &good, &lists(&[7])),
        revoked(Reason::Unspecified)
    );
    assert_eq!(verdict(&top, &leaf, &good, &lists(&[])), Ok(()));
    let not_known = [by_ca(&top, &[Single::of(7, &NOT_KNOWN)])];
    assert_eq!(verdict(&top, &leaf, &not_known, &lists(&[])), Ok(()));
    assert_eq!(
        verdict(&top, &leaf, &not_known, &[]),
        unknown(Unknown::ResponderDoesNotKnow)
    );
}

#[test]
fn the_issuer_signs_or_whom_it_certified_for_that() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    let delegate = |issuer: &Ca, edit: &dyn Fn(&mut CertificateParams)| {
        ca("delegate", issuer, |params| {
            params.is_ca = rcgen::IsCa::NoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
            edit(params);
        })
    };
    let single = [Single::of(7, &GOOD).der(&top)];
    let judge = |response: Vec<u8>| verdict(&top, &leaf, &[response], &[]);
    let refused = unknown(Unknown::NotSignedByIssuer);
    let stranger = root("top", |_| {});
    for responder in [by_name(&top), by_key(&top)] {
        assert_eq!(judge(response(&single, &responder, &top, &[])), Ok(()));
        assert_eq!(
            judge(response(&single, &responder, &stranger, &[])),
            refused
        );
    }
    let good = delegate(&top, &|_| {});
    for responder in [by_name(&good), by_key(&good)] {
        let certificates = [stranger.der().clone(), good.der().clone()];
        assert_eq!(
            judge(response(&single, &responder, &good, &certificates)),
            Ok(())
        );
        assert_eq!(judge(response(&single, &responder, &good, &[])), refused);
        assert_eq!(
            judge(response(&single, &responder, &top, &certificates)),
            refused
        );
    }
    // It says that another signed.
    let certificates = [good.der().clone()];
    assert_eq!(
        judge(response(&single, &by_name(&top), &good, &certificates)),
        refused
    );

    let commits = delegate(&top, &|params| {
        params.key_usages = vec![KeyUsagePurpose::ContentCommitment];
    });
    let says_nothing = delegate(&top, &|params| params.key_usages = vec![]);
    for good in [commits, says_nothing] {
        let certificates = [good.der().clone()];
        assert_eq!(
            judge(response(&single, &by_name(&good), &good, &certificates)),
            Ok(())
        );
    }
    let middle = ca("middle", &top, |_| {});
    for (why, bad) in [
        (
            "no purpose",
            delegate(&top, &|params| params.extended_key_usages = vec![]),
        ),
        (
            "expired",
            delegate(&top, &|params| {
                params.not_after = rcgen::date_time_ymd(2029, 12, 31);
            }),
        ),
        (
            "its key does not sign",
            delegate(&top, &|params| {
                params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
            }),
        ),
        ("another CA's", delegate(&stranger, &|_| {})),
        ("a CA's below", delegate(&middle, &|_| {})),
        (
            "critical",
            delegate(&top, &|params| {
                params.custom_extensions = vec![pki::extension(&[1, 2, 3], true, &[5, 0])];
            }),
        ),
    ] {
        let certificates = [bad.der().clone(), middle.der().clone()];
        let verdict = judge(response(&single, &by_name(&bad), &bad, &certificates));
        assert_eq!(verdict, refused, "{why}");
    }
}

#[test]
fn each_certificate_has_a_response_of_its_issuer() {
    let top = root("top", |_| {});
    let middle = ca("middle", &top, serial(9));
    let leaf = leaf(&middle, serial(7));
    let responses = |of_middle: &[u8]| {
        [
            by_ca(&middle, &[Single::of(7, &GOOD)]),
            by_ca(&top, &[Single::of(9, of_middle)]),
        ]
    };
    let judge = |responses: &[Vec<u8>], scope| {
        let responses: Vec<&[u8]> = responses.iter().map(Vec::as_slice).collect();
        let mut inputs = Inputs::server(at(NOW));
        let mut revocation = Revocation::new(&[], &responses);
        revocation.scope = scope;
        inputs.revocation = Some(revocation);
        let chain = [leaf.clone(), middle.der().clone()];
        trust(&[&top]).verify(&chain, &inputs).map(drop)
    };
    assert_eq!(judge(&responses(&GOOD), Scope::Path), Ok(()));
    let bad = responses(&revoked_status(Some(2)));
    assert_eq!(judge(&bad, Scope::Path), revoked(Reason::CaCompromise));
    assert_eq!(judge(&bad, Scope::EndEntity), Ok(()));
    assert_eq!(
        judge(&bad[..1], Scope::Path),
        unknown(Unknown::NothingGiven)
    );
}

#[test]
fn critical_extensions_take_the_word_away() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    let extensions = |critical: &[u8]| {
        let strange = sequence(&[&[6, 2, 0x2a, 3], critical, &der(4, &[5, 0])]);
        der(0xa1, &der(0x30, &strange))
    };
    for (critical, expected) in [
        (&[][..], Ok(())),
        (&[1, 1, 0xff], unknown(Unknown::NothingGiven)),
    ] {
        let single = Single {
            extensions: extensions(critical),
            ..Single::of(7, &GOOD)
        };
        assert_eq!(
            verdict(&top, &leaf, &[by_ca(&top, &[single])], &[]),
            expected
        );
    }
}

/// Every octet of a response counts: what was changed never makes a revoked certificate good.
#[test]
fn a_changed_response_revokes_or_says_nothing() {
    let top = root("top", |_| {});
    let leaf = leaf(&top, serial(7));
    let given = by_ca(&top, &[Single::of(7, &revoked_status(Some(1)))]);
    for place in 0..given.len() {
        let mut changed = given.clone();
        changed[place] ^= 1;
        assert!(
            verdict(&top, &leaf, &[changed], &[]).is_err(),
            "octet {place}"
        );
        assert!(verdict(&top, &leaf, &[given[..place].to_vec()], &[]).is_err());
    }
}
