//! Versions, application protocols, certificates by host, certificates of clients.

use std::io::Read;
use std::sync::Arc;

use rustls::{AlertDescription, Error, HandshakeKind, ProtocolVersion};
use stickler::{Incoming, TlsSession, TlsVersion};
use stickler_testing::claims;
use stickler_testing::frame::text;
use stickler_testing::tcp::Running;

use super::support::{Authority, Client, Pair, bind, echo_over_tls, echoing, fault, until};

#[test]
fn s10_6_both_versions_are_spoken_natively() {
    claims!("6455-10.6-01");
    let (authority, server) = echo_over_tls();
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut client = Client::open(&server, authority.client_of(&[version]));
        assert_eq!(client.tls.protocol_version(), Some(expected));
        client.send(text("hello"));
        assert_eq!(client.frame().payload, b"hello");
    }
    assert_eq!(server.handle.counters().tls.completed, 2);
    server.stop();
}

#[test]
fn a_client_is_served_that_offers_http_1_1_or_no_application_protocol() {
    let (authority, server) = echo_over_tls();
    for (offered, agreed) in [
        (&[][..], None),
        (&["http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["h2", "http/1.1"], Some(b"http/1.1")),
    ] {
        let mut config = authority.client();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let client = Client::open(&server, config);
        assert_eq!(client.tls.alpn_protocol(), agreed);
    }
    server.stop();
}

/// RFC 7301 §3.2: the alert says what is wrong.
#[test]
fn a_client_that_offers_only_other_protocols_gets_the_alert() {
    let (authority, server) = echo_over_tls();
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.0".to_vec()];
    let error = Client::connect(&server, config).err().unwrap();
    assert_eq!(fault(&error), Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    until("it is counted", || server.handle.counters().tls.no_common_protocol == 1);
    server.stop();
}

#[test]
fn a_session_is_resumed_by_a_ticket_and_without_early_data() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (authority, server) = echo_over_tls();
        let mut config = authority.client_of(&[version]);
        config.enable_early_data = true;
        let config = Arc::new(config);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::connect_to(&server, &config, "localhost").unwrap();
            assert!(client.tls.early_data().is_none());
            client.upgrade();
            assert_eq!(client.tls.handshake_kind(), Some(kind));
        }
        server.stop();
    }
}

/// Which host the certificate is for that the server shows.
fn shown(server: &Running, authority: &Authority, host: &str) -> Vec<u8> {
    let config = Arc::new(authority.client());
    let client = Client::connect_to(server, &config, host);
    client.unwrap().tls.peer_certificates().unwrap()[0].to_vec()
}

fn der(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_slice(pair.chain.as_bytes()).unwrap().to_vec()
}

#[test]
fn the_certificate_is_chosen_by_the_host() {
    let authority = Authority::new();
    let first = authority.issue(&["first.example", "127.0.0.1"]);
    let second = authority.issue(&["second.example", "Third.example"]);
    let wild = authority.issue(&["*.wild.example"]);
    let tls = first.tls();
    let tls = tls.with_pem(second.chain.as_bytes(), second.key.as_bytes()).unwrap();
    let tls = tls.with_pem(wild.chain.as_bytes(), wild.key.as_bytes()).unwrap();
    let server = echoing(bind(tls));
    for (host, pair) in [
        ("first.example", &first),
        ("second.example", &second),
        ("SECOND.example", &second),
        ("third.example", &second),
        ("fourth.wild.example", &wild),
        // No host is named for an address.
        ("127.0.0.1", &first),
    ] {
        assert_eq!(shown(&server, &authority, host), der(pair), "{host}");
    }
    // A wildcard stands for one label, and the first certificate for all that is not known.
    let config = Arc::new(authority.client());
    for host in ["a.b.wild.example", "wild.example", "elsewhere.test"] {
        let error = Client::connect_to(&server, &config, host).err().unwrap();
        assert!(matches!(fault(&error), Error::InvalidCertificate(_)), "{host}: {error}");
    }
    until("the client's alert is counted", || server.handle.counters().tls.alert_from_peer == 3);
    server.stop();
}

