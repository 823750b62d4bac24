//! Names and damaged certificates for property tests and fuzz targets.

use alloc::{string::String, vec::Vec};

/// A DNS name that can be asked for: labels of letters, digits and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsName(pub String);

/// A DNS name as a certificate may present it: a [`DnsName`], one with a wildcard, or one with a wildcard
/// or an octet where RFC 9525 allows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedName(pub String);

impl DnsName {
    /// Turns choices into a name: any will do.
    pub fn of_choices(choices: &[Vec<u8>]) -> Self {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |octet: &u8| char::from(LETTERS[usize::from(*octet) % LETTERS.len()]);
        let mut name = String::new();
        for label in choices.iter().take(4) {
            let label = &label[..label.len().min(12)];
            name.push('n');
            name.extend(label.iter().map(letter));
            name.push('.');
        }
        name.push_str("example");
        Self(name)
    }
}

impl PresentedName {
    /// Turns choices into a name: any will do.
    pub fn of_choices(kind: u8, choices: &[Vec<u8>]) -> Self {
        let DnsName(name) = DnsName::of_choices(choices);
        Self(match kind % 8 {
            0..=2 => name,
            3 | 4 => alloc::format!("*.{name}"),
            5 => alloc::format!("x*.{name}"),
            6 => alloc::format!("{name}."),
            _ => alloc::format!("*.*.{name}"),
        })
    }
}

/// One way to damage octets. Positions are taken modulo the length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Damage {
    /// One octet becomes this.
    Set(u16, u8),
    /// These octets are put in front of one.
    Insert(u16, Vec<u8>),
    /// As many octets go as the second says.
    Remove(u16, u8),
    /// As many octets as the third says are copied from the first place over the second.
    Copy(u16, u16, u8),
    /// Everything from here on goes.
    Cut(u16),
}

/// What happens to a certificate on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mutation(
    /// One after the other.
    pub Vec<Damage>,
);

impl Mutation {
    /// The octets after the damage.
    pub fn apply(&self, octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        for damage in self.0.iter().take(16) {
            damage.apply(&mut octets);
        }
        octets
    }
}

impl Damage {
    fn apply(&self, octets: &mut Vec<u8>) {
        let length = octets.len();
        if length == 0 {
            return;
        }
        let place = |at: u16| usize::from(at) % length;
        let run = |at: u16, count: u8| place(at)..length.min(place(at) + usize::from(count));
        match self {
            Self::Set(at, octet) => octets[place(*at)] = *octet,
            Self::Insert(at, new) => {
                octets.splice(place(*at)..place(*at), new.iter().take(32).copied());
            }
            Self::Remove(at, count) => {
                octets.drain(run(*at, *count));
            }
            Self::Copy(from, to, count) => {
                let copied = octets[run(*from, *count)].to_vec();
                octets.splice(run(*to, *count), copied);
            }
            Self::Cut(at) => octets.truncate(place(*at)),
        }
    }
}

#[cfg(feature = "arbitrary")]
mod from_octets {
    use super::{DnsName, PresentedName};
    use alloc::vec::Vec;
    use arbitrary::{Arbitrary, Result, Unstructured};

    impl<'a> Arbitrary<'a> for DnsName {
        fn arbitrary(octets: &mut Unstructured<'a>) -> Result<Self> {
            Ok(Self::of_choices(&Vec::arbitrary(octets)?))
        }
    }

    impl<'a> Arbitrary<'a> for PresentedName {
        fn arbitrary(octets: &mut Unstructured<'a>) -> Result<Self> {
            Ok(Self::of_choices(
                octets.arbitrary()?,
                &Vec::arbitrary(octets)?,
            ))
        }
    }
}

#[cfg(any(test, feature = "proptest"))]
mod from_strategies {
    use super::{Damage, DnsName, Mutation, PresentedName};
    use alloc::vec::Vec;
    use proptest::{collection::vec, prelude::*};

    fn labels() -> impl Strategy<Value = Vec<Vec<u8>>> {
        vec(vec(any::<u8>(), 0..4), 0..4)
    }

    impl Arbitrary for DnsName {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            labels()
                .prop_map(|labels| Self::of_choices(&labels))
                .boxed()
        }
    }

    impl Arbitrary for PresentedName {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            (any::<u8>(), labels())
                .prop_map(|(kind, labels)| Self::of_choices(kind, &labels))
                .boxed()
        }
    }

    impl Arbitrary for Mutation {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            let at = any::<u16>;
            let damage = prop_oneof![
                4 => (at(), any::<u8>()).prop_map(|(at, octet)| Damage::Set(at, octet)),
                1 => (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, new)| Damage::Insert(at, new)),
                1 => (at(), 1u8..16).prop_map(|(at, count)| Damage::Remove(at, count)),
                1 => (at(), at(), any::<u8>()).prop_map(|(from, to, count)| Damage::Copy(from, to, count)),
                1 => at().prop_map(Damage::Cut),
            ];
            vec(damage, 1..6).prop_map(Self).boxed()
        }
    }
}
