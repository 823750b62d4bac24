//! `netkit ws` and `netkit serve --ws-echo`.

use netkit_tests::process::{Running, run};
use netkit_tests::{Trial, ensure, trial};

use crate::{NETKIT, Tested, netkit, text};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("ws/lines_come_back", &[], lines),
        trial("ws/lines_come_back_over_tls", &[], lines_over_tls),
        trial("ws/refusals_have_their_exit", &[], refusals),
    ]
}

/// Serves an empty folder with these options; the address behind the scheme.
fn serve(options: &[&str]) -> Result<(Running, String), netkit_tests::Failed> {
    let folder = tempfile::tempdir()?;
    let folder_name = text(folder.path());
    let always = [
        "serve",
        &folder_name,
        "--listen",
        "127.0.0.1:0",
        "--ws-echo",
        "/echo",
    ];
    let server = Running::start(NETKIT, [&always[..], options].concat())?;
    let rest = server.line_after(&format!("serving {folder_name} on http"))?;
    let at = rest.trim_start_matches("s://").trim_start_matches("://");
    let at = at.trim_end_matches('/').to_owned();
    Ok((server, at))
}

fn lines() -> Tested {
    let (_server, at) = serve(&["--http"])?;
    let url = format!("ws://{at}/echo");
    let talk = run(NETKIT, ["ws", "-v", &url], "hello\n\u{20ac}\n".as_bytes())?.ok()?;
    ensure!(talk.out == "hello\n\u{20ac}\n", "{talk}");
    talk.says(&[
        "-> text, 5 octets, masked",
        "<- text, 3 octets",
        "-> close, 2 octets, masked",
        "closed: 1000 normal closure",
    ])
}

fn lines_over_tls() -> Tested {
    let place = tempfile::tempdir()?;
    let ca = text(&place.path().join("ca.pem"));
    let (_server, at) = serve(&["--ca-out", &ca])?;
    let port = at.rsplit(':').next().unwrap_or_default();
    let url = format!("wss://localhost:{port}/echo");
    let talk = run(NETKIT, ["ws", &url, "--cacert", &ca], b"hello\n")?.ok()?;
    ensure!(talk.out == "hello\n", "{talk}");
    Ok(())
}

fn refusals() -> Tested {
    let (_server, at) = serve(&["--http"])?;
    let absent = netkit(&["ws", &format!("ws://{at}/absent")])?;
    ensure!(absent.code() == Some(10), "{absent}");
    absent.says(&["WebSocket", "404 Not Found"])?;
    let scheme = netkit(&["ws", &format!("http://{at}/echo")])?;
    ensure!(scheme.code() == Some(2), "{scheme}");
    scheme.says(&["use ws or wss"])
}
