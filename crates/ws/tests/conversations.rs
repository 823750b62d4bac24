//! Both sides together: what one sends the other hears, in any pieces, compressed or not.

use netkit_core::split::{Cuts, same_for_every_split, transcript};
use netkit_ws::{
    CloseCode, Connection, Deflate, Error, Kind, Limits, OpCode, Watch,
    generators::{Heard, Said, hear},
    handshake::{Agreed, Config, Offer, Opening},
};
use proptest::{prelude::*, test_runner::TestCaseResult};
use rand_core::{Infallible, TryCryptoRng, TryRng};
use std::sync::{Arc, Mutex};

/// Not random at all: tests repeat.
struct Counter(u8);

impl TryRng for Counter {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(7)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(7)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Infallible> {
        for octet in octets {
            self.0 = self.0.wrapping_add(41);
            *octet = self.0;
        }
        Ok(())
    }
}
impl TryCryptoRng for Counter {}

/// What a handshake between these two agrees on.
fn shake(client: Option<Deflate>, server: Option<Deflate>) -> (Agreed, Agreed) {
    let wants = |deflate| Config {
        protocols: Vec::new(),
        deflate,
    };
    let opening = Opening::new(wants(client), &mut Counter(0)).unwrap();
    let fields = opening.fields();
    let lend = |(name, value): &(&'static str, String)| (*name, value.clone());
    let request: Vec<_> = fields.iter().map(lend).collect();
    let asked = request
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let offer = Offer::read("GET", netkit_http::Version::Http11, asked).unwrap();
    let (server, response) = offer.accept(&wants(server));
    let answered = response
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let status = netkit_http::Status::SWITCHING_PROTOCOLS;
    (opening.check(status, answered).unwrap(), server)
}

fn sides(deflate: Option<Deflate>, limits: Limits) -> (Connection, Connection) {
    let (client, server) = shake(deflate, deflate);
    (
        Connection::client(&client, limits, Box::new(Counter(1))),
        Connection::server(&server, limits),
    )
}

fn plain() -> (Connection, Connection) {
    sides(None, Limits::default())
}

fn are_heard(
    said: &[Said],
    cuts: &Cuts,
    mut from: Connection,
    mut to: Connection,
) -> TestCaseResult {
    let mut stream = Vec::new();
    for said in said {
        prop_assert_eq!(said.send(&mut from, &mut stream), Ok(()));
    }
    prop_assert_eq!(
        from.close(CloseCode::NORMAL_CLOSURE, "done", &mut stream),
        Ok(())
    );
    let mut expected: Vec<Heard> = said.iter().map(Said::heard).collect();
    expected.push(Heard::Closing(
        Some(CloseCode::NORMAL_CLOSURE),
        "done".to_owned(),
    ));
    let mut out = Vec::new();
    let heard = transcript(cuts.pieces(&stream), |input| hear(&mut to, input, &mut out));
    prop_assert_eq!(heard.error, None);
    prop_assert_eq!(heard.left, 0);
    prop_assert_eq!(heard.events, expected);
    prop_assert!(to.is_over());
    Ok(())
}

fn deflates() -> impl Strategy<Value = Option<Deflate>> {
    let some = (
        any::<[bool; 2]>(),
        9u8..=15,
        9u8..=15,
        0u32..=9,
        prop_oneof![Just(0), Just(64)],
    );
    proptest::option::weighted(0.8, some).prop_map(|deflate| {
        deflate.map(
            |([server, client], server_bits, client_bits, level, threshold)| Deflate {
                level,
                threshold,
                server_no_context_takeover: server,
                client_no_context_takeover: client,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_one_side_says_the_other_hears(
        said: Vec<Said>, cuts: Cuts, deflate in deflates(), client: bool
    ) {
        let (from, to) = sides(deflate, Limits::default());
        if client {
            are_heard(&said, &cuts, from, to)?;
        } else {
            are_heard(&said, &cuts, to, from)?;
        }
    }

    /// One octet changed, or the stream cut: every split says the same, and nothing panics.
    #[test]
    fn damage_is_heard_alike_in_every_split(
        said in proptest::collection::vec(any::<Said>(), 1..4), cuts: Cuts, deflate in deflates(),
        at: prop::sample::Index, octet: u8,
    ) {
        let limits = Limits { message: 60_000, inflated_free: 2_000, inflate_ratio: 20, ..Limits::default() };
        let (mut client, mut server) = sides(deflate, limits);
        let mut stream = Vec::new();
        for said in &said {
            let _ = said.send(&mut client, &mut stream);
        }
        let at = at.index(stream.len());
        stream[at] ^= octet;
        let mut other = sides(deflate, limits).1;
        let (mut out, mut others) = (Vec::new(), Vec::new());
        let whole = transcript([&stream[..]], |input| hear(&mut server, input, &mut out));
        let pieces = transcript(cuts.pieces(&stream), |input| hear(&mut other, input, &mut others));
        prop_assert_eq!(&whole, &pieces);
        prop_assert_eq!(out, others);
        if let Some(error) = whole.error {
            prop_assert_eq!(server.step(&mut [], &mut Vec::new(), &mut Vec::new()), Err(error));
        }
    }
}

#[test]
fn every_split_of_a_conversation_is_the_same() {
    for deflate in [
        None,
        Some(Deflate {
            threshold: 0,
            ..Deflate::default()
        }),
    ] {
        let (mut client, _) = sides(deflate, Limits::default());
        let mut stream = Vec::new();
        for said in [
            Said::Text(vec![
                "a \u{20ac}".to_owned(),
                String::new(),
                "\u{1f600}".to_owned(),
            ]),
            Said::Ping(b"p".to_vec()),
            Said::Binary(vec![vec![0; 300]]),
            Said::Binary(Vec::new()),
        ] {
            said.send(&mut client, &mut stream).unwrap();
        }
        client
            .close(CloseCode::GOING_AWAY, "", &mut stream)
            .unwrap();
        let said = same_for_every_split(&stream, || {
            let mut server = sides(deflate, Limits::default()).1;
            let mut out = Vec::new();
            move |input: &mut [u8]| hear(&mut server, input, &mut out)
        });
        assert_eq!(said.events.len(), 5, "{said:?}");
        assert_eq!(said.error, None);
    }
}

/// What `side` says of `octets`.
fn said(side: &mut Connection, octets: &[u8]) -> (Vec<Heard>, Option<Error>, Vec<u8>) {
    let mut out = Vec::new();
    let heard = transcript([octets], |input| hear(side, input, &mut out));
    (heard.events, heard.error, out)
}

#[test]
fn the_examples_of_the_rfc_are_heard() {
    // RFC 6455 5.7.
    let hello = [Heard::Data(Kind::Text, b"Hello".to_vec(), true)];
    let (mut client, mut server) = plain();
    let masked = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(said(&mut server, &masked).0, hello);
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(said(&mut client, &fragments).0, hello);
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let (heard, _, out) = said(&mut client, &ping);
    assert_eq!(heard, [Heard::Ping(b"Hello".to_vec())]);
    let answer = said(&mut server, &out).0;
    assert_eq!(answer, [Heard::Pong(b"Hello".to_vec())]);
    // RFC 7692 7.2.3: compressed, in fragments, again with context, stored, final, in two blocks.
    for (messages, count) in [
        (
            &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            1,
        ),
        (
            &[
                0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00,
            ],
            1,
        ),
        (
            &[
                0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xc1, 0x05, 0xf2, 0x00, 0x11,
                0x00, 0x00,
            ],
            2,
        ),
        (
            &[
                0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            1,
        ),
        (
            &[0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            1,
        ),
        (
            &[
                0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07,
                0x00,
            ],
            1,
        ),
    ] {
        let (mut client, _) = sides(Some(Deflate::default()), Limits::default());
        let (heard, error, _) = said(&mut client, messages);
        assert_eq!(heard, vec![hello[0].clone(); count], "{messages:x?}");
        assert_eq!(error, None);
    }
}

#[test]
fn a_control_frame_behind_an_empty_frame_is_heard_in_any_pieces() {
    let stream = [
        0x01, 0x00, 0x89, 0x02, 0x48, 0x65, 0x00, 0x00, 0x8a, 0x01, 0x6c, 0x80, 0x02, 0x6c, 0x6f,
    ];
    let heard = same_for_every_split(&stream, || {
        let (mut client, mut out) = (plain().0, Vec::new());
        move |input: &mut [u8]| hear(&mut client, input, &mut out)
    });
    assert_eq!(
        heard.events,
        [
            Heard::Ping(b"He".to_vec()),
            Heard::Pong(b"l".to_vec()),
            Heard::Data(Kind::Text, b"lo".to_vec(), true),
        ]
    );
    assert_eq!((heard.error, heard.left), (None, 0));
}

#[test]
fn every_rule_for_frames_in_order_has_its_error_and_close_code() {
    use Error as E;
    let deflate = Some(Deflate::default());
    for (octets, error, compressed) in [
        (&[0x81, 0x80, 0, 0, 0, 0][..], E::PeerMasked, None),
        (&[0xc1, 0x00], E::PeerReservedBit, None),
        (&[0x01, 0x00, 0xc0, 0x00], E::PeerReservedBit, deflate),
        (&[0xc9, 0x00], E::PeerReservedBit, deflate),
        (&[0xa1, 0x00], E::PeerReservedBit, deflate),
        (&[0x80, 0x00], E::PeerContinuation, None),
        (&[0x81, 0x00, 0x80, 0x00], E::PeerContinuation, None),
        (&[0x01, 0x00, 0x81, 0x00], E::PeerInterleaved, None),
        (&[0x01, 0x00, 0x02, 0x00], E::PeerInterleaved, None),
        (&[0x83, 0x00], E::PeerOpCode, None),
        (&[0x09, 0x00], E::PeerControlFragmented, None),
        (&[0x89, 0x7e], E::PeerControlTooLong, None),
        (&[0x88, 0x01, 0x03], E::PeerCloseLength, None),
        (&[0x88, 0x02, 0x03, 0xed], E::PeerCloseCode, None),
        (&[0x88, 0x03, 0x03, 0xe8, 0xff], E::PeerUtf8, None),
        (&[0x81, 0x01, 0xff], E::PeerUtf8, None),
        (&[0xc1, 0x02, 0x07, 0x00], E::PeerDeflate, deflate),
        (
            &[0x82, 0x7f, 0, 0, 0, 0, 1, 0, 0, 1],
            E::PeerFrameTooLong,
            None,
        ),
    ] {
        let (mut client, mut server) = sides(compressed, Limits::default());
        let (_, refused, out) = said(&mut client, octets);
        assert_eq!(refused, Some(error), "{octets:x?}");
        let netkit_ws::Answer::Close(code) = error.answer() else {
            panic!("{error:?}");
        };
        let told = said(&mut server, &out).0;
        assert_eq!(
            told,
            [Heard::Closing(Some(code), String::new())],
            "{octets:x?}"
        );
        assert_eq!(
            client.send(Kind::Text, &[b"x"], true, &mut Vec::new()),
            Err(E::MisuseClosed)
        );
    }
    let (_, mut server) = plain();
    assert_eq!(said(&mut server, &[0x81, 0x00]).1, Some(E::PeerUnmasked));
}

#[test]
fn bad_text_is_refused_inside_its_frame_and_what_was_good_comes_first() {
    let (mut client, _) = plain();
    // Ninety octets are announced, four are here.
    let (heard, error, _) = said(&mut client, &[0x81, 90, b'a', 0xe2, 0x82, b'(']);
    assert_eq!(
        heard,
        [Heard::Data(Kind::Text, vec![b'a', 0xe2, 0x82], false)]
    );
    assert_eq!(error, Some(Error::PeerUtf8));
    // A message that ends inside a character.
    let (mut client, _) = plain();
    let (heard, error, _) = said(&mut client, &[0x01, 1, 0xe2, 0x80, 1, 0x82]);
    assert_eq!(heard, [Heard::Data(Kind::Text, vec![0xe2, 0x82], false)]);
    assert_eq!(error, Some(Error::PeerUtf8));
}

#[test]
fn messages_are_as_long_as_the_limits_and_not_longer() {
    let limits = Limits {
        frame: 10,
        message: 15,
        ..Limits::default()
    };
    let hears = |octets: &[u8]| said(&mut sides(None, limits).0, octets).1;
    let frame = |first: u8, length: usize| {
        let mut octets = vec![first, length as u8];
        octets.resize(2 + length, 1);
        octets
    };
    assert_eq!(hears(&frame(0x82, 10)), None);
    assert_eq!(hears(&frame(0x82, 11)), Some(Error::PeerFrameTooLong));
    assert_eq!(hears(&[frame(0x02, 10), frame(0x80, 5)].concat()), None);
    assert_eq!(
        hears(&[frame(0x02, 10), frame(0x80, 6)].concat()),
        Some(Error::PeerMessageTooLong)
    );
    // The next message starts from nothing.
    assert_eq!(hears(&[frame(0x82, 10), frame(0x82, 10)].concat()), None);
}

#[test]
fn a_bomb_is_refused_at_the_limit_and_at_its_ratio() {
    let deflate = Some(Deflate {
        level: 9,
        ..Deflate::default()
    });
    let zeros = vec![0; 3_000_000];
    for (limits, error, good) in [
        (
            Limits {
                message: 2_000_000,
                inflate_ratio: 2000,
                ..Limits::default()
            },
            Error::PeerMessageTooLong,
            2_000_000,
        ),
        (
            Limits {
                inflated_free: 1000,
                ..Limits::default()
            },
            Error::PeerInflatesTooMuch,
            0,
        ),
    ] {
        let (mut client, mut server) = sides(deflate, limits);
        let mut out = Vec::new();
        client
            .send(Kind::Binary, &[&zeros], true, &mut out)
            .unwrap();
        assert!(out.len() < 20_000);
        let (heard, refused, _) = said(&mut server, &out);
        assert_eq!(refused, Some(error));
        let [Heard::Data(Kind::Binary, bytes, false)] = &heard[..] else {
            panic!("{}", heard.len());
        };
        let most = if good > 0 { good } else { 100 * out.len() };
        assert!(
            bytes.len() <= most && bytes.len() > most - 2000,
            "{}",
            bytes.len()
        );
    }
}

#[test]
fn final_blocks_are_heard_but_not_without_end() {
    for (blocks, expected) in [(1, None), (64, None), (65, Some(Error::PeerDeflate))] {
        let (mut client, _) = sides(Some(Deflate::default()), Limits::default());
        // RFC 7692 7.2.3.4: "Hello" in a final block; then empty ones.
        let mut frame = vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        frame.extend([0x03, 0x00].repeat(blocks - 1));
        frame.push(0);
        let mut stream = vec![0xc1, 126, 0, 0];
        stream[3] = frame.len() as u8;
        if frame.len() < 126 {
            stream = vec![0xc1, frame.len() as u8];
        }
        stream.extend(frame);
        let (heard, error, _) = said(&mut client, &stream);
        assert_eq!(error, expected, "{blocks}");
        let last = expected.is_none();
        let hello = Heard::Data(Kind::Text, b"Hello".to_vec(), last);
        assert_eq!(heard, [hello], "{blocks}");
        // Each message may have as many.
        if last {
            assert_eq!(said(&mut client, &stream).1, None);
        }
    }
}

#[test]
fn inflating_holds_one_piece_whatever_the_message() {
    let (mut client, mut server) = sides(
        Some(Deflate::default()),
        Limits {
            inflate_ratio: 2000,
            ..Limits::default()
        },
    );
    let mut out = Vec::new();
    client
        .send(Kind::Binary, &[&vec![0; 3_000_000]], true, &mut out)
        .unwrap();
    let (mut inflated, mut length, mut at) = (Vec::new(), 0, 0);
    loop {
        let step = server
            .recv(&mut out[at..], &mut inflated, &mut Vec::new())
            .unwrap();
        at += step.used;
        match step.event {
            netkit_ws::Event::Data { bytes, last, .. } => {
                length += bytes.len();
                if last {
                    break;
                }
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(length, 3_000_000);
    assert!(inflated.capacity() <= 32 * 1024, "{}", inflated.capacity());
}

#[test]
fn what_this_side_may_not_send_is_refused_and_leaves_nothing() {
    let (mut client, _) = plain();
    let mut out = Vec::new();
    assert_eq!(
        client.send(Kind::Text, &[b"\xff"], true, &mut out),
        Err(Error::MisuseUtf8)
    );
    assert_eq!(
        client.send(Kind::Text, &[b"\xe2"], true, &mut out),
        Err(Error::MisuseUtf8)
    );
    assert_eq!(
        client.ping(&[0; 126], &mut out),
        Err(Error::MisuseControlTooLong)
    );
    assert_eq!(
        client.close(CloseCode(1005), "", &mut out),
        Err(Error::MisuseCloseCode)
    );
    let long = "x".repeat(124);
    assert_eq!(
        client.close(CloseCode(1000), &long, &mut out),
        Err(Error::MisuseControlTooLong)
    );
    assert!(out.is_empty() && !client.has_closed());
    // A character may be cut between two pieces of a message.
    assert_eq!(
        client.send(Kind::Text, &[b"\xe2", b"\x82"], false, &mut out),
        Ok(())
    );
    assert_eq!(
        client.send(Kind::Binary, &[b"x"], true, &mut out),
        Err(Error::MisuseOrder)
    );
    assert_eq!(client.send(Kind::Text, &[b"\xac"], true, &mut out), Ok(()));
    assert_eq!(
        client.close(CloseCode(4999), &long[..123], &mut out),
        Ok(())
    );
    for refused in [
        client.send(Kind::Text, &[], true, &mut out),
        client.ping(b"", &mut out),
        client.close(CloseCode(1000), "", &mut out),
    ] {
        assert_eq!(refused, Err(Error::MisuseClosed));
    }
}

#[test]
fn a_head_and_its_masked_payload_are_what_send_writes() {
    let payload = *b"the payload never passes through the machine";
    let (mut client, mut server) = plain();
    let mut out = Vec::new();
    let mut mask = client
        .head(Kind::Text, &[&payload], true, &mut out)
        .unwrap();
    let mut masked = payload;
    mask.apply(&mut masked);
    assert_ne!(masked, payload);
    out.extend_from_slice(&masked);
    let heard = [Heard::Data(Kind::Text, payload.to_vec(), true)];
    assert_eq!(said(&mut server, &out).0, heard);
    let mut out = Vec::new();
    let mut mask = server
        .head(Kind::Text, &[&payload], true, &mut out)
        .unwrap();
    let mut same = payload;
    mask.apply(&mut same);
    assert_eq!(same, payload, "a server masks nothing");
}

#[test]
fn a_close_is_answered_once_and_what_follows_it_is_dropped() {
    let (mut client, mut server) = plain();
    let mut out = Vec::new();
    client.close(CloseCode(3000), "bye", &mut out).unwrap();
    out.extend_from_slice(b"anything at all");
    let (heard, error, answer) = said(&mut server, &out);
    assert_eq!(
        (heard, error),
        (
            vec![Heard::Closing(Some(CloseCode(3000)), "bye".to_owned())],
            None
        )
    );
    assert_eq!(answer, [0x88, 2, 0x0b, 0xb8]);
    assert!(server.is_over() && !client.is_over());
    assert_eq!(server.eof(), Ok(()));
    // Data may come before the answer, and pings are no longer answered.
    let mut late = vec![0x82, 1, 9, 0x89, 0];
    late.extend(answer);
    let (heard, _, out) = said(&mut client, &late);
    assert_eq!(heard.len(), 3);
    assert!(client.is_over() && out.is_empty(), "{out:?}");
    // Without a code.
    let (mut client, _) = plain();
    let (heard, _, out) = said(&mut client, &[0x88, 0]);
    assert_eq!(heard, [Heard::Closing(None, String::new())]);
    assert_eq!(out.len(), 6, "an empty close frame, masked");
}

#[test]
fn an_end_without_a_close_frame_is_truncation() {
    let (mut client, _) = plain();
    assert_eq!(client.eof(), Err(Error::Truncated));
    let step = client.step(&mut [], &mut Vec::new(), &mut Vec::new());
    assert_eq!(step, Err(Error::Truncated));
}

#[test]
fn pings_are_answered_in_order_until_nobody_reads_the_answers() {
    let (mut client, mut server) = plain();
    let mut pings = Vec::new();
    for number in 0..100u8 {
        client.ping(&[number; 125], &mut pings).unwrap();
    }
    let (mut out, mut inflated, mut at) = (Vec::new(), Vec::new(), 0);
    while at < pings.len() {
        at += server
            .recv(&mut pings[at..], &mut inflated, &mut out)
            .unwrap()
            .used;
    }
    assert!(
        out.len() < Limits::default().pong_backlog + 200,
        "{}",
        out.len()
    );
    let answered = said(&mut client, &out).0.len();
    // Then the latest is answered.
    let mut rest = Vec::new();
    let _ = server.recv(&mut [], &mut inflated, &mut rest).unwrap();
    assert_eq!(said(&mut client, &rest).0, [Heard::Pong(vec![99; 125])]);
    assert!((20..100).contains(&answered), "{answered}");
}

#[test]
fn compression_shrinks_and_forgets_only_when_told_to() {
    let text = "a transport of the web, ".repeat(10);
    let lengths = |deflate: Deflate| {
        let (mut client, _) = sides(Some(deflate), Limits::default());
        [(); 2].map(|()| {
            let mut out = Vec::new();
            client
                .send(Kind::Text, &[text.as_bytes()], true, &mut out)
                .unwrap();
            out.len()
        })
    };
    let [first, second] = lengths(Deflate::default());
    assert!(first < 60 && second < first, "{first} {second}");
    let [first, second] = lengths(Deflate {
        client_no_context_takeover: true,
        ..Deflate::default()
    });
    assert_eq!(first, second);
    let [short, _] = lengths(Deflate {
        threshold: 1000,
        ..Deflate::default()
    });
    assert!(short > text.len());
}

#[test]
fn who_looks_on_sees_every_frame_once() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(bool, OpCode, u64)>>);
    impl Watch for Seen {
        fn frame(&self, sent: bool, head: &netkit_ws::FrameHead) {
            self.0
                .lock()
                .unwrap()
                .push((sent, head.opcode, head.length));
        }
    }
    let seen = Arc::new(Seen::default());
    let (mut client, _) = plain();
    client.watch(Arc::clone(&seen) as _);
    let ping = [0x89, 2, 1, 2, 0x82, 3, 0, 0, 0];
    let mut out = Vec::new();
    let _ = transcript(ping.chunks(1), |input| hear(&mut client, input, &mut out));
    let seen = seen.0.lock().unwrap();
    assert_eq!(
        *seen,
        [
            (false, OpCode::PING, 2),
            (true, OpCode::PONG, 2),
            (false, OpCode::BINARY, 3)
        ]
    );
}
