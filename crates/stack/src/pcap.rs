//! Captures in the format of libpcap with times in nanoseconds, of bare IP packets: what Wireshark, tshark
//! and tcpdump read.
//!
//! ```
//! use netkit_stack::pcap;
//! use std::time::Duration;
//!
//! let mut file = Vec::new();
//! pcap::start(&mut file);
//! pcap::packet(Duration::from_millis(20), &[0x45, 0, 0, 20], &mut file);
//! assert_eq!(file.len(), 24 + 16 + 4);
//! ```

use alloc::vec::Vec;
use core::time::Duration;

/// Nanoseconds, in the writer's order of octets; here always the little end first.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: (u16, u16) = (2, 4);
/// LINKTYPE_RAW: packets begin with an IPv4 or IPv6 header.
const RAW: u32 = 101;
/// The longest IP packet, whatever its version.
const SNAP: u32 = 65_575;

/// Appends the file's header.
pub fn start(out: &mut Vec<u8>) {
    out.extend(MAGIC.to_le_bytes());
    out.extend(VERSION.0.to_le_bytes());
    out.extend(VERSION.1.to_le_bytes());
    // Times are UTC, and as precise as they are.
    out.extend([0; 8]);
    out.extend(SNAP.to_le_bytes());
    out.extend(RAW.to_le_bytes());
}

/// Appends a packet that was seen at `at`, since 1970 or whatever epoch the reader is to see. What is
/// longer than any IP packet is cut.
pub fn packet(at: Duration, packet: &[u8], out: &mut Vec<u8>) {
    let kept = &packet[..packet.len().min(SNAP as usize)];
    // The format ends in 2106.
    out.extend((at.as_secs() as u32).to_le_bytes());
    out.extend(at.subsec_nanos().to_le_bytes());
    out.extend((kept.len() as u32).to_le_bytes());
    out.extend(
        u32::try_from(packet.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    out.extend_from_slice(kept);
}
