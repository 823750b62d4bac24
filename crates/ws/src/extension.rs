use crate::{Error, limits::LISTED, octets};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

/// An extension as an opening handshake names it (RFC 6455 9.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// A token.
    pub name: String,
    /// Names and values: tokens, some without a value.
    pub params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// An extension without parameters.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            params: Vec::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<String>) -> Self {
        self.params.push((name.to_owned(), value));
        self
    }

    /// Reads the values of all `Sec-WebSocket-Extensions` fields, in order.
    pub fn list<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Self>, Error> {
        let mut list = Vec::new();
        for value in values {
            let mut rest = octets::trim_start(value);
            loop {
                let (extension, behind) = Self::read(rest).ok_or(Error::PeerExtensions)?;
                list.push(extension);
                if list.len() > LISTED {
                    return Err(Error::PeerExtensions);
                }
                match behind {
                    [] => break,
                    [b',', behind @ ..] => rest = octets::trim_start(behind),
                    _ => return Err(Error::PeerExtensions),
                }
            }
        }
        Ok(list)
    }

    /// The extension at the front, and what stands behind it.
    fn read(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (name, mut rest) = token(octets)?;
        let mut extension = Self::new(name);
        while let [b';', behind @ ..] = rest {
            if extension.params.len() == LISTED {
                return None;
            }
            let (name, behind) = token(octets::trim_start(behind))?;
            let (value, behind) = match behind {
                [b'=', behind @ ..] => {
                    let (value, behind) = value(octets::trim_start(behind))?;
                    (Some(value), behind)
                }
                _ => (None, behind),
            };
            extension.params.push((name.to_owned(), value));
            rest = behind;
        }
        Some((extension, rest))
    }
}

/// The token at the front, and what stands behind it and its whitespace.
fn token(octets: &[u8]) -> Option<(&str, &[u8])> {
    let length = octets.iter().take_while(|&&o| octets::is_tchar(o)).count();
    let (token, rest) = octets.split_at(length);
    let token = core::str::from_utf8(token).ok()?;
    (!token.is_empty()).then(|| (token, octets::trim_start(rest)))
}

/// A token, or one in quotes: "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
fn value(octets: &[u8]) -> Option<(String, &[u8])> {
    let Some((b'"', mut rest)) = octets.split_first() else {
        return token(octets).map(|(token, rest)| (token.to_owned(), rest));
    };
    let mut value = String::new();
    loop {
        let octet = match rest {
            [b'"', behind @ ..] if !value.is_empty() => {
                return Some((value, octets::trim_start(behind)));
            }
            [b'\\', octet, behind @ ..] | [octet, behind @ ..] => {
                rest = behind;
                *octet
            }
            [] => return None,
        };
        if !octets::is_tchar(octet) {
            return None;
        }
        value.push(char::from(octet));
    }
}

/// As it stands in the field.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.params {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Extension;
    use crate::Error;
    use alloc::{borrow::ToOwned, format, string::ToString, vec::Vec};

    fn read(value: &str) -> Result<Vec<Extension>, Error> {
        Extension::list([value.as_bytes()])
    }

    #[test]
    fn lists_are_read_with_and_without_quotes_and_spaces() {
        let list = read("a ; b=\"c\\d\" ;e , f;g = 1").unwrap();
        let first = Extension::new("a")
            .with("b", Some("cd".to_owned()))
            .with("e", None);
        let second = Extension::new("f").with("g", Some("1".to_owned()));
        assert_eq!(list, [first, second]);
        assert_eq!(list[0].to_string(), "a; b=cd; e");
        let lines = Extension::list([&b"a"[..], b"b"]).unwrap();
        assert_eq!(lines, [Extension::new("a"), Extension::new("b")]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in [
            "",
            ",",
            "a,",
            "a b",
            "a;",
            "a;b=",
            "a;b=\"\"",
            "a;b=\"c",
            "a;b=\"c d\"",
            "a;=c",
            "a;b=c d",
        ] {
            assert_eq!(read(bad), Err(Error::PeerExtensions), "{bad:?}");
        }
        assert_eq!(read(&"a,".repeat(40)), Err(Error::PeerExtensions));
        assert_eq!(
            read(&format!("a{}", ";b".repeat(40))),
            Err(Error::PeerExtensions)
        );
    }
}
