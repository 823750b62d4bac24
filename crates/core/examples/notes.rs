//! A protocol of notes, each a kind and a text behind its length: written with `Writer`, read with
//! `Reader`, and heard alike however it arrives.

use netkit_core::{Reader, Step, TooLong, Writer, split, wire_enum};

wire_enum! {
    /// What a note is about.
    pub struct Kind(u8) {
        /// Good news.
        GOOD = 1, "good";
        /// Bad news.
        BAD = 2, "bad";
    }
}

#[derive(Debug, PartialEq)]
struct Note(Kind, String);

impl split::Heard for Note {
    /// Two notes stay two.
    fn join(&mut self, next: Self) -> Option<Self> {
        Some(next)
    }
}

fn write(kind: Kind, text: &str, out: &mut Vec<u8>) -> Result<(), TooLong> {
    out.u8(kind.0);
    out.nested_u16(|out| {
        out.bytes(text.as_bytes());
        Ok(())
    })
}

/// The machine: one note a call, or `None` until it has all arrived.
fn recv(input: &mut [u8]) -> Result<Step<Option<Note>>, std::str::Utf8Error> {
    let mut reader = Reader::new(input);
    let (Ok(kind), Ok(text)) = (reader.u8(), reader.block_u16()) else {
        return Ok(Step::new(0, None));
    };
    let note = Note(Kind(kind), str::from_utf8(text)?.to_owned());
    Ok(Step::new(input.len() - reader.len(), Some(note)))
}

fn main() -> Result<(), TooLong> {
    let mut wire = Vec::new();
    write(Kind::GOOD, "it works", &mut wire)?;
    write(Kind::BAD, "it is Monday", &mut wire)?;
    write(Kind(9), "a kind without a name", &mut wire)?;
    let said = split::same_for_every_split(&wire, || recv);
    for Note(kind, text) in &said.events {
        println!("{kind}: {text}");
    }
    assert_eq!((said.events.len(), said.error, said.left), (3, None, 0));
    Ok(())
}
