//! Writes the three segments of a handshake and prints what a reader sees in them.
//!
//! `cargo run -p netkit-tcp --example dump`

use netkit_tcp::{Flags, Header, PseudoHeader, Segment, Seq, TcpOption};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let pseudo = PseudoHeader::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into())
        .ok_or("addresses of two families")?;
    let (client, server) = (Seq(1000), Seq(9000));
    let options = [
        TcpOption::MaximumSegmentSize(1460),
        TcpOption::NoOperation,
        TcpOption::WindowScale(7),
    ];
    let syn = segment(client, Seq(0), Flags::SYN).with_options(options)?;
    let syn_ack = segment(server, client + 1, Flags::SYN | Flags::ACK).with_options(options)?;
    let ack = segment(client + 1, server + 1, Flags::ACK);
    for header in [syn, syn_ack, ack] {
        let mut octets = vec![0; header.length()];
        header.write(pseudo, &mut octets);
        println!("{}", Segment::parse(&octets)?.verify(pseudo)?);
    }
    Ok(())
}

fn segment(sequence_number: Seq, acknowledgment_number: Seq, flags: Flags) -> Header {
    Header {
        source_port: 50_000,
        destination_port: 80,
        sequence_number,
        acknowledgment_number,
        flags,
        window: 65_535,
        ..Header::default()
    }
}
