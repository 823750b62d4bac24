//! GeneralName (RFC 5280 4.2.1.6), read in place.

use crate::{
    asn1::{
        OBJECT_IDENTIFIER, Read, constructed, context, element, ia5, only_sequence, valid_oid,
        whole,
    },
    directory,
};
use netkit_core::{NotDer, Reader};

/// One name of a subject or an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GeneralName<'a> {
    Other(&'a [u8]),
    Rfc822(&'a str),
    Dns(&'a str),
    X400(&'a [u8]),
    /// The content of the Name's SEQUENCE.
    Directory(&'a [u8]),
    EdiParty(&'a [u8]),
    Uri(&'a str),
    /// Four or sixteen octets; in a name constraint the mask follows.
    Ip(&'a [u8]),
    RegisteredId(&'a [u8]),
}

const OTHER: u8 = constructed(0);
const RFC822: u8 = context(1);
const DNS: u8 = context(2);
const X400: u8 = constructed(3);
const DIRECTORY: u8 = constructed(4);
const EDI_PARTY: u8 = constructed(5);
const URI: u8 = context(6);
const IP: u8 = context(7);
const REGISTERED_ID: u8 = context(8);

impl<'a> GeneralName<'a> {
    /// Reads past a name that [`Self::read`] will read: its text is of no use yet.
    fn check(reader: &mut Reader<'a>) -> Read<()> {
        let good = match reader.next_tag() {
            Some(RFC822 | DNS | URI) => reader.tlv()?.content.is_ascii(),
            _ => match Self::read(reader)? {
                Self::Ip(octets) => matches!(octets.len(), 4 | 16),
                _ => true,
            },
        };
        if good { Ok(()) } else { Err(NotDer) }
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Read<Self> {
        let element = reader.tlv()?;
        let content = element.content;
        Ok(match element.tag {
            OTHER => Self::Other(other(content)?),
            RFC822 => Self::Rfc822(ia5(content)?),
            DNS => Self::Dns(ia5(content)?),
            X400 => Self::X400(content),
            DIRECTORY => Self::Directory(name(content)?),
            EDI_PARTY => Self::EdiParty(content),
            URI => Self::Uri(ia5(content)?),
            IP => Self::Ip(content),
            REGISTERED_ID => Self::RegisteredId(valid_oid(content)?),
            _ => return Err(NotDer),
        })
    }
}

/// OtherName: a type and `[0] EXPLICIT` anything.
fn other(content: &[u8]) -> Read<&[u8]> {
    whole(content, |reader| {
        valid_oid(element(reader, OBJECT_IDENTIFIER)?)?;
        whole(element(reader, constructed(0))?, |reader| {
            reader.tlv().map(drop)
        })
    })?;
    Ok(content)
}

/// The Name in `[4] EXPLICIT`.
fn name(content: &[u8]) -> Read<&[u8]> {
    let name = only_sequence(content)?;
    directory::check(name)?;
    Ok(name)
}

/// The content of a GeneralNames SEQUENCE, checked when it was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GeneralNames<'a>(&'a [u8]);

impl<'a> GeneralNames<'a> {
    /// SIZE (1..MAX), and every name parses; addresses have a family's length.
    pub(crate) fn of_content(content: &'a [u8]) -> Read<Self> {
        let mut reader = Reader::new(content);
        loop {
            GeneralName::check(&mut reader)?;
            if reader.is_empty() {
                return Ok(Self(content));
            }
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = GeneralName<'a>> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || GeneralName::read(&mut reader).ok())
    }
}
