//! Client against server, in memory: the flows, what both report, and what neither forgives.

mod duo;

use duo::{Duo, client_config, server_config};
use netkit_tls::{CipherSuite, Error, Event, NamedGroup, Spoken};

#[test]
fn every_suite_and_group_carries_data_both_ways() {
    let suites = [
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_256_GCM_SHA384,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ];
    for suite in suites {
        for &group in NamedGroup::ALL {
            let (mut server, roots) = server_config();
            server.groups = vec![group];
            let mut client = client_config(roots);
            client.cipher_suites = vec![suite];
            client.groups = vec![group];
            let mut duo = Duo::new(client, server);
            duo.connect().unwrap();
            let agreed = duo.client.agreed().unwrap();
            assert_eq!((agreed.cipher_suite, agreed.group), (suite, Some(group)));
            assert_eq!(duo.server.agreed(), duo.client.agreed());
            assert_eq!(duo.say_to_server(b"question").unwrap(), b"question");
            let long = vec![7; 40_000];
            assert_eq!(duo.say_to_client(&long).unwrap(), long);
        }
    }
}

#[test]
fn a_group_without_a_share_costs_one_retry() {
    let (mut server, roots) = server_config();
    server.groups = vec![NamedGroup::SECP384R1];
    let mut duo = Duo::new(client_config(roots), server);
    duo.connect().unwrap();
    let agreed = duo.client.agreed().unwrap();
    assert!(agreed.hello_retry);
    assert_eq!(agreed.group, Some(NamedGroup::SECP384R1));
    assert_eq!(duo.server.agreed(), duo.client.agreed());
    assert_eq!(duo.say_to_server(b"after").unwrap(), b"after");
}

#[test]
fn protocols_are_agreed_in_the_servers_order_or_refused() {
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let run = |ours: &[&str], theirs: &[&str]| {
        let (mut server, roots) = server_config();
        server.alpn = names(theirs);
        let mut client = client_config(roots);
        client.alpn = names(ours);
        let mut duo = Duo::new(client, server);
        duo.connect().map(|()| {
            let alpn = duo.server.agreed().unwrap().alpn.clone();
            assert_eq!(duo.client.agreed().unwrap().alpn, alpn);
            alpn.map(|name| String::from_utf8(name).unwrap())
        })
    };
    assert_eq!(run(&["a", "b"], &["b", "a"]), Ok(Some("b".into())));
    assert_eq!(run(&[], &["b"]), Ok(None));
    assert_eq!(run(&["a"], &[]), Ok(None));
    assert_eq!(run(&["a"], &["b"]), Err(Error::PeerNoCommonProtocol));
}

#[test]
fn keys_change_both_ways_any_number_of_times() {
    let mut duo = Duo::connected();
    for round in 0..5u8 {
        duo.client
            .update_keys(round % 2 == 0, &mut duo.to_server)
            .unwrap();
        assert_eq!(duo.say_to_server(&[round]).unwrap(), [round]);
        duo.server
            .update_keys(round % 2 == 1, &mut duo.to_client)
            .unwrap();
        assert_eq!(duo.say_to_client(&[round]).unwrap(), [round]);
    }
}

#[test]
fn a_flood_of_key_updates_is_refused_but_not_between_data() {
    let mut duo = Duo::connected();
    for _ in 0..100 {
        duo.client.update_keys(false, &mut duo.to_server).unwrap();
        duo.say_to_server(b"data").unwrap();
    }
    for _ in 0..100 {
        duo.client.update_keys(false, &mut duo.to_server).unwrap();
    }
    assert!(matches!(duo.settle(), Err(Error::PeerTooMany(_))));
}

#[test]
fn closing_is_an_event_each_way_and_truncation_an_error() {
    let mut duo = Duo::connected();
    duo.client.close(&mut duo.to_server).unwrap();
    duo.settle().unwrap();
    assert_eq!(duo.server_heard.last(), Some(&duo::Said::PeerClosed));
    assert_eq!(duo.server.eof(), Ok(()));
    assert_eq!(
        duo.client.send(&[b"late"], &mut duo.to_server),
        Err(Error::MisuseNotOpen)
    );
    // The other direction is still open.
    assert_eq!(duo.say_to_client(b"still here").unwrap(), b"still here");
    assert_eq!(duo.client.eof(), Err(Error::Truncated));
    assert_eq!(duo.client.eof(), Err(Error::Truncated));
}

#[test]
fn what_follows_close_notify_is_ignored() {
    let mut duo = Duo::connected();
    duo.client.close(&mut duo.to_server).unwrap();
    duo.to_server.extend_from_slice(b"anything at all");
    duo.settle().unwrap();
    let mut more = *b"and more";
    let step = duo.server.recv(&mut more, &mut Vec::new()).unwrap();
    assert_eq!((step.used, step.event), (8, Event::NeedData));
}

#[test]
fn an_altered_record_ends_the_connection_with_its_alert() {
    let mut duo = Duo::connected();
    duo.client.send(&[b"secret"], &mut duo.to_server).unwrap();
    *duo.to_server.last_mut().unwrap() ^= 1;
    assert_eq!(duo.settle(), Err(Error::PeerBadRecordMac));
    assert_eq!(
        duo.settle(),
        Err(Error::PeerAlert(
            netkit_tls::AlertDescription::BAD_RECORD_MAC
        )),
        "the alert reaches the client"
    );
}

