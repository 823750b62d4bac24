//! Programs on the kernel's TCP, and netkit on ours.

use std::io::ErrorKind;
use std::time::Duration;

use netkit::http::{Request, StatusCode};
use netkit::{Body, Client};
use netkit_tests::certificates::{Authority, Key};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets::{self, Check, Octets};
use netkit_tests::ours::{Ours, block_on};
use netkit_tests::place::{Family, Place};
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::{Failed, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Tested;
use crate::streams::write_all;

/// For the long transfers, on a busy machine and by hand.
const PATIENCE: Duration = Duration::from_secs(600);

/// Octets of a long transfer.
fn long() -> Result<u64, Failed> {
    crate::octets(32)
}

/// netkit's server on our TCP, port 80.
fn ours(place: &Place) -> Result<Ours, Failed> {
    let inside = place.clone();
    Ours::over(place.ours(80), move || inside.host())
}

fn curl(arguments: &[&str]) -> Result<Ended, Failed> {
    let arguments = [&["--silent", "--show-error"], arguments].concat();
    Running::start("curl", arguments)?
        .wait_within(PATIENCE)?
        .ok()
}

pub(crate) fn curl_downloads(place: &Place) -> Tested {
    let length = long()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    let ours = ours(place)?;
    let url = format!("http://{}/octets/{length}", ours.at);
    curl(&["--output", &file.display().to_string(), &url])?;
    octets::check(&file, length)
}

pub(crate) fn curl_uploads(place: &Place) -> Tested {
    let length = long()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("body");
    octets::write(&file, length)?;
    let ours = ours(place)?;
    let url = format!("http://{}/", ours.at);
    let answer = curl(&["--upload-file", &file.display().to_string(), &url])?;
    // Our server holds each octet against what it should be.
    answer.says(&[&format!("{length} octets, announced Some({length})")])
}

/// An nginx where the kernel listens, and a client of ours.
fn with_nginx(place: &Place, test: impl AsyncFnOnce(Client, String, &Nginx) -> Tested) -> Tested {
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

pub(crate) fn nginx_sends(place: &Place) -> Tested {
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

pub(crate) fn nginx_takes(place: &Place) -> Tested {
    let length = long()?;
    with_nginx(place, async |client, base, nginx| {
        let body = Body::read(Octets::new(length), Some(length));
        let request = Request::put(format!("{base}/taken")).body(body)?;
        let response = client.request(request).await?;
        ensure!(response.status() == StatusCode::CREATED, "{response:?}");
        octets::check(&nginx.file("taken"), length)
    })
}

/// Pings our host until it answers: the kernel drops what it sends until it has noticed that somebody is
/// attached to the device.
fn answers(address: &str) -> Tested {
    for _ in 0..30 {
        if run("ping", ["-c", "1", "-W", "1", address], b"")?.code() == Some(0) {
            return Ok(());
        }
    }
    Err(format!("{address} does not answer").into())
}

pub(crate) fn ping(place: &Place) -> Tested {
    block_on(async {
        let _net = place.host()?;
        let to = place.ours(0).ip().to_string();
        let pinged = tokio::task::spawn_blocking(move || {
            answers(&to)?;
            run("ping", ["-c", "3", "-i", "0.2", "-s", "1400", &to], b"")?.ok()
        });
        pinged.await??.says(&["3 received, 0% packet loss"])
    })
}

/// Listens, accepts, and reads when it is told to: how many octets.
const COUNTER: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], 9000), family=family)
print('listening', flush=True)
c, _ = s.accept()
sys.stdin.readline()
n = 0
while True:
    d = c.recv(65536)
    if not d: break
    n += len(d)
print(n, 'octets', flush=True)
";

fn counter(place: &Place) -> Result<Running, Failed> {
    let address = place.theirs(0).ip().to_string();
    let peer = Running::start("python3", ["-c", COUNTER, &address])?;
    peer.says("listening")?;
    Ok(peer)
}

/// A peer that dies with data unread: its kernel resets.
pub(crate) fn a_killed_peer_resets(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        let mut peer = counter(place)?;
        let mut stream = net.connect(place.theirs(9000)).await?;
        stream.write_all(b"unread").await?;
        place.tells("ESTAB 6 ").await?;
        peer.kill();
        let error = stream.read(&mut [0; 1]).await.expect_err("reset");
        ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
        Ok(())
    })
}

/// A peer that is stopped closes its window, and opens it when it goes on.
pub(crate) fn a_stopped_peer_is_waited_for(place: &Place) -> Tested {
    block_on(async {
        let net = place.host()?;
        // More than both kernels' buffers ever hold.
        let length = 16 << 20;
        let mut peer = counter(place)?;
        let mut stream = net.connect(place.theirs(9000)).await?;
        let id = peer.id().to_string();
        run("kill", ["-STOP", &id], b"")?.ok()?;
        // The end of the wait for standard input does not come while it is stopped.
        peer.type_in(b"\n")?;
        let writing = async {
            let mut writing = std::pin::pin!(write_all(&mut stream, length));
            let pause = tokio::time::timeout(Duration::from_secs(2), &mut writing);
            ensure!(pause.await.is_err(), "nobody read, and all was written");
            run("kill", ["-CONT", &id], b"")?.ok()?;
            writing.await
        };
        writing.await?;
        let peer = tokio::task::spawn_blocking(move || peer.wait()).await??;
        peer.ok()?.says(&[&format!("{length} octets")])
    })
}

/// Octet for octet what left, as a stranger reads it.
pub(crate) fn tshark_finds_no_fault(place: &Place) -> Tested {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("all.pcap").display().to_string();
    let ours = ours(place)?;
    let capture = ["-i", "tun0", "-w", &file, "-P", "-l"];
    let tshark = Running::start("tshark", capture)?;
    // It says so a little before it does: until a packet is seen there is nothing to look at.
    tshark.complains("Capturing on")?;
    let address = ours.at.ip().to_string();
    while !tshark.said().contains("reply") {
        answers(&address)?;
    }
    for path in ["/octets/1000000", "/octets/0"] {
        curl(&[
            "--output",
            "/dev/null",
            &format!("http://{}{path}", ours.at),
        ])?;
    }
    // It reads from the file what it shows: what came in front of this is there.
    run("ping", ["-c", "1", "-s", "777", &address], b"")?.ok()?;
    let length = 777 + 8 + place.family.headers() - 20;
    tshark.says(&format!(" {length} Echo (ping) reply"))?;
    run("kill", ["-INT", &tshark.id().to_string()], b"")?.ok()?;
    tshark.wait()?.ok()?;
    let protocol = match place.family {
        Family::Four => "ip",
        Family::Six => "ipv6",
    };
    let count = |filter: &str| -> Result<usize, Failed> {
        let check = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"];
        let filter = format!("{protocol}.src == {address} && ({filter})");
        let arguments = ["-r", &file, "-o", check[0], "-o", check[1], "-Y", &filter];
        Ok(run("tshark", arguments, b"")?.ok()?.out.lines().count())
    };
    let all = count("tcp")?;
    ensure!(all > 100, "{all} segments of ours");
    let good = count("tcp.checksum.status == \"Good\"")?;
    ensure!(good == all, "{good} good checksums in {all} segments");
    let bad =
        count("_ws.malformed || icmp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\"")?;
    ensure!(bad == 0, "{bad} bad packets of ours");
    let fin = count("tcp.flags.fin == 1")?;
    ensure!(fin >= 2, "{fin} FINs of ours");
    Ok(())
}
