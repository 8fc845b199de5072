//! TLS handshakes that come to nothing: what the client gets, what is counted and what the log says.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rustls::{AlertDescription, Error};
use stickler::{Server, Timeouts, TlsCounters};
use stickler_testing::claims;
use stickler_testing::frame::REQUEST;
use stickler_testing::logs::listen;
use stickler_testing::memory::echo;
use stickler_testing::tcp::Running;

use super::support::{
    Authority, Client, Wire, address, bind, echo_over_tls, echoing, fault, until,
};

fn counters(server: &Running) -> TlsCounters {
    server.handle.counters().tls
}

/// What comes in clear until the server ends.
fn rest(wire: &mut Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire.stream.read_to_end(&mut bytes).expect("an end without a reset");
    bytes
}

/// An alert in clear: a record of its type with two bytes, fatal.
#[track_caller]
fn assert_alert(bytes: &[u8]) {
    assert!(matches!(bytes, [21, 3, _, 0, 2, 2, _]), "{bytes:?}");
}

#[test]
fn s4_2_2_plain_http_gets_400_with_a_sentence_and_nothing_else() {
    claims!("6455-4.2.2-01");
    let (_, server) = echo_over_tls();
    for request in [REQUEST, "GET / HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n", "G x"] {
        let mut wire = Wire::to(address(&server));
        wire.write_all(request.as_bytes()).unwrap();
        let answer = String::from_utf8(rest(&mut wire)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("wss:// or https://\n"), "{answer}");
    }
    until("they are counted", || counters(&server).plain_http == 4);
    server.stop();
}

#[test]
fn plain_http_is_known_byte_by_byte_and_with_much_behind_it() {
    let (_, server) = echo_over_tls();
    let mut wire = Wire::to(address(&server));
    wire.write_at_most = 1;
    wire.write_all(b"PROPPATCH /").unwrap();
    assert!(rest(&mut wire).starts_with(b"HTTP/1.1 400 "));
    let mut wire = Wire::to(address(&server));
    wire.write_all(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    wire.write_all(&[b'a'; 1_000_000]).unwrap();
    assert!(rest(&mut wire).starts_with(b"HTTP/1.1 400 "));
    server.stop();
}

#[test]
fn s4_2_2_what_is_no_tls_gets_an_alert_and_an_end() {
    claims!("6455-4.2.2-01");
    let (_, server) = echo_over_tls();
    let record = |version: u8, payload: &[u8]| {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[22, 3, version, len[0], len[1]], payload].concat()
    };
    let garbage: [Vec<u8>; 6] = [
        vec![0; 64],
        b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10".to_vec(),
        b"get / HTTP/1.1\r\n\r\n".to_vec(),
        b"HELLO,WORLD".to_vec(),
        record(1, b"no handshake"),
        // A record of which the length is more than there may be.
        vec![22, 3, 1, 0xff, 0xff, 1, 2, 3],
    ];
    let malformed = garbage.len() as u64;
    for bytes in garbage {
        let mut wire = Wire::to(address(&server));
        wire.write_all(&bytes).unwrap();
        let answer = rest(&mut wire);
        assert!(matches!(answer[..], [21, 3, _, 0, 2, 2, _]), "{bytes:?}: {answer:?}");
    }
    until("they are counted", || counters(&server).malformed == malformed);
    server.stop();
}

#[test]
fn a_client_without_a_common_version_gets_the_alert() {
    let (_, server) = echo_over_tls();
    // A ClientHello of TLS 1.0 with one cipher suite, made by hand (RFC 5246 §7.4.1.2).
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x0a, 1, 0]);
    let mut wire = Wire::to(address(&server));
    let (body, all) = (hello.len() as u8, hello.len() as u8 + 4);
    wire.write_all(&[&[22, 3, 1, 0, all, 1, 0, 0, body][..], &hello].concat()).unwrap();
    assert_alert(&rest(&mut wire));
    until("it is counted", || counters(&server).no_common_protocol == 1);
    server.stop();
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_counted_by_its_alert() {
    let (_, server) = echo_over_tls();
    let error = Client::connect(&server, Authority::new().client()).err().unwrap();
    assert!(matches!(fault(&error), Error::InvalidCertificate(_)), "{error}");
    until("it is counted", || counters(&server).alert_from_peer == 1);
    server.stop();
}

