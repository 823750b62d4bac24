//! CRLs of every kind (RFC 5280 5, 6.3).

use crate::asn1::{der, extension, sequence};
use crate::pki::{self, Ca, Der, NOW, at, ca, leaf, root, trust};
use der::{Decode, Encode};
use netkit_x509::{Error, Inputs, Profile, Reason, Revocation, Scope, Unknown};
use rcgen::{CertificateParams, KeyUsagePurpose, SerialNumber, SigningKey};

/// A CRL to be signed.
#[derive(Clone)]
pub(crate) struct List {
    this_update: &'static [u8; 13],
    next_update: Option<&'static [u8; 13]>,
    /// Serial numbers, and the extensions of their entries.
    entries: Vec<(u8, Vec<u8>)>,
    extensions: Vec<Vec<u8>>,
}

impl List {
    pub(crate) fn of(serials: &[u8]) -> Self {
        Self {
            this_update: b"291231000000Z",
            next_update: Some(b"300102000000Z"),
            entries: serials.iter().map(|serial| (*serial, Vec::new())).collect(),
            extensions: vec![number(1)],
        }
    }

    fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn signed(&self, issuer: &Ca) -> Vec<u8> {
        let algorithm = sequence(&[&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
        let entries: Vec<u8> = self
            .entries
            .iter()
            .flat_map(|(serial, extensions)| {
                let extensions = if extensions.is_empty() {
                    Vec::new()
                } else {
                    der(0x30, extensions)
                };
                sequence(&[&[2, 1, *serial], &time(b"291230000000Z"), &extensions])
            })
            .collect();
        let tbs = sequence(&[
            &[2, 1, 1],
            &algorithm,
            &subject(issuer),
            &time(self.this_update),
            &self.next_update.map(time).unwrap_or_default(),
            &if entries.is_empty() {
                Vec::new()
            } else {
                der(0x30, &entries)
            },
            &der(0xa0, &der(0x30, &self.extensions.concat())),
        ]);
        let signature = issuer.key().sign(&tbs).expect("a signature");
        sequence(&[&tbs, &algorithm, &der(3, &[&[0], &signature[..]].concat())])
    }
}

fn time(text: &[u8; 13]) -> Vec<u8> {
    der(0x17, text)
}

/// cRLNumber.
fn number(number: u8) -> Vec<u8> {
    extension(20, false, &[2, 1, number])
}

/// deltaCRLIndicator.
fn base(number: u8) -> Vec<u8> {
    extension(27, true, &[2, 1, number])
}

/// issuingDistributionPoint with these fields.
fn scope(fields: &[&[u8]]) -> Vec<u8> {
    extension(28, true, &sequence(fields))
}

/// reasonCode.
fn reason(code: u8) -> Vec<u8> {
    extension(21, false, &[0x0a, 1, code])
}

/// The Name in DER.
pub(crate) fn subject(ca: &Ca) -> Vec<u8> {
    let certificate = x509_cert::Certificate::from_der(ca.der()).expect("a certificate");
    certificate
        .tbs_certificate()
        .subject()
        .to_der()
        .expect("a name")
}

/// `[0]` with a full name: a URI that ends in this letter.
fn point(letter: u8) -> Vec<u8> {
    let uri = [&b"http://a.example/"[..], &[letter]].concat();
    der(0xa0, &der(0xa0, &der(0x86, &uri)))
}

pub(crate) fn serial(number: u8) -> impl Fn(&mut CertificateParams) {
    move |params| params.serial_number = Some(SerialNumber::from(vec![number]))
}

/// A certificate's serial number, and cRLDistributionPoints with these.
fn at_points(number: u8, points: Vec<Vec<u8>>) -> impl Fn(&mut CertificateParams) {
    move |params| {
        serial(number)(params);
        params.custom_extensions = vec![pki::extension(
            &[2, 5, 29, 31],
            false,
            &der(0x30, &points.concat()),
        )];
    }
}

fn verdict(top: &Ca, chain: &[Der], crls: &[Vec<u8>]) -> Result<(), Error> {
    verdict_with(top, chain, crls, |_| {})
}

fn verdict_with(
    top: &Ca,
    chain: &[Der],
    crls: &[Vec<u8>],
    edit: impl FnOnce(&mut Revocation<'_>),
) -> Result<(), Error> {
    let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
    let mut revocation = Revocation::new(&crls, &[]);
    edit(&mut revocation);
    let mut inputs = Inputs::server(at(NOW));
    inputs.revocation = Some(revocation);
    trust(&[top]).verify(chain, &inputs).map(drop)
}

pub(crate) fn revoked(reason: Reason) -> Result<(), Error> {
    // 2029-12-30.
    let at = NOW - 2 * pki::DAY;
    Err(Error::Revoked { at, reason })
}

pub(crate) const fn unknown(why: Unknown) -> Result<(), Error> {
    Err(Error::RevocationUnknown(why))
}

#[test]
fn who_is_on_the_list_is_revoked() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    assert_eq!(verdict(&top, &chain, &[List::of(&[]).signed(&top)]), Ok(()));
    assert_eq!(
        verdict(&top, &chain, &[List::of(&[6, 8]).signed(&top)]),
        Ok(())
    );
    let listed = List::of(&[6, 7]).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[listed]),
        revoked(Reason::Unspecified)
    );
    let mut list = List::of(&[]);
    list.entries = vec![(7, reason(1))];
    assert_eq!(
        verdict(&top, &chain, &[list.signed(&top)]),
        revoked(Reason::KeyCompromise)
    );
    assert_eq!(verdict(&top, &chain, &[]), unknown(Unknown::NothingGiven));
    let lenient = verdict_with(&top, &chain, &[], |asked| asked.accept_unknown = true);
    assert_eq!(lenient, Ok(()));
}

