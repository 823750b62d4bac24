//! Refusals of certificates, truncation, and the TLS stream by itself.

mod support;

use netkit::{
    Client, Decisions, Exchange, Layer, Server, ServerName, Stage, TlsStream, Undecided,
    http::Request,
    tls::{self, ClientConfig, ServerConfig},
};
use rcgen::date_time_ymd;
use std::{io, sync::Arc};
use support::{Authority, LOOPBACK, content, start_echo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpStream,
};

async fn refusal(identity: tls::Identity, trusted: &Authority) -> netkit::Error {
    let at = start_echo(Server::https(identity));
    let client = Client::builder().roots(trusted.roots()).build().unwrap();
    let url = format!("https://localhost:{}/", at.port());
    let error = client.get(&url).await.unwrap_err();
    assert_eq!(error.layer(), Layer::Certificate, "{error:?}");
    assert_eq!(error.stage(), Stage::TlsHandshake);
    assert!(error.advice().is_some());
    error
}

#[tokio::test]
async fn a_wrong_name_names_both_names() {
    let authority = Authority::new("Test CA");
    let error = refusal(authority.identity("elsewhere.example"), &authority).await;
    let diagnosis = error.diagnosis().unwrap();
    assert!(diagnosis.contains("localhost"), "{diagnosis}");
    assert!(diagnosis.contains("elsewhere.example"), "{diagnosis}");
    assert!(error.report().contains(diagnosis.lines().next().unwrap()));
}

#[tokio::test]
async fn an_expired_certificate_names_the_date() {
    let authority = Authority::new("Test CA");
    let expired = authority.identity_with("localhost", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 3);
    });
    let error = refusal(expired, &authority).await;
    let diagnosis = error.diagnosis().unwrap();
    assert!(diagnosis.contains("2020-02-03"), "{diagnosis}");
}

#[tokio::test]
async fn an_unknown_authority_is_named() {
    let (known, unknown) = (Authority::new("Known CA"), Authority::new("Unknown CA"));
    let error = refusal(unknown.identity("localhost"), &known).await;
    let diagnosis = error.diagnosis().unwrap();
    assert!(diagnosis.contains("Unknown CA"), "{diagnosis}");
}

#[tokio::test]
async fn whoever_asks_for_it_accepts_any_certificate() {
    let at = start_echo(Server::https(
        Authority::new("Nobody's CA").identity("x.test"),
    ));
    let careless = Client::builder()
        .danger_accept_any_certificate()
        .build()
        .unwrap();
    let url = format!("https://{at}/");
    let body = careless.get(&url).await.unwrap().into_body();
    assert_eq!(body.collect(1).await.unwrap(), "0");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_from_one_that_does() {
    let at = start_echo(Server::http());
    let authority = Authority::new("Test CA");
    let client = Client::builder().roots(authority.roots()).build().unwrap();
    let error = client.get(&format!("https://{at}/")).await.unwrap_err();
    assert_eq!(error.layer(), Layer::Tls, "{error:?}");
}

/// Two configurations that fit, and the name to ask for.
fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>, ServerName<'static>) {
    let authority = Authority::new("Test CA");
    (
        Arc::new(ClientConfig::new(Arc::new(authority.roots()))),
        Arc::new(ServerConfig::new(authority.identity("peer.test"))),
        ServerName::try_from("peer.test").unwrap(),
    )
}

async fn pair(room: usize) -> (TlsStream<DuplexStream>, TlsStream<DuplexStream>) {
    let (near, far) = duplex(room);
    let (client, server, name) = configs();
    let (near, far) = tokio::join!(
        TlsStream::connect(near, client, name),
        TlsStream::accept(far, server)
    );
    (near.unwrap(), far.unwrap())
}

#[tokio::test]
async fn a_tls_stream_carries_octets_both_ways_through_any_room() {
    for room in [1, 7, 600, 20_000, 1 << 20] {
        let (mut near, mut far) = pair(room).await;
        assert_eq!(near.agreed().cipher_suite, far.agreed().cipher_suite);
        assert_eq!(near.peer_chain().len(), 1);
        let size = if room < 100 { 40_000 } else { 3_000_000 };
        let sent = content(size);
        let back = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            far.write_all(&all).await.unwrap();
            far.shutdown().await.unwrap();
            all
        });
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        let mut echoed = Vec::new();
        near.read_to_end(&mut echoed).await.unwrap();
        assert!(echoed == sent && back.await.unwrap() == sent, "room {room}");
    }
}

