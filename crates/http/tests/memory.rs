//! What a message costs in memory: nothing, on a connection that has served one before.

use allocation_counter::measure;
use netkit_http::{BodyLength, Client, Event, NO_FIELDS, RequestLine, Server, Slot, Status};

/// Both ends of a connection, and what is on its way between them.
#[derive(Default)]
struct Pair {
    client: Client,
    server: Server,
    asked: Vec<u8>,
    answered: Vec<u8>,
}

const BODY: &[u8] = &[7; 3000];

/// Hears all of `input`; content goes to `keep`.
macro_rules! hear {
    ($machine:expr, $input:expr, $keep:expr) => {
        let (mut slots, mut used) = ([Slot::default(); 16], 0);
        loop {
            let step = $machine.recv(&mut $input[used..], &mut slots).unwrap();
            used += step.used;
            match step.event {
                Event::Data(data) => $keep.extend_from_slice(data),
                Event::End => break,
                Event::Head(_) | Event::Trailers(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
}

/// Sends the content in three chunks, and a trailer.
macro_rules! send {
    ($machine:expr, $out:expr) => {
        for chunk in BODY.chunks(1000) {
            let behind = $machine.send_data(1000, $out).unwrap();
            $out.extend_from_slice(chunk);
            $out.extend_from_slice(behind);
        }
        $machine.send_end([("X-Sum", "7")], $out).unwrap();
    };
}

impl Pair {
    /// A chunked POST and its chunked answer; the allocations that they took.
    fn exchange(&mut self, keep: &mut Vec<u8>) -> u64 {
        measure(|| {
            self.asked.clear();
            self.answered.clear();
            let (client, server) = (&mut self.client, &mut self.server);
            let line = RequestLine::new("POST", "/path?query");
            let fields = [("Host", "h.example"), ("Accept", "*/*")];
            client
                .send_head(line, fields, BodyLength::Chunked, &mut self.asked)
                .unwrap();
            send!(client, &mut self.asked);
            hear!(server, self.asked, keep);
            server
                .send_head(
                    Status::OK,
                    NO_FIELDS,
                    BodyLength::Chunked,
                    &mut self.answered,
                )
                .unwrap();
            send!(server, &mut self.answered);
            hear!(client, self.answered, keep);
        })
        .count_total
    }
}

#[test]
fn a_message_allocates_nothing_on_a_connection_that_has_served_one() {
    let mut pair = Pair::default();
    let mut kept = Vec::with_capacity(4 * BODY.len());
    assert!(pair.exchange(&mut kept) > 0, "buffers grow the first time");
    for _ in 0..3 {
        kept.clear();
        assert_eq!(pair.exchange(&mut kept), 0);
        assert_eq!(kept.len(), 2 * BODY.len());
    }
    // The count is a count: a buffer that has to grow shows in it.
    assert!(pair.exchange(&mut Vec::new()) > 0);
}
