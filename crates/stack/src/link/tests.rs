use super::{Chance, End, Fate, Link, LinkConfig, Path, Sighting};
use core::time::Duration;
use std::{
    sync::{Arc, Mutex},
    vec,
    vec::Vec,
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

type Seen = Arc<Mutex<Vec<(Duration, u64, Fate, Option<Duration>)>>>;

/// A link whose sightings are kept.
fn watched(path: Path) -> (Link, Seen) {
    let mut link = Link::new(7, LinkConfig::both(path));
    let seen = Seen::default();
    let keep = Arc::clone(&seen);
    link.tap(move |sighting: &Sighting<'_>| {
        let Sighting {
            at,
            number,
            fate,
            arrives,
            ..
        } = *sighting;
        keep.lock().unwrap().push((at, number, fate, arrives));
    });
    (link, seen)
}

/// All that reaches an end, with the times.
fn drain(link: &mut Link, at: End) -> Vec<(Duration, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(now) = link.next(at) {
        let before = now.checked_sub(Duration::from_nanos(1));
        assert!(before.is_none_or(|before| link.recv(before, at).is_none()));
        all.push((now, link.recv(now, at).unwrap()));
    }
    assert!(link.next(at.other()).is_some() || link.is_empty());
    all
}

fn fates(seen: &Seen, fate: Fate) -> usize {
    let seen = seen.lock().unwrap();
    seen.iter().filter(|sighting| sighting.2 == fate).count()
}

#[test]
fn packets_take_their_time_and_go_one_after_the_other() {
    // 8 Mbit/s: an octet each microsecond.
    let (mut link, seen) = watched(Path {
        rate: Some(8_000_000),
        delay: ms(10),
        ..Path::default()
    });
    for salt in 0..3 {
        link.send(ms(1), End::A, vec![salt; 1000]);
    }
    link.send(ms(1), End::B, vec![9; 500]);
    let arrived = drain(&mut link, End::B);
    let times: Vec<_> = arrived.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [ms(12), ms(13), ms(14)]);
    assert_eq!(arrived[2].1, [2; 1000]);
    let back = drain(&mut link, End::A);
    assert_eq!(back, [(Duration::from_micros(11_500), vec![9; 500])]);
    let last = *seen.lock().unwrap().last().unwrap();
    assert_eq!(last, (ms(1), 4, Fate::Delivered, Some(back[0].0)));
}

#[test]
fn a_full_queue_drops_its_tail_and_empties_with_time() {
    let (mut link, seen) = watched(Path {
        rate: Some(8_000_000),
        queue: 2000,
        ..Path::default()
    });
    for _ in 0..4 {
        link.send(ms(0), End::A, vec![0; 1000]);
    }
    assert_eq!(fates(&seen, Fate::QueueFull), 2);
    link.send(ms(1), End::A, vec![1; 1000]);
    assert_eq!(fates(&seen, Fate::QueueFull), 2);
    let times: Vec<_> = drain(&mut link, End::B)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    assert_eq!(times, [ms(1), ms(2), ms(3)]);
    // An idle link takes what alone is longer than its queue.
    let (mut narrow, seen) = watched(Path {
        rate: Some(8_000_000),
        queue: 10,
        ..Path::default()
    });
    narrow.send(ms(5), End::A, vec![0; 1000]);
    assert_eq!(fates(&seen, Fate::Delivered), 1);
}

#[test]
fn what_is_too_big_is_dropped_and_the_octet_less_is_not() {
    let (mut link, seen) = watched(Path {
        mtu: 576,
        ..Path::default()
    });
    link.send(ms(0), End::A, vec![0; 577]);
    link.send(ms(0), End::A, vec![0; 576]);
    assert_eq!(fates(&seen, Fate::TooBig), 1);
    assert_eq!(drain(&mut link, End::B).len(), 1);
}

#[test]
fn jitter_keeps_the_order_and_its_bound() {
    let (mut link, _) = watched(Path {
        delay: ms(10),
        jitter: ms(5),
        ..Path::default()
    });
    for salt in 0..100 {
        link.send(ms(u64::from(salt)), End::A, vec![salt]);
    }
    let arrived = drain(&mut link, End::B);
    assert!(arrived.iter().map(|(_, packet)| packet[0]).eq(0..100));
    let late: Vec<_> = (0..100)
        .zip(&arrived)
        .map(|(sent, (at, _))| at.saturating_sub(ms(sent)))
        .collect();
    assert!(late.iter().all(|late| (ms(10)..=ms(15)).contains(late)));
    assert!(late.iter().max() > Some(&ms(14)) && late.iter().min() < Some(&ms(12)));
}

