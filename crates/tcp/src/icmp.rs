//! What ICMP reports about a connection's segments (RFC 9293 3.9.2.2).

use crate::{
    Error, Seq, State,
    connection::{Connection, headers},
    limits,
};

/// A report about a segment that this connection sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icmp {
    /// Destination Unreachable codes 0, 1 and 5, Time Exceeded, Parameter Problem: may pass (MUST-56).
    Soft,
    /// Destination Unreachable codes 2 to 4 without an MTU: the peer's host refuses.
    Hard,
    /// Fragmentation needed, or Packet Too Big: the largest packet, in octets, that the next hop takes.
    TooBig(u16),
    /// Source Quench: ignored (MUST-55).
    SourceQuench,
}

impl Connection {
    /// Takes a report about the segment that began with `seq`. One about a number that is not in
    /// flight is nobody's: it is ignored (RFC 5927 4.1).
    pub fn icmp(&mut self, report: Icmp, seq: Seq) {
        let in_flight = !seq.before(self.snd_una) && seq.before(self.snd_max);
        if !in_flight || self.state == State::Closed {
            return;
        }
        match report {
            Icmp::SourceQuench => {}
            Icmp::Soft => self.soft_error = true,
            // RFC 9293 SHLD-26 would abort any connection. RFC 5927 5.2: once it is synchronized, a
            // forger could; the retransmission timer decides.
            Icmp::Hard if self.state.is_synchronized() => self.soft_error = true,
            Icmp::Hard => self.delete(Some(Error::PathUnreachable)),
            Icmp::TooBig(mtu) => self.shrink(mtu),
        }
    }

    /// RFC 1191 6.4: what was too big is sent again in smaller segments.
    fn shrink(&mut self, mtu: u16) {
        let before = self.smss;
        self.set_path_mtu(mtu);
        if self.smss < before && self.state.is_synchronized() {
            self.timed = None;
            self.go_back();
        }
    }

    /// Octets of the largest packet that the path carries, as far as is known (RFC 9293 3.7.2).
    pub const fn path_mtu(&self) -> u16 {
        self.path_mtu
    }

    /// Says that the path carries no larger packets: what was heard of it on other connections (RFC 1191 6.2). It
    /// never grows again.
    pub fn set_path_mtu(&mut self, mtu: u16) {
        self.path_mtu = self.path_mtu.min(mtu);
        self.update_smss();
    }

    /// Says how many octets of IP options the owner puts in front of each segment: so many less are left for
    /// data (RFC 9293 3.7.1, MUST-16).
    pub fn set_ip_options(&mut self, octets: usize) {
        self.ip_options = octets.min(limits::IP_OPTIONS) as u8;
        self.update_smss();
    }

    fn update_smss(&mut self) {
        self.smss = self.eff_snd_mss();
        self.congestion.set_smss(self.smss);
    }

    /// Eff.snd.MSS: what the peer takes and the path carries, less the options in each segment and in front of it
    /// (RFC 9293 3.7.1, MUST-15, MUST-16).
    pub(crate) fn eff_snd_mss(&self) -> u32 {
        let carried = self.path_mtu.saturating_sub(headers(self.remote.ip()));
        let size = self.peer_mss.min(carried).max(limits::MIN_MSS);
        let timestamps = if self.clock.is_some() { 12 } else { 0 };
        let options = timestamps + u32::from(self.ip_options);
        u32::from(size)
            .saturating_sub(options)
            .max(limits::MIN_SMSS)
    }
}
