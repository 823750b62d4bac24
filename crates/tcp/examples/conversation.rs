//! A client and a server over a link that loses every tenth segment, in virtual time: what passes, in
//! tcpdump's words.
//!
//! `cargo run -p netkit-tcp --example conversation`

use netkit_tcp::{
    Backlog, Config, Connection, Listener, PseudoHeader, Secret, Segment, SegmentError, State,
};
use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

/// One way.
const DELAY: Duration = Duration::from_millis(20);

struct Network {
    now: Duration,
    client: Connection,
    listener: Listener,
    server: Option<Connection>,
    sent: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (here, there): (SocketAddr, SocketAddr) =
        ("192.0.2.1:50000".parse()?, "192.0.2.2:80".parse()?);
    let config = Arc::new(Config::new(Secret::new([7; 16])));
    let mut network = Network {
        now: Duration::ZERO,
        client: Connection::connect(Duration::ZERO, config.clone(), here, there)?,
        listener: Listener::new(config, Backlog::default()),
        server: None,
        sent: 0,
    };
    network.client.send(&[b'x'; 12_000])?;
    let mut received = 0;
    loop {
        let moved = network.exchange()?;
        if network.client.state() == State::Established {
            network.client.close();
        }
        if let Some(server) = &mut network.server {
            let mut buffer = [0; 12_000];
            received += server.read(&mut buffer);
            if server.at_end() {
                server.close();
            }
        }
        if network.client.state() == State::TimeWait {
            break;
        }
        if !moved {
            // Nothing is on its way: the next timer is what happens next.
            network.now = network.next_timer().ok_or("nothing more will happen")?;
        }
    }
    println!(
        "{received} octets arrived; the client is in {}",
        network.client.state()
    );
    assert_eq!(received, 12_000);
    Ok(())
}

impl Network {
    /// Carries what both sides have to send; whether there was anything.
    fn exchange(&mut self) -> Result<bool, SegmentError> {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut segments = Vec::new();
        while let Some(sent) = self.client.transmit(self.now, &mut up) {
            segments.push((true, up[sent.range].to_vec()));
        }
        while let Some((_, sent)) = self.listener.transmit(self.now, &mut down) {
            segments.push((false, down[sent.range].to_vec()));
        }
        if let Some(server) = &mut self.server {
            while let Some(sent) = server.transmit(self.now, &mut down) {
                segments.push((false, down[sent.range].to_vec()));
            }
        }
        let at = self.now;
        self.now += if segments.is_empty() {
            Duration::ZERO
        } else {
            DELAY
        };
        for (from_client, octets) in &segments {
            self.carry(at, *from_client, octets)?;
        }
        Ok(!segments.is_empty())
    }

    fn carry(
        &mut self,
        at: Duration,
        from_client: bool,
        octets: &[u8],
    ) -> Result<(), SegmentError> {
        self.sent += 1;
        let (here, there) = (self.client.local(), self.client.remote());
        let segment = Segment::parse(octets)?;
        let lost = self.sent.is_multiple_of(10);
        let (arrow, fate) = (
            if from_client { ">" } else { "<" },
            if lost { "  (lost)" } else { "" },
        );
        println!("{:7.3} {arrow} {segment}{fate}", at.as_secs_f64());
        let Some(pseudo) = PseudoHeader::new(here.ip(), there.ip()).filter(|_| !lost) else {
            return Ok(());
        };
        let segment = segment.verify(pseudo)?;
        if !from_client {
            self.client.recv(self.now, &segment);
        } else if let Some(server) = &mut self.server {
            server.recv(self.now, &segment);
        } else {
            self.listener.recv(self.now, there, here, &segment);
            self.server = self.listener.accept();
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<Duration> {
        let server = self.server.as_ref().and_then(Connection::timeout);
        [self.client.timeout(), self.listener.timeout(), server]
            .into_iter()
            .flatten()
            .min()
    }
}
