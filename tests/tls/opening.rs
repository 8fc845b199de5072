//! The opening handshake behind TLS: what its scheme, its port and its origin are judged by.

use std::io::Write;
use std::time::Duration;

use stickler::{AllowedOrigin, Body, Incoming, Limits, Policy, Server, TlsSession};
use stickler_testing::claims;
use stickler_testing::frame::{REQUEST, frame, text};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{self, Running};

use super::support::{Authority, Client, bind, echo_over_tls, echoing, until};

/// One server with a listener of each kind.
fn both(policy: Policy) -> (Authority, Running) {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = bind(tls).bind_also("127.0.0.1:0").unwrap().policy(policy);
    (authority, echoing(server))
}

/// The status of this request over TLS and in clear.
fn statuses(authority: &Authority, server: &Running, request: &str) -> (u16, u16) {
    let mut client = Client::connect(server, authority.client()).unwrap();
    client.send(request);
    let over_tls = client.head().status();
    let mut client = tcp::Client::to(server.handle.local_addrs()[1]);
    client.send(request);
    (over_tls, client.head().status())
}

fn request(target: &str, host: &str, more: &str) -> String {
    let request = REQUEST.replacen("/room", target, 1).replacen("Host: test", host, 1);
    format!("{}{more}\r\n", request.strip_suffix("\r\n").unwrap())
}

/// RFC 9110 §7.4.
#[test]
fn an_https_target_is_answered_over_tls_and_not_in_clear() {
    let (authority, server) = both(Policy::default());
    let request = request("https://test/room", "Host: test", "");
    assert_eq!(statuses(&authority, &server, &request), (101, 421));
    server.stop();
}

/// RFC 6455 §3: 443 is the port of wss, 80 that of ws.
#[test]
fn a_host_without_a_port_means_that_of_the_transport() {
    for (own, expected) in [("test:443", (101, 421)), ("test:80", (421, 101))] {
        let own = [own.parse().unwrap()];
        let (authority, server) = both(Policy::default().own_hosts(own));
        assert_eq!(statuses(&authority, &server, REQUEST), expected);
        server.stop();
    }
}

/// RFC 6455 §10.2: a page of the same host came by the same scheme.
#[test]
fn the_origin_of_the_same_host_has_the_scheme_of_the_transport() {
    let (authority, server) = both(Policy::default().origins([AllowedOrigin::SameHost]));
    // A page that came by https may ask for ws://, which its browser refuses or not.
    for (origin, expected) in [("https://test", (101, 101)), ("http://test", (403, 101))] {
        let request = request("/room", "Host: test", &format!("Origin: {origin}\r\n"));
        assert_eq!(statuses(&authority, &server, &request), expected, "{origin}");
    }
    server.stop();
}

#[test]
fn s4_2_2_all_that_is_sent_goes_through_tls() {
    claims!("6455-4.2.2-02");
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.send(text("hello"));
    client.frame();
    client.send(frame(0x88, [0x03, 0xe8]));
    assert_eq!(client.frame().close_code(), 1000);
    client.expect_end();
    // Handshake, change of ciphers, alert and content: each byte is in a record of TLS.
    let types = client.wire.record_types();
    assert!(types.iter().all(|kind| (20..=23).contains(kind)), "{types:?}");
    assert!(!client.wire.received.windows(4).any(|four| four == b"HTTP"));
    server.stop();
}

#[test]
fn s5_1_an_unmasked_frame_fails_over_tls_too() {
    claims!("6455-5.1-06");
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.send(b"\x81\x05hello");
    assert_eq!(client.frame().close_code(), 1002);
    client.expect_end();
    server.stop();
}

#[test]
fn s9_8_a_refused_handshake_ends_with_close_notify() {
    claims!("9112-9.8-01");
    let (authority, server) = echo_over_tls();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = Client::connect(&server, authority.client_of(&[version])).unwrap();
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        let answer = String::from_utf8(client.rest().unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        client.expect_end();
    }
    server.stop();
}