#[test]
fn each_certificate_of_the_path_is_asked_for_or_the_first_alone() {
    let top = root("top", |_| {});
    let middle = ca("middle", &top, serial(9));
    let chain = [leaf(&middle, serial(7)), middle.der().clone()];
    let of_middle = List::of(&[]).signed(&middle);
    let of_top = List::of(&[9]).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[of_middle.clone(), of_top.clone()]),
        revoked(Reason::Unspecified)
    );
    assert_eq!(
        verdict(&top, &chain, std::slice::from_ref(&of_middle)),
        unknown(Unknown::NothingGiven)
    );
    let first = |asked: &mut Revocation<'_>| asked.scope = Scope::EndEntity;
    assert_eq!(
        verdict_with(&top, &chain, &[of_middle, of_top], first),
        Ok(())
    );
}

#[test]
fn a_list_is_of_its_time_and_of_its_signer() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let fresh = List::of(&[]);
    for stale in [
        List {
            this_update: b"300103000000Z",
            ..fresh.clone()
        },
        List {
            next_update: Some(b"291231120000Z"),
            ..fresh.clone()
        },
        List {
            next_update: None,
            ..fresh.clone()
        },
    ] {
        let crl = [stale.signed(&top)];
        assert_eq!(verdict(&top, &chain, &crl), unknown(Unknown::Stale));
        let accepted = verdict_with(&top, &chain, &crl, |asked| asked.accept_stale = true);
        let future = stale.this_update == b"300103000000Z";
        assert_eq!(accepted.is_ok(), !future);
    }
    let namesake = root("top", |_| {});
    let forged = fresh.signed(&namesake);
    assert_eq!(
        verdict(&top, &chain, &[forged]),
        unknown(Unknown::NotSignedByIssuer)
    );
    let no_crl_sign = root("top", |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    let chain = [leaf(&no_crl_sign, serial(7))];
    let signed = fresh.signed(&no_crl_sign);
    assert_eq!(
        verdict(&no_crl_sign, &chain, &[signed]),
        unknown(Unknown::NotSignedByIssuer)
    );
}

