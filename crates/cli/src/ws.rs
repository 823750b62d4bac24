//! `netkit ws`: lines of standard input become messages, messages lines of standard output.

use std::future::poll_fn;
use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use netkit::http::Request;
use netkit::websocket::{CloseReason, Config, Message, Receiver, Sender};
use netkit::ws::{CloseCode, FrameHead, Watch};
use netkit::{Client, http::Uri};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::args;
use crate::exit::Failure;

pub(crate) fn run(args: &args::Ws) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::file("runtime", e))?;
    let ended = runtime.block_on(talk(args));
    // A read of standard input that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    ended
}

async fn talk(args: &args::Ws) -> Result<(), Failure> {
    let url: Uri = args
        .url
        .parse()
        .map_err(|e| Failure::usage(format!("{}: no URL: {e}", args.url)))?;
    let mut request = Request::new(());
    *request.uri_mut() = url;
    for field in &args.headers {
        let headers = request.headers_mut();
        headers.append(&field.name, field.value.clone());
    }
    let mut config = Config {
        protocols: args.protocols.clone(),
        ..Config::default()
    };
    if args.no_deflate {
        config.deflate = None;
    }
    if args.verbose {
        config.watch = Some(Arc::new(Frames));
    }
    let socket = client(args)?.websocket_with(request, &config).await?;
    if args.verbose {
        let protocol = socket.protocol().unwrap_or("none");
        crate::tell(&format!("connected; subprotocol: {protocol}"));
    }
    let (sender, receiver) = socket.split();
    let (mut types, mut listens) = (pin!(types(sender)), pin!(listens(receiver)));
    let mut typing = true;
    let closed = poll_fn(|cx| {
        if typing && let Poll::Ready(typed) = types.as_mut().poll(cx) {
            typing = false;
            if let Err(failure) = typed {
                return Poll::Ready(Err(failure));
            }
        }
        listens.as_mut().poll(cx)
    })
    .await?;
    if let Some(closed) = closed {
        tell_closed(&closed);
    }
    Ok(())
}

fn client(args: &args::Ws) -> Result<Client, Failure> {
    let mut builder = Client::builder();
    if let Some(file) = &args.cacert {
        builder = builder.roots(netkit::roots::pem_file(file)?);
    }
    if args.insecure {
        builder = builder.danger_accept_any_certificate();
    }
    Ok(builder.build()?)
}

/// Until standard input ends.
async fn types(mut sender: Sender) -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let failed = |e| Failure::file("standard input", e);
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        sender.send(line).await?;
    }
    Ok(sender.close(CloseCode::NORMAL_CLOSURE, "").await?)
}

/// Until the connection ends; why the peer closed it.
async fn listens(mut receiver: Receiver) -> Result<Option<CloseReason>, Failure> {
    let seen = std::io::stdout().is_terminal();
    while let Some(message) = receiver.recv().await? {
        let line = match message {
            // A stranger's text does not command a terminal.
            Message::Text(text) if seen => shown(&text),
            Message::Text(text) => text,
            Message::Binary(octets) => format!("{} octets: {}", octets.len(), hex::encode(&octets)),
        };
        writeln!(std::io::stdout().lock(), "{line}")
            .map_err(|e| Failure::file("standard output", e))?;
    }
    Ok(receiver.close_reason())
}

/// Text without what a terminal would obey: its control characters stand escaped, but for tabs and line feeds.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\t' | '\n') {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn tell_closed(closed: &CloseReason) {
    let code = closed.code.map_or_else(
        || "without a code".to_owned(),
        |code| match code.name() {
            Some(name) => format!("{} {name}", code.0),
            None => code.0.to_string(),
        },
    );
    // A stranger's text: it must not write to the terminal what is no text.
    let reason = closed.reason.escape_debug();
    let colon = if closed.reason.is_empty() { "" } else { ": " };
    crate::tell(&format!("closed: {code}{colon}{reason}"));
}

/// Tells of every frame.
struct Frames;

impl Watch for Frames {
    fn frame(&self, sent: bool, head: &FrameHead) {
        crate::tell(&told(sent, head));
    }
}

/// A frame, in a line.
pub(crate) fn told(sent: bool, head: &FrameHead) -> String {
    let way = if sent { "->" } else { "<-" };
    let more = if head.fin { "" } else { ", more follows" };
    let compressed = if head.rsv1 { ", compressed" } else { "" };
    let masked = if head.masking_key.is_some() {
        ", masked"
    } else {
        ""
    };
    let FrameHead { opcode, length, .. } = head;
    format!("{way} {opcode}, {length} octets{masked}{compressed}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_command_of_a_peer() {
        let text = "b\u{e9}ll\u{7}\u{1b}[2J\u{9b}31m\ttab\nline\r";
        assert_eq!(
            shown(text),
            "b\u{e9}ll\\u{7}\\u{1b}[2J\\u{9b}31m\ttab\nline\\r"
        );
    }
}
