//! How the program ends: one exit code per layer.

use std::fmt;

use netkit::Layer;

/// The codes, for `--help`. [`Exit`] has the same numbers, which a test holds.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  the demo saw something other than it tells
  2  usage: the command line or the URL
  3  a file, or standard input or output
  4  name: the host has no address, or its lookup failed
  5  tcp: no connection, or it broke
  6  tls: the handshake or a record failed
  7  certificate: one was refused
  8  http: the answer was malformed or cut short
  9  timeout, in any layer
 10  websocket: the peer broke its rules, or did not close
130  interrupted";

/// Which layer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Demo = 1,
    Usage = 2,
    File = 3,
    Name = 4,
    Tcp = 5,
    Tls = 6,
    Certificate = 7,
    Http = 8,
    Timeout = 9,
    WebSocket = 10,
    Interrupted = 130,
}

/// Why the program ends early: the layer, and what to tell its user.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) why: String,
}

impl Failure {
    pub(crate) fn usage(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Usage,
            why: format!("usage: {why}"),
        }
    }

    pub(crate) fn file(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::File,
            why: format!("file: {what}: {why}"),
        }
    }

    pub(crate) fn certificate(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Certificate,
            why: format!("certificate: {why}"),
        }
    }

    pub(crate) fn tcp(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Tcp,
            why: format!("tcp: {why}"),
        }
    }

    pub(crate) fn http(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Http,
            why: format!("http: {why}"),
        }
    }

    pub(crate) fn timeout(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Timeout,
            why: format!("timeout: {why}"),
        }
    }

    pub(crate) fn interrupted(what: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Interrupted,
            why: format!("interrupted: {what}"),
        }
    }

    pub(crate) fn demo(why: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Demo,
            why: format!("demo: {why}"),
        }
    }
}

impl From<netkit::Error> for Failure {
    fn from(error: netkit::Error) -> Self {
        let exit = if error.is_timeout() {
            Exit::Timeout
        } else {
            match error.layer() {
                Layer::Usage => Exit::Usage,
                Layer::Name => Exit::Name,
                Layer::Transport => Exit::Tcp,
                Layer::Tls => Exit::Tls,
                Layer::Certificate => Exit::Certificate,
                Layer::WebSocket => Exit::WebSocket,
                // HTTP, and the layers that may join the list.
                _ => Exit::Http,
            }
        };
        Self {
            exit,
            why: error.report(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_code() {
        let codes = [
            (Exit::Demo, "demo"),
            (Exit::Usage, "usage"),
            (Exit::File, "file"),
            (Exit::Name, "name"),
            (Exit::Tcp, "tcp"),
            (Exit::Tls, "tls"),
            (Exit::Certificate, "certificate"),
            (Exit::Http, "http"),
            (Exit::Timeout, "timeout"),
            (Exit::WebSocket, "websocket"),
            (Exit::Interrupted, "interrupted"),
        ];
        let rows: Vec<&str> = TABLE.lines().skip(2).collect();
        assert_eq!(rows.len(), codes.len());
        for ((exit, word), row) in codes.into_iter().zip(rows) {
            assert!(row.starts_with(&format!("{:3}  ", exit as u8)), "{row}");
            assert!(row.contains(word), "{row}");
        }
    }
}
