//! What the programs share that strangers' TLS suites are put to: their command lines, and a machine
//! over a blocking socket.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use netkit::tls::{Connection, CryptoRng, Error, Event, ExternalPsk, ProtocolVersion, Versions};
use netkit_core::Inbox;
use rand_core::UnwrapErr;

/// A peer that says nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// The options of a command line, which are `--NAME VALUE` or, for flags, `--NAME`, and its other
/// arguments.
#[derive(Debug, Default)]
pub struct CommandLine {
    options: HashMap<String, String>,
    /// What belongs to no option.
    pub others: Vec<String>,
}

impl CommandLine {
    /// Of this process; these options have values, these have none.
    pub fn read(valued: &[&str], flags: &[&str]) -> Result<Self, String> {
        let mut line = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                line.others.push(argument);
                continue;
            };
            let value = if valued.contains(&name) {
                arguments
                    .next()
                    .ok_or(format!("{argument} wants a value"))?
            } else if flags.contains(&name) {
                String::new()
            } else {
                return Err(format!("unknown option {argument}"));
            };
            line.options.insert(name.to_owned(), value);
        }
        Ok(line)
    }

    /// An option's value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The value of an option that has to be there.
    pub fn required(&self, name: &str) -> Result<&str, String> {
        self.value(name).ok_or(format!("--{name} is missing"))
    }

    /// Whether a flag is there.
    pub fn has(&self, flag: &str) -> bool {
        self.options.contains_key(flag)
    }

    /// The versions from `--tls-min` to `--tls-max`.
    pub fn versions(&self) -> Result<Versions, String> {
        let version = |name, default| match self.value(name) {
            None => Ok(default),
            Some("1.2") => Ok(ProtocolVersion::TLS1_2),
            Some("1.3") => Ok(ProtocolVersion::TLS1_3),
            Some(other) => Err(format!("--{name} {other}: neither 1.2 nor 1.3")),
        };
        let Versions { min, max } = Versions::default();
        Ok(Versions {
            min: version("tls-min", min)?,
            max: version("tls-max", max)?,
        })
    }

    /// The key in `--psk IDENTITY:HEX`.
    pub fn psk(&self) -> Result<Option<ExternalPsk>, Box<dyn std::error::Error>> {
        let Some(psk) = self.value("psk") else {
            return Ok(None);
        };
        let (identity, secret) = psk.rsplit_once(':').ok_or("--psk wants IDENTITY:HEX")?;
        let psk = ExternalPsk::new(identity.as_bytes(), &hex::decode(secret)?)?;
        Ok(Some(psk))
    }

    /// An option's values between commas.
    pub fn list(&self, name: &str) -> Vec<Vec<u8>> {
        let values = self.value(name).into_iter().flat_map(|all| all.split(','));
        values.map(|value| value.as_bytes().to_vec()).collect()
    }
}

/// The system's random numbers.
pub fn random() -> Box<dyn CryptoRng + Send> {
    Box::new(UnwrapErr(getrandom::SysRng))
}

/// A TLS connection on a blocking socket.
pub struct Link {
    /// The machine.
    pub connection: Connection,
    /// What it wants sent; [`hear`](Self::hear) sends it.
    pub out: Vec<u8>,
    socket: TcpStream,
    inbox: Inbox,
    /// Early data, until the handshake is done.
    pub early: Vec<u8>,
}

/// What a [`Link`] heard.
#[derive(Debug)]
pub enum Heard {
    /// The handshake is done.
    Connected,
    /// Data; early data comes first.
    Data(Vec<u8>),
    /// The peer sends no more.
    PeerClosed,
}

/// Why a [`Link`] ended early.
#[derive(Debug)]
pub enum Broken {
    /// TLS says so. What it has to tell the peer is sent.
    Tls(Error),
    /// The socket says so.
    Socket(std::io::Error),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl Link {
    /// A connection and the first octets that it wants sent.
    pub fn new(socket: TcpStream, connection: Connection, out: Vec<u8>) -> Result<Self, Broken> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        Ok(Self {
            connection,
            out,
            socket,
            inbox: Inbox::new(),
            early: Vec::new(),
        })
    }

    /// Sends what is to leave and waits until something is heard.
    pub fn hear(&mut self) -> Result<Heard, Broken> {
        if self.connection.is_connected() && !self.early.is_empty() {
            return Ok(Heard::Data(std::mem::take(&mut self.early)));
        }
        loop {
            let stepped = self.connection.recv(self.inbox.unread(), &mut self.out);
            let (used, heard) = match stepped {
                Err(error) => {
                    // The alert is the last word, and the peer may be gone.
                    let _ = self.flush();
                    return Err(error.into());
                }
                Ok(step) => {
                    let heard = match step.event {
                        Event::Connected => Some(Heard::Connected),
                        Event::Data(data) => Some(Heard::Data(data.to_vec())),
                        Event::EarlyData(data) => {
                            self.early.extend_from_slice(data);
                            None
                        }
                        Event::PeerClosed => Some(Heard::PeerClosed),
                        _ => None,
                    };
                    (step.used, heard)
                }
            };
            self.inbox.consume(used);
            if let Some(heard) = heard {
                return Ok(heard);
            }
            if used == 0 || self.inbox.is_empty() {
                self.read()?;
            }
        }
    }

    fn read(&mut self) -> Result<(), Broken> {
        self.flush()?;
        let count = self.socket.read(self.inbox.space(1 << 14))?;
        self.inbox.filled(count);
        if count == 0 {
            self.connection.eof()?;
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }

    /// Sends what is to leave.
    pub fn flush(&mut self) -> Result<(), Broken> {
        self.socket.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Half-closes the socket and reads until the peer closes too: what was sent last, an alert, say,
    /// would be lost in a reset otherwise.
    pub fn drain(mut self) {
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut unread = [0; 1 << 14];
        while let Ok(1..) = self.socket.read(&mut unread) {}
    }
}
