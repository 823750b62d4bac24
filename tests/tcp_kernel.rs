//! Our TCP/IP host against the kernel's, over a TUN device: both roles, both families.
//!
//! Each test runs in a network namespace of its own, where this program is started again: devices,
//! addresses and settings end with it, however it ends. It takes root and a machine to itself, so it runs when it is
//! asked for: `cargo test --package netkit-tests --test tcp_kernel -- --ignored curl`. `NETKIT_TCP_OCTETS` sets how
//! many octets the long transfers carry.

#![expect(clippy::needless_pass_by_value, reason = "a test owns its place")]

#[path = "tcp/faults.rs"]
mod faults;
#[path = "tcp/place.rs"]
mod place;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream as Kernel};
use std::time::Duration;

use faults::{Fault, Faulty};
use netkit::http::{Request, StatusCode};
use netkit::stack::tcp::{Backlog, State};
use netkit::stack::{Net, TcpListener, TcpStream};
use netkit::{Body, Client};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, Check, Octets};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::process::{Running, run};
use netkit_tests::{Failed, Peer, ensure};
use place::{Family, Place, Tested, trial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets of a long transfer, unless `NETKIT_TCP_OCTETS` says otherwise.
const LONG: u64 = 64 << 20;

fn long() -> Result<u64, Failed> {
    match std::env::var("NETKIT_TCP_OCTETS") {
        Ok(octets) => Ok(octets.parse()?),
        Err(_) => Ok(LONG),
    }
}

fn main() {
    let mut trials = Vec::new();
    for family in [Family::Four, Family::Six] {
        let curl = |name: &str, test: fn(Place) -> Tested| {
            trial(format!("{name}/{family:?}"), &[Peer::Curl], move || {
                test(Place::new(family, 1500)?)
            })
        };
        let nginx = |name: &str, test: fn(Place) -> Tested| {
            trial(format!("{name}/{family:?}"), &[Peer::Nginx], move || {
                test(Place::new(family, 1500)?)
            })
        };
        let kernel = |name: &str, test: fn(Place) -> Tested| {
            trial(format!("{name}/{family:?}"), &[], move || {
                test(Place::new(family, 1500)?)
            })
        };
        trials.extend([
            curl("curl_downloads", curl_downloads),
            curl("curl_uploads", curl_uploads),
            nginx("nginx_sends", nginx_sends),
            nginx("nginx_takes", nginx_takes),
            kernel("each_half_closes_first", each_half_closes_first),
            kernel("closed_ports_refuse", closed_ports_refuse),
            kernel("a_window_closes_and_opens", a_window_closes_and_opens),
            kernel("datagrams_find_nobody", datagrams_find_nobody),
            trial(format!("ping/{family:?}"), &[Peer::Ping], move || {
                ping(&Place::new(family, 1500)?)
            }),
        ]);
        let least = match family {
            Family::Four => 576,
            Family::Six => 1280,
        };
        // Every pair of an MTU, timestamps and SACK.
        for (mtu, timestamps, sack) in [
            (least, true, true),
            (least, false, false),
            (1500, true, false),
            (1500, false, true),
            (9000, true, true),
            (9000, false, false),
        ] {
            let name = format!("options/{family:?}/{mtu}/timestamps={timestamps}/sack={sack}");
            trials.push(trial(name, &[], move || {
                options(&Place::new(family, mtu)?, timestamps, sack)
            }));
        }
    }
    for fault in Fault::ALL {
        trials.push(trial(format!("faults/{fault:?}"), &[], move || {
            through(Place::new(Family::Four, 1500)?, fault)
        }));
    }
    let four = |name: &str, test: fn(Place) -> Tested| {
        trial(name, &[], move || test(Place::new(Family::Four, 1500)?))
    };
    trials.extend([
        four("ten_thousand_connections", ten_thousand_connections),
        four("a_killed_peer_resets", a_killed_peer_resets),
        four("a_rebooted_peer_resets", a_rebooted_peer_resets),
        four("a_stopped_peer_is_waited_for", a_stopped_peer_is_waited_for),
        four("a_smaller_path_is_found", a_smaller_path_is_found),
        trial("tshark_finds_no_fault", &[Peer::Tshark, Peer::Curl], || {
            tshark_finds_no_fault(&Place::new(Family::Four, 1500)?)
        }),
    ]);
    place::run(trials)
}

fn curl_downloads(place: Place) -> Tested {
    let length = long()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    let ours = Ours::over(place.ours(80), move || place.host())?;
    let url = format!("http://{}/octets/{length}", ours.at);
    let output = file.display().to_string();
    let arguments = ["--silent", "--show-error", "--output", &output, "--", &url];
    Running::start("curl", arguments)?
        .wait_within(PATIENCE)?
        .ok()?;
    octets::check(&file, length)
}

/// For the long transfers, on a busy machine and by hand.
const PATIENCE: Duration = Duration::from_secs(600);

fn curl_uploads(place: Place) -> Tested {
    let length = long()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    octets::write(&file, length)?;
    let ours = Ours::over(place.ours(80), move || place.host())?;
    let url = format!("http://{}/", ours.at);
    let input = file.display().to_string();
    let arguments = ["--silent", "--show-error", "--upload-file", &input, &url];
    let curl = Running::start("curl", arguments)?
        .wait_within(PATIENCE)?
        .ok()?;
    curl.says(&[&format!("{length} octets, announced Some({length})")])
}

/// An nginx where the kernel listens, and a client of ours.
fn with_nginx(place: Place, test: impl AsyncFnOnce(Client, String, &Nginx) -> Tested) -> Tested {
    let folder = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(folder.path())?;
    let at = place.theirs(8080);
    let nginx = Nginx::start(&files, &format!("listen {at};"))?;
    block_on(async {
        let client = Client::builder().transport(place.host()?).build()?;
        test(client, format!("http://{at}"), &nginx).await
    })
}

fn nginx_sends(place: Place) -> Tested {
    let length = long()?;
    with_nginx(place, async |client, base, nginx| {
        octets::write(&nginx.file("body"), length)?;
        let response = client.get(&format!("{base}/body")).await?;
        ensure!(response.status() == StatusCode::OK, "{response:?}");
        let (mut body, mut check) = (response.into_body(), Check::default());
        while let Some(piece) = body.chunk().await {
            check.next(&piece?)?;
        }
        ensure!(check.end() == length, "{} octets", check.end());
        Ok(())
    })
}

fn nginx_takes(place: Place) -> Tested {
    let length = long()?;
    with_nginx(place, async |client, base, nginx| {
        let body = Body::read(Octets::new(length), Some(length));
        let request = Request::put(format!("{base}/taken")).body(body)?;
        let response = client.request(request).await?;
        ensure!(response.status() == StatusCode::CREATED, "{response:?}");
        octets::check(&nginx.file("taken"), length)
    })
}

/// What `length` octets become on the way to the end of the stream.
async fn read_all(from: &mut (impl AsyncReadExt + Unpin), length: u64) -> Tested {
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

async fn write_all(to: &mut (impl AsyncWriteExt + Unpin), length: u64) -> Tested {
    tokio::io::copy(&mut Octets::new(length), to).await?;
    to.shutdown().await?;
    Ok(())
}

/// The kernel's end of a connection in a thread: writes and reads so many octets at once.
fn kernel_exchanges(
    mut stream: Kernel,
    length: u64,
) -> std::thread::JoinHandle<Result<Kernel, String>> {
    std::thread::spawn(move || {
        let mut writer = stream.try_clone().map_err(|e| e.to_string())?;
        let writing = std::thread::spawn(move || {
            std::io::copy(&mut Octets::new(length), &mut writer)?;
            writer.shutdown(Shutdown::Write)
        });
        let (mut check, mut buffer) = (Check::default(), vec![0; 1 << 16]);
        loop {
            match stream.read(&mut buffer).map_err(|e| e.to_string())? {
                0 => break,
                count => check.next(&buffer[..count])?,
            }
        }
        let written = writing.join().map_err(|_| "panicked")?;
        written.map_err(|e| e.to_string())?;
        match check.end() {
            end if end == length => Ok(stream),
            end => Err(format!("the kernel read {end} of {length} octets")),
        }
    })
}

/// The same for ours.
async fn we_exchange(stream: TcpStream, length: u64) -> Tested {
    let (mut from, mut to) = stream.into_split();
    let writing = tokio::spawn(async move { write_all(&mut to, length).await.map(|()| to) });
    read_all(&mut from, length).await?;
    writing.await??;
    Ok(())
}

fn joined<T>(thread: std::thread::JoinHandle<Result<T, String>>) -> Result<T, Failed> {
    Ok(thread.join().map_err(|_| "panicked")??)
}

/// A connection that the kernel opened to our listener.
async fn called(place: &Place, net: &Net) -> Result<(Kernel, TcpStream), Failed> {
    let listener = net.listen(place.ours(80), Backlog::default())?;
    let at = place.ours(80);
    let kernel = tokio::task::spawn_blocking(move || Kernel::connect(at));
    let (stream, _) = listener.accept().await?;
    Ok((kernel.await??, stream))
}

/// A connection that we opened to the kernel's.
async fn calls(place: &Place, net: &Net) -> Result<(Kernel, TcpStream), Failed> {
    let listener = std::net::TcpListener::bind(place.theirs(0))?;
    let stream = net.connect(listener.local_addr()?).await?;
    // It waits for our ACK, which this thread may still have to send.
    let (kernel, _) = tokio::task::spawn_blocking(move || listener.accept()).await??;
    Ok((kernel, stream))
}

fn options(place: &Place, timestamps: bool, sack: bool) -> Tested {
    place.set("ipv4/tcp_timestamps", u8::from(timestamps))?;
    place.set("ipv4/tcp_sack", u8::from(sack))?;
    let length = 4 << 20;
    block_on(async {
        let net = place.host_through(|tun| Faulty::new(tun, Fault::Loss, 500, 1))?;
        for ours_calls in [true, false] {
            let (kernel, stream) = if ours_calls {
                calls(place, &net).await?
            } else {
                called(place, &net).await?
            };
            let told = place.sockets()?;
            let headers = match place.family {
                Family::Four => 40,
                Family::Six => 60,
            };
            let mss = place.mtu - headers - if timestamps { 12 } else { 0 };
            ensure!(
                told.contains(&format!("mss:{mss} ")),
                "no mss:{mss}: {told}"
            );
            for (word, wanted) in [(" ts ", timestamps), (" sack ", sack), ("wscale:", true)] {
                ensure!(
                    told.contains(word) == wanted,
                    "{word:?} not {wanted}: {told}"
                );
            }
            let kernel = kernel_exchanges(kernel, length);
            we_exchange(stream, length).await?;
            joined(kernel)?;
        }
        Ok(())
    })
}

fn through(place: Place, fault: Fault) -> Tested {
    let length = 32 << 20;
    block_on(async {
        // One packet in a hundred, either way.
        let net = place.host_through(|tun| Faulty::new(tun, fault, 100, 7))?;
        let (kernel, stream) = called(&place, &net).await?;
        let kernel = kernel_exchanges(kernel, length);
        we_exchange(stream, length).await?;
        let _open = joined(kernel)?;
        Ok(())
    })
}

fn each_half_closes_first(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (mut kernel, mut stream) = called(&place, &net).await?;
        kernel.write_all(b"question")?;
        kernel.shutdown(Shutdown::Write)?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        ensure!(heard == "question", "{heard:?}");
        ensure!(stream.state() == State::CloseWait, "{}", stream.state());
        let told = place.sockets()?;
        ensure!(told.contains("FIN-WAIT-2"), "{told}");
        stream.write_all(b"answer").await?;
        stream.shutdown().await?;
        let read = tokio::task::spawn_blocking(move || {
            let mut heard = String::new();
            kernel.read_to_string(&mut heard).map(|_| heard)
        });
        let heard = read.await??;
        ensure!(heard == "answer", "{heard:?}");
        drop(stream);

        let (mut kernel, mut stream) = calls(&place, &net).await?;
        stream.write_all(b"question").await?;
        stream.shutdown().await?;
        let read = tokio::task::spawn_blocking(move || {
            let mut heard = String::new();
            kernel.read_to_string(&mut heard)?;
            Ok::<_, std::io::Error>((kernel, heard))
        });
        let (mut kernel, heard) = read.await??;
        ensure!(heard == "question", "{heard:?}");
        let told = place.sockets()?;
        ensure!(told.contains("CLOSE-WAIT"), "{told}");
        // The ACK of our FIN may come a little later than the kernel's reader.
        reaches(&stream, State::FinWait2).await?;
        kernel.write_all(b"answer")?;
        drop(kernel);
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        ensure!(heard == "answer", "{heard:?}");
        reaches(&stream, State::TimeWait).await?;
        Ok(())
    })
}