#[tokio::test]
async fn both_halves_of_a_split_stream_make_progress_at_once() {
    let (near, far) = pair(4096).await;
    let sent = content(2_000_000);
    let mut ends = Vec::new();
    for end in [near, far] {
        let (mut reads, mut writes) = tokio::io::split(end);
        let (sent, expected) = (sent.clone(), sent.clone());
        ends.push(tokio::spawn(async move {
            writes.write_all(&sent).await.unwrap();
            writes.shutdown().await.unwrap();
        }));
        ends.push(tokio::spawn(async move {
            let mut received = Vec::new();
            reads.read_to_end(&mut received).await.unwrap();
            assert!(received == expected);
        }));
    }
    for end in ends {
        end.await.unwrap();
    }
}

#[tokio::test]
async fn an_end_without_close_notify_is_truncation_every_time() {
    let (mut near, far) = pair(1 << 16).await;
    drop(far);
    for _ in 0..2 {
        let error = near.read(&mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let inner = error.get_ref().unwrap().downcast_ref::<tls::Error>();
        assert_eq!(inner, Some(&tls::Error::Truncated));
    }
}

#[tokio::test]
async fn a_response_that_is_cut_is_no_response() {
    // Ends each connection after the head and half of the body, without close_notify.
    let authority = Authority::new("Test CA");
    let config = Arc::new(ServerConfig::new(authority.identity("localhost")));
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for head in [
            "Content-Length: 10\r\n",
            "Transfer-Encoding: chunked\r\n",
            "",
        ] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = TlsStream::<TcpStream>::accept(stream, Arc::clone(&config))
                .await
                .unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n5\r\nab");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    let client = Client::builder().roots(authority.roots()).build().unwrap();
    for _ in 0..3 {
        let request = Request::get(format!("https://localhost:{port}/"))
            .body(())
            .unwrap();
        let response = client.request(request).await.unwrap();
        let mut body = response.into_body();
        let error = loop {
            match body.chunk().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("it looks whole"),
            }
        };
        assert!(matches!(body.chunk().await, Some(Err(_))), "it stays cut");
        assert_eq!(
            (error.layer(), error.stage()),
            (Layer::Tls, Stage::ResponseBody)
        );
        assert!(error.advice().unwrap().contains("incomplete"), "{error:?}");
    }
}

