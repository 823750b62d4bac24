//! Scripts in packetdrill's syntax against our TCP, on virtual time.
//!
//! ```text
//! --tcp_timestamps=0                                        // what the host is like
//! 0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3            // at a time
//! +0   bind(3, ..., ...) = 0                                // so long after the line above
//! +0   listen(3, 1) = 0
//! +.1  < S 0:0(0) win 1000 <mss 1460,nop,wscale 7>          // the peer says something
//! +0   > S. 0:0(0) ack 1 <mss 1460,nop,wscale 3>            // we say exactly this, now
//! +0   < . 1:1(0) ack 1 win 1000
//! +0   accept(3, ..., ...) = 4
//! +0   < P. 1:11(10) ack 1 win 1000
//! +.03~+.05 > . 1:1(0) ack 11                               // between two times
//! *    > . 1:1(0) ack 11 <...>                              // whenever, with any options
//! ```
//!
//! Numbers count from each side's initial ones, and our timestamps from the first that we sent: what a script
//! says of them is what a person would write. `win` and `urg` are compared where they are given. Whatever
//! we say that no line expects fails the script, and so does an answer of a call that is another.
//!
//! Options of the host, on lines of their own at the top, are `--name=value`; [`Script::run`] lists them.

mod host;
mod parse;
mod run;

use netkit_tcp::{Flags, Icmp};
use std::{fmt, time::Duration};

/// What is wrong, and the line that it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}\n    {}", self.line, self.why, self.text)
    }
}

/// A script that was read.
#[derive(Debug)]
pub struct Script {
    options: Vec<(String, String)>,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    line: usize,
    text: String,
    when: When,
    what: What,
}

/// When something happens: from one time to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Since the script's beginning.
    At(Duration, Duration),
    /// Since the event before.
    After(Duration, Duration),
    Any,
}

#[derive(Debug)]
enum What {
    /// The peer's segment.
    Inject(Packet),
    /// Ours.
    Expect(Packet),
    /// The network's report about our segment that begins there.
    Icmp(Icmp, u32),
    Call(Call),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Packet {
    flags: Flags,
    seq: u32,
    length: u32,
    ack: Option<u32>,
    window: Option<u16>,
    urgent: Option<u16>,
    /// `None`: any.
    options: Option<Vec<Opt>>,
}

/// An option as scripts write it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Opt {
    Mss(u16),
    WScale(u8),
    SackOk,
    Sack(Vec<(u32, u32)>),
    Timestamp(u32, u32),
    Nop,
    Eol,
    /// Octets as they are, kind and length included.
    Raw(Vec<u8>),
}

#[derive(Debug)]
struct Call {
    name: String,
    arguments: Vec<String>,
    result: i64,
    errno: Option<String>,
}
