use crate::octets;
use core::{fmt, ops::Range};

/// Where one field line's name and value are: indices into the input of the call that saw the head.
///
/// An owner of a connection keeps an array of them and lends it to every `recv`; its length is the
/// number of fields that a head or trailer section may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    name: (u32, u32),
    value: (u32, u32),
}

/// Heads are at most as long as a `u32` limit says.
const fn narrow(range: &Range<usize>) -> (u32, u32) {
    (range.start as u32, range.end as u32)
}

pub(crate) const fn widen((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

impl Slot {
    pub(crate) const fn new(name: &Range<usize>, value: &Range<usize>) -> Self {
        Self {
            name: narrow(name),
            value: narrow(value),
        }
    }

    /// Where the name is.
    pub const fn name(&self) -> Range<usize> {
        widen(self.name)
    }

    /// Where the value is, without the whitespace around it.
    pub const fn value(&self) -> Range<usize> {
        widen(self.value)
    }

    /// The value goes on until the end of `more`, a later line's content; obs-fold.
    pub(crate) const fn fold(&mut self, more: &Range<usize>) {
        let start = if self.value.0 == self.value.1 {
            more.start
        } else {
            self.value.0 as usize
        };
        self.value = narrow(&(start..more.end));
    }
}

/// The field lines of a head or trailer section (RFC 9110 5), in order, as they came.
#[derive(Clone, Copy)]
pub struct Fields<'b> {
    bytes: &'b [u8],
    slots: &'b [Slot],
}

impl<'b> Fields<'b> {
    /// The fields that `slots` describe in `bytes`, the front of the input that they were found in.
    /// A slot that points outside `bytes` has an empty name and value.
    pub const fn new(bytes: &'b [u8], slots: &'b [Slot]) -> Self {
        Self { bytes, slots }
    }

    /// Number of field lines.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no field line.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Names and values in order. Names have the case that they came in.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'b str, &'b [u8])> + Clone + use<'b> {
        let bytes = self.bytes;
        self.slots.iter().map(move |slot| {
            let name = bytes.get(slot.name()).unwrap_or_default();
            // A name is a token, which is ASCII.
            let name = core::str::from_utf8(name).unwrap_or_default();
            (name, bytes.get(slot.value()).unwrap_or_default())
        })
    }

    /// The values of every line named `name`, in any case.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        let bytes = self.bytes;
        self.slots.iter().filter_map(move |slot| {
            let found = bytes
                .get(slot.name())?
                .eq_ignore_ascii_case(name.as_bytes());
            found.then(|| bytes.get(slot.value()).unwrap_or_default())
        })
    }

    /// The value of the first line named `name`, in any case.
    pub fn get(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// Whether the list (RFC 9110 5.6.1) that the lines named `name` make has `element`, in any case.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name)
            .flat_map(octets::elements)
            .any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields<'_> {}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value)| (name, value.escape_ascii())),
            )
            .finish()
    }
}