#[test]
fn a_reordered_packet_is_overtaken() {
    let (mut link, seen) = watched(Path {
        delay: ms(10),
        reorder: Chance::percent(20.0),
        reorder_by: ms(3),
        ..Path::default()
    });
    for salt in 0..100 {
        link.send(ms(u64::from(salt)), End::A, vec![salt]);
    }
    let order: Vec<u8> = drain(&mut link, End::B)
        .into_iter()
        .map(|(_, packet)| packet[0])
        .collect();
    let late = fates(&seen, Fate::Reordered);
    assert!((10..30).contains(&late), "{late}");
    let overtaken = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken > 0 && overtaken <= late, "{overtaken} of {late}");
    let mut sorted = order;
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..100));
}

#[test]
fn every_fault_is_told_and_changes_what_arrives() {
    let (mut link, seen) = watched(Path {
        loss: Chance::percent(10.0),
        duplicate: Chance::percent(10.0),
        corrupt: Chance::percent(10.0),
        ..Path::default()
    });
    for _ in 0..1000 {
        link.send(ms(0), End::B, vec![0x55; 40]);
    }
    let arrived = drain(&mut link, End::A);
    let (lost, twice, bad) = (
        fates(&seen, Fate::Lost),
        1000 - fates(&seen, Fate::Lost),
        fates(&seen, Fate::Corrupted),
    );
    assert!((70..130).contains(&lost), "{lost}");
    assert!((70..130).contains(&(arrived.len() - twice)));
    assert!((70..150).contains(&bad), "{bad}");
    let bits =
        |packet: &[u8]| -> u32 { packet.iter().map(|octet| (octet ^ 0x55).count_ones()).sum() };
    let wrong: Vec<u32> = arrived
        .iter()
        .map(|(_, packet)| bits(packet))
        .filter(|&bits| bits > 0)
        .collect();
    assert_eq!(wrong, vec![1; bad]);
}

#[test]
fn a_seed_decides_everything_and_each_direction_by_itself() {
    let path = Path {
        delay: ms(10),
        jitter: ms(9),
        loss: Chance::percent(10.0),
        reorder: Chance::percent(10.0),
        duplicate: Chance::percent(10.0),
        corrupt: Chance::percent(10.0),
        ..Path::default()
    };
    let run = |seed, back: bool| {
        let mut link = Link::new(seed, LinkConfig::both(path.clone()));
        for salt in 0..200 {
            link.send(ms(u64::from(salt)), End::A, vec![salt; 40]);
            if back {
                link.send(ms(u64::from(salt)), End::B, vec![salt; 40]);
            }
        }
        let arrived = drain(&mut link, End::B);
        drain(&mut link, End::A);
        assert!(link.is_empty());
        arrived
    };
    assert_eq!(run(7, false), run(7, false));
    assert_eq!(run(7, false), run(7, true));
    assert_ne!(run(7, false), run(8, false));
}

#[test]
fn faults_change_while_packets_fly() {
    let (mut link, seen) = watched(Path {
        delay: ms(10),
        ..Path::default()
    });
    link.send(ms(0), End::A, vec![1]);
    link.config_mut().from_a.loss = Chance::ALWAYS;
    link.send(ms(0), End::A, vec![2]);
    assert_eq!(link.config().from_b.loss, Chance::NEVER);
    assert_eq!(drain(&mut link, End::B), [(ms(10), vec![1])]);
    assert_eq!(fates(&seen, Fate::Lost), 1);
}

/// What arrived is shown as it arrived, under the number it was sent with.
#[test]
fn taps_see_arrivals() {
    type Arrival = (Duration, End, u64, u8);
    #[derive(Clone, Default)]
    struct Arrivals(Arc<Mutex<Vec<Arrival>>>);
    impl super::Tap for Arrivals {
        fn sent(&mut self, _: &Sighting<'_>) {}
        fn arrived(&mut self, now: Duration, at: End, number: u64, packet: &[u8]) {
            self.0.lock().unwrap().push((now, at, number, packet[0]));
        }
    }
    let mut link = Link::new(
        0,
        LinkConfig::both(Path {
            delay: ms(2),
            corrupt: Chance::ALWAYS,
            ..Path::default()
        }),
    );
    let arrivals = Arrivals::default();
    link.tap(arrivals.clone());
    link.send(ms(0), End::A, vec![0]);
    link.send(ms(1), End::B, vec![0]);
    // Later than it arrived: the tap is told when it did.
    let packet = link.recv(ms(9), End::B).unwrap();
    link.recv(ms(9), End::A).unwrap();
    let seen = arrivals.0.lock().unwrap();
    assert_eq!(seen[0], (ms(2), End::B, 1, packet[0]));
    assert_eq!((seen[1].0, seen[1].1, seen[1].2), (ms(3), End::A, 2));
    assert_eq!(packet[0].count_ones(), 1);
}
