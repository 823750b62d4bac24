//! Certificate policies (RFC 5280 6.1, RFC 9618 5).

use crate::asn1::{der, policy, sequence};
use crate::pki::{Ca, NOW, at, ca, extension, leaf, root, trust};
use netkit_x509::{Error, Inputs, ObjectIdentifier, Policies};
use rcgen::{CertificateParams, CustomExtension};

/// anyPolicy, among the others' arcs.
const ANY: u8 = 0;

/// What one certificate says of policies.
#[derive(Debug, Clone, Copy, Default)]
struct Says {
    policies: &'static [u8],
    mappings: &'static [(u8, u8)],
    require_explicit: Option<u8>,
    inhibit_mapping: Option<u8>,
    inhibit_any: Option<u8>,
}

fn oid(arc: u8) -> Vec<u8> {
    match arc {
        ANY => der(6, &[0x55, 0x1d, 0x20, 0]),
        arc => policy(arc),
    }
}

impl Says {
    fn extensions(&self) -> Vec<CustomExtension> {
        let mut extensions = Vec::new();
        let mut add = |arc, critical, value: &[u8]| {
            extensions.push(extension(&[2, 5, 29, arc], critical, value));
        };
        if !self.policies.is_empty() {
            let list = self.policies.iter().map(|arc| sequence(&[&oid(*arc)]));
            add(32, false, &der(0x30, &list.collect::<Vec<_>>().concat()));
        }
        if !self.mappings.is_empty() {
            let pairs = self.mappings.iter();
            let pairs = pairs.map(|(from, to)| sequence(&[&oid(*from), &oid(*to)]));
            add(33, true, &der(0x30, &pairs.collect::<Vec<_>>().concat()));
        }
        let skip = |tag, skip: Option<u8>| skip.map(|skip| der(tag, &[skip])).unwrap_or_default();
        if self.require_explicit.is_some() || self.inhibit_mapping.is_some() {
            let parts = [
                skip(0x80, self.require_explicit),
                skip(0x81, self.inhibit_mapping),
            ];
            add(36, true, &der(0x30, &parts.concat()));
        }
        if self.inhibit_any.is_some() {
            add(54, true, &skip(2, self.inhibit_any));
        }
        extensions
    }

    fn edit(self) -> impl FnOnce(&mut CertificateParams) {
        move |params| params.custom_extensions = self.extensions()
    }
}

const fn says(policies: &'static [u8]) -> Says {
    Says {
        policies,
        mappings: &[],
        require_explicit: None,
        inhibit_mapping: None,
        inhibit_any: None,
    }
}

