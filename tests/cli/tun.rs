//! `--tun`: the program on netkit's own TCP, its peers on the kernel's.

use std::path::Path;

use netkit_tests::certificates::{Authority, Key};
use netkit_tests::nginx::Nginx;
use netkit_tests::octets;
use netkit_tests::place::{Family, Place, trial};
use netkit_tests::process::{Ended, Running, run};
use netkit_tests::{Failed, Peer, Trial, ensure};

use crate::{NETKIT, Tested, netkit, text};

/// Octets of a body.
const LENGTH: u64 = 2 << 20;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for family in Family::ALL {
        let mut add = |name: &str, peers: &[Peer], test: fn(&Place) -> Tested| {
            trials.push(trial(format!("tun/{name}/{family:?}"), peers, move || {
                test(&Place::new(family, 1500)?)
            }));
        };
        add("serve", &[Peer::Curl, Peer::Python], serve);
        add("get", &[Peer::Nginx], get);
        add("get_from_python", &[Peer::Python], get_from_python);
        add("what_goes_wrong", &[], what_goes_wrong);
    }
    trials
}

/// Fetches `URL` with the CA `FILE`, for localhost at `ADDRESS`, and writes the body.
const FETCH: &str = "
import http.client, socket, ssl, sys
ca, address, port, path = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
class Connection(http.client.HTTPSConnection):
    def connect(self):
        plain = socket.create_connection((address, int(port)))
        self.sock = context.wrap_socket(plain, server_hostname='localhost')
c = Connection('localhost')
for turn in range(3):
    c.request('GET', path)
    r = c.getresponse()
    print(r.status, len(r.read()), c.sock.version())
";

fn serve(place: &Place) -> Tested {
    let folder = tempfile::tempdir()?;
    let served = folder.path().join("served");
    std::fs::create_dir(&served)?;
    octets::write(&served.join("body"), LENGTH)?;
    let (ca, got) = (
        text(&folder.path().join("ca.pem")),
        folder.path().join("got"),
    );
    let (served, ours) = (text(&served), place.our_prefix());
    let on = ["--tun", "tun0", "--tun-addr", &ours, "--ca-out", &ca];
    let serving = Running::start(NETKIT, [&["serve", &served], &on[..]].concat())?;
    let url = serving.line_after(&format!("serving {served} on "))?;
    let at = place.ours(8443);
    ensure!(url == format!("https://{at}/"), "{url}");

    let address = at.ip().to_string();
    let here = format!("localhost:8443:{address}");
    let curl = run(
        "curl",
        [
            "-sSv",
            "--cacert",
            &ca,
            "--resolve",
            &here,
            "-o",
            &text(&got),
            "https://localhost:8443/body",
        ],
        b"",
    )?
    .ok()?;
    curl.says(&["SSL connection using TLSv1.3", "HTTP/1.1 200 OK"])?;
    octets::check(&got, LENGTH)?;
    // Its log names the kernel's address.
    serving.says(&place.theirs(0).ip().to_string())?;

    let python = run(
        "python3",
        ["-c", FETCH, &ca, &address, "8443", "/body"],
        b"",
    )?
    .ok()?;
    let line = format!("200 {LENGTH} TLSv1.3\n");
    ensure!(python.out == line.repeat(3), "{python}");

    run("kill", ["-TERM", &serving.id().to_string()], b"")?.ok()?;
    serving.wait()?.ok().map(drop)
}

/// `netkit get` on the device.
fn get_on(place: &Place, arguments: &[&str]) -> Result<Ended, Failed> {
    let ours = place.our_prefix();
    netkit(&[&["get", "--tun", "tun0", "--tun-addr", &ours], arguments].concat())
}

fn takes(place: &Place, folder: &Path, arguments: &[&str]) -> Tested {
    let got = folder.join("got");
    get_on(place, &[&["-o", &text(&got)], arguments].concat())?.ok()?;
    octets::check(&got, LENGTH)
}

fn get(place: &Place) -> Tested {
    let folder = tempfile::tempdir()?;
    let ca = Authority::new("a test CA")?;
    let files = ca.localhost(Key::P256)?.write(folder.path())?;
    let ca = text(&ca.write(folder.path())?);
    let at = place.theirs(8443).to_string();
    let nginx = Nginx::start(&files, &format!("listen {at} ssl;"))?;
    octets::write(&nginx.file("body"), LENGTH)?;
    let to = ["--cacert", &ca, "--connect-to", &at];
    let url = "https://localhost:8443/body";
    takes(place, folder.path(), &[&to[..], &[url]].concat())?;
    nginx.logs("GET /body status=200 tls=TLSv1.3")?;

    let data = format!("@{}", text(&folder.path().join("got")));
    let put = ["-X", "PUT", "-d", &data, "https://localhost:8443/given"];
    get_on(place, &[&to[..], &put].concat())?.ok()?;
    octets::check(&nginx.file("given"), LENGTH)
}

fn get_from_python(place: &Place) -> Tested {
    let folder = tempfile::tempdir()?;
    octets::write(&folder.path().join("body"), LENGTH)?;
    let at = place.theirs(8000);
    let address = at.ip().to_string();
    let served = text(folder.path());
    let arguments = [
        "-u",
        "-m",
        "http.server",
        "--bind",
        &address,
        "--directory",
        &served,
        "8000",
    ];
    let python = Running::start("python3", arguments)?;
    python.says("Serving HTTP on")?;
    takes(place, folder.path(), &[&format!("http://{at}/body")])?;
    python.complains(&format!("{} - - [", place.ours(0).ip()))
}

/// What the user is told, and the exit code of the layer.
fn what_goes_wrong(place: &Place) -> Tested {
    let url = format!("http://{}/", place.theirs(81));
    let refused = get_on(place, &[&url])?;
    ensure!(refused.code() == Some(5), "{refused}");
    refused.says(&["nobody listens"])?;
    let ours = place.our_prefix();
    let missing = netkit(&["get", "--tun", "tun7", "--tun-addr", &ours, &url])?;
    ensure!(missing.code() == Some(5), "{missing}");
    missing.says(&["there is no device tun7", "ip tuntap add dev tun7 mode tun"])?;
    let alone = netkit(&["get", "--tun", "tun0", &url])?;
    ensure!(alone.code() == Some(2), "{alone}");
    alone.says(&["--tun-addr"])
}