#[test]
fn a_list_may_have_a_signer_of_its_own_with_a_path() {
    let top = root("top", |_| {});
    let middle = ca("middle", &top, serial(9));
    // The same name, another key, and no right to sign certificates.
    let crl_only = |params: &mut CertificateParams| {
        params.is_ca = rcgen::IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        serial(10)(params);
    };
    let signer = ca("middle", &top, crl_only);
    let expired = ca("middle", &top, |params| {
        crl_only(params);
        params.not_after = rcgen::date_time_ymd(2029, 1, 1);
    });
    let by_itself = ca("middle", &top, |params| {
        crl_only(params);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let stranger = ca("middle", &root("elsewhere", |_| {}), crl_only);
    let leaf = leaf(&middle, serial(7));
    let of_top = List::of(&[]).signed(&top);
    for (by, expected) in [
        (&signer, revoked(Reason::Unspecified)),
        (&stranger, unknown(Unknown::NotSignedByIssuer)),
        (&expired, unknown(Unknown::NotSignedByIssuer)),
        (&by_itself, unknown(Unknown::NotSignedByIssuer)),
    ] {
        let chain = [leaf.clone(), middle.der().clone(), by.der().clone()];
        let crls = [List::of(&[7]).signed(by), of_top.clone()];
        assert_eq!(verdict(&top, &chain, &crls), expected);
    }
}

/// RFC 5280 6.3.3 (f): "The trust anchor for the certification path MUST be the same".
#[test]
fn another_root_has_no_word_on_the_certificates_of_this_one() {
    let (top, other) = (root("top", |_| {}), root("other", |_| {}));
    let middle = ca("middle", &top, serial(9));
    let signer = |issuer: &Ca| {
        ca("middle", issuer, |params| {
            params.is_ca = rcgen::IsCa::NoCa;
            params.key_usages = vec![KeyUsagePurpose::CrlSign];
        })
    };
    let namesake = root("middle", |_| {});
    let roots = trust(&[&top, &other, &namesake]);
    for (by, expected) in [
        (signer(&top), Ok(())),
        (signer(&other), unknown(Unknown::NotSignedByIssuer)),
        (namesake, unknown(Unknown::NotSignedByIssuer)),
    ] {
        let chain = [
            leaf(&middle, serial(7)),
            middle.der().clone(),
            by.der().clone(),
        ];
        let list = List::of(&[]).signed(&by);
        let crls = [list.as_slice()];
        let mut inputs = Inputs::server(at(NOW));
        let mut revocation = Revocation::new(&crls, &[]);
        revocation.scope = Scope::EndEntity;
        inputs.revocation = Some(revocation);
        assert_eq!(roots.verify(&chain, &inputs).map(drop), expected);
    }
}

#[test]
fn of_several_lists_the_newest_has_the_word() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let older = List {
        this_update: b"291230000000Z",
        ..List::of(&[7])
    };
    for (older, newer, expected) in [
        (older.clone(), List::of(&[]), Ok(())),
        (
            List {
                this_update: b"291230000000Z",
                ..List::of(&[])
            },
            List::of(&[7]),
            revoked(Reason::Unspecified),
        ),
        // One that is not of this time has none.
        (
            older,
            List {
                this_update: b"300103000000Z",
                ..List::of(&[])
            },
            revoked(Reason::Unspecified),
        ),
    ] {
        let [older, newer] = [older, newer].map(|list| list.signed(&top));
        for crls in [[older.clone(), newer.clone()], [newer, older]] {
            assert_eq!(verdict(&top, &chain, &crls), expected);
        }
    }
}

/// RFC 5280 5.2: what a list has to be like where its root's profile asks for that.
#[test]
fn a_list_that_does_not_conform_may_revoke_but_not_acquit() {
    let conforming = |params: &mut CertificateParams| {
        params.use_authority_key_identifier_extension = true;
        serial(7)(params);
    };
    let top = root("top", |_| {});
    let chain = [leaf(&top, conforming)];
    let key_identifier = extension(35, false, &sequence(&[&[0x80, 1, 7]]));
    let with = |extensions: &[&[u8]], serials: &[u8]| List {
        extensions: extensions.iter().map(|der| der.to_vec()).collect(),
        ..List::of(serials)
    };
    let judge = |profile: Profile, list: &List| {
        let mut roots = netkit_x509::Roots::new();
        roots.add_under(profile, top.der()).expect("parses");
        let list = list.signed(&top);
        let crls = [list.as_slice()];
        let mut inputs = Inputs::server(at(NOW));
        inputs.revocation = Some(Revocation::new(&crls, &[]));
        roots.verify(&chain, &inputs).map(drop)
    };
    let good = [&key_identifier[..], &number(1)];
    assert_eq!(judge(Profile::Rfc5280, &with(&good, &[])), Ok(()));
    let critical_number = extension(20, true, &[2, 1, 1]);
    let critical_identifier = extension(35, true, &sequence(&[&[0x80, 1, 7]]));
    let without_key = extension(35, false, &sequence(&[]));
    let users = extension(28, false, &sequence(&[&[0x81, 1, 0xff]]));
    for bad in [
        &[&number(1)[..]][..],
        &[&key_identifier],
        &[&key_identifier, &critical_number],
        &[&critical_identifier, &number(1)],
        &[&without_key, &number(1)],
        &[&key_identifier, &number(1), &users],
    ] {
        assert_eq!(
            judge(Profile::Rfc5280, &with(bad, &[])),
            unknown(Unknown::Nonconforming)
        );
        assert_eq!(
            judge(Profile::Rfc5280, &with(bad, &[7])),
            revoked(Reason::Unspecified)
        );
        assert_eq!(judge(Profile::Path, &with(bad, &[])), Ok(()));
    }
}

#[test]
fn lists_are_for_some_certificates() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let (user, authority, attribute) = ([0x81, 1, 0xff], [0x82, 1, 0xff], [0x85, 1, 0xff]);
    for (only, counts) in [(user, true), (authority, false), (attribute, false)] {
        let crl = List::of(&[]).with(scope(&[&only])).signed(&top);
        let expected = if counts {
            Ok(())
        } else {
            unknown(Unknown::NothingGiven)
        };
        assert_eq!(verdict(&top, &chain, &[crl]), expected, "{only:?}");
    }
    let both = List::of(&[]).with(scope(&[&user, &authority])).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[both]),
        unknown(Unknown::NothingGiven)
    );
}

