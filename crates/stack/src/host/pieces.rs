//! Packets that came in pieces, until they are whole (RFC 791 3.2, RFC 1122 3.3.2, RFC 8200 4.5).

use crate::{
    ip::{Fragment, Header, Packet},
    limits,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

/// What the pieces of one packet have in common. Pieces of IPv6 are told apart without their protocol.
type Name = (IpAddr, IpAddr, Option<u8>, u32);

/// Packets whose pieces are still coming.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Never more than a few: found by looking at each.
    waiting: Vec<(Name, Waiting)>,
}

/// A packet of which something is missing.
#[derive(Debug)]
struct Waiting {
    until: Duration,
    /// Octets, each piece by where it begins; no two overlap.
    pieces: BTreeMap<u16, Vec<u8>>,
    /// What stood in front of the first piece; empty if that is missing.
    head: Vec<u8>,
    /// Octets of the whole, once its end is here.
    length: Option<usize>,
    /// Pieces did not fit together: none is kept, nor any that is to come (RFC 5722 4).
    is_refused: bool,
}

/// Pieces that do not fit together, or are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

impl Pieces {
    /// Keeps a piece; the whole packet, if it was the last that was missing.
    pub(super) fn take(
        &mut self,
        now: Duration,
        packet: &Packet<'_>,
        piece: Fragment,
    ) -> Result<Option<Vec<u8>>, Refused> {
        let protocol = packet.source.is_ipv4().then_some(packet.protocol);
        let name = (
            packet.source,
            packet.destination,
            protocol,
            piece.identification,
        );
        let at = self.waiting.iter().position(|(known, _)| *known == name);
        let at = at.unwrap_or_else(|| {
            if self.waiting.len() >= limits::FRAGMENTED_PACKETS {
                // The oldest: it has waited longest in vain.
                self.waiting.remove(0);
            }
            self.waiting
                .push((name, Waiting::new(now + limits::REASSEMBLY)));
            self.waiting.len() - 1
        });
        let waiting = &mut self.waiting[at].1;
        if waiting.is_refused || waiting.add(packet, piece).is_err() {
            waiting.refuse();
            return Err(Refused);
        }
        let whole = waiting.whole();
        if whole.is_some() {
            self.waiting.remove(at);
        }
        Ok(whole)
    }

    /// When the oldest is given up.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.waiting.first().map(|(_, waiting)| waiting.until)
    }

    /// Gives up a packet whose time has come: the one that brought its first piece, empty if that is missing.
    pub(super) fn expire(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.timeout().filter(|until| *until <= now)?;
        Some(self.waiting.remove(0).1.first())
    }
}

impl Waiting {
    const fn new(until: Duration) -> Self {
        Self {
            until,
            pieces: BTreeMap::new(),
            head: Vec::new(),
            length: None,
            is_refused: false,
        }
    }

    fn refuse(&mut self) {
        self.is_refused = true;
        self.pieces.clear();
        self.head = Vec::new();
    }

    fn add(&mut self, packet: &Packet<'_>, piece: Fragment) -> Result<(), Refused> {
        let (start, octets) = (piece.offset, packet.payload);
        let end = usize::from(start) + octets.len();
        if self.pieces.get(&start).is_some_and(|it| it == octets) {
            // The same again is what networks do, and no overlap (RFC 8200 4.5).
            return Ok(());
        }
        let before = self.pieces.range(..=start).next_back();
        let before = before.map_or(0, |(at, it)| usize::from(*at) + it.len());
        let behind = self.pieces.range(start..).next();
        let behind = behind.map_or(usize::MAX, |(at, _)| usize::from(*at));
        let overlaps = before > start.into() || behind < end || behind == usize::from(start);
        let beyond = self.length.is_some_and(|length| end > length);
        let last = self.pieces.last_key_value();
        let last = last.map_or(0, |(at, it)| usize::from(*at) + it.len());
        let ends_early = !piece.more && (last > end || self.length.is_some());
        let are_many = self.pieces.len() >= limits::FRAGMENTS;
        if overlaps || beyond || ends_early || are_many || octets.is_empty() {
            return Err(Refused);
        }
        if !piece.more {
            self.length = Some(end);
        }
        if start == 0 {
            self.head = packet.octets[..packet.octets.len() - octets.len()].to_vec();
        }
        self.pieces.insert(start, octets.to_vec());
        Ok(())
    }

    /// The packet that brought the first piece.
    fn first(mut self) -> Vec<u8> {
        let piece = self.pieces.first_key_value();
        if let Some((0, octets)) = piece {
            self.head.extend_from_slice(octets);
        }
        self.head
    }

    /// The packet, if nothing is missing: with the header of the first piece, without what it said of pieces and,
    /// in IPv6, without the extension headers in front of that, which every piece was judged by.
    fn whole(&self) -> Option<Vec<u8>> {
        let length = self.length?;
        // They do not overlap, so they are all there if there are enough octets.
        if self.pieces.values().map(Vec::len).sum::<usize>() != length {
            return None;
        }
        let first = Packet::quoted(&self.head)?;
        let mut header = Header::new(first.source, first.destination, first.protocol)?;
        header.hop_limit = first.hop_limit;
        header.traffic_class = first.traffic_class;
        header.options = first.options;
        // IPv4 counts its header.
        let counted = if first.source.is_ipv4() {
            header.length() + length
        } else {
            length
        };
        u16::try_from(counted).ok()?;
        let mut packet = vec![0; header.length()];
        packet.reserve_exact(length);
        for octets in self.pieces.values() {
            packet.extend_from_slice(octets);
        }
        header.write(&mut packet);
        Some(packet)
    }
}