#[tokio::test]
async fn a_request_cut_into_records_of_any_size_is_the_same_request() {
    let authority = Authority::new("Test CA");
    let at = start_echo(Server::https(authority.identity("localhost")));
    let config = Arc::new(ClientConfig::new(Arc::new(authority.roots())));
    let head = "POST /whole HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    let one = format!("{head}\r\n4\r\nbody\r\n4\r\n, \u{e9}\r\n0\r\nTrailer-Field: x\r\n\r\n");
    let two = format!("{head}Connection: close\r\n\r\n1\r\n.\r\n0\r\n\r\n");
    let requests = format!("{one}{two}");
    for record in [1, 2, 3, 10, 50, 100, 1000] {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsStream::connect(stream, Arc::clone(&config), name)
            .await
            .unwrap();
        for piece in requests.as_bytes().chunks(record) {
            stream.write_all(piece).await.unwrap();
        }
        stream.flush().await.unwrap();
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await.unwrap();
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(
            answers.matches("HTTP/1.1 200 OK\r\n").count(),
            2,
            "{record}: {answers}"
        );
        assert!(
            answers.contains("\r\n\r\nbody, \u{e9}"),
            "{record}: {answers}"
        );
        assert!(answers.ends_with("\r\n\r\n."), "{record}: {answers}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_answers_nothing() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let authority = Authority::new("Test CA");
    let config = Arc::new(ServerConfig::new(authority.identity("localhost")));
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        // In one record with the answer, in one of its own behind it, and in part.
        for parts in [
            vec![format!("{OK}{POISON}")],
            vec![OK.to_owned(), POISON.to_owned()],
            vec![OK.to_owned(), POISON[..1].to_owned()],
            vec![OK.to_owned()],
        ] {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let config = Arc::clone(&config);
            let mut stream = TlsStream::<TcpStream>::accept(stream, config)
                .await
                .unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            for part in parts {
                stream.write_all(part.as_bytes()).await.unwrap();
            }
            stream.flush().await.unwrap();
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    let client = Client::builder().roots(authority.roots()).build().unwrap();
    for _ in 0..4 {
        let url = format!("https://localhost:{port}/");
        let response = client.get(&url).await.unwrap();
        let exchange = response.extensions().get::<Exchange>().unwrap();
        assert!(!exchange.reused);
        assert_eq!(response.into_body().collect(9).await.unwrap(), "ok");
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn where_nothing_is_in_common_both_sides_are_shown_what_there_was() {
    let authority = Authority::new("Test CA");
    let mut server = ServerConfig::new(authority.identity("localhost"));
    server.cipher_suites = vec![tls::CipherSuite::TLS_CHACHA20_POLY1305_SHA256];
    let mut client = ClientConfig::new(Arc::new(authority.roots()));
    client.cipher_suites = vec![tls::CipherSuite::TLS_AES_128_GCM_SHA256];
    let (near, far) = duplex(1 << 14);
    let name = "localhost".try_into().unwrap();
    let (near, far) = tokio::join!(
        TlsStream::connect(near, Arc::new(client), name),
        TlsStream::accept(far, Arc::new(server)),
    );
    let told = far.unwrap_err().report();
    assert!(
        told.contains(
            "cipher suites: this side has TLS_CHACHA20_POLY1305_SHA256; the peer has TLS_AES_128_GCM_SHA256"
        ),
        "{told}"
    );
    let told = near.unwrap_err().report();
    for line in [
        "alert handshake_failure",
        "cipher suites: this side has TLS_AES_128_GCM_SHA256\n",
        "groups: this side has x25519, secp256r1, secp384r1\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

/// A key that is elsewhere and takes its time, and a verdict of its own.
struct Elsewhere {
    key: rcgen::KeyPair,
    trusted: bool,
}

impl Decisions for Elsewhere {
    async fn sign(&self, to_sign: &tls::ToSign) -> Option<Vec<u8>> {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        rcgen::SigningKey::sign(&self.key, to_sign.content()).ok()
    }

    async fn judge(
        &self,
        chain: &[tls::CertificateDer<'static>],
    ) -> Option<Result<(), netkit_x509::Error>> {
        tokio::task::yield_now().await;
        assert_eq!(chain.len(), 1);
        Some(
            self.trusted
                .then_some(())
                .ok_or(netkit_x509::Error::UnknownIssuer),
        )
    }
}

fn elsewhere(trusted: bool) -> (ServerConfig, ClientConfig, Elsewhere) {
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let schemes = vec![tls::SignatureScheme::ECDSA_SECP256R1_SHA256];
    let identity = tls::Identity::with_key_elsewhere(vec![leaf.into()], schemes).unwrap();
    let mut client = ClientConfig::new(Arc::new(netkit_x509::Roots::new()));
    client.verifier = None;
    (
        ServerConfig::new(identity),
        client,
        Elsewhere { key, trusted },
    )
}

#[tokio::test]
async fn a_server_chooses_by_the_hello_and_both_decide_in_their_own_time() {
    for trusted in [true, false] {
        let (server, client, decisions) = elsewhere(trusted);
        let (near, far) = duplex(1 << 14);
        let name = "localhost".try_into().unwrap();
        let serve = async {
            let undecided = Undecided::read(far).await.unwrap();
            let hello = undecided.hello().unwrap();
            assert_eq!(hello.server_name(), Some("localhost"));
            undecided.accept(Arc::new(server), &decisions).await
        };
        let (near, far) = tokio::join!(
            TlsStream::connect_with(near, Arc::new(client), name, &decisions),
            serve
        );
        if trusted {
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            near.write_all(b"hello").await.unwrap();
            near.flush().await.unwrap();
            let mut got = [0; 5];
            far.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, b"hello");
        } else {
            assert_eq!(near.unwrap_err().layer(), Layer::Certificate);
            assert!(far.unwrap_err().to_string().contains("unknown_ca"));
        }
    }
}

#[tokio::test]
async fn what_nobody_decides_ends_the_handshake() {
    let (server, client, _) = elsewhere(true);
    let (near, far) = duplex(1 << 14);
    let name = "localhost".try_into().unwrap();
    let (near, far) = tokio::join!(
        TlsStream::connect(near, Arc::new(client), name),
        TlsStream::accept(far, Arc::new(server)),
    );
    let told = far.unwrap_err().to_string();
    assert!(told.contains("internal_error"), "{told}");
    let told = near.unwrap_err().to_string();
    assert!(told.contains("internal_error"), "{told}");
}

#[tokio::test]
async fn an_undecided_stream_is_passed_on_untouched_or_refused() {
    let (_, client, _) = elsewhere(true);
    let client = Arc::new(client);
    let hello = |far| async {
        let name = "localhost".try_into().unwrap();
        TlsStream::<DuplexStream>::connect(far, Arc::clone(&client), name).await
    };
    let (near, far) = duplex(1 << 14);
    let pass_on = async {
        let undecided = Undecided::read(near).await.unwrap();
        let octets = undecided.hello().unwrap().octets().to_vec();
        let (stream, read) = undecided.into_parts();
        assert_eq!(read[5..], octets);
        drop(stream);
    };
    let (cut, ()) = tokio::join!(hello(far), pass_on);
    assert!(cut.is_err());

    let (near, far) = duplex(1 << 14);
    let refuse = async {
        let undecided = Undecided::read(near).await.unwrap();
        undecided
            .refuse(tls::AlertDescription::UNRECOGNIZED_NAME)
            .await
    };
    let (told, refused) = tokio::join!(hello(far), refuse);
    assert!(told.unwrap_err().to_string().contains("unrecognized_name"));
    assert!(refused.to_string().contains("unrecognized_name"));
}

#[tokio::test]
async fn a_client_resumes_and_a_server_lets_it_unless_told_otherwise() {
    let authority = Authority::new("Test CA");
    let at = start_echo(Server::https(authority.identity("localhost")));
    let client = |resume: bool| {
        let builder = Client::builder().roots(authority.roots()).keep_alive(false);
        if resume {
            builder.build().unwrap()
        } else {
            let builder = builder.configure_tls(|config| config.sessions = None);
            builder.build().unwrap()
        }
    };
    let url = format!("https://localhost:{}/", at.port());
    let (usual, forgetful) = (client(true), client(false));
    for (client, expected) in [(&usual, [false, true, true]), (&forgetful, [false; 3])] {
        for resumed in expected {
            let response = client.get(&url).await.unwrap();
            let exchange = response.extensions().get::<Exchange>().unwrap();
            let agreed = exchange.connection.tls.as_ref().unwrap();
            assert_eq!(agreed.resumed, resumed);
            assert_eq!(response.into_body().collect(1).await.unwrap(), "0");
        }
    }
}

#[tokio::test]
async fn early_data_waits_until_the_client_is_done() {
    let authority = Authority::new("Test CA");
    let now = netkit::UnixTime::now();
    let mut server = ServerConfig::new(authority.identity("peer.test"));
    let keys = tls::TicketKeys::from_secret(&[1; 32]);
    server.sessions = Some(Arc::new(keys));
    server.early_data = Some(tls::EarlyDataPolicy {
        max_size: 100,
        guard: Arc::new(tls::SingleUse::new(now)),
    });
    let server = Arc::new(server);
    let mut client = ClientConfig::new(Arc::new(authority.roots()));
    client.sessions = Some(Arc::new(tls::ClientSessionMemory::default()));
    client.early_data = true;
    let client = Arc::new(client);
    for early in [&b""[..], b"early "] {
        let (mut near, far) = duplex(1 << 16);
        let served = tokio::spawn(TlsStream::accept(far, Arc::clone(&server)));
        let name = ServerName::try_from("peer.test").unwrap();
        let random = Box::new(rand_core::UnwrapErr(getrandom::SysRng));
        let mut out = Vec::new();
        let mut machine =
            tls::Connection::client(Arc::clone(&client), name, now, random, &mut out).unwrap();
        machine.send_early(&[early], &mut out).unwrap();
        near.write_all(&out).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(!served.is_finished(), "the handshake is not done");
        let mut arrived = Vec::new();
        let mut answered = false;
        let mut stream = None;
        let mut served = Some(served);
        for _ in 0..8 {
            let mut read = vec![0; 1 << 14];
            let wait = std::time::Duration::from_millis(50);
            if let Ok(count) = tokio::time::timeout(wait, near.read(&mut read)).await {
                arrived.extend_from_slice(&read[..count.unwrap()]);
            }
            let mut out = Vec::new();
            while let Ok(step) = machine.recv(&mut arrived, &mut out) {
                let (used, idle) = (step.used, matches!(step.event, tls::Event::NeedData));
                arrived.drain(..used);
                if idle {
                    break;
                }
            }
            if machine.is_connected() && !answered {
                answered = true;
                machine.send(&[b"late"], &mut out).unwrap();
            }
            near.write_all(&out).await.unwrap();
            if answered && stream.is_none() {
                stream = Some(served.take().unwrap().await.unwrap().unwrap());
            }
        }
        let mut got = vec![0; early.len() + 4];
        stream.unwrap().read_exact(&mut got).await.unwrap();
        assert_eq!(got, [early, b"late"].concat());
    }
}
