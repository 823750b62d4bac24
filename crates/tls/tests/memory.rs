//! What a connection costs in memory: allocations on the record path, and octets while it is idle.

mod duo;

use allocation_counter::measure;
use duo::{Duo, client_config, server_config};
use netkit_tls::{Connection, Event, ProtocolVersion, Versions};

/// Allocations while a full record goes from the client to the server in warm buffers.
fn allocations(duo: &mut Duo, wire: &mut Vec<u8>, body: &[u8], keep: &mut Vec<u8>) -> u64 {
    measure(|| {
        wire.clear();
        duo.client.send(&[body], wire).unwrap();
        let step = duo.server.recv(wire, &mut duo.to_client).unwrap();
        match step.event {
            Event::Data(data) => keep.extend_from_slice(data),
            other => panic!("{other:?} instead of data"),
        }
    })
    .count_total
}

#[test]
fn records_are_sent_and_received_without_an_allocation() {
    let (mut duo, mut wire, body) = (Duo::connected(), Vec::new(), vec![7; 16_384]);
    let mut kept = Vec::with_capacity(2 * body.len());
    allocations(&mut duo, &mut wire, &body, &mut kept);
    kept.clear();
    assert_eq!(allocations(&mut duo, &mut wire, &body, &mut kept), 0);
    // The count is a count: a buffer that has to grow shows in it.
    let grows = &mut Vec::new();
    assert_eq!(allocations(&mut duo, &mut wire, &body, grows), 1);
}

/// Octets that a connection holds: itself, and on the heap.
fn held(connection: Connection) -> usize {
    let freed = measure(|| drop(connection));
    size_of::<Connection>() + usize::try_from(-freed.bytes_current).unwrap()
}

#[test]
fn an_idle_connection_is_small() {
    // The identity that it shows is the configuration's, which outlives it.
    let (config, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), config.clone());
    duo.connect().unwrap();
    let (client, server) = (held(duo.client), held(duo.server));
    drop(config);
    println!("idle: a server's {server} octets, a client's {client}");
    assert!(server <= 1_860, "{server}");
    let (mut old, roots) = server_config();
    old.versions = Versions::only(ProtocolVersion::TLS1_2);
    let mut duo = Duo::new(client_config(roots), old.clone());
    duo.connect().unwrap();
    let (client, server) = (held(duo.client), held(duo.server));
    drop(old);
    println!("idle in TLS 1.2: a server's {server} octets, a client's {client}");
    assert!(server <= 1_860, "{server}");
}
