//! The kernel's sockets and ours, in one task.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;

use netkit::stack::link::{Chance, Path};
use netkit::stack::tcp::{Backlog, State};
use netkit::stack::{Device, Net, TcpStream, Tun};
use netkit_tests::octets::{Check, Octets};
use netkit_tests::ours::block_on;
use netkit_tests::place::{Place, ip, sockets};
use netkit_tests::process::run;
use netkit_tests::{Failed, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream as Kernel;
use tokio::time::{sleep, timeout};

use crate::{Tested, octets};

/// That the stream has these octets, and no more.
pub(crate) async fn read_all(from: &mut (impl AsyncRead + Unpin), length: u64) -> Tested {
    let (mut check, mut buffer) = (Check::default(), vec![0; 1 << 16]);
    loop {
        match from.read(&mut buffer).await? {
            0 => break,
            count => check.next(&buffer[..count])?,
        }
    }
    ensure!(check.end() == length, "{} of {length} octets", check.end());
    Ok(())
}

pub(crate) async fn write_all(to: &mut (impl AsyncWrite + Unpin), length: u64) -> Tested {
    tokio::io::copy(&mut Octets::new(length), to).await?;
    to.shutdown().await?;
    Ok(())
}

/// Writes and reads so many octets at once.
async fn exchange(stream: impl AsyncRead + AsyncWrite, length: u64) -> Tested {
    let (mut from, mut to) = split(stream);
    tokio::try_join!(write_all(&mut to, length), read_all(&mut from, length))?;
    Ok(())
}

/// A connection that the kernel opened to our listener.
async fn called(place: &Place, net: &Net) -> Result<(Kernel, TcpStream), Failed> {
    let at = place.ours(80);
    let listener = net.listen(at, Backlog::default())?;
    let (kernel, (ours, _)) = tokio::try_join!(Kernel::connect(at), listener.accept())?;
    Ok((kernel, ours))
}

/// A connection that we opened to the kernel's.
async fn calls(place: &Place, net: &Net) -> Result<(Kernel, TcpStream), Failed> {
    let listener = tokio::net::TcpListener::bind(place.theirs(0)).await?;
    let at = listener.local_addr()?;
    let ((kernel, _), ours) = tokio::try_join!(listener.accept(), net.connect(at))?;
    Ok((kernel, ours))
}

/// Waits for a state that segments on their way lead to.
async fn reaches(stream: &TcpStream, state: State) -> Tested {
    for _ in 0..500 {
        if stream.state() == state {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("{} instead of {state}", stream.state()).into())
}

pub(crate) fn options(place: &Place, timestamps: bool, sack: bool) -> Tested {
    place.set("ipv4/tcp_timestamps", u8::from(timestamps))?;
    place.set("ipv4/tcp_sack", u8::from(sack))?;
    let length = octets(2)?;
    let path = Path {
        loss: Chance::percent(0.2),
        ..Path::default()
    };
    block_on(async {
        let net = place.host_behind(1, &path)?;
        for we_call in [true, false] {
            let (kernel, ours) = if we_call {
                calls(place, &net).await?
            } else {
                called(place, &net).await?
            };
            let told = sockets()?;
            let mss = place.mss(timestamps);
            ensure!(
                told.contains(&format!(" mss:{mss} ")),
                "no mss:{mss}: {told}"
            );
            for (word, wanted) in [(" ts ", timestamps), (" sack ", sack), (" wscale:", true)] {
                ensure!(
                    told.contains(word) == wanted,
                    "{word:?} not {wanted}: {told}"
                );
            }
            tokio::try_join!(exchange(kernel, length), exchange(ours, length))?;
        }
        Ok(())
    })
}

pub(crate) fn through(place: &Place, path: &Path) -> Tested {
    let length = octets(8)?;
    block_on(async {
        let net = place.host_behind(7, path)?;
        let (kernel, ours) = called(place, &net).await?;
        tokio::try_join!(exchange(kernel, length), exchange(ours, length))?;
        Ok(())
    })
}

pub(crate) fn each_half_closes_first(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (mut kernel, mut ours) = called(place, &net).await?;
        kernel.write_all(b"question").await?;
        kernel.shutdown().await?;
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await?;
        ensure!(heard == "question", "{heard:?}");
        ensure!(ours.state() == State::CloseWait, "{}", ours.state());
        place.tells("FIN-WAIT-2").await?;
        ours.write_all(b"answer").await?;
        ours.shutdown().await?;
        let mut heard = String::new();
        kernel.read_to_string(&mut heard).await?;
        ensure!(heard == "answer", "{heard:?}");
        reaches(&ours, State::Closed).await?;

        let (mut kernel, mut ours) = calls(place, &net).await?;
        ours.write_all(b"question").await?;
        ours.shutdown().await?;
        let mut heard = String::new();
        kernel.read_to_string(&mut heard).await?;
        ensure!(heard == "question", "{heard:?}");
        place.tells("CLOSE-WAIT").await?;
        reaches(&ours, State::FinWait2).await?;
        kernel.write_all(b"answer").await?;
        kernel.shutdown().await?;
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await?;
        ensure!(heard == "answer", "{heard:?}");
        reaches(&ours, State::TimeWait).await
    })
}