#[test]
fn lists_are_of_distribution_points() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, at_points(7, vec![sequence(&[&point(b'a')])]))];
    let of = |letter| List::of(&[7]).with(scope(&[&point(letter)])).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[of(b'a')]),
        revoked(Reason::Unspecified)
    );
    assert_eq!(
        verdict(&top, &chain, &[of(b'b')]),
        unknown(Unknown::NothingGiven)
    );
    let of_all = List::of(&[]).signed(&top);
    assert_eq!(verdict(&top, &chain, &[of(b'b'), of_all]), Ok(()));
    let no_points = [leaf(&top, serial(7))];
    assert_eq!(
        verdict(&top, &no_points, &[of(b'a')]),
        unknown(Unknown::NothingGiven)
    );
}

#[test]
fn reasons_may_be_spread_over_lists() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    // keyCompromise and cACompromise; all others.
    let (some, others) = ([0x83, 2, 5, 0x60], [0x83, 3, 7, 0x1f, 0x80]);
    let list =
        |serials: &[u8], reasons: &[u8]| List::of(serials).with(scope(&[reasons])).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[list(&[], &some)]),
        unknown(Unknown::NotAllReasons)
    );
    assert_eq!(
        verdict(&top, &chain, &[list(&[], &some), list(&[], &others)]),
        Ok(())
    );
    assert_eq!(
        verdict(&top, &chain, &[list(&[], &some), list(&[7], &others)]),
        revoked(Reason::Unspecified)
    );
}

