//! WebSockets over `ws` and `wss`, client and handler.

mod support;

use futures_core::Stream;
use futures_sink::Sink;
use netkit::{
    Body, Client, Layer, Server, Shutdown, Stage, WebSocket,
    http::{Request, Response, StatusCode},
    websocket::{self, Config, Message, Timeouts, Upgrade},
    ws::{CloseCode, Kind},
};
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use support::{Authority, LOOPBACK, client, content};
use tokio::time::{sleep, timeout};

const SHORT: Duration = Duration::from_millis(100);

async fn echo(mut socket: WebSocket) {
    let mut message = Vec::new();
    while let Ok(Some(kind)) = socket.recv_into(&mut message).await {
        if socket.send_piece(kind, &message, true).await.is_err() {
            return;
        }
    }
}

/// `/echo` echoes, `/deaf` never receives, `/chat` speaks `b` and `c`, `/slow` sends a message in two
/// halves, `/bye` closes at once, `/origin` wants one; nothing else is a WebSocket.
async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let deaf = |socket: WebSocket| async move {
        sleep(Duration::from_secs(60)).await;
        drop(socket);
    };
    Ok(match request.uri().path() {
        "/echo" => websocket::accept(&request, echo),
        "/deaf" => websocket::accept(&request, deaf),
        "/slow" => websocket::accept(&request, |mut socket| async move {
            let _ = socket.send_piece(Kind::Text, b"first ", false).await;
            sleep(2 * SHORT).await;
            let _ = socket.send_piece(Kind::Text, b"second", true).await;
            echo(socket).await;
        }),
        "/bye" => websocket::accept(&request, |socket| async move {
            let _ = socket.close(CloseCode(4001), "enough").await;
        }),
        "/late" => websocket::accept(&request, |mut socket| async move {
            sleep(3 * SHORT).await;
            let (mut piece, mut length) = (Vec::new(), 0);
            while let Ok(Some((_, last))) = socket.recv_piece(&mut piece).await {
                length += piece.len();
                if last && piece.is_empty() {
                    let reason = format!("{length} octets");
                    let _ = socket.close(CloseCode::NORMAL_CLOSURE, &reason).await;
                    return;
                }
            }
        }),
        "/chat" => match Upgrade::of(&request) {
            Ok(upgrade) => {
                let protocols = ["c", "b"].map(str::to_owned).to_vec();
                let config = Config {
                    protocols,
                    deflate: None,
                    ..Config::default()
                };
                upgrade.accept(config, echo)
            }
            Err(refusal) => refusal,
        },
        "/origin" => match Upgrade::of(&request) {
            Ok(upgrade) if upgrade.origin() == Some("https://a.example") => {
                upgrade.accept(Config::default(), echo)
            }
            Ok(_) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::FORBIDDEN;
                response
            }
            Err(refusal) => refusal,
        },
        _ => Response::builder().status(404).body(Body::empty()).unwrap(),
    })
}

fn start(
    server: Server,
) -> (
    SocketAddr,
    Shutdown,
    tokio::task::JoinHandle<Result<(), netkit::Error>>,
) {
    let bound = server.bind(LOOPBACK).unwrap();
    let (at, shutdown) = (bound.local_addr(), bound.shutdown());
    (at, shutdown, tokio::spawn(bound.serve(answer)))
}

fn plain() -> (Client, String) {
    let at = start(Server::http()).0;
    (client().build().unwrap(), format!("ws://{at}"))
}

fn both() -> [(Client, String); 2] {
    let authority = Authority::new("Test CA");
    let https = start(Server::https(authority.identity("localhost"))).0;
    let secure = Client::builder().roots(authority.roots()).build().unwrap();
    [
        plain(),
        (secure, format!("wss://localhost:{}", https.port())),
    ]
}

fn to(url: String) -> Request<()> {
    Request::get(url).body(()).unwrap()
}

