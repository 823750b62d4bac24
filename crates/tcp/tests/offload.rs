//! What is left to the device: checksums, and cutting what is larger than a segment.

mod hand;

use hand::{A, Host, config, from_peer, ms, pseudo};
use netkit_tcp::{
    Config, Flags, Header, Offload, Segment, Sent, TcpOption,
    generators::{Faults, Pair, cut},
};

fn offloading(offload: Offload) -> Config {
    let mut config = config();
    config.offload = offload;
    config
}

/// Everything that is due, uncut.
fn due(host: &mut Host) -> Vec<(Vec<u8>, Option<u16>)> {
    let mut out = Vec::new();
    std::iter::from_fn(|| {
        let Sent { range, gso_size } = host.connection.transmit(host.now, &mut out)?;
        Some((out[range].to_vec(), gso_size))
    })
    .collect()
}

#[test]
fn the_device_is_given_many_segments_at_once_and_cuts_them_as_we_would() {
    let whole = |offload| {
        let mut host = Host::established(offloading(offload));
        host.window = 0xffff;
        host.hear(A, 1, 1, b"");
        let data: Vec<u8> = (0..9500u32).map(|i| (i / 3) as u8).collect();
        host.connection.send(&data).expect("open");
        host.connection.close();
        let sent = due(&mut host);
        let count = sent.len();
        let cut: Vec<_> = sent
            .iter()
            .flat_map(|(octets, size)| cut(octets, *size, pseudo()))
            .collect();
        (count, cut)
    };
    let (many, expected) = whole(Offload::None);
    assert_eq!(many, 10);
    let (few, same) = whole(Offload::Segmentation);
    // The whole segments, and what is left with the FIN.
    assert_eq!(few, 2);
    assert!(same == expected);
    let last = Segment::parse(expected.last().expect("ten")).expect("whole");
    assert!(last.flags().has(Flags::FIN | Flags::PSH));
}

#[test]
fn a_fin_behind_whole_segments_goes_with_the_last_of_them() {
    let mut host = Host::established(offloading(Offload::Segmentation));
    host.connection.send(&[7; 3000]).expect("open");
    host.connection.close();
    let sent = due(&mut host);
    assert_eq!(sent.len(), 1);
    let flags: Vec<String> = cut(&sent[0].0, sent[0].1, pseudo())
        .iter()
        .map(|octets| Segment::parse(octets).expect("whole").flags().to_string())
        .collect();
    assert_eq!(flags, [".", ".", "FP."]);
}

#[test]
fn neither_window_is_exceeded_and_no_length_field_overflows() {
    let mut host = Host::established(offloading(Offload::Segmentation));
    host.connection.send(&vec![7; 200_000]).expect("open");
    // The peer's window is 10,000 octets, the initial one 10 segments of 1000.
    let sent = due(&mut host);
    let length = |octets: &[u8]| Segment::parse(octets).expect("whole").payload().len();
    assert_eq!(length(&sent[0].0), 10_000);
    assert_eq!((sent.len(), sent[0].1), (1, Some(1000)));

    let mut config = offloading(Offload::Segmentation);
    (config.window_scale, config.send_buffer) = (true, 1 << 20);
    let options = [
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::WindowScale(5),
    ];
    let mut host = Host::established_with(config, &options);
    host.window = 0xffff;
    host.hear(A, 1, 1, b"");
    host.connection.send(&vec![7; 1 << 20]).expect("open");
    let mut acked = 1;
    let mut largest = 0;
    for _ in 0..40 {
        for (octets, _) in due(&mut host) {
            assert!(octets.len() + 40 <= 0xffff, "IP's length field");
            largest = largest.max(octets.len());
            acked += length(&octets) as u32;
        }
        host.wait(ms(10));
        host.hear(A, 1, acked, b"");
    }
    assert!(largest > 60_000, "{largest}");
}

#[test]
fn small_segments_lost_ones_and_urgent_ones_go_alone() {
    let mut host = Host::established(offloading(Offload::Segmentation));
    host.connection.send(&[7; 300]).expect("open");
    assert_eq!(due(&mut host)[0].1, None);
    host.hear(A, 1, 301, b"");
    host.connection.send(&[7; 5000]).expect("open");
    assert_eq!(due(&mut host)[0].1, Some(1000));
    // Nothing is heard of them: the first is sent again.
    host.next_timer();
    let again = due(&mut host);
    assert_eq!((again.len(), again[0].1), (1, None));
    assert_eq!(
        Segment::parse(&again[0].0).expect("whole").payload().len(),
        1000
    );

    let mut host = Host::established(offloading(Offload::Segmentation));
    host.connection.send_urgent(&[7; 3000]).expect("open");
    let sizes: Vec<_> = due(&mut host).into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, [None, None, None]);
}

#[test]
fn the_field_holds_the_pseudo_headers_sum_for_a_device_that_completes_it() {
    let mut host = Host::established(offloading(Offload::Checksum));
    host.connection.send(b"data").expect("open");
    let (octets, size) = due(&mut host).remove(0);
    assert_eq!(size, None);
    let segment = Segment::parse(&octets).expect("whole");
    assert_eq!(segment.checksum(), pseudo().partial(octets.len()));
    // What such a device does (VIRTIO_NET_HDR_F_NEEDS_CSUM): sums from the header on, field included.
    let mut whole = octets.clone();
    let (mut sum, words) = (0u32, octets.chunks(2));
    words.for_each(|pair| {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    });
    let sum = (sum & 0xffff) + (sum >> 16);
    whole[16..18].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    assert!(
        Segment::parse(&whole)
            .expect("whole")
            .verify(pseudo())
            .is_ok()
    );
}

#[test]
fn a_segment_of_sixty_four_kibibytes_that_the_device_has_checked_is_taken_at_once() {
    let mut host = Host::established(config());
    let header = Header {
        sequence_number: hand::PEER_ISS + 1,
        acknowledgment_number: host.iss + 1,
        flags: A,
        window: 10_000,
        ..Header::default()
    };
    let data: Vec<u8> = (0..65_000u32).map(|i| (i / 5) as u8).collect();
    let mut octets = from_peer(header, &data);
    // Its checksum is not the segment's: the device says that those of its parts were right.
    octets[16..18].fill(0);
    let segment = Segment::parse(&octets).expect("whole");
    assert!(segment.verify(pseudo()).is_err());
    let heard = host.connection.recv(host.now, &segment.vouched());
    assert_eq!(heard.data, data.len());
    assert_eq!(host.said(), [". 1+0 ack 65001"]);
    assert_eq!(host.connection.unread().0, &data[..]);
}

#[test]
fn two_ends_with_such_devices_lose_nothing() {
    for seed in 0..40 {
        let mut config = Config::new(netkit_tcp::Secret::new([seed; 16]));
        config.offload = if seed % 4 == 0 {
            Offload::Checksum
        } else {
            Offload::Segmentation
        };
        let faults = Faults {
            loss: seed % 3 * 8,
            reorder: seed % 5 * 8,
            ..Faults::default()
        };
        let data: Vec<u8> = (0..300_000u32).map(|i| (i / 7) as u8).collect();
        let pair = Pair::with(seed.into(), faults, config.clone(), config);
        let [down, up] = pair.expect("addresses").exchange(&data, &data[..50_000]);
        assert!(up == data && down == data[..50_000], "seed {seed}");
    }
}