pub(crate) fn closed_ports_refuse(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let ours = net.connect(place.theirs(81)).await.expect_err("refused");
        ensure!(ours.kind() == ErrorKind::ConnectionRefused, "{ours}");
        let kernel = Kernel::connect(place.ours(81)).await.expect_err("refused");
        ensure!(kernel.kind() == ErrorKind::ConnectionRefused, "{kernel}");
        Ok(())
    })
}

/// Writes until nothing is taken for a while; how many octets were.
async fn fill(to: &mut TcpStream) -> Result<u64, Failed> {
    const A_WHILE: Duration = Duration::from_secs(1);
    let mut octets = Octets::new(u64::MAX);
    let (mut piece, mut left, mut written) = (vec![0; 1 << 16], 0..0, 0);
    loop {
        if left.is_empty() {
            left = 0..octets.read(&mut piece).await?;
        }
        // What is cancelled has taken nothing.
        match timeout(A_WHILE, to.write(&piece[left.clone()])).await {
            Ok(count) => {
                let count = count?;
                left.start += count;
                written += count as u64;
            }
            // Our buffer alone is no closed window.
            Err(_) if written > 256 << 10 => return Ok(written),
            Err(_) => {}
        }
    }
}

/// The kernel's window, and then ours.
pub(crate) fn a_window_closes_and_opens(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (mut kernel, mut ours) = called(place, &net).await?;
        let written = fill(&mut ours).await?;
        tokio::try_join!(read_all(&mut kernel, written), async {
            Ok(ours.shutdown().await?)
        })?;
        // Now the kernel fills our window, and probes it.
        let length = 8 << 20;
        tokio::try_join!(write_all(&mut kernel, length), async {
            place.tells("timer:(persist").await?;
            read_all(&mut ours, length).await
        })?;
        Ok(())
    })
}

/// ICMP's error reaches the kernel's socket.
pub(crate) fn datagrams_find_nobody(place: &Place) -> Tested {
    let (theirs, ours) = (place.theirs(0), place.ours(53));
    block_on(async {
        let _net = place.host()?;
        let heard = tokio::task::spawn_blocking(move || {
            let socket = std::net::UdpSocket::bind(theirs)?;
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            socket.connect(ours)?;
            let ask = || {
                socket.send(b"anybody?")?;
                socket.recv(&mut [0; 9])
            };
            // Until the kernel has noticed that the device is attached to, it drops what it sends.
            for _ in 0..50 {
                match ask() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    asked => return asked,
                }
            }
            Err(ErrorKind::TimedOut.into())
        });
        let error = heard.await?.expect_err("nobody");
        ensure!(error.kind() == ErrorKind::ConnectionRefused, "{error}");
        Ok(())
    })
}