#[test]
fn nothing_can_be_sent_before_the_peer_is_known() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    let mut out = Vec::new();
    assert_eq!(
        duo.client.send(&[b"early"], &mut out),
        Err(Error::MisuseNotOpen)
    );
    assert_eq!(
        duo.server.send(&[b"early"], &mut out),
        Err(Error::MisuseNotOpen)
    );
    assert!(out.is_empty());
    duo.connect().unwrap();
}

#[test]
fn a_stranger_protocol_is_refused_at_its_first_octets() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.to_server.clear();
    duo.to_server.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(duo.settle(), Err(Error::PeerNotTls(Spoken::HttpRequest)));
    assert_eq!(duo.to_client, [21, 3, 3, 0, 2, 2, 10]);
}

#[test]
fn a_refused_certificate_is_told_to_the_server_and_kept_for_the_client() {
    let (server, _) = server_config();
    let (_, other_roots) = server_config();
    let mut duo = Duo::new(client_config(other_roots), server);
    let refused = duo.connect().unwrap_err();
    assert!(matches!(refused, Error::PeerCertificate(_)), "{refused:?}");
    assert_eq!(duo.client.peer_chain().len(), 1);
    assert!(matches!(duo.settle(), Err(Error::PeerAlert(_))));
}

#[test]
fn no_debug_output_shows_a_secret() {
    let (mut server, roots) = server_config();
    let log = std::sync::Arc::new(duo::Lines::default());
    server.key_log = Some(log.clone());
    let mut duo = Duo::new(client_config(roots), server);
    duo.connect().unwrap();
    let shown = format!("{:?} {:?}", duo.client, duo.server);
    let lines = log.0.lock().unwrap();
    assert_eq!(lines.len(), 5);
    for line in lines.iter() {
        let [label, random, secret] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        assert!(label.ends_with("_SECRET") || label.ends_with("_SECRET_0"));
        assert_eq!((random.len(), secret.len()), (64, 64));
        assert!(!shown.contains(secret));
    }
}

#[test]
fn requests_for_new_keys_cost_a_silent_side_one_answer() {
    let mut duo = Duo::connected();
    // A peer that sends and never reads: what is owed to it must not grow.
    let mut owed = 0;
    for round in 0..1000 {
        duo.client.update_keys(true, &mut duo.to_server).unwrap();
        duo.client.send(&[b"x"], &mut duo.to_server).unwrap();
        duo.deliver_to_server().unwrap();
        if round == 0 {
            owed = duo.to_client.len();
        }
    }
    assert_eq!(duo.to_client.len(), owed, "one answer for all of them");
    // RFC 9846 4.7.3: what was asked for since comes before the next data.
    assert_eq!(
        duo.say_to_client(b"under the third key").unwrap(),
        b"under the third key"
    );
    assert_eq!(duo.say_to_server(b"and back").unwrap(), b"and back");
}

#[test]
fn who_leaves_before_the_end_says_so() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.to_server.clear();
    duo.client.close(&mut duo.to_server).unwrap();
    let (warning, user_canceled, close_notify) = (1, 90, 0);
    assert_eq!(
        duo.to_server,
        [
            21,
            3,
            3,
            0,
            2,
            warning,
            user_canceled,
            21,
            3,
            3,
            0,
            2,
            warning,
            close_notify
        ]
    );
    duo.client.close(&mut duo.to_server).unwrap();
    assert_eq!(duo.to_server.len(), 14, "once is enough");
    let left = Error::PeerAlert(netkit_tls::AlertDescription::CLOSE_NOTIFY);
    assert_eq!(duo.settle(), Err(left));
}

#[test]
fn a_failure_repeats_from_every_verb() {
    let mut duo = Duo::connected();
    duo.to_client = b"no record".to_vec();
    let error = duo.settle().unwrap_err();
    assert_eq!(error, Error::PeerNotTls(Spoken::Unknown));
    let mut out = Vec::new();
    assert_eq!(duo.client.recv(&mut [], &mut out), Err(error));
    assert_eq!(duo.client.send(&[b"more"], &mut out), Err(error));
    assert_eq!(duo.client.update_keys(true, &mut out), Err(error));
    assert_eq!(duo.client.close(&mut out), Err(error));
    assert_eq!(duo.client.eof(), Err(error));
    assert!(out.is_empty());
    assert!(!duo.client.is_connected());
}

#[test]
fn debug_output_names_the_state() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    let state = |machine: &netkit_tls::Connection, name: &str| {
        let shown = format!("{machine:?}");
        assert!(shown.contains(name), "{shown}");
    };
    state(&duo.client, "WAIT_SH");
    state(&duo.server, "WAIT_CH");
    duo.connect().unwrap();
    state(&duo.client, "OPEN");
    state(&duo.server, "OPEN");
}

#[test]
fn nothing_follows_a_close_in_the_middle_of_the_handshake() {
    let (server, roots) = server_config();
    let mut duo = Duo::new(client_config(roots), server);
    duo.deliver_to_server().unwrap();
    duo.client.close(&mut duo.to_server).unwrap();
    let farewell = duo.to_server.clone();
    duo.deliver_to_client().unwrap();
    assert_eq!(duo.to_server, farewell);
    assert!(!duo.client.is_connected() && duo.client_heard.is_empty());
    assert!(matches!(duo.deliver_to_server(), Err(Error::PeerAlert(_))));
}
