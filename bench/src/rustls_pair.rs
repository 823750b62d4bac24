//! rustls's machines with the octets between them: for sending the buffered API, which copies once;
//! for receiving the unbuffered one, which decrypts in the caller's buffer.

use crate::parties::{Parties, Suite, name};
use rustls::{
    ClientConnection,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, UnbufferedStatus},
};
use std::io::Write;

pub struct RustlsPair {
    client: ClientConnection,
    server: UnbufferedServerConnection,
}

impl RustlsPair {
    /// Two that are connected.
    pub fn connected(parties: &Parties, suite: &Suite) -> Self {
        let client = ClientConnection::new(parties.their_client(suite), name());
        let server = UnbufferedServerConnection::new(parties.their_server(suite));
        let mut pair = Self {
            client: client.expect("a client"),
            server: server.expect("a server"),
        };
        let mut to_server = Vec::new();
        while pair.client.is_handshaking() || pair.client.wants_write() {
            pair.flush(&mut to_server);
            let to_client = pair.serve(&mut to_server);
            let mut unread = &to_client[..];
            while !unread.is_empty() {
                pair.client.read_tls(&mut unread).expect("reads a slice");
                pair.client.process_new_packets().expect("a handshake");
            }
        }
        pair
    }

    /// The server's answer during the handshake.
    fn serve(&mut self, arrived: &mut Vec<u8>) -> Vec<u8> {
        let mut answer = Vec::new();
        loop {
            let UnbufferedStatus { discard, state, .. } =
                self.server.process_tls_records(&mut arrived[..]);
            let mut waits = false;
            match state.expect("a handshake") {
                ConnectionState::EncodeTlsData(mut data) => {
                    let start = answer.len();
                    answer.resize(start + 8 * 1024, 0);
                    let length = data.encode(&mut answer[start..]).expect("a short flight");
                    answer.truncate(start + length);
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => waits = true,
            }
            arrived.drain(..discard);
            if waits {
                return answer;
            }
        }
    }

    /// Encrypts `content` into records and hands them to `out`.
    pub fn send(&mut self, content: &[u8], out: &mut impl Write) {
        let mut writer = self.client.writer();
        writer.write_all(content).expect("fits the buffer");
        self.flush(out);
    }

    fn flush(&mut self, out: &mut impl Write) {
        while self.client.wants_write() {
            self.client.write_tls(out).expect("takes everything");
        }
    }

    /// Opens the records in `arrived`.
    pub fn recv(&mut self, arrived: &mut [u8], mut heard: impl FnMut(&[u8])) {
        let mut used = 0;
        while used < arrived.len() {
            let UnbufferedStatus { discard, state, .. } =
                self.server.process_tls_records(&mut arrived[used..]);
            used += discard;
            let ConnectionState::ReadTraffic(mut records) = state.expect("records") else {
                panic!("something other than data");
            };
            while let Some(record) = records.next_record() {
                let record = record.expect("a record");
                heard(record.payload);
                used += record.discard;
            }
        }
    }
}