/// As the network would, and the device goes on: damaged packets come by here too.
pub(crate) fn what_is_no_packet_is_lost(_: &Place) -> Tested {
    block_on(async {
        let mut device = Tun::open("tun0")?;
        for packet in [&[0; 40][..], &[], &[0x45]] {
            poll_fn(|cx| device.poll_send(cx, packet)).await?;
        }
        Ok(())
    })
}

pub(crate) fn ten_thousand_connections(place: &Place) -> Tested {
    const COUNT: usize = 10_000;
    block_on(async {
        let net = place.host()?;
        let at = place.ours(80);
        let listener = net.listen(at, Backlog::default())?;
        let (mut theirs, mut ours) = tokio::try_join!(
            async {
                let mut all = Vec::new();
                for _ in 0..COUNT {
                    all.push(Kernel::connect(at).await?);
                }
                Ok::<_, std::io::Error>(all)
            },
            async {
                let mut all = Vec::new();
                for _ in 0..COUNT {
                    all.push(listener.accept().await?.0);
                }
                Ok(all)
            }
        )?;
        ensure!(net.with_host(|host, _| host.connections()) == COUNT);
        let told = run("ss", ["-s"], b"")?.ok()?;
        ensure!(told.out.contains(&format!("estab {COUNT},")), "{told}");
        // Each is heard on its own connection, and answered there.
        for (number, kernel) in (0_u32..).zip(&mut theirs) {
            kernel.write_all(&number.to_be_bytes()).await?;
        }
        for stream in &mut ours {
            let number = stream.read_u32().await?;
            stream.write_u32(number).await?;
        }
        for (number, kernel) in (0_u32..).zip(&mut theirs) {
            let heard = kernel.read_u32().await?;
            ensure!(heard == number, "{number} heard {heard}");
        }
        Ok(())
    })
}

/// A peer that forgot the connection while nobody heard of it answers the next segment by a RST.
pub(crate) fn a_rebooted_peer_resets(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (kernel, mut ours) = called(place, &net).await?;
        // The link is down, so its RST is lost.
        ip(&["link", "set", "tun0", "down"])?;
        kernel.set_zero_linger()?;
        drop(kernel);
        let told = sockets()?;
        ensure!(!told.contains("ESTAB"), "{told}");
        ip(&["link", "set", "tun0", "up"])?;
        ensure!(ours.state() == State::Established, "{}", ours.state());
        ours.write_all(b"are you there?").await?;
        let error = ours.read(&mut [0; 1]).await.expect_err("reset");
        ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
        Ok(())
    })
}

/// A router on the way, the kernel, has a link of 1280 octets: it says so, and segments become smaller.
pub(crate) fn a_smaller_path_is_found(place: &Place) -> Tested {
    place.second_link(1280)?;
    block_on(async {
        let (here, there) = (place.host()?, place.second_host()?);
        let at = place.second(80);
        let listener = there.listen(at, Backlog::default())?;
        let (mut ours, (mut peer, _)) = tokio::try_join!(here.connect(at), listener.accept())?;
        let length = 1 << 20;
        tokio::try_join!(write_all(&mut ours, length), read_all(&mut peer, length))?;
        let told = run("nstat", ["-a", "-s", "-z"], b"")?.ok()?;
        let count = |name: &str| {
            let line = told.out.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u32>().ok()
        };
        let reports = [count("IcmpOutDestUnreachs "), count("Icmp6OutPktTooBigs ")];
        let reports = reports.into_iter().flatten().sum::<u32>();
        ensure!(reports > 0, "the router said nothing: {told}");
        let cut = [count("IpFragCreates "), count("Ip6FragCreates ")];
        ensure!(cut == [Some(0); 2], "the router cut packets: {told}");
        Ok(())
    })
}