/// Waits for a state that segments on their way lead to.
async fn reaches(stream: &TcpStream, state: State) -> Tested {
    for _ in 0..200 {
        if stream.state() == state {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Err(format!("{} instead of {state}", stream.state()).into())
}

fn closed_ports_refuse(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let error = net.connect(place.theirs(81)).await.expect_err("refused");
        ensure!(
            error.kind() == std::io::ErrorKind::ConnectionRefused,
            "{error}"
        );
        let at = place.ours(81);
        let theirs = tokio::task::spawn_blocking(move || Kernel::connect(at)).await?;
        let error = theirs.expect_err("refused");
        ensure!(
            error.kind() == std::io::ErrorKind::ConnectionRefused,
            "{error}"
        );
        Ok(())
    })
}

/// The kernel's window, and then ours.
fn a_window_closes_and_opens(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (mut kernel, mut stream) = called(&place, &net).await?;
        let mut written = 0;
        let pause = Duration::from_millis(1500);
        let mut octets = Octets::new(u64::MAX);
        let mut piece = vec![0; 1 << 16];
        loop {
            let count = Read::read(&mut octets, &mut piece)?;
            let write = stream.write_all(&piece[..count]);
            written += count as u64;
            // What is written in part is not cancelled: it goes on below.
            if tokio::time::timeout(pause, write).await.is_err() {
                break;
            }
        }
        ensure!(written > 256 << 10, "{written} octets filled both buffers");
        let least = written - (1 << 16);
        let reading = tokio::task::spawn_blocking(move || {
            let (mut check, mut buffer) = (Check::default(), vec![0; 1 << 16]);
            loop {
                match kernel.read(&mut buffer)? {
                    0 => return Ok::<_, Failed>((kernel, check.end())),
                    count => check.next(&buffer[..count])?,
                }
            }
        });
        stream.shutdown().await?;
        let (mut kernel, read) = reading.await??;
        ensure!(read >= least && read <= written, "{least} {read} {written}");

        // Now the kernel fills our window, and probes it.
        let length = 8 << 20;
        let writing = std::thread::spawn(move || {
            let copied = std::io::copy(&mut Octets::new(length), &mut kernel);
            copied.map(|_| kernel).map_err(|e| e.to_string())
        });
        tokio::time::sleep(pause).await;
        let told = place.sockets()?;
        ensure!(told.contains("timer:(persist"), "{told}");
        let reading = read_all(&mut stream, length);
        let writing = tokio::task::spawn_blocking(move || joined(writing).map(drop));
        reading.await?;
        writing.await??;
        Ok(())
    })
}

