//! Bodies whose every octet tells where it belongs, so that loss, repetition and reordering show.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use libtest_mimic::Failed;
use tokio::io::{AsyncRead, ReadBuf};

/// The block repeats after this many octets: a prime, so no record or buffer size divides it.
const PERIOD: usize = 65_521;

/// The sizes that every direction carries: nothing, one, around a TLS record, and long.
pub const SIZES: [u64; 7] = [0, 1, 16_383, 16_384, 16_385, 1 << 20, HUGE];
/// 100 MiB.
pub const HUGE: u64 = 100 << 20;

static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // Xorshift: any fixed noise will do.
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(PERIOD).collect()
});

/// The octets from `position` on, as many as the block still has.
fn from(position: u64) -> &'static [u8] {
    &BLOCK[(position % PERIOD as u64) as usize..]
}

/// So many lines of text, of which a compressor leaves little: `This is line 0.` and so on.
pub fn prose(lines: u32) -> String {
    let lines: Vec<_> = (0..lines)
        .map(|number| format!("This is line {number}.\n"))
        .collect();
    lines.concat()
}

/// Holds what arrives against what was sent.
#[derive(Debug, Default)]
pub struct Check {
    position: u64,
}

impl Check {
    /// The next octets.
    pub fn next(&mut self, mut octets: &[u8]) -> Result<(), String> {
        while !octets.is_empty() {
            let expected = from(self.position);
            let count = expected.len().min(octets.len());
            if octets[..count] != expected[..count] {
                return Err(format!(
                    "an octet after the first {} differs",
                    self.position
                ));
            }
            octets = &octets[count..];
            self.position += count as u64;
        }
        Ok(())
    }

    /// How many were right.
    pub fn end(&self) -> u64 {
        self.position
    }
}

/// Reads that many octets.
#[derive(Debug)]
pub struct Octets {
    position: u64,
    left: u64,
}

impl Octets {
    /// `length` octets from the first on.
    pub fn new(length: u64) -> Self {
        Self {
            position: 0,
            left: length,
        }
    }
}

impl Read for Octets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = from(self.position);
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = next.len().min(buffer.len()).min(room);
        buffer[..count].copy_from_slice(&next[..count]);
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl AsyncRead for Octets {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.read(buffer.initialize_unfilled())?;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// A file of that many octets.
pub fn write(path: &Path, length: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    io::copy(&mut Octets::new(length), &mut file)?;
    file.flush()
}

/// Fails unless the file has exactly that many octets.
pub fn check(path: &Path, length: u64) -> Result<(), Failed> {
    let mut file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut check = Check::default();
    let mut buffer = vec![0; PERIOD];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        check.next(&buffer[..count])?;
    }
    crate::ensure!(
        check.end() == length,
        "{} octets, not {length}",
        check.end()
    );
    Ok(())
}