/// The verdict on root, upper, lower, leaf, with an explicit policy wanted from this set (empty: any).
fn verdict(
    path: [Says; 3],
    edit: impl FnOnce(&mut Policies<'_>),
    accepted: &[u8],
) -> Result<(), Error> {
    let top = root("top", |_| {});
    let upper = ca("upper", &top, path[0].edit());
    let lower = ca("lower", &upper, path[1].edit());
    let chain = [
        leaf(&lower, path[2].edit()),
        lower.der().clone(),
        upper.der().clone(),
    ];
    judge(&top, &chain, edit, accepted)
}

fn judge(
    top: &Ca,
    chain: &[crate::pki::Der],
    edit: impl FnOnce(&mut Policies<'_>),
    accepted: &[u8],
) -> Result<(), Error> {
    let accepted: Vec<ObjectIdentifier> = accepted
        .iter()
        .map(|arc| ObjectIdentifier::from_bytes(&oid(*arc)[2..]).expect("an OID"))
        .collect();
    let mut inputs = Inputs::server(at(NOW));
    inputs.policies.user_initial_policy_set = &accepted;
    inputs.policies.initial_explicit_policy = true;
    edit(&mut inputs.policies);
    trust(&[top]).verify(chain, &inputs).map(drop)
}

fn as_is(_: &mut Policies<'_>) {}

const NONE: Result<(), Error> = Err(Error::NoValidPolicy);

#[test]
fn a_policy_holds_if_every_certificate_has_it() {
    for (path, accepted, expected) in [
        ([says(&[1]), says(&[1]), says(&[1])], &[][..], Ok(())),
        ([says(&[1]), says(&[1]), says(&[1])], &[1], Ok(())),
        ([says(&[1]), says(&[1]), says(&[1])], &[2], NONE),
        ([says(&[1]), says(&[1]), says(&[1])], &[2, 1], Ok(())),
        ([says(&[1]), says(&[1]), says(&[1])], &[ANY], Ok(())),
        ([says(&[1, 2]), says(&[2, 3]), says(&[2])], &[2], Ok(())),
        ([says(&[1, 2]), says(&[2, 3]), says(&[2])], &[3], NONE),
        ([says(&[1]), says(&[2]), says(&[1])], &[], NONE),
        ([says(&[1]), says(&[]), says(&[1])], &[], NONE),
        ([says(&[1]), says(&[1]), says(&[])], &[], NONE),
        ([says(&[]), says(&[]), says(&[])], &[], NONE),
        // anyPolicy stands for whatever the others have.
        ([says(&[ANY]), says(&[1]), says(&[1])], &[1], Ok(())),
        ([says(&[1]), says(&[ANY]), says(&[1])], &[1], Ok(())),
        ([says(&[1]), says(&[1]), says(&[ANY])], &[1], Ok(())),
        ([says(&[1]), says(&[1]), says(&[ANY])], &[2], NONE),
        ([says(&[ANY]), says(&[ANY]), says(&[ANY])], &[7], Ok(())),
        ([says(&[1]), says(&[ANY]), says(&[2])], &[], NONE),
    ] {
        assert_eq!(
            verdict(path, as_is, accepted),
            expected,
            "{path:?} {accepted:?}"
        );
    }
}

#[test]
fn policies_are_mapped_from_the_issuers_domain_to_the_subjects() {
    let maps = |policies, mappings| Says {
        mappings,
        ..says(policies)
    };
    for (path, accepted, expected) in [
        // The user knows the path by the policies of the root's domain.
        (
            [maps(&[1], &[(1, 2)]), says(&[2]), says(&[2])],
            &[1][..],
            Ok(()),
        ),
        ([maps(&[1], &[(1, 2)]), says(&[2]), says(&[2])], &[2], NONE),
        ([maps(&[1], &[(1, 2)]), says(&[1]), says(&[1])], &[], NONE),
        (
            [maps(&[1], &[(1, 2), (1, 3)]), says(&[3]), says(&[3])],
            &[1],
            Ok(()),
        ),
        (
            [maps(&[1], &[(1, 2)]), maps(&[2], &[(2, 3)]), says(&[3])],
            &[1],
            Ok(()),
        ),
        (
            [maps(&[1], &[(1, 2)]), maps(&[2], &[(2, 3)]), says(&[2])],
            &[],
            NONE,
        ),
        // Two policies become one, and the one stands for both.
        (
            [maps(&[1, 4], &[(1, 2), (4, 2)]), says(&[2]), says(&[2])],
            &[4],
            Ok(()),
        ),
        // A policy that only anyPolicy covers is mapped too.
        (
            [maps(&[ANY], &[(1, 2)]), says(&[2]), says(&[2])],
            &[1],
            Ok(()),
        ),
        (
            [maps(&[ANY], &[(1, 2)]), says(&[3]), says(&[3])],
            &[3],
            Ok(()),
        ),
        ([maps(&[5], &[(1, 2)]), says(&[2]), says(&[2])], &[], NONE),
    ] {
        assert_eq!(
            verdict(path, as_is, accepted),
            expected,
            "{path:?} {accepted:?}"
        );
    }
    let inhibit = |policies: &mut Policies<'_>| policies.initial_policy_mapping_inhibit = true;
    let mapped = [maps(&[1], &[(1, 2)]), says(&[2]), says(&[2])];
    assert_eq!(verdict(mapped, inhibit, &[]), NONE);
    let constrained = |skip| Says {
        inhibit_mapping: Some(skip),
        ..says(&[1])
    };
    let below = [constrained(0), maps(&[1], &[(1, 2)]), says(&[2])];
    assert_eq!(verdict(below, as_is, &[]), NONE);
    let later = [constrained(1), maps(&[1], &[(1, 2)]), says(&[2])];
    assert_eq!(verdict(later, as_is, &[1]), Ok(()));
}

#[test]
fn any_policy_can_be_inhibited() {
    let inhibit = |policies: &mut Policies<'_>| policies.initial_any_policy_inhibit = true;
    let path = [says(&[1]), says(&[1]), says(&[ANY])];
    assert_eq!(verdict(path, inhibit, &[]), NONE);
    let skips = |skip| Says {
        inhibit_any: Some(skip),
        ..says(&[1])
    };
    for (skip, expected) in [(0, NONE), (1, NONE), (2, Ok(()))] {
        let path = [skips(skip), says(&[1]), says(&[ANY])];
        // `skip` certificates below may still say anyPolicy; the leaf is the second.
        let expected = if skip == 1 { NONE } else { expected };
        assert_eq!(verdict(path, as_is, &[]), expected, "{skip}");
    }
    let path = [skips(1), says(&[ANY]), says(&[1])];
    assert_eq!(verdict(path, as_is, &[1]), Ok(()));
}

#[test]
fn a_ca_may_require_an_explicit_policy() {
    let optional = |policies: &mut Policies<'_>| policies.initial_explicit_policy = false;
    let requires = |skip| Says {
        require_explicit: Some(skip),
        ..says(&[1])
    };
    let nothing = says(&[]);
    for (path, expected) in [
        ([nothing, nothing, nothing], Ok(())),
        ([requires(0), nothing, nothing], NONE),
        ([requires(1), nothing, nothing], NONE),
        ([requires(2), nothing, nothing], NONE),
        ([requires(3), nothing, nothing], Ok(())),
        ([requires(0), says(&[1]), says(&[1])], Ok(())),
        ([requires(0), says(&[1]), says(&[2])], NONE),
        ([nothing, nothing, requires(0)], NONE),
        ([nothing, nothing, requires(1)], Ok(())),
    ] {
        assert_eq!(verdict(path, optional, &[]), expected, "{path:?}");
    }
    // The user's set matters only where an explicit policy does.
    assert_eq!(
        verdict([says(&[1]), says(&[1]), says(&[1])], optional, &[2]),
        Ok(())
    );
    assert_eq!(
        verdict([requires(0), says(&[1]), says(&[1])], optional, &[2]),
        NONE
    );
}

#[test]
fn policies_that_say_nothing_or_too_much_are_refused() {
    let invalid = Err(Error::InvalidPolicies);
    let twice = [says(&[1]), says(&[1]), says(&[1, 1])];
    assert_eq!(verdict(twice, as_is, &[]), invalid);
    for mappings in [&[(ANY, 1)][..], &[(1, ANY)]] {
        let says = Says {
            mappings,
            ..says(&[1])
        };
        assert_eq!(
            verdict([says, self::says(&[1]), self::says(&[1])], as_is, &[]),
            invalid
        );
    }
    let top = root("top", |_| {});
    let empty = |arc, content: &[u8]| {
        let extension = extension(&[2, 5, 29, arc], true, content);
        let chain = [leaf(&top, |params| {
            params.custom_extensions = vec![extension];
        })];
        judge(&top, &chain, as_is, &[])
    };
    assert_eq!(empty(36, &[0x30, 0]), invalid);
    assert_eq!(empty(32, &[0x30, 0]), Err(Error::Malformed));
    assert_eq!(empty(54, &[2, 1, 0xff]), Err(Error::Malformed));
}

/// CVE-2023-0464: mappings of each policy to every other, level after level.
#[test]
fn mappings_cannot_grow_the_graph_without_bound() {
    static MAPPINGS: [(u8, u8); 121] = {
        let mut pairs = [(0, 0); 121];
        let mut nth = 0;
        while nth < 121 {
            pairs[nth] = (1 + (nth / 11) as u8, 1 + (nth % 11) as u8);
            nth += 1;
        }
        pairs
    };
    let every = Says {
        mappings: &MAPPINGS,
        ..says(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    };
    let top = root("top", |_| {});
    let mut cas = vec![ca("ca 0", &top, every.edit())];
    for nth in 1..8 {
        let below = ca(&format!("ca {nth}"), &cas[nth - 1], every.edit());
        cas.push(below);
    }
    let mut chain = vec![leaf(&cas[7], says(&[1]).edit())];
    chain.extend(cas.iter().map(|ca| ca.der().clone()));
    assert_eq!(judge(&top, &chain, as_is, &[11]), Ok(()));
    assert_eq!(judge(&top, &chain, as_is, &[12]), NONE);
}

/// RFC 5280 6.1.3 (d)(2): a CA that rolls over its key may say anyPolicy even where it is inhibited.
#[test]
fn any_policy_counts_in_self_issued_cas() {
    let inhibit = |policies: &mut Policies<'_>| policies.initial_any_policy_inhibit = true;
    let top = root("top", |_| {});
    let upper = ca("upper", &top, says(&[1]).edit());
    for (name, expected) in [("upper", Ok(())), ("lower", NONE)] {
        let lower = ca(name, &upper, says(&[ANY]).edit());
        let chain = [
            leaf(&lower, says(&[1]).edit()),
            lower.der().clone(),
            upper.der().clone(),
        ];
        assert_eq!(judge(&top, &chain, inhibit, &[]), expected, "{name}");
    }
}