fn datagrams_find_nobody(place: Place) -> Tested {
    block_on(async {
        let _net = place.host()?;
        let socket = tokio::net::UdpSocket::bind(place.theirs(0)).await?;
        socket.connect(place.ours(53)).await?;
        socket.send(b"anybody?").await?;
        let error = socket.recv(&mut [0; 9]).await.expect_err("nobody");
        ensure!(
            error.kind() == std::io::ErrorKind::ConnectionRefused,
            "{error}"
        );
        Ok(())
    })
}

fn ping(place: &Place) -> Tested {
    block_on(async {
        let _net = place.host()?;
        let to = place.ours(0).ip().to_string();
        let pinged = tokio::task::spawn_blocking(move || {
            run("ping", ["-c", "3", "-i", "0.2", "-s", "1400", &to], b"")?.ok()
        });
        pinged.await??.says(&["3 received, 0% packet loss"])
    })
}

fn ten_thousand_connections(place: Place) -> Tested {
    const COUNT: usize = 10_000;
    block_on(async {
        let net = place.host()?;
        let at = place.ours(80);
        let listener = net.listen(at, Backlog::default())?;
        let theirs = std::thread::spawn(move || {
            let open = (0..COUNT).map(|_| Kernel::connect(at));
            let mut open: Vec<_> = open.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
            for (number, stream) in open.iter_mut().enumerate() {
                let said = u32::try_from(number).unwrap_or(0).to_be_bytes();
                stream.write_all(&said).map_err(|e| e.to_string())?;
            }
            for (number, stream) in open.iter_mut().enumerate() {
                let mut heard = [0; 4];
                stream.read_exact(&mut heard).map_err(|e| e.to_string())?;
                if u32::from_be_bytes(heard) as usize != number {
                    return Err(format!("{number} heard {heard:?}"));
                }
            }
            Ok(open)
        });
        let mut ours = Vec::new();
        while ours.len() < COUNT {
            ours.push(accept(&listener).await?);
        }
        ensure!(net.with_host(|host, _| host.connections()) == COUNT);
        for stream in &mut ours {
            let mut heard = [0; 4];
            stream.read_exact(&mut heard).await?;
            stream.write_all(&heard).await?;
        }
        let theirs = tokio::task::spawn_blocking(|| joined(theirs)).await??;
        let told = run("ss", ["-s"], b"")?.ok()?;
        ensure!(told.out.contains(&format!("estab {COUNT}")), "{told}");
        drop(theirs);
        Ok(())
    })
}