#[test]
fn deltas_go_on_from_a_complete_list() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let delta = |serials: &[u8], numbered, from| {
        let mut list = List::of(serials).with(base(from));
        list.extensions[0] = number(numbered);
        list
    };
    let complete = |serials: &[u8]| List::of(serials).signed(&top);
    let newer = delta(&[7], 2, 1).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[complete(&[]), newer]),
        revoked(Reason::Unspecified)
    );
    let mut removed = delta(&[], 2, 1);
    removed.entries = vec![(7, reason(8))];
    let removed = removed.signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[complete(&[7]), removed.clone()]),
        Ok(())
    );
    let again = delta(&[7], 3, 1).signed(&top);
    for crls in [[removed.clone(), again.clone()], [again, removed.clone()]] {
        let crls = [&[complete(&[])], &crls[..]].concat();
        assert_eq!(
            verdict(&top, &chain, &crls),
            revoked(Reason::Unspecified),
            "the last counts"
        );
    }
    // A base that is newer than the complete list; a delta that is older; one of another scope.
    for unrelated in [
        delta(&[7], 3, 2),
        delta(&[7], 1, 0),
        delta(&[7], 2, 1).with(scope(&[&[0x81, 1, 0xff]])),
    ] {
        let crls = [complete(&[]), unrelated.signed(&top)];
        assert_eq!(verdict(&top, &chain, &crls), Ok(()));
    }
    assert_eq!(
        verdict(&top, &chain, &[removed]),
        unknown(Unknown::NothingGiven),
        "alone it says nothing"
    );
}

#[test]
fn an_indirect_list_names_the_issuer_of_each_entry() {
    let top = root("top", |_| {});
    let other = ca("lists", &top, serial(11));
    let middle = ca("middle", &top, serial(9));
    let crl_issuer = der(0xa2, &der(0xa4, &subject(&other)));
    let points = vec![sequence(&[&crl_issuer])];
    let chain = [
        leaf(&middle, at_points(7, points)),
        middle.der().clone(),
        other.der().clone(),
    ];
    let of_issuer = |ca: &Ca| extension(29, true, &sequence(&[&der(0xa4, &subject(ca))]));
    let indirect = [0x84, 1, 0xff];
    let mut list = List::of(&[]).with(scope(&[&indirect]));
    let of_top = List::of(&[]).signed(&top);
    for (issuer, expected) in [(&middle, revoked(Reason::Unspecified)), (&top, Ok(()))] {
        // The second entry has the issuer of the first.
        list.entries = vec![(5, of_issuer(issuer)), (7, Vec::new())];
        let crls = [list.signed(&other), of_top.clone()];
        assert_eq!(verdict(&top, &chain, &crls), expected);
    }
    list.extensions.pop();
    let direct = [list.signed(&other), of_top];
    assert_eq!(
        verdict(&top, &chain, &direct),
        unknown(Unknown::NothingGiven)
    );
}

#[test]
fn what_is_critical_and_not_understood_takes_the_lists_word_away() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let strange = extension(99, true, &[5, 0]);
    let list = List::of(&[]).with(strange.clone()).signed(&top);
    assert_eq!(
        verdict(&top, &chain, &[list]),
        unknown(Unknown::NothingGiven)
    );
    let mut list = List::of(&[]);
    list.entries = vec![(6, strange)];
    assert_eq!(
        verdict(&top, &chain, &[list.signed(&top)]),
        unknown(Unknown::NothingGiven)
    );
}

/// Every octet of a CRL counts: what was changed never makes a revoked certificate good.
#[test]
fn a_changed_list_revokes_or_says_nothing() {
    let top = root("top", |_| {});
    let chain = [leaf(&top, serial(7))];
    let list = List::of(&[7]).signed(&top);
    for place in 0..list.len() {
        let mut changed = list.clone();
        changed[place] ^= 1;
        assert!(verdict(&top, &chain, &[changed]).is_err(), "octet {place}");
    }
}
