//! Drives the machine over a blocking socket: `fetch HOST PORT CA.der` asks for `/` and prints the
//! answer. Without arguments it talks to a server of its own on loopback.

use netkit_tls::{
    CertificateDer, ClientConfig, Connection, CryptoRng, Event, Identity, ServerConfig, ServerName,
    UnixTime,
};
use netkit_x509::Roots;
use std::{
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

fn random() -> Box<dyn CryptoRng + Send> {
    Box::new(rand_core::UnwrapErr(getrandom::SysRng))
}

/// The loop: read, `recv` until it needs data, write what that caused. `handle` takes the plaintext
/// and returns the answer; an empty answer waits for more.
fn drive(
    mut connection: Connection,
    mut out: Vec<u8>,
    mut socket: TcpStream,
    greeting: &[u8],
    mut handle: impl FnMut(&[u8]) -> Vec<u8>,
) -> Result<(), Box<dyn Error>> {
    let mut inbox = netkit_core::Inbox::new();
    loop {
        socket.write_all(&out)?;
        out.clear();
        let count = socket.read(inbox.space(16_384))?;
        if count == 0 {
            return Ok(connection.eof()?);
        }
        inbox.filled(count);
        loop {
            let step = connection.recv(inbox.unread(), &mut out);
            let step = step.inspect_err(|_| drop(socket.write_all(&out)))?;
            let used = step.used;
            match step.event {
                Event::Connected => connection.send(&[greeting], &mut out)?,
                Event::Data(data) => {
                    let answer = handle(data);
                    if !answer.is_empty() {
                        connection.send(&[&answer], &mut out)?;
                        connection.close(&mut out)?;
                    }
                }
                Event::PeerClosed => {
                    connection.close(&mut out)?;
                    return Ok(socket.write_all(&out)?);
                }
                // The configuration is a plain one: nothing is left to decide, and nothing comes early.
                Event::EarlyData(_) | Event::Question(_) | Event::Waiting => unreachable!(),
                Event::NeedData => {
                    inbox.consume(used);
                    break;
                }
            }
            inbox.consume(used);
        }
    }
}

/// Answers one connection in a thread; returns its port and its certificate, which is its own root.
fn serve_once() -> Result<(u16, CertificateDer<'static>), Box<dyn Error>> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(["localhost".into()])?.self_signed(&key)?;
    let certificate = CertificateDer::from(certificate);
    let identity = Identity::new(vec![certificate.clone()], &key.serialize_der().try_into()?)?;
    let connection = Connection::server(
        Arc::new(ServerConfig::new(identity)),
        UnixTime::now(),
        random(),
    );
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().expect("loopback accepts");
        drive(connection, Vec::new(), socket, b"", |request| {
            format!("You said: {}", String::from_utf8_lossy(request)).into_bytes()
        })
        .expect("the client is well-behaved");
    });
    Ok((port, certificate))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (host, port, root) = match &arguments[..] {
        [] => {
            let (port, root) = serve_once()?;
            ("localhost".to_owned(), port, root)
        }
        [host, port, root] => (host.clone(), port.parse()?, std::fs::read(root)?.into()),
        _ => return Err("usage: fetch [HOST PORT CA.der]".into()),
    };
    let mut roots = Roots::new();
    roots.add(&root)?;
    let mut out = Vec::new();
    let connection = Connection::client(
        Arc::new(ClientConfig::new(Arc::new(roots))),
        ServerName::try_from(host.clone())?,
        UnixTime::now(),
        random(),
        &mut out,
    )?;
    let socket = TcpStream::connect((host.as_str(), port))?;
    let request = format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n");
    drive(connection, out, socket, request.as_bytes(), |answer| {
        print!("{}", String::from_utf8_lossy(answer));
        Vec::new()
    })
}
