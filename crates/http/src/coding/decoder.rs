//! From coded octets to content.

use super::{Adler32, Coding, gzip};
use crate::{
    Error,
    limits::{CodingLimits, RATIO_GRID},
};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use netkit_core::Step;

/// What one call decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'o> {
    /// There is nothing in the input but the front of something.
    NeedData,
    /// Content, in the caller's buffer.
    Data(&'o [u8]),
}

/// Takes a content coding off.
///
/// Content that is longer than the limits, or than its checksum's, fails; what was good before comes
/// out first, in any pieces of the input alike. gzip content may have several members (RFC 1952 2.2);
/// whatever else follows the end of the coding is an error.
#[derive(Debug)]
pub struct Decoder {
    coding: Coding,
    limits: CodingLimits,
    state: State,
    /// Made for the first octet of deflate data.
    inflate: Option<Decompress>,
    sum: Sum,
    /// Octets of the coding so far.
    used: u64,
    /// Octets of content so far.
    made: u64,
    /// The coding has reached a multiple of [`RATIO_GRID`], and not all it stands for has come out.
    unjudged: bool,
    fault: Option<Error>,
}

/// What the next octet belongs to.
#[derive(Debug)]
enum State {
    /// The header of a gzip member.
    Header(gzip::Header),
    /// The first two octets of `deflate`, which tell what it is.
    Format(Option<u8>),
    /// Deflate data. What has yet to be inflated before the input are the last octets of these: none, mostly.
    Data([u8; 2], usize),
    /// What stands behind deflate data, its octets so far, and how many they are.
    Trailer([u8; 8], usize),
    /// The coding is complete.
    End,
}

/// The checksum that the format has behind its data.
#[derive(Debug)]
enum Sum {
    Crc32(Crc),
    Adler32(Adler32),
    /// Deflate data without a format.
    None,
}

impl Sum {
    /// Octets of the trailer that has it.
    const fn trailer(&self) -> usize {
        match self {
            Self::Crc32(_) => 8,
            Self::Adler32(_) => 4,
            Self::None => 0,
        }
    }

    fn update(&mut self, content: &[u8]) {
        match self {
            Self::Crc32(crc) => crc.update(content),
            Self::Adler32(adler) => adler.update(content),
            Self::None => {}
        }
    }

    fn check(&self, trailer: [u8; 8]) -> Result<(), Error> {
        let [a, b, c, d, length @ ..] = trailer;
        let same = match self {
            Self::Crc32(crc) => crc.sum() == u32::from_le_bytes([a, b, c, d]),
            Self::Adler32(adler) => adler.sum() == u32::from_be_bytes([a, b, c, d]),
            Self::None => true,
        };
        if !same {
            return Err(Error::PeerCodingChecksum);
        }
        match self {
            // RFC 1952 2.3.1: ISIZE is "modulo 2^32".
            Self::Crc32(crc) if crc.amount() != u32::from_le_bytes(length) => {
                Err(Error::PeerCodingLength)
            }
            _ => Ok(()),
        }
    }
}

/// RFC 1950 2.2: whether CMF and FLG are a zlib header. Deflate data begins so only if it has bits
/// set in the padding of a stored block, which nobody sets.
fn is_zlib(header: [u8; 2]) -> bool {
    let [cmf, _] = header;
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes(header).is_multiple_of(31)
}

/// RFC 1950 2.2: FDICT.
const PRESET_DICTIONARY: u8 = 1 << 5;

impl Decoder {
    /// With the limits of [`limits`](crate::limits).
    pub fn new(coding: Coding) -> Self {
        Self::with_limits(coding, CodingLimits::default())
    }

    /// With these limits.
    pub fn with_limits(coding: Coding, limits: CodingLimits) -> Self {
        Self {
            coding,
            limits,
            state: match coding {
                Coding::Gzip => State::Header(gzip::Header::new()),
                Coding::Deflate => State::Format(None),
            },
            inflate: None,
            sum: Sum::None,
            used: 0,
            made: 0,
            unjudged: false,
            fault: None,
        }
    }

