//! Segments from anyone to a connection in any state, with calls of its owner and time between them:
//! no panic, no endless talk, no memory beyond the buffers, no timer that is due and not served.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use netkit_tcp::{
    Config, Flags, Header, NewReno, OptionList, PseudoHeader, Secret, Segment, State, TcpOption,
    generators::{Faults, Pair},
};
use std::time::Duration;

#[derive(Debug, Arbitrary)]
enum Act {
    /// A segment: flags, numbers relative to what is expected, window, what stands behind the header.
    Segment(u8, i16, i16, u16, u8),
    /// The same with a timestamp, or with SACK blocks.
    Timestamped(u8, i16, i16, u16, i8),
    Sack(i16, [i16; 4]),
    Send(u16),
    SendUrgent(u8),
    Read(u16),
    Close,
    Leave,
    Abort,
    Wait(u16),
    Timer,
    Deliver,
}

#[derive(Debug, Arbitrary)]
struct Input {
    options: u8,
    warm_up: u8,
    acts: Vec<Act>,
}

const RECEIVE_BUFFER: u32 = 5000;

fuzz_target!(|octets: &[u8]| {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(octets)) else {
        return;
    };
    let mut config = Config::new(Secret::new([7; 16]));
    config.receive_buffer = RECEIVE_BUFFER;
    config.send_buffer = 20_000;
    config.sack = input.options & 1 == 0;
    config.timestamps = input.options & 2 == 0;
    config.nagle = input.options & 4 == 0;
    if input.options & 8 == 0 {
        config.congestion = NewReno::start;
    }
    let mut pair = Pair::with(1, Faults::default(), config.clone(), config).expect("addresses");
    for _ in 0..input.warm_up % 8 {
        pair.step();
    }
    for act in input.acts.iter().take(100) {
        perform(&mut pair, act);
        check(&mut pair);
    }
});

fn perform(pair: &mut Pair, act: &Act) {
    let client = &mut pair.client;
    match *act {
        Act::Segment(flags, seq, ack, window, length) => {
            segment(
                pair,
                flags,
                seq,
                ack,
                window,
                &[b'z'; 255][..length.into()],
                &[],
            );
        }
        Act::Timestamped(flags, seq, ack, window, value) => {
            let value = 5_000_000u32.wrapping_add_signed(value.into());
            let options = [TcpOption::Timestamps {
                value,
                echo_reply: value,
            }];
            segment(pair, flags, seq, ack, window, b"stamped", &options);
        }
        Act::Sack(ack, edges) => {
            let number = |edge: i16| anchor(pair).1 + u32::from(edge.cast_unsigned());
            let blocks = [
                netkit_tcp::SackBlocks::block(number(edges[0]), number(edges[1])),
                netkit_tcp::SackBlocks::block(number(edges[2]), number(edges[3])),
            ];
            let options = [TcpOption::Sack(netkit_tcp::SackBlocks::new(&blocks))];
            segment(pair, Flags::ACK.0 as u8, 0, ack, 9000, b"", &options);
        }
        Act::Send(length) => {
            let _ = client.send(&vec![b'y'; length.into()]);
        }
        Act::SendUrgent(length) => {
            let _ = client.send_urgent(&vec![b'u'; length.into()]);
        }
        Act::Read(length) => {
            client.read(&mut vec![0; length.into()]);
        }
        Act::Close => client.close(),
        Act::Leave => client.leave(pair.now),
        Act::Abort => client.abort(),
        Act::Wait(time) => pair.now += Duration::from_millis(time.into()),
        Act::Timer => pair.now = client.timeout().unwrap_or(pair.now),
        Act::Deliver => {
            pair.step();
        }
    }
}

/// What the client expects next, and the first number that it has not heard acknowledged: as its own
/// last segment says.
fn anchor(pair: &Pair) -> (netkit_tcp::Seq, netkit_tcp::Seq) {
    let last = pair
        .sent
        .iter()
        .rev()
        .find(|(_, side, _)| *side == netkit_tcp::generators::Side::Client);
    let Some((_, _, octets)) = last else {
        return Default::default();
    };
    let segment = Segment::parse(octets).expect("whole");
    (segment.acknowledgment_number(), segment.sequence_number())
}

fn segment(
    pair: &mut Pair,
    flags: u8,
    seq: i16,
    ack: i16,
    window: u16,
    data: &[u8],
    options: &[TcpOption<'_>],
) {
    let (rcv_nxt, snd_una) = anchor(pair);
    let number = |from: netkit_tcp::Seq, offset: i16| {
        netkit_tcp::Seq(from.0.wrapping_add_signed(offset.into()))
    };
    let mut list = OptionList::new();
    for option in options {
        list = list.with(option).expect("room");
    }
    let header = Header {
        source_port: pair.client.remote().port(),
        destination_port: pair.client.local().port(),
        sequence_number: number(rcv_nxt, seq),
        acknowledgment_number: number(snd_una, ack),
        flags: Flags(flags.into()),
        window,
        urgent_pointer: window,
        options: list,
    };
    let pseudo =
        PseudoHeader::new(pair.client.local().ip(), pair.client.remote().ip()).expect("one family");
    let mut octets = vec![0; header.length()];
    octets.extend_from_slice(data);
    header.write(pseudo, &mut octets);
    let segment = Segment::parse(&octets)
        .expect("whole")
        .verify(pseudo)
        .expect("right");
    let before = pair.client.unread().0.len() + pair.client.unread().1.len();
    let heard = pair.client.recv(pair.now, &segment);
    let after = pair.client.unread().0.len() + pair.client.unread().1.len();
    assert_eq!(before + heard.data, after);
    assert!(after <= RECEIVE_BUFFER as usize + 64);
}

fn check(pair: &mut Pair) {
    let mut out = Vec::new();
    let mut count = 0;
    while let Some(sent) = pair.client.transmit(pair.now, &mut out) {
        let octets = out[sent.range].to_vec();
        assert!(octets.len() <= 1480, "larger than the MTU allows");
        pair.fly(netkit_tcp::generators::Side::Client, &octets);
        count += 1;
        assert!(count < 500, "endless talk");
    }
    assert!(
        pair.client.timeout().is_none_or(|at| at > pair.now),
        "a timer that is due was not served"
    );
    assert!(
        pair.client.buffered() <= 8192 + 32_768,
        "{}",
        pair.client.buffered()
    );
    if pair.client.state() == State::Closed {
        assert_eq!(pair.client.timeout(), None);
    }
    // The server may be confused by what the client was made to say, but has to stay sound too.
    pair.flush();
}
