//! Sockets over a pair of devices in memory, on tokio's virtual clock.

use netkit_stack::{
    Cable as Wire, Device, HostConfig, Net, bridge,
    link::{Chance, Fate, Link, LinkConfig, Path, Sighting},
    tcp::{Backlog, Secret, State},
};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// One end of a cable that loses nothing.
struct Cable {
    out: UnboundedSender<Vec<u8>>,
    into: UnboundedReceiver<Vec<u8>>,
}

impl Device for Cable {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.into.poll_recv(cx).map(|packet| {
            let packet = packet.ok_or(io::ErrorKind::NotConnected)?;
            buffer[..packet.len()].copy_from_slice(&packet);
            Ok(packet.len())
        })
    }

    fn poll_send(&mut self, _: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        let _ = self.out.send(packet.to_vec());
        Poll::Ready(Ok(()))
    }

    fn mtu(&self) -> u16 {
        1500
    }
}

fn cable() -> (Cable, Cable) {
    let ((out, others), (back, into)) = (unbounded_channel(), unbounded_channel());
    (
        Cable { out, into },
        Cable {
            out: back,
            into: others,
        },
    )
}

const SERVER: &str = "192.0.2.1";
const SERVER_SIX: &str = "2001:db8::1";

/// A server and a client, both families.
fn two() -> Result<(Net, Net), Box<dyn std::error::Error>> {
    let (a, b) = cable();
    two_on(a, b)
}

fn host<D: Device + Unpin + Send + 'static>(
    addresses: [&str; 2],
    device: D,
    key: u8,
) -> Result<Net, Box<dyn std::error::Error>> {
    let addresses: Result<Vec<_>, _> = addresses.iter().map(|text| text.parse()).collect();
    let config = HostConfig::new(addresses?, Secret::new([key; 16]));
    let (net, driver) = Net::new(device, config)?;
    tokio::spawn(driver);
    Ok(net)
}

fn two_on<A, B>(a: A, b: B) -> Result<(Net, Net), Box<dyn std::error::Error>>
where
    A: Device + Unpin + Send + 'static,
    B: Device + Unpin + Send + 'static,
{
    Ok((
        host(["192.0.2.1/24", "2001:db8::1/64"], a, 1)?,
        host(["192.0.2.2/24", "2001:db8::2/64"], b, 2)?,
    ))
}