    /// Decodes the front of `input` into the front of `out`, as much as there is room for. `out` has to
    /// have some.
    ///
    /// Call it again, with what is left of the input, until it needs data.
    pub fn recv<'o>(
        &mut self,
        input: &[u8],
        out: &'o mut [u8],
    ) -> Result<Step<Decoded<'o>>, Error> {
        let (mut used, mut made) = (0, 0);
        while self.fault.is_none() {
            match self.advance(&input[used..], &mut out[made..]) {
                Ok(None) => break,
                Ok(Some((eaten, new))) => {
                    used += eaten;
                    made += new;
                }
                Err(fault) => self.fault = Some(fault),
            }
        }
        match self.fault {
            Some(fault) if made == 0 => Err(fault),
            _ if made == 0 => Ok(Step::new(used, Decoded::NeedData)),
            _ => Ok(Step::new(used, Decoded::Data(&out[..made]))),
        }
    }

    /// The content ended: whether its coding had. Content without a single octet is complete, too: there was
    /// nothing to code.
    pub fn eof(&self) -> Result<(), Error> {
        match (self.fault, &self.state) {
            (Some(fault), _) => Err(fault),
            (None, State::End) => Ok(()),
            (None, _) if self.used == 0 => Ok(()),
            (None, _) => Err(Error::TruncatedCoding),
        }
    }

    /// Octets of content so far.
    pub const fn decoded(&self) -> u64 {
        self.made
    }

    /// One part of the coding, or some of it: how many octets of `input` it used, and of `out` it made.
    /// `None`: it needs data, or room.
    fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Option<(usize, usize)>, Error> {
        if let State::Data(front, left) = self.state {
            return self.data(&front[front.len() - left..], input, out);
        }
        let Some(&octet) = input.first() else {
            return Ok(None);
        };
        let next = match &mut self.state {
            State::Header(header) => {
                let ended = header.next(octet, self.limits.gzip_header)?;
                ended.then(|| self.begin(Sum::Crc32(Crc::new()), None))
            }
            State::Format(None) => Some(State::Format(Some(octet))),
            State::Format(Some(first)) => {
                let header = [*first, octet];
                Some(self.format(header)?)
            }
            State::Trailer(octets, length) => {
                octets[*length] = octet;
                *length += 1;
                let (octets, complete) = (*octets, *length == self.sum.trailer());
                complete.then(|| self.sum.check(octets)).transpose()?;
                complete.then_some(State::End)
            }
            State::End => Some(self.member(octet)?),
            State::Data(..) => None,
        };
        if let Some(next) = next {
            self.state = next;
        }
        self.used += 1;
        Ok(Some((1, 0)))
    }

    /// `deflate` begins with these two octets.
    fn format(&mut self, header: [u8; 2]) -> Result<State, Error> {
        match (is_zlib(header), header[1] & PRESET_DICTIONARY) {
            (true, 0) => Ok(self.begin(Sum::Adler32(Adler32::new()), None)),
            (true, _) => Err(Error::PeerPresetDictionary),
            (false, _) => Ok(self.begin(Sum::None, Some(header))),
        }
    }

    /// Another member behind the end of one (RFC 1952 2.2).
    fn member(&self, octet: u8) -> Result<State, Error> {
        match self.coding {
            Coding::Gzip if octet == gzip::MAGIC[0] => {
                let mut header = gzip::Header::new();
                header.next(octet, self.limits.gzip_header)?;
                Ok(State::Header(header))
            }
            Coding::Gzip | Coding::Deflate => Err(Error::PeerCodingTrailing),
        }
    }

    /// Deflate data follows, `front` first.
    fn begin(&mut self, sum: Sum, front: Option<[u8; 2]>) -> State {
        self.sum = sum;
        if let Some(inflate) = &mut self.inflate {
            inflate.reset(false);
        }
        match front {
            Some(front) => State::Data(front, front.len()),
            None => State::Data([0; 2], 0),
        }
    }

    /// Inflates what is left of the octets in `front`, then of the input.
    fn data(
        &mut self,
        front: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Option<(usize, usize)>, Error> {
        let grid = (RATIO_GRID - self.used % RATIO_GRID) as usize;
        let offered = match front {
            [] if self.unjudged => &[],
            [] => &input[..input.len().min(grid)],
            front => front,
        };
        let mut beyond = [0];
        let left = self.limits.decoded - self.made;
        let room = match usize::try_from(left) {
            // One octet beyond the limit tells that there is more.
            Ok(0) if !out.is_empty() => &mut beyond[..],
            Ok(left) if left < out.len() => &mut out[..left],
            _ => out,
        };
        let (eaten, made) = self.inflate(offered, room)?;
        if left == 0 && made > 0 {
            return Err(Error::PeerDecodedTooLong);
        }
        self.made += made as u64;
        let mut progress = eaten > 0 || made > 0 || !matches!(self.state, State::Data(..));
        let mut used = eaten;
        if let (false, State::Data(_, left)) = (front.is_empty(), &mut self.state) {
            *left -= eaten;
        }
        if !front.is_empty() {
            // They were counted when they came.
            used = 0;
        }
        self.used += used as u64;
        self.unjudged |= used > 0 && self.used.is_multiple_of(RATIO_GRID);
        if self.unjudged && made < room.len() {
            self.unjudged = false;
            progress = true;
            if self.is_bomb() {
                self.fault = self.fault.or(Some(Error::PeerCodingRatio));
            }
        }
        Ok(progress.then_some((used, made)))
    }

    /// Whether the content so far is out of proportion. It is asked where the coding has reached a multiple of
    /// [`RATIO_GRID`] and nothing is held back: so the answer does not depend on how it was cut.
    fn is_bomb(&self) -> bool {
        let most = self.used.saturating_mul(self.limits.ratio.max(1));
        self.made > self.limits.before_ratio.max(most)
    }

    /// Inflates, and moves on behind the last block.
    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), Error> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        let (used, made) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(input, out, FlushDecompress::None);
        let used = (inflate.total_in() - used) as usize;
        let made = (inflate.total_out() - made) as usize;
        self.sum.update(&out[..made]);
        match status {
            Ok(Status::StreamEnd) if self.sum.trailer() == 0 => self.state = State::End,
            Ok(Status::StreamEnd) => self.state = State::Trailer([0; 8], 0),
            Ok(Status::Ok | Status::BufError) => {}
            // What it made of the octets before is content yet.
            Err(_) if made > 0 => self.fault = Some(Error::PeerDeflate),
            Err(_) => return Err(Error::PeerDeflate),
        }
        Ok((used, made))
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoded, Decoder};
    use crate::{
        Error,
        coding::{Coding, Encoder},
        limits::{CodingLimits, RATIO_GRID},
    };
    use alloc::{vec, vec::Vec};
    use proptest::prelude::*;
    use std::io::Write;

    /// What `pieces` decode to with so much room a call, and how that ended.
    fn decode<'p>(
        mut decoder: Decoder,
        pieces: impl IntoIterator<Item = &'p [u8]>,
        room: usize,
    ) -> (Vec<u8>, Result<(), Error>) {
        let (mut content, mut out) = (Vec::new(), vec![0; room]);
        for mut piece in pieces {
            loop {
                let step = match decoder.recv(piece, &mut out) {
                    Ok(step) => step,
                    Err(error) => {
                        assert_eq!(decoder.recv(piece, &mut out), Err(error), "it repeats");
                        assert_eq!(decoder.eof(), Err(error));
                        return (content, Err(error));
                    }
                };
                piece = &piece[step.used..];
                match step.event {
                    Decoded::Data(data) => content.extend_from_slice(data),
                    Decoded::NeedData => break,
                }
            }
            assert!(
                piece.is_empty(),
                "it wants more, and leaves {}",
                piece.len()
            );
        }
        assert_eq!(decoder.decoded(), content.len() as u64);
        (content, decoder.eof())
    }

    fn whole(coding: Coding, coded: &[u8]) -> (Vec<u8>, Result<(), Error>) {
        let found = decode(Decoder::new(coding), [coded], 4096);
        for room in [1, 2, 7] {
            assert_eq!(decode(Decoder::new(coding), coded.chunks(1), room), found);
        }
        found
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        encoded(Coding::Gzip, content)
    }

    fn encoded(coding: Coding, content: &[u8]) -> Vec<u8> {
        let (mut encoder, mut coded) = (Encoder::new(coding, 6), Vec::new());
        encoder.send(&[content], &mut coded).unwrap();
        encoder.close(&mut coded).unwrap();
        coded
    }

    fn raw(content: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::new(6);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn three_formats() {
        for content in [&b""[..], b"a", b"hello, hello, hello, world"] {
            let good = (content.to_vec(), Ok(()));
            assert_eq!(whole(Coding::Gzip, &gzip(content)), good);
            assert_eq!(
                whole(Coding::Deflate, &encoded(Coding::Deflate, content)),
                good
            );
            // Without zlib's format, as some send it.
            assert_eq!(whole(Coding::Deflate, &raw(content)), good);
        }
        // Nothing was coded at all.
        for coding in Coding::ALL {
            assert_eq!(whole(coding, b""), (Vec::new(), Ok(())));
        }
    }

    #[test]
    fn members_are_joined() {
        let two = [gzip(b"one, "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(whole(Coding::Gzip, &two), (b"one, two".to_vec(), Ok(())));
        // Each has its own checksum.
        let first = gzip(b"one, ").len();
        let mut wrong = two.clone();
        wrong[first - 6] ^= 1;
        assert_eq!(
            whole(Coding::Gzip, &wrong),
            (b"one, ".to_vec(), Err(Error::PeerCodingChecksum))
        );
        wrong = two.clone();
        let second = two.len() - 5;
        wrong[second] ^= 0x40;
        assert_eq!(
            whole(Coding::Gzip, &wrong),
            (b"one, two".to_vec(), Err(Error::PeerCodingChecksum))
        );
    }

    #[test]
    fn what_is_behind_the_end_is_refused() {
        let hello = b"hello".to_vec();
        for (coding, coded) in [
            (Coding::Gzip, gzip(&hello)),
            (Coding::Deflate, encoded(Coding::Deflate, &hello)),
            (Coding::Deflate, raw(&hello)),
        ] {
            for octet in [0, b'\n', 0x1f, 0x78] {
                let mut more = coded.clone();
                more.push(octet);
                let error = match (coding, octet) {
                    (Coding::Gzip, 0x1f) => Error::TruncatedCoding,
                    _ => Error::PeerCodingTrailing,
                };
                assert_eq!(whole(coding, &more), (hello.clone(), Err(error)), "{octet}");
            }
            let mut more = coded.clone();
            more.extend_from_slice(b"\x1f\x8c");
            assert!(matches!(
                whole(coding, &more).1,
                Err(Error::PeerGzipHeader | Error::PeerCodingTrailing)
            ));
        }
    }

    #[test]
    fn every_cut_is_truncated() {
        let content: Vec<u8> = (0..3000u32).flat_map(u32::to_le_bytes).collect();
        for (coding, coded) in [
            (Coding::Gzip, gzip(&content)),
            (Coding::Deflate, encoded(Coding::Deflate, &content)),
            (Coding::Deflate, raw(&content)),
        ] {
            for end in (1..coded.len()).step_by(97).chain([1, 2, coded.len() - 1]) {
                let (found, ended) = decode(Decoder::new(coding), [&coded[..end]], 4096);
                assert_eq!(ended, Err(Error::TruncatedCoding), "{end}");
                assert!(content.starts_with(&found), "{end}");
            }
        }
    }

    #[test]
    fn every_part_is_checked() {
        let content = b"hello, world".to_vec();
        let gzip = gzip(&content);
        let end = gzip.len();
        for (coding, coded, at, error) in [
            (Coding::Gzip, &gzip, 0, Error::PeerGzipHeader),
            (Coding::Gzip, &gzip, end - 8, Error::PeerCodingChecksum),
            (Coding::Gzip, &gzip, end - 5, Error::PeerCodingChecksum),
            (Coding::Gzip, &gzip, end - 4, Error::PeerCodingLength),
            (Coding::Gzip, &gzip, end - 1, Error::PeerCodingLength),
        ] {
            let mut wrong = coded.clone();
            wrong[at] ^= 1;
            assert_eq!(whole(coding, &wrong).1, Err(error), "{at}");
        }
        let zlib = encoded(Coding::Deflate, &content);
        for at in zlib.len() - 4..zlib.len() {
            let mut wrong = zlib.clone();
            wrong[at] ^= 0x80;
            assert_eq!(
                whole(Coding::Deflate, &wrong),
                (content.clone(), Err(Error::PeerCodingChecksum))
            );
        }
        // A block of the reserved type, in every format: behind a stored block, which comes out first.
        let bad = b"\0\x02\0\xfd\xffhi\x07";
        let gzipped = [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], bad].concat();
        let zlibbed = [&b"\x78\x9c"[..], bad].concat();
        for (coding, coded) in [
            (Coding::Gzip, &gzipped[..]),
            (Coding::Deflate, &zlibbed),
            (Coding::Deflate, bad),
        ] {
            assert_eq!(
                whole(coding, coded),
                (b"hi".to_vec(), Err(Error::PeerDeflate))
            );
        }
    }

    #[test]
    fn what_zlib_looks_like() {
        assert_eq!(
            whole(Coding::Deflate, b"\x78\xbb").1,
            Err(Error::PeerPresetDictionary)
        );
        // Not a multiple of 31, a window of 64 KiB, another method: deflate data, or no data at all.
        for header in [b"\x78\x9d", b"\x88\x1c", b"\x79\x9c"] {
            assert!(whole(Coding::Deflate, header).1.is_err());
            assert_ne!(
                whole(Coding::Deflate, header).1,
                Err(Error::PeerPresetDictionary)
            );
        }
        // The smallest window that there is.
        let mut small = encoded(Coding::Deflate, b"x");
        (small[0], small[1]) = (0x18, 0x19);
        assert_eq!(whole(Coding::Deflate, &small), (b"x".to_vec(), Ok(())));
    }

    #[test]
    fn content_may_be_so_long() {
        let content = vec![b'x'; 1000];
        for (decoded, error) in [
            (1000, None),
            (999, Some(Error::PeerDecodedTooLong)),
            (0, Some(Error::PeerDecodedTooLong)),
        ] {
            let limits = CodingLimits {
                decoded,
                ..CodingLimits::default()
            };
            for (coding, coded) in [
                (Coding::Gzip, gzip(&content)),
                (Coding::Deflate, raw(&content)),
            ] {
                for room in [1, 999, 1000, 5000] {
                    let (found, ended) =
                        decode(Decoder::with_limits(coding, limits), [&coded[..]], room);
                    assert_eq!(ended.err(), error, "{decoded} {room}");
                    assert_eq!(found.len() as u64, decoded, "{room}");
                }
            }
        }
    }

    #[test]
    fn bombs_are_cut_where_they_show() {
        let limits = CodingLimits {
            before_ratio: 1 << 18,
            ..CodingLimits::default()
        };
        let new = |limits| Decoder::with_limits(Coding::Gzip, limits);
        let bomb = gzip(&vec![0; 2 << 20]);
        assert!(bomb.len() < (2 << 20) / 1000, "{}", bomb.len());
        let (found, ended) = decode(new(limits), [&bomb[..]], 32 << 10);
        assert_eq!(ended, Err(Error::PeerCodingRatio));
        // Where the coding has reached a multiple of the grid: after as much as that stands for.
        assert!(
            (1000 << 10..=1032 << 10).contains(&found.len()),
            "{}",
            found.len()
        );
        for (pieces, room) in [(1, 32 << 10), (RATIO_GRID as usize, 5000), (1023, 2 << 20)] {
            let again = decode(new(limits), bomb.chunks(pieces), room);
            assert_eq!(
                (again.0.len(), again.1),
                (found.len(), ended),
                "{pieces} {room}"
            );
        }
        // Whoever expects it may have it all, and what is small may be as dense as it likes.
        for limits in [
            CodingLimits {
                ratio: 1100,
                ..limits
            },
            CodingLimits {
                before_ratio: 2 << 20,
                ..limits
            },
        ] {
            let (found, ended) = decode(new(limits), [&bomb[..]], 32 << 10);
            assert_eq!((found.len(), ended), (2 << 20, Ok(())));
        }
        // A ratio of none counts as one, which is what stored blocks stay below.
        let limits = CodingLimits {
            ratio: 0,
            before_ratio: 0,
            ..limits
        };
        let (mut stored, mut coded) = (Encoder::new(Coding::Gzip, 0), Vec::new());
        stored.send(&[&[b'x'; 4000]], &mut coded).unwrap();
        stored.close(&mut coded).unwrap();
        assert_eq!(decode(new(limits), [&coded[..]], 4096).1, Ok(()));
        let dense = gzip(&vec![0; 2 << 20]);
        assert_eq!(
            decode(new(limits), [&dense[..]], 4096).1,
            Err(Error::PeerCodingRatio)
        );
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(
            pieces in proptest::collection::vec(proptest::collection::vec(0u8..20, 0..300), 0..8),
            flushes: bool,
            level in 0u32..=9,
            cut in 1usize..400,
            room in 1usize..400,
        ) {
            let content = pieces.concat();
            for coding in Coding::ALL {
                let (mut encoder, mut coded) = (Encoder::new(coding, level), Vec::new());
                for piece in &pieces {
                    encoder.send(&[piece], &mut coded).unwrap();
                    if flushes {
                        encoder.flush(&mut coded).unwrap();
                        let mut so_far = Decoder::new(coding);
                        let mut out = vec![0; content.len() + 1];
                        let step = so_far.recv(&coded, &mut out).unwrap();
                        prop_assert_eq!(step.used, coded.len());
                    }
                }
                encoder.close(&mut coded).unwrap();
                let found = decode(Decoder::new(coding), coded.chunks(cut), room);
                prop_assert_eq!(&found, &(content.clone(), Ok(())));
            }
        }

        #[test]
        fn nonsense_fails_alike_in_any_pieces(mut coded: Vec<u8>, gzipped: bool, cut in 1usize..50, room in 1usize..50) {
            let coding = if gzipped { Coding::Gzip } else { Coding::Deflate };
            if gzipped {
                coded.splice(0..0, *b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
            }
            let limits = CodingLimits { decoded: 3000, before_ratio: 100, ratio: 2, gzip_header: 20 };
            let new = || Decoder::with_limits(coding, limits);
            let whole = decode(new(), [&coded[..]], 4096);
            prop_assert_eq!(decode(new(), coded.chunks(cut), room), whole);
        }
    }
}