#[test]
fn a_plain_request_has_the_session_among_its_extensions() {
    let authority = Authority::new();
    let server = bind(authority.issue(&["localhost"]).tls()).bind_also("127.0.0.1:0").unwrap();
    let server = server.http(|request: stickler::http::Request<Body>| async move {
        let session = request.extensions().get::<TlsSession>();
        let said = session.map_or_else(|| "clear".into(), |tls| tls.version.to_string());
        stickler::http::Result::Ok(stickler::http::Response::new(Body::from(said)))
    });
    let server = Running::of(server.start(echo).unwrap());
    let request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut client = Client::connect(&server, authority.client()).unwrap();
    client.send(request);
    assert!(client.rest().unwrap().ends_with(b"\r\n\r\nTLS 1.3"));
    let mut client = tcp::Client::to(server.handle.local_addrs()[1]);
    client.send(request);
    assert!(client.rest().ends_with(b"\r\n\r\nclear"));
    server.stop();
}

#[test]
fn a_connection_in_clear_has_no_session() {
    let (authority, server) = both(Policy::default());
    drop(authority);
    let plain = tcp::Client::to(server.handle.local_addrs()[1]);
    drop(plain);
    server.stop();
    let is_none = |incoming: Incoming| async move {
        assert!(incoming.tls().is_none());
        echo(incoming).await
    };
    let server = Server::bind("127.0.0.1:0").unwrap().workers(1).start(is_none);
    let server = Running::of(server.unwrap());
    server.open();
    server.stop();
}

#[test]
fn beyond_a_cap_the_answer_comes_behind_the_handshake() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = echoing(bind(tls).max_connections(1));
    let first = Client::open(&server, authority.client());
    let mut second = Client::connect(&server, authority.client()).unwrap();
    second.send(REQUEST);
    let answer = String::from_utf8(second.rest().unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(server.handle.counters().refused, 1);
    drop(first);
    server.stop();
}

#[test]
fn beyond_a_rate_the_answer_is_429() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = echoing(bind(tls).max_handshakes_per_address(1));
    let _first = Client::open(&server, authority.client());
    let mut second = Client::connect(&server, authority.client()).unwrap();
    second.send(REQUEST);
    let answer = String::from_utf8(second.rest().unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    server.stop();
}

/// The place under `max_handshakes` is free once the 101 is written.
#[test]
fn a_handshake_over_tls_counts_until_its_101() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::connect(&server, authority.client()).unwrap();
    until("it counts", || server.handle.counters().handshakes == 1);
    client.upgrade();
    until("it does not count any more", || server.handle.counters().handshakes == 0);
    server.stop();
}

/// While a shutdown goes on, the connection that was waiting for its turn gets its 503 over TLS.
#[test]
fn an_opening_handshake_during_a_shutdown_gets_503() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::connect(&server, authority.client()).unwrap();
    let mut open = Client::open(&server, authority.client());
    server.handle.shutdown(Duration::from_secs(15));
    assert_eq!(open.frame().close_code(), 1001);
    // A client that is silent has a moment, and then gets no answer.
    let _ = client.stream().write_all(REQUEST.as_bytes());
    let answer = String::from_utf8(client.rest().unwrap()).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop((client, open));
    server.wait();
}

#[test]
fn a_request_beyond_the_limits_gets_its_status_over_tls() {
    let authority = Authority::new();
    let mut limits = Limits::default();
    limits.head.max_head_size = 1000;
    let tls = authority.issue(&["localhost"]).tls();
    let server = echoing(bind(tls).limits(limits));
    let mut client = Client::connect(&server, authority.client()).unwrap();
    client.send(request("/room", "Host: test", &format!("A: {}\r\n", "a".repeat(2000))));
    assert_eq!(client.head().status(), 431);
    server.stop();
}