async fn accept(listener: &TcpListener) -> Result<TcpStream, Failed> {
    Ok(listener.accept().await?.0)
}

/// A peer that dies with data unread: its kernel resets.
fn a_killed_peer_resets(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let at = place.theirs(9000);
        let mut peer = Running::start("python3", ["-c", SLEEPER, &at.ip().to_string()])?;
        peer.says("listening")?;
        let mut stream = net.connect(at).await?;
        stream.write_all(b"unread").await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        peer.kill();
        let error = stream.read(&mut [0; 1]).await.expect_err("reset");
        ensure!(
            error.kind() == std::io::ErrorKind::ConnectionReset,
            "{error}"
        );
        Ok(())
    })
}

/// Listens, accepts, and reads nothing.
const SLEEPER: &str = "
import socket, sys, time
s = socket.create_server((sys.argv[1], 9000))
print('listening', flush=True)
c, _ = s.accept()
time.sleep(600)
";

/// A peer that forgot the connection while nobody heard of it answers the next segment by a RST.
fn a_rebooted_peer_resets(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let (kernel, mut stream) = called(&place, &net).await?;
        // The link is down, so its RST is lost.
        place.ip(&["link", "set", "tun0", "down"])?;
        tokio::net::TcpStream::from_std({
            kernel.set_nonblocking(true)?;
            kernel
        })?
        .set_zero_linger()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        place.ip(&["link", "set", "tun0", "up"])?;
        let told = place.sockets()?;
        ensure!(!told.contains("ESTAB"), "{told}");
        stream.write_all(b"are you there?").await?;
        let error = stream.read(&mut [0; 1]).await.expect_err("reset");
        ensure!(
            error.kind() == std::io::ErrorKind::ConnectionReset,
            "{error}"
        );
        Ok(())
    })
}