#[test]
fn a_peer_that_ends_before_its_handshake_does_is_counted() {
    let (authority, server) = echo_over_tls();
    // Without a word, in the midst of a record, and behind the ClientHello.
    for len in [0, 3, usize::MAX] {
        let mut wire = Wire::to(address(&server));
        let hello = client_hello(&authority);
        wire.write_all(&hello[..hello.len().min(len)]).unwrap();
        wire.stream.shutdown(Shutdown::Write).unwrap();
        rest(&mut wire);
    }
    until("they are counted", || counters(&server).ended_early == 3);
    assert_eq!(counters(&server).timed_out, 0);
    server.stop();
}

/// The first record of a client.
fn client_hello(authority: &Authority) -> Vec<u8> {
    let host = "localhost".try_into().unwrap();
    let mut tls = rustls::ClientConnection::new(authority.client().into(), host).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    hello
}

/// One deadline covers both handshakes, wherever the client stops.
#[test]
fn whoever_stalls_at_any_step_has_the_deadline_of_the_opening_handshake() {
    const DEADLINE: Duration = Duration::from_millis(300);
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let timeouts = Timeouts::default().handshake(DEADLINE);
    let server = echoing(bind(tls).timeouts(timeouts));
    let hello = client_hello(&authority);
    let began = Instant::now();
    // In the ClientHello, or before it, or within a method.
    let stalled: Vec<_> = [&b""[..], &hello[..1], &hello[..hello.len() / 2], &hello, b"GE"]
        .into_iter()
        .map(|beginning| {
            let mut wire = Wire::to(address(&server));
            wire.write_all(beginning).unwrap();
            wire
        })
        .collect();
    // Behind the TLS handshake, and in the midst of the request.
    let mut silent = Client::connect(&server, authority.client()).unwrap();
    let mut half = Client::connect(&server, authority.client()).unwrap();
    half.send(&REQUEST[..40]);
    for mut wire in stalled {
        rest(&mut wire);
    }
    silent.expect_end();
    let answer = String::from_utf8(half.rest().unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() >= DEADLINE);
    until("they are counted", || counters(&server).timed_out == 5);
    assert_eq!(counters(&server).completed, 2);
    until("no place is kept", || server.handle.counters().connections == 0);
    server.stop();
}

/// The alert is out before the reset that unread input would make.
#[test]
fn an_alert_behind_much_input_reaches_the_peer() {
    let (authority, server) = echo_over_tls();
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = Client::new(&config.into(), "localhost", Wire::to(address(&server)));
    client.tls.write_tls(&mut client.wire).unwrap();
    // Behind the ClientHello comes what nobody reads as TLS any more.
    for _ in 0..100 {
        client.wire.write_all(&[23; 10_000]).unwrap();
    }
    let error = client.shake_hands().unwrap_err();
    assert_eq!(fault(&error), Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    server.stop();
}

/// Beyond a cap too the client hears what it did wrong.
#[test]
fn plain_http_beyond_a_cap_gets_400_too() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = echoing(bind(tls).max_connections(1));
    let _first = Client::open(&server, authority.client());
    let mut wire = Wire::to(address(&server));
    wire.write_all(REQUEST.as_bytes()).unwrap();
    assert!(rest(&mut wire).starts_with(b"HTTP/1.1 400 "));
    server.stop();
}

/// A flood from one address is ten lines in a second.
#[tokio::test]
async fn the_log_says_what_failed_at_a_bounded_rate() {
    let (lines, _listening) = listen(|| ());
    let authority = Authority::new();
    let server = Server::bind_tls("127.0.0.1:0").unwrap().tls(authority.issue(&["a"]).tls());
    // On the thread of this test, whose log it is.
    let serving = server.start_on(&tokio::runtime::Handle::current(), echo).unwrap();
    let address = serving.handle().local_addrs()[0];
    let began = Instant::now();
    let flood = tokio::task::spawn_blocking(move || {
        for request in ["GET / HTTP/1.1\r\n\r\n", "no TLS\r\n\r\n"].iter().cycle().take(100) {
            let mut wire = Wire::to(address);
            wire.write_all(request.as_bytes()).unwrap();
            rest(&mut wire);
        }
    });
    flood.await.unwrap();
    assert_eq!(serving.handle().counters().tls.plain_http, 50);
    let most = 10 * (began.elapsed().as_secs() as usize + 2);
    let told: Vec<_> = lines
        .at("INFO")
        .into_iter()
        .filter(|line| line.contains("a TLS handshake failed"))
        .collect();
    assert!((2..=most).contains(&told.len()), "{most}: {told:#?}");
    assert!(told[0].contains("reason=plain HTTP on a TLS port"), "{}", told[0]);
    assert!(told[0].contains(" id=") && told[0].contains("peer=127.0.0.1:"), "{}", told[0]);
    assert!(told[1].contains("outcome=Malformed"), "{}", told[1]);
}