/// A server that asks for certificates, and sends what it knows of the client.
fn server_that_tells(authority: &Authority) -> Running {
    let tls = authority.issue(&["localhost"]).tls();
    let server = bind(tls.client_ca(authority.pem().as_bytes()).unwrap());
    let tell = |incoming: Incoming| async move {
        let tls: &TlsSession = incoming.tls().unwrap();
        let client = tls.client.clone().unwrap();
        let told = format!("{} | {}", client.subject, client.sans.join(" "));
        let (_receiver, sender) = incoming.accept()?.split();
        sender.send(told)?;
        Ok::<(), stickler::Error>(())
    };
    Running::of(server.start(tell).unwrap())
}

#[test]
fn s10_5_a_certificate_of_the_client_is_shown_to_the_handler() {
    claims!("6455-10.5-01");
    let authority = Authority::new();
    let server = server_that_tells(&authority);
    let pair = authority.issue_with(&["device7.example", "192.0.2.1", "2001:db8::1"], |params| {
        let mailbox = rcgen::SanType::Rfc822Name("a@b.example".try_into().unwrap());
        let uri = rcgen::SanType::URI("spiffe://example/a".try_into().unwrap());
        params.subject_alt_names.extend([mailbox, uri]);
    });
    for _ in 0..2 {
        let mut client = Client::open(&server, authority.client_showing(&pair));
        let told = client.frame();
        assert_eq!(
            String::from_utf8(told.payload).unwrap(),
            "CN=device7.example | DNS:device7.example IP:192.0.2.1 IP:2001:db8::1 \
             email:a@b.example URI:spiffe://example/a"
        );
    }
    server.stop();
}

#[test]
fn a_client_without_a_good_certificate_is_refused_with_an_alert() {
    let authority = Authority::new();
    let server = server_that_tells(&authority);
    let stranger = Authority::new();
    let ended = authority.issue_with(&["a"], |params| {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    let wrong = stranger.issue(&["a"]);
    for config in
        [authority.client(), authority.client_showing(&wrong), authority.client_showing(&ended)]
    {
        // In TLS 1.3 the client is done before the server has seen the certificate.
        let refused =
            Client::connect(&server, config).and_then(|mut client| client.stream().read(&mut [0]));
        assert!(matches!(fault(&refused.unwrap_err()), Error::AlertReceived(_)));
    }
    until("they are counted", || server.handle.counters().tls.client_certificate == 3);
    assert_eq!(server.handle.counters().tls.completed, 0);
    server.stop();
}

#[test]
fn the_handler_sees_version_cipher_and_host() {
    let authority = Authority::new();
    let server = bind(authority.issue(&["room.example"]).tls());
    let tell = |incoming: Incoming| async move {
        let tls = incoming.tls().unwrap();
        assert!(tls.client.is_none());
        let told = format!("{}, {}, {:?}", tls.version, tls.cipher, tls.server_name);
        let is_known = [TlsVersion::Tls12, TlsVersion::Tls13].contains(&tls.version);
        assert!(is_known);
        let (_receiver, sender) = incoming.accept()?.split();
        sender.send(told)?;
        Ok::<(), stickler::Error>(())
    };
    let server = Running::of(server.start(tell).unwrap());
    for (version, told) in [
        (&rustls::version::TLS12, "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&rustls::version::TLS13, "TLS 1.3, TLS_AES_256_GCM_SHA384"),
    ] {
        let config = Arc::new(authority.client_of(&[version]));
        let mut client = Client::connect_to(&server, &config, "Room.example").unwrap();
        client.upgrade();
        let payload = String::from_utf8(client.frame().payload).unwrap();
        assert_eq!(payload, format!("{told}, Some(\"room.example\")"));
    }
    server.stop();
}
