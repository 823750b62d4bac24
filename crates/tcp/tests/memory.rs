//! What segments cost in memory: no allocation for any, once buffers have grown.

use allocation_counter::measure;
use netkit_tcp::{Backlog, Config, Connection, Listener, PseudoHeader, Secret, Segment};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// Two ends, and a link that loses one of so many segments; 0: none.
struct Ends {
    now: Duration,
    client: Connection,
    server: Connection,
    pseudo: PseudoHeader,
    wire: Vec<u8>,
    lost_of: usize,
    count: usize,
}

impl Ends {
    fn connected(lost_of: usize) -> Self {
        let now = Duration::from_secs(1);
        let here: SocketAddr = ([192, 0, 2, 1], 50_000).into();
        let there: SocketAddr = ([192, 0, 2, 2], 80).into();
        let pseudo = PseudoHeader::new(here.ip(), there.ip()).expect("one family");
        let config = Arc::new(Config::new(Secret::new([7; 16])));
        let mut client = Connection::connect(now, config.clone(), here, there).expect("addresses");
        let mut listener = Listener::new(config, Backlog::default());
        let mut wire = Vec::new();
        for _ in 0..2 {
            wire.clear();
            while let Some(sent) = client.transmit(now, &mut wire) {
                let segment = Segment::parse(&wire[sent.range]).expect("whole");
                let segment = segment.verify(pseudo).expect("right");
                listener.recv(now, there, here, &segment);
            }
            while let Some((_, sent)) = listener.transmit(now, &mut wire) {
                let segment = Segment::parse(&wire[sent.range]).expect("whole");
                client.recv(now, &segment.verify(pseudo).expect("right"));
            }
        }
        Self {
            now,
            client,
            server: listener.accept().expect("established"),
            pseudo,
            wire,
            lost_of,
            count: 0,
        }
    }

    /// Everything that is due, from one to the other and back; how many octets the server reads.
    fn pass(&mut self, buffer: &mut [u8]) -> usize {
        let mut read = 0;
        self.now += Duration::from_millis(5);
        self.wire.clear();
        while let Some(sent) = self.client.transmit(self.now, &mut self.wire) {
            self.count += 1;
            if self.count.is_multiple_of(self.lost_of) {
                continue;
            }
            let segment = Segment::parse(&self.wire[sent.range]).expect("whole");
            let segment = segment.verify(self.pseudo).expect("right");
            self.server.recv(self.now, &segment);
            read += self.server.read(buffer);
            while let Some(sent) = self.server.transmit(self.now, &mut self.wire) {
                let segment = Segment::parse(&self.wire[sent.range]).expect("whole");
                let segment = segment.verify(self.pseudo).expect("right");
                self.client.recv(self.now, &segment);
            }
        }
        self.now = self
            .client
            .timeout()
            .map_or(self.now, |at| at.min(self.now));
        read
    }
}

fn allocates_nothing(lost_of: usize) {
    let mut ends = Ends::connected(lost_of);
    let data = vec![b'x'; 100_000];
    let mut buffer = vec![0; 100_000];
    let mut read = 0;
    let mut round = |ends: &mut Ends| {
        ends.client.send(&data).expect("open");
        read += ends.pass(&mut buffer);
    };
    // Buffers grow with what they hold.
    (0..50).for_each(|_| round(&mut ends));
    let counted = measure(|| (0..200).for_each(|_| round(&mut ends)));
    assert_eq!(counted.count_total, 0);
    assert!(
        ends.count > 1000 && read > 1_000_000,
        "{} {read}",
        ends.count
    );
}

#[test]
fn segments_are_sent_and_received_without_an_allocation() {
    allocates_nothing(0);
}

#[test]
fn losses_are_repaired_without_an_allocation() {
    allocates_nothing(50);
}

#[test]
fn the_count_is_a_count() {
    let mut ends = Ends::connected(0);
    let counted = measure(|| {
        ends.client.send(&[7; 5000]).expect("open");
    });
    assert_ne!(counted.count_total, 0, "a buffer that grows shows in it");
}
