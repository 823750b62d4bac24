//! The shim's socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use netkit_core::Inbox;

use super::exchange::Failure;
use super::flags::Settings;

/// Longer than the runner waits.
const SILENCE: Duration = Duration::from_secs(60);

/// A blocking socket with what has arrived and what is to leave.
pub(super) struct Wire {
    socket: TcpStream,
    pub(super) inbox: Inbox,
    pub(super) out: Vec<u8>,
    at_once: usize,
    /// The rest of `out` leaves when something has been read.
    pub(super) holds_back: bool,
}

impl Wire {
    pub(super) fn connect(settings: &Settings, at_once: usize) -> Result<Self, Failure> {
        let flags = &settings.flags;
        let port = flags.number("port")?.unwrap_or(0);
        let at = if flags.has("ipv6") {
            SocketAddr::from((Ipv6Addr::LOCALHOST, port))
        } else {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let mut socket = TcpStream::connect(at)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        let id: u64 = flags.number("shim-id")?.unwrap_or(0);
        socket.write_all(&id.to_le_bytes())?;
        Ok(Self {
            socket,
            inbox: Inbox::new(),
            out: Vec::new(),
            at_once,
            holds_back: false,
        })
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.socket.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Whether more arrived: not, at the end.
    pub(super) fn read(&mut self) -> Result<bool, Failure> {
        if !std::mem::take(&mut self.holds_back) {
            self.flush()?;
        }
        // There may be more space than was asked for.
        let space = &mut self.inbox.space(self.at_once)[..self.at_once];
        let count = match self.socket.read(space) {
            // The runner has left with octets of ours unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.inbox.filled(count);
        Ok(count > 0)
    }

    /// What was sent last, an alert, say, would be lost in a reset.
    pub(super) fn drain(&mut self) {
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut unread = [0; 1 << 14];
        while let Ok(1..) = self.socket.read(&mut unread) {}
    }
}
