//! Octets from anyone as gzip or deflate content: the same content and the same error in any pieces and with
//! any room; what is accepted is what flate2 makes of it; and what is encoded comes back.
//!
//! The first octet chooses coding, limits and number of cuts, the second the room; cuts, then the content,
//! follow.

#![no_main]

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use libfuzzer_sys::fuzz_target;
use netkit_core::split::Cuts;
use netkit_http::{
    Error,
    coding::{Coding, Decoded, Decoder, Encoder},
    limits::CodingLimits,
};
use std::io::Read;

/// Small enough that a fuzzer reaches them.
const LIMITS: CodingLimits = CodingLimits {
    decoded: 10_000,
    ratio: 4,
    before_ratio: 200,
    gzip_header: 40,
};

/// So much that a fuzzer never reaches it.
const WIDE: CodingLimits = CodingLimits {
    decoded: 1 << 24,
    ratio: 1 << 20,
    before_ratio: 1 << 20,
    gzip_header: 1 << 20,
};

/// What the pieces decode to, and how that ended. One octet may stand for a thousand, so calls that use
/// none are nothing strange, as long as they make content.
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
                    assert_eq!(decoder.eof(), Err(error));
                    return (content, Err(error));
                }
            };
            piece = &piece[step.used..];
            match step.event {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    content.extend_from_slice(data);
                }
                Decoded::NeedData => break,
            }
        }
        assert!(piece.is_empty(), "it needs data, and left some");
    }
    (content, decoder.eof())
}

fuzz_target!(|input: &[u8]| {
    let [choice, room, rest @ ..] = input else {
        return;
    };
    let (cuts, coded) = rest.split_at(rest.len().min(usize::from(choice >> 4)));
    let cuts = Cuts(cuts.to_vec());
    let coding = Coding::ALL[usize::from(choice & 1)];
    let limits = if choice & 2 == 0 { LIMITS } else { WIDE };
    let room = 1 + usize::from(*room);

    let whole = decode(Decoder::with_limits(coding, limits), [coded], 4096);
    let pieces = decode(
        Decoder::with_limits(coding, limits),
        cuts.pieces(coded),
        room,
    );
    assert_eq!(whole, pieces);
    if limits == WIDE && whole.1.is_ok() && !coded.is_empty() {
        assert_eq!(Some(&whole.0), flate2(coding, coded).as_ref());
    }

    let (mut encoder, mut out) = (Encoder::new(coding, u32::from(choice >> 4)), Vec::new());
    for piece in cuts.pieces(coded) {
        encoder.send(&[piece], &mut out).expect("its turn");
        if choice & 4 != 0 {
            encoder.flush(&mut out).expect("its turn");
        }
    }
    encoder.close(&mut out).expect("its turn");
    let back = decode(Decoder::with_limits(coding, WIDE), cuts.pieces(&out), room);
    assert_eq!(back, (coded.to_vec(), Ok(())));
});

fn flate2(coding: Coding, coded: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let read = match coding {
        Coding::Gzip => MultiGzDecoder::new(coded).read_to_end(&mut content),
        Coding::Deflate => ZlibDecoder::new(coded)
            .read_to_end(&mut content)
            .or_else(|_| {
                content.clear();
                DeflateDecoder::new(coded).read_to_end(&mut content)
            }),
    };
    read.is_ok().then_some(content)
}