#[tokio::test]
async fn messages_of_every_size_come_back_with_and_without_tls_and_compression() {
    for (client, base) in both() {
        for deflate in [None, Config::default().deflate] {
            let config = Config {
                deflate,
                ..Config::default()
            };
            let url = format!("{base}/echo");
            let socket = client.websocket_with(to(url), &config).await.unwrap();
            let (mut sender, mut receiver) = socket.split();
            for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000] {
                let sent = content(length);
                // Both at once: neither side could hold all of it.
                let (done, got) = tokio::join!(sender.send(sent.clone()), receiver.recv());
                done.unwrap();
                assert_eq!(got.unwrap(), Some(Message::Binary(sent)), "{length}");
            }
            sender.send("text \u{20ac}").await.unwrap();
            let got = receiver.recv().await.unwrap();
            assert_eq!(got, Some(Message::from("text \u{20ac}")));
            sender.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
            assert_eq!(receiver.recv().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_refused_handshake_names_the_status() {
    let (client, base) = plain();
    let error = client.websocket(&format!("{base}/none")).await.unwrap_err();
    assert_eq!(error.layer(), Layer::WebSocket);
    assert!(error.to_string().contains("404 Not Found"), "{error}");
    let error = client.websocket("http://localhost/").await.unwrap_err();
    assert_eq!(error.layer(), Layer::Usage);
    let http = base.replace("ws://", "http://");
    let response = client.get(&format!("{http}/echo")).await.unwrap();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
}

#[tokio::test]
async fn a_subprotocol_is_agreed_on_and_an_origin_is_judged() {
    let (client, base) = plain();
    let protocols = ["a", "b", "c"].map(str::to_owned).to_vec();
    let config = Config {
        protocols,
        ..Config::default()
    };
    let socket = client
        .websocket_with(to(format!("{base}/chat")), &config)
        .await;
    assert_eq!(socket.unwrap().protocol(), Some("c"));
    for (origin, allowed) in [("https://a.example", true), ("https://b.example", false)] {
        let mut request = to(format!("{base}/origin"));
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        let opened = client.websocket_with(request, &Config::default()).await;
        assert_eq!(opened.is_ok(), allowed, "{origin}");
    }
}

#[tokio::test]
async fn a_receive_that_is_given_up_loses_nothing() {
    let (client, base) = plain();
    let mut socket = client.websocket(&format!("{base}/slow")).await.unwrap();
    assert!(timeout(SHORT, socket.recv()).await.is_err());
    let whole = socket.recv().await.unwrap();
    assert_eq!(whole, Some(Message::from("first second")));
}

#[tokio::test]
async fn a_message_is_streamed_both_ways_in_pieces() {
    let (client, base) = plain();
    let mut socket = client.websocket(&format!("{base}/slow")).await.unwrap();
    let mut piece = Vec::new();
    let first = socket.recv_piece(&mut piece).await.unwrap();
    assert_eq!(
        (first, &piece[..]),
        (Some((Kind::Text, false)), &b"first "[..])
    );
    let second = socket.recv_piece(&mut piece).await.unwrap();
    assert_eq!(
        (second, &piece[..]),
        (Some((Kind::Text, true)), &b"second"[..])
    );
}

#[tokio::test]
async fn a_socket_is_a_stream_and_a_sink() {
    let (client, base) = plain();
    let mut socket = client.websocket(&format!("{base}/echo")).await.unwrap();
    poll_fn(|cx| Pin::new(&mut socket).poll_ready(cx))
        .await
        .unwrap();
    Pin::new(&mut socket)
        .start_send(Message::from("through a sink"))
        .unwrap();
    poll_fn(|cx| Sink::poll_flush(Pin::new(&mut socket), cx))
        .await
        .unwrap();
    let next = poll_fn(|cx| Pin::new(&mut socket).poll_next(cx)).await;
    assert_eq!(next.unwrap().unwrap(), Message::from("through a sink"));
    poll_fn(|cx| Sink::poll_close(Pin::new(&mut socket), cx))
        .await
        .unwrap();
    assert!(
        poll_fn(|cx| Pin::new(&mut socket).poll_next(cx))
            .await
            .is_none()
    );
}

#[tokio::test]
async fn the_peers_close_is_the_end_and_says_why() {
    for (client, base) in both() {
        let mut socket = client.websocket(&format!("{base}/bye")).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), None);
        let why = socket.close_reason().unwrap();
        assert_eq!(
            (why.code, why.reason.as_str()),
            (Some(CloseCode(4001)), "enough")
        );
        let error = socket.send("late").await.unwrap_err();
        assert_eq!(error.layer(), Layer::WebSocket);
        assert_eq!(socket.recv().await.unwrap(), None, "it stays closed");
        let closed = socket.close(CloseCode::NORMAL_CLOSURE, "").await;
        closed.expect("there is nothing left to say");
    }
}

/// A peer that neither reads nor answers.
async fn deaf(timeouts: Timeouts) -> WebSocket {
    let (client, base) = plain();
    let config = Config {
        timeouts,
        deflate: None,
        ..Config::default()
    };
    let deaf = client
        .websocket_with(to(format!("{base}/deaf")), &config)
        .await;
    deaf.unwrap()
}

#[tokio::test]
async fn silence_is_asked_about_and_no_answer_is_a_timeout() {
    let timeouts = Timeouts {
        ping: SHORT,
        pong: SHORT,
        ..Timeouts::default()
    };
    let error = deaf(timeouts).await.recv().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.is_timeout()),
        (Stage::Pong, true),
        "{error}"
    );
    // A peer that answers is left alone.
    let (client, base) = plain();
    let config = Config {
        timeouts,
        ..Config::default()
    };
    let mut socket = client
        .websocket_with(to(format!("{base}/echo")), &config)
        .await
        .unwrap();
    assert!(timeout(6 * SHORT, socket.recv()).await.is_err());
    socket.send("alive").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::from("alive")));
}