/// A peer that is stopped closes its window, and opens it when it goes on.
fn a_stopped_peer_is_waited_for(place: Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let at = place.theirs(9000);
        let length = 16 << 20;
        let peer = Running::start("python3", ["-c", COUNTER, &at.ip().to_string()])?;
        peer.says("listening")?;
        let mut stream = net.connect(at).await?;
        let id = peer.id().to_string();
        run("kill", ["-STOP", &id], b"")?.ok()?;
        let writing =
            tokio::spawn(async move { write_all(&mut stream, length).await.map(|()| stream) });
        tokio::time::sleep(Duration::from_secs(3)).await;
        ensure!(!writing.is_finished(), "nobody read, and all was written");
        run("kill", ["-CONT", &id], b"")?.ok()?;
        let _open = writing.await??;
        let peer = tokio::task::spawn_blocking(move || peer.wait()).await??;
        peer.ok()?.says(&[&format!("{length} octets")])
    })
}

/// Counts what it reads.
const COUNTER: &str = "
import socket, sys
s = socket.create_server((sys.argv[1], 9000))
print('listening', flush=True)
c, _ = s.accept()
n = 0
while True:
    d = c.recv(65536)
    if not d: break
    n += len(d)
print(n, 'octets', flush=True)
";

/// A router on the way, the kernel, has a link of 1000 octets: it says so, and segments become smaller.
fn a_smaller_path_is_found(place: Place) -> Tested {
    place.set("ipv4/ip_forward", 1)?;
    place.second_link(1000)?;
    block_on(async {
        let here = place.host()?;
        let there = place.second_host()?;
        let at: SocketAddr = "10.78.0.2:80".parse()?;
        let listener = there.listen(at, Backlog::default())?;
        let mut stream = here.connect(at).await?;
        let (mut peer, _) = listener.accept().await?;
        let length = 1 << 20;
        let writing =
            tokio::spawn(async move { write_all(&mut stream, length).await.map(|()| stream) });
        read_all(&mut peer, length).await?;
        let _open = writing.await??;
        let told = run("ip", ["-s", "link", "show", "tun1"], b"")?.ok()?;
        ensure!(told.out.contains("mtu 1000"), "{told}");
        Ok(())
    })
}

