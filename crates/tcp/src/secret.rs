//! Numbers that nobody outside can guess: initial sequence numbers (RFC 6528), timestamp offsets
//! (RFC 7323 5.4), ephemeral ports (RFC 6056), SYN cookies (RFC 4987).

use crate::Seq;
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// A host's secret: sixteen octets of good randomness, made once when it starts.
#[derive(Clone, Copy)]
pub struct Secret([u64; 2]);

/// Tells what a hash is for, so that none gives another away.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Isn,
    Timestamp,
    Port,
    Cookie,
}

/// Ports that RFC 6056 3.2 suggests for ephemeral use.
const EPHEMERAL: core::ops::RangeInclusive<u16> = 1024..=65535;

impl Secret {
    /// A secret of sixteen random octets.
    pub const fn new(random: [u8; 16]) -> Self {
        let both = u128::from_le_bytes(random);
        Self([both as u64, (both >> 64) as u64])
    }

    /// The hash of a connection's two ends, `more`, and what it is for.
    pub(crate) fn hash(&self, what: Use, local: SocketAddr, remote: SocketAddr, more: u64) -> u64 {
        let mut hash = SipHash::new(self.0);
        hash.word(what as u64);
        for end in [local, remote] {
            match end.ip() {
                IpAddr::V4(address) => hash.word(address.to_bits().into()),
                IpAddr::V6(address) => {
                    hash.word((address.to_bits() >> 64) as u64);
                    hash.word(address.to_bits() as u64);
                }
            }
            hash.word(end.port().into());
        }
        hash.word(more);
        hash.end()
    }

    /// ISN = M + F(localip, localport, remoteip, remoteport, secretkey), M a clock of four
    /// microseconds (RFC 9293 3.4.1, RFC 6528 3).
    pub(crate) fn isn(&self, now: Duration, local: SocketAddr, remote: SocketAddr) -> Seq {
        let clock = (now.as_micros() / 4) as u32;
        Seq(self.hash(Use::Isn, local, remote, 0) as u32) + clock
    }

    /// An ephemeral port for a connection from `local`'s address to `remote` (RFC 6056 3.3.3): ports
    /// are tried in order from a place that is another for each destination, until `is_free` likes
    /// one. `attempt` counts the host's connections. `None` if no port is free.
    pub fn port(
        &self,
        local: IpAddr,
        remote: SocketAddr,
        attempt: u16,
        is_free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let count = u32::from(*EPHEMERAL.end() - *EPHEMERAL.start()) + 1;
        let offset = self.hash(Use::Port, SocketAddr::new(local, 0), remote, 0) as u32 % count;
        (0..count)
            .map(|step| (offset + u32::from(attempt) + step) % count)
            .map(|at| *EPHEMERAL.start() + at as u16)
            .find(|&port| is_free(port))
    }
}

/// Shows nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of 64-bit words.
struct SipHash {
    v: [u64; 4],
    words: u64,
}

impl SipHash {
    const fn new([k0, k1]: [u64; 2]) -> Self {
        Self {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            words: 0,
        }
    }

    fn rounds(&mut self, count: usize) {
        let [mut a, mut b, mut c, mut d] = self.v;
        for _ in 0..count {
            a = a.wrapping_add(b);
            c = c.wrapping_add(d);
            b = b.rotate_left(13) ^ a;
            d = d.rotate_left(16) ^ c;
            a = a.rotate_left(32).wrapping_add(d);
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            d = d.rotate_left(21) ^ a;
            c = c.rotate_left(32);
        }
        self.v = [a, b, c, d];
    }

    fn compress(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds(2);
        self.v[0] ^= word;
    }

    fn word(&mut self, word: u64) {
        self.compress(word);
        self.words += 1;
    }

    fn end(mut self) -> u64 {
        // The length in octets, modulo 256, ends the message.
        self.compress((self.words * 8) << 56);
        self.v[2] ^= 0xff;
        self.rounds(4);
        self.v.into_iter().fold(0, |hash, v| hash ^ v)
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SipHash};
    use core::{net::SocketAddr, time::Duration};
    use std::{collections::BTreeSet, format};

    /// The octets 0 to 7 and 0 to 15 under the key 0 to 15: the authors' table, rows 8 and 16.
    #[test]
    fn siphash_gives_the_published_values() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let mut hash = SipHash::new(key);
        hash.word(key[0]);
        assert_eq!(hash.end(), 0x93f5_f579_9a93_2462);
        let mut hash = SipHash::new(key);
        hash.word(key[0]);
        hash.word(key[1]);
        assert_eq!(hash.end(), 0x3f2a_cc7f_57c2_9bdb);
    }

    fn ends() -> (SocketAddr, SocketAddr) {
        (
            SocketAddr::from(([192, 0, 2, 1], 80)),
            SocketAddr::from(([192, 0, 2, 2], 50_000)),
        )
    }

    #[test]
    fn the_isn_follows_the_clock_and_depends_on_ends_and_secret() {
        let (local, remote) = ends();
        let secret = Secret::new([7; 16]);
        let isn = secret.isn(Duration::ZERO, local, remote);
        let later = secret.isn(Duration::from_secs(1), local, remote);
        assert_eq!(later.since(isn), 250_000);
        assert_ne!(secret.isn(Duration::ZERO, remote, local), isn);
        assert_ne!(Secret::new([8; 16]).isn(Duration::ZERO, local, remote), isn);
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn ports_differ_by_destination_and_skip_those_in_use() {
        let (local, remote) = ends();
        let secret = Secret::new([7; 16]);
        let first = secret.port(local.ip(), remote, 0, |_| true).expect("free");
        let second = secret.port(local.ip(), remote, 0, |port| port != first);
        assert_ne!(second, Some(first));
        let elsewhere = secret.port(local.ip(), local, 0, |_| true);
        assert_ne!(elsewhere, Some(first));
        assert_eq!(secret.port(local.ip(), remote, 0, |_| false), None);
        let only = secret.port(local.ip(), remote, 9, |port| port == 65_535);
        assert_eq!(only, Some(65_535));
        let some: BTreeSet<_> = (0..100)
            .map(|attempt| secret.port(local.ip(), remote, attempt, |_| true))
            .collect();
        assert_eq!(some.len(), 100);
    }
}