#[tokio::test]
async fn a_close_that_nobody_answers_has_its_deadline() {
    let timeouts = Timeouts {
        close: SHORT,
        ..Timeouts::default()
    };
    let error = deaf(timeouts)
        .await
        .close(CloseCode::NORMAL_CLOSURE, "")
        .await
        .unwrap_err();
    assert_eq!(
        (error.stage(), error.is_timeout()),
        (Stage::Close, true),
        "{error}"
    );
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_the_sender_back_and_then_times_out() {
    let timeouts = Timeouts {
        send: 3 * SHORT,
        ..Timeouts::default()
    };
    let mut socket = deaf(timeouts).await;
    let piece = content(60_000);
    let error = loop {
        if let Err(error) = socket.send(piece.clone()).await {
            break error;
        }
    };
    assert_eq!(
        (error.stage(), error.is_timeout()),
        (Stage::SendFrame, true),
        "{error}"
    );
}

#[tokio::test]
async fn a_peer_that_reads_late_holds_the_sender_back_and_gets_everything() {
    // More than the kernel's buffers take.
    const MESSAGES: usize = 400;
    for (client, base) in both() {
        let url = format!("{base}/late");
        let config = Config {
            deflate: None,
            ..Config::default()
        };
        let mut socket = client.websocket_with(to(url), &config).await.unwrap();
        let message = content(60_000);
        let mut waited = false;
        for _ in 0..MESSAGES {
            let mut sending = pin!(socket.send(message.clone()));
            let at_once = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
            if let Poll::Ready(sent) = at_once {
                sent.unwrap();
            } else {
                waited = true;
                sending.await.unwrap();
            }
        }
        assert!(waited, "all of it found room");
        socket.send("").await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), None);
        let reason = socket.close_reason().unwrap().reason;
        assert_eq!(reason, format!("{} octets", MESSAGES * message.len()));
    }
}

#[tokio::test]
async fn a_server_that_stops_says_going_away() {
    let (at, shutdown, serving) = start(Server::http());
    let url = format!("ws://{at}/echo");
    let mut socket = client().build().unwrap().websocket(&url).await.unwrap();
    socket.send("before").await.unwrap();
    assert!(socket.recv().await.unwrap().is_some());
    shutdown.begin();
    assert_eq!(socket.recv().await.unwrap(), None);
    let why = socket.close_reason().unwrap();
    assert_eq!(why.code, Some(CloseCode::GOING_AWAY));
    timeout(Duration::from_secs(5), serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn two_tasks_share_a_socket_by_its_halves() {
    let (client, base) = plain();
    let socket = client.websocket(&format!("{base}/echo")).await.unwrap();
    let (mut sender, mut receiver) = socket.split();
    let sends = tokio::spawn(async move {
        for number in 0..2000 {
            sender.send(format!("message {number}")).await.unwrap();
        }
        sender.close(CloseCode::NORMAL_CLOSURE, "").await.unwrap();
    });
    for number in 0..2000 {
        let message = receiver.recv().await.unwrap();
        assert_eq!(message, Some(Message::from(format!("message {number}"))));
    }
    assert_eq!(receiver.recv().await.unwrap(), None);
    sends.await.unwrap();
}