#[tokio::test(start_paused = true)]
async fn octets_go_both_ways_and_half_closed_too() -> Tested {
    let (server, client) = two()?;
    for host in [SERVER, SERVER_SIX] {
        let at = SocketAddr::new(host.parse()?, 80);
        let listener = server.listen(at, Backlog::default())?;
        let answer = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await?;
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).await?;
            assert_eq!(stream.state(), State::CloseWait);
            heard.reverse();
            stream.write_all(&heard).await?;
            stream.shutdown().await?;
            Ok::<_, io::Error>(peer)
        });
        let mut stream = client.connect(at).await?;
        assert_eq!(stream.peer_addr(), at);
        let said: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        stream.write_all(&said).await?;
        stream.shutdown().await?;
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await?;
        heard.reverse();
        assert!(heard == said);
        assert_eq!(answer.await??, stream.local_addr());
        assert_eq!(stream.state(), State::TimeWait);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_refuses_and_a_silent_host_times_out() -> Tested {
    let (server, client) = two()?;
    let refused = client.connect(SocketAddr::new(SERVER.parse()?, 81)).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(refused.to_string().contains("nobody listens"), "{refused}");
    let began = tokio::time::Instant::now();
    let silent = client.connect("192.0.2.77:80".parse()?).await;
    assert_eq!(silent.expect_err("silent").kind(), io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed().as_secs(), 180);
    drop(server);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn writing_waits_for_room_and_reading_makes_it() -> Tested {
    let (server, client) = two()?;
    let at = SocketAddr::new(SERVER.parse()?, 80);
    let listener = server.listen(at, Backlog::default())?;
    let mut stream = client.connect(at).await?;
    let (mut peer, _) = listener.accept().await?;
    let mut written = 0;
    let piece = [7; 10_000];
    while let Ok(more) = tokio::time::timeout(Duration::from_secs(60), stream.write(&piece)).await {
        written += more?;
    }
    // Both buffers, and no more.
    assert_eq!(written, 2 * 256 * 1024);
    let mut read = vec![0; written];
    peer.read_exact(&mut read).await?;
    assert!(read.iter().all(|octet| *octet == 7));
    assert!(stream.write(&piece).await? > 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_delivers_what_was_written_and_an_aborted_one_does_not_end_well() -> Tested
{
    let (server, client) = two()?;
    let at = SocketAddr::new(SERVER.parse()?, 80);
    let listener = server.listen(at, Backlog::default())?;
    let mut stream = client.connect(at).await?;
    let (mut peer, _) = listener.accept().await?;
    stream.write_all(&vec![1; 100_000]).await?;
    drop(stream);
    let mut heard = Vec::new();
    assert_eq!(peer.read_to_end(&mut heard).await?, 100_000);
    let stream = client.connect(at).await?;
    let (mut peer, _) = listener.accept().await?;
    stream.abort();
    let error = peer.read(&mut [0; 1]).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = peer.write(&[0]).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn halves_serve_two_tasks_and_a_dropped_half_closes_its_direction() -> Tested {
    let (server, client) = two()?;
    let at = SocketAddr::new(SERVER.parse()?, 80);
    let listener = server.listen(at, Backlog::default())?;
    let (mut from, mut to) = client.connect(at).await?.into_split();
    let (peer, _) = listener.accept().await?;
    let (mut peer_from, mut peer_to) = peer.into_split();
    let reading = tokio::spawn(async move {
        let mut heard = Vec::new();
        from.read_to_end(&mut heard).await.map(|_| heard)
    });
    to.write_all(b"there").await?;
    drop(to);
    let mut heard = Vec::new();
    peer_from.read_to_end(&mut heard).await?;
    peer_to.write_all(b"and back").await?;
    drop(peer_to);
    assert_eq!(
        (heard, reading.await??),
        (b"there".to_vec(), b"and back".to_vec())
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_driver_ends_when_nobody_holds_the_host_and_all_is_said() -> Tested {
    let (a, b) = cable();
    let config = |text: &str, key| -> Result<_, Box<dyn std::error::Error>> {
        Ok(HostConfig::new([text.parse()?], Secret::new([key; 16])))
    };
    let (server, driver) = Net::new(a, config("192.0.2.1/24", 1)?)?;
    tokio::spawn(driver);
    let (client, driver) = Net::new(b, config("192.0.2.2/24", 2)?)?;
    let driven = tokio::spawn(driver);
    let at = SocketAddr::new(SERVER.parse()?, 80);
    let listener = server.listen(at, Backlog::default())?;
    let mut stream = client.connect(at).await?;
    let (mut peer, _) = listener.accept().await?;
    stream.write_all(&vec![1; 100_000]).await?;
    drop((client, stream));
    let mut heard = Vec::new();
    assert_eq!(peer.read_to_end(&mut heard).await?, 100_000);
    drop(peer);
    driven.await??;
    // A device that fails, and a driver that is dropped, end what waits.
    let stuck = server.connect("192.0.2.2:80".parse()?).await;
    let error = stuck.expect_err("the cable was cut");
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_bridge_carries_everything_between_two_devices_until_one_fails() -> Tested {
    let lossy = Path {
        loss: Chance::percent(2.0),
        delay: Duration::from_millis(10),
        ..Path::default()
    };
    let lost = Arc::<AtomicUsize>::default();
    let mut link = Link::new(7, LinkConfig::both(lossy));
    let counter = Arc::clone(&lost);
    link.tap(move |seen: &Sighting<'_>| {
        counter.fetch_add(usize::from(seen.fate == Fate::Lost), Ordering::Relaxed);
    });
    let [near, far] = Wire::new(link);
    let (a, b) = cable();
    let carried = tokio::spawn(bridge(far, a));
    let (server, client) = two_on(near, b)?;
    let at = SocketAddr::new(SERVER.parse()?, 80);
    let listener = server.listen(at, Backlog::default())?;
    let (mut stream, (mut peer, _)) = tokio::try_join!(client.connect(at), listener.accept())?;
    let said: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    let echo = tokio::spawn(async move {
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await?;
        peer.write_all(&heard).await?;
        peer.shutdown().await.map(|()| peer)
    });
    stream.write_all(&said).await?;
    stream.shutdown().await?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await?;
    assert!(heard == said);
    assert!(lost.load(Ordering::Relaxed) > 20);
    let _open = echo.await??;
    // The client's driver has the other end of the cable, until the client is done.
    drop((client, stream));
    let error = carried.await?.expect_err("the cable was cut");
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    Ok(())
}