/// Octet for octet what left, as a stranger reads it.
fn tshark_finds_no_fault(place: &Place) -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("all.pcap").display().to_string();
    let place = place.clone();
    let at = place.ours(80);
    let ours = Ours::over(at, move || place.host())?;
    let capture = ["-i", "tun0", "-w", &file, "-a", "duration:4", "-q"];
    let tshark = Running::start("tshark", capture)?;
    tshark.complains("Capturing on")?;
    std::thread::sleep(Duration::from_millis(500));
    for path in ["/octets/1000000", "/octets/0"] {
        let url = format!("http://{}{path}", ours.at);
        run(
            "curl",
            ["--silent", "--show-error", "--output", "/dev/null", &url],
            b"",
        )?
        .ok()?;
    }
    tshark.wait()?.ok()?;
    let count = |filter: &str| -> Result<usize, Failed> {
        let check = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"];
        let arguments = ["-r", &file, "-o", check[0], "-o", check[1], "-Y", filter];
        Ok(run("tshark", arguments, b"")?.ok()?.out.lines().count())
    };
    let all = count(&format!("tcp && ip.src == {}", at.ip()))?;
    ensure!(all > 100, "{all} segments of ours");
    let bad = "_ws.malformed || tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\"";
    let bad = count(&format!("ip.src == {} && ({bad})", at.ip()))?;
    ensure!(bad == 0, "{bad} bad packets of ours");
    let fin = count(&format!("tcp.flags.fin == 1 && ip.src == {}", at.ip()))?;
    ensure!(fin == 2, "{fin} FINs of ours");
    Ok(())
}
