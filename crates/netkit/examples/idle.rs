//! Idle WebSockets between two processes, both netkit: opens so many, holds them for so many seconds,
//! says what each costs in memory, and shows that every one still echoes.
//!
//! ```text
//! cargo run --release -p netkit --example idle -- 10000 45
//! ```
//!
//! Each process needs a descriptor for each (`ulimit -n`). After 30 seconds both sides ask whether the
//! other is still there, and give back the buffers that a quiet connection does not need.

use netkit::{
    Body, Client, Server, WebSocket,
    http::{Request, Response},
    websocket::{self, Message},
};
use std::{
    convert::Infallible,
    error::Error,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Opened at the same time: the kernel's backlog is not the point here.
const AT_ONCE: usize = 50;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["serve"] {
        return serve().await;
    }
    let number = |at: usize, otherwise| arguments.get(at).map_or(Ok(otherwise), |n| n.parse());
    let (count, seconds) = (number(0, 200)?, number(1, 1)?);
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = server.stdout.take().ok_or("no output")?;
    let url = BufReader::new(stdout)
        .lines()
        .next()
        .ok_or("no address")??;
    let held = hold(
        &url,
        server.id(),
        count,
        Duration::from_secs(seconds as u64),
    )
    .await;
    server.kill()?;
    server.wait()?;
    held
}

async fn serve() -> Result<(), Failed> {
    let server = Server::http().max_connections(usize::MAX);
    let bound = server.bind(([127, 0, 0, 1], 0).into())?;
    println!("ws://{}/", bound.local_addr());
    let answer = |request: Request<Body>| async move {
        let response = websocket::accept(&request, |mut socket| async move {
            while let Ok(Some(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        });
        Ok::<Response<Body>, Infallible>(response)
    };
    Ok(bound.serve(answer).await?)
}

async fn hold(url: &str, server: u32, count: usize, time: Duration) -> Result<(), Failed> {
    let client = Client::new()?;
    // What the first costs, every later one shares.
    let first = client.websocket(url).await?;
    let processes = [("client", std::process::id()), ("server", server)];
    let before = processes.map(|(_, id)| resident(id));
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let opening = (sockets.len()..count).take(AT_ONCE).map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            tokio::spawn(async move { client.websocket(&url).await })
        });
        for opened in opening.collect::<Vec<_>>() {
            sockets.push(opened.await??);
        }
    }
    let until = Instant::now() + time;
    let holding: Vec<_> = sockets
        .into_iter()
        .map(|socket| tokio::spawn(echoes_after(socket, until)))
        .collect();
    sleep(time / 2).await;
    report("new", &processes, before, count);
    sleep(time * 2 / 5).await;
    report("quiet", &processes, before, count);
    let mut echoes = 0;
    for held in holding {
        echoes += usize::from(held.await?);
    }
    println!("{echoes} of {count} still echo after {time:?}");
    drop(first);
    if echoes < count {
        return Err("not all of them".into());
    }
    Ok(())
}

/// Receives until then, as whoever holds a WebSocket does; whether it is silent so long and then echoes.
async fn echoes_after(mut socket: WebSocket, until: Instant) -> bool {
    timeout_at(until, socket.recv()).await.is_err()
        && socket.send("still here").await.is_ok()
        && matches!(socket.recv().await, Ok(Some(Message::Text(text))) if text == "still here")
}

fn report(what: &str, processes: &[(&str, u32); 2], before: [Option<usize>; 2], count: usize) {
    for ((name, id), before) in processes.iter().zip(before) {
        match (resident(*id), before) {
            (Some(now), Some(before)) => {
                let each = now.saturating_sub(before) / count;
                println!("{what}: {name}: {each} octets of memory for each of {count}");
            }
            _ => println!("{what}: {name}: this system does not say"),
        }
    }
}

/// Octets of memory that a process has, as Linux counts them.
fn resident(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
