use crate::{Congestion, Cubic, Secret, limits};
use alloc::boxed::Box;
use core::time::Duration;

/// What the connections of a host have in common. The defaults are those of [`limits`].
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Config {
    /// The host's secret.
    pub secret: Secret,
    /// Octets of the largest IP packet that the interface carries; MMS_S and MMS_R follow from it.
    pub mtu: u16,
    /// Octets that may wait to be read.
    pub receive_buffer: u32,
    /// Octets that may wait to be acknowledged.
    pub send_buffer: u32,
    /// Whether SACK is offered and accepted (RFC 2018).
    pub sack: bool,
    /// Whether timestamps are (RFC 7323 3).
    pub timestamps: bool,
    /// Whether window scaling is (RFC 7323 2).
    pub window_scale: bool,
    /// Whether small segments wait while data are unacknowledged (RFC 9293 3.7.4).
    pub nagle: bool,
    /// Makes a congestion controller for segments of so many octets.
    pub congestion: fn(u32) -> Box<dyn Congestion>,
    /// How long an ACK may wait for company; 0.5 seconds at most (RFC 9293 3.8.6.3).
    pub delayed_ack: Duration,
    /// The smallest RTO.
    pub min_rto: Duration,
    /// Maximum segment lifetime.
    pub msl: Duration,
    /// R2: how long data may stay unanswered before the connection is given up.
    pub user_timeout: Duration,
    /// R2 of a SYN.
    pub syn_timeout: Duration,
    /// Probes on an idle connection; off by default (RFC 9293 3.8.4, MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// What the device does for segments on their way out; nothing by default.
    pub offload: Offload,
}

/// What the device that sends segments does for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offload {
    /// Nothing: each segment is as it goes out.
    #[default]
    None,
    /// It completes the checksum, whose field holds the pseudo-header's sum: see
    /// [`Header::write_partial`](crate::Header::write_partial).
    Checksum,
    /// It does that, and cuts what is longer than the MSS into segments: see
    /// [`Sent::gso_size`](crate::Sent::gso_size).
    Segmentation,
}

/// When an idle connection is probed (RFC 9293 3.8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long nothing has arrived before the first probe; two hours by default (MUST-28).
    pub idle: Duration,
    /// How long each probe is given to be answered.
    pub interval: Duration,
    /// Probes without an answer before the connection is given up.
    pub probes: u8,
}

impl Default for KeepAlive {
    /// Linux's values.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(2 * 60 * 60),
            interval: Duration::from_secs(75),
            probes: 9,
        }
    }
}

impl Config {
    /// The defaults, for a host with this secret.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            mtu: 1500,
            receive_buffer: limits::RECEIVE_BUFFER,
            send_buffer: limits::SEND_BUFFER,
            sack: true,
            timestamps: true,
            window_scale: true,
            nagle: true,
            congestion: Cubic::start,
            delayed_ack: limits::DELAYED_ACK,
            min_rto: limits::MIN_RTO,
            msl: limits::MSL,
            user_timeout: limits::USER_TIMEOUT,
            syn_timeout: limits::SYN_TIMEOUT,
            keep_alive: None,
            offload: Offload::None,
        }
    }

    /// The shift that makes the receive buffer fit the window field (RFC 7323 2.3: at most 14).
    pub(crate) fn shift(&self) -> u8 {
        let size = self.receive_buffer.min(limits::MAX_BUFFER);
        (0..14).find(|&shift| size >> shift <= 0xffff).unwrap_or(14)
    }
}
