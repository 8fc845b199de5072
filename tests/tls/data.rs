//! Messages over TLS: of all lengths, in pieces, to peers that are slow or stop.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use stickler::{Incoming, Limits, Timeouts};
use stickler_testing::frame::{REQUEST, frame, text};
use stickler_testing::memory::echo;
use stickler_testing::tcp::Running;

use super::support::{Authority, Client, Wire, address, bind, echo_over_tls, echoing, until};

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 7 % 251) as u8).collect()
}

#[test]
fn messages_of_all_lengths_are_echoed() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (authority, server) = echo_over_tls();
        let mut client = Client::open(&server, authority.client_of(&[version]));
        for len in
            [0, 1, 125, 126, 1000, 16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 70_000, 1 << 20]
        {
            client.send(frame(0x82, bytes(len)));
            assert!(client.frame().payload == bytes(len), "{len}");
        }
        server.stop();
    }
}

#[test]
fn both_handshakes_and_messages_may_come_byte_by_byte() {
    let (authority, server) = echo_over_tls();
    let mut wire = Wire::to(address(&server));
    wire.write_at_most = 1;
    let mut client = Client::new(&authority.client().into(), "localhost", wire);
    client.shake_hands().unwrap();
    client.upgrade();
    for len in [0, 1, 5, 300] {
        client.send(frame(0x82, bytes(len)));
        assert_eq!(client.frame().payload, bytes(len));
    }
    server.stop();
}

#[test]
fn many_messages_may_come_at_once() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    let all: Vec<u8> = (0..500).flat_map(|number: u32| text(&number.to_string())).collect();
    client.send(all);
    for number in 0..500_u32 {
        assert_eq!(client.frame().payload, number.to_string().as_bytes());
    }
    server.stop();
}

/// rustls takes 4 KiB of records at a time. The replies leave together all the same.
#[test]
fn messages_that_come_at_once_are_answered_at_once() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.wire.received.clear();
    for _ in 0..16 {
        client.tls.writer().write_all(&frame(0x82, bytes(1000))).unwrap();
    }
    client.stream().flush().unwrap();
    for _ in 0..16 {
        assert_eq!(client.frame().payload, bytes(1000));
    }
    // All of them fit into one record of 16 KiB.
    let records = client.wire.record_types();
    assert!(records.len() <= 2, "{records:?}");
    server.stop();
}

/// Content that rustls has no room for waits, and so does what stands behind it.
#[test]
fn records_of_all_lengths_may_come_at_once() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.tls.set_buffer_limit(None);
    let lengths = [16_000, 3, 16_300, 1, 9000, 40_000, 0, 700, 16_384, 16_384];
    for _ in 0..20 {
        for len in lengths {
            client.tls.writer().write_all(&frame(0x82, bytes(len))).unwrap();
        }
        client.stream().flush().unwrap();
        for len in lengths {
            assert!(client.frame().payload == bytes(len), "{len}");
        }
    }
    server.stop();
}

/// The request comes with the last flight of the TLS handshake, and the first message with the request.
#[test]
fn what_comes_right_behind_the_handshake_is_not_lost() {
    let (authority, server) = echo_over_tls();
    let config = authority.client().into();
    let mut client = Client::new(&config, "localhost", Wire::to(address(&server)));
    // rustls keeps it until it may be sent.
    client.tls.writer().write_all(REQUEST.as_bytes()).unwrap();
    client.tls.writer().write_all(&text("early")).unwrap();
    client.shake_hands().unwrap();
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.frame().payload, b"early");
    server.stop();
}

/// Sends so many bytes in messages of 100,000, and waits for the peer's Close.
fn sending(messages: usize, limits: Limits, timeouts: Timeouts) -> (Authority, Running) {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = bind(tls).send_buffer(16 << 10).unsent_low_water(8 << 10);
    let server = server.limits(limits).timeouts(timeouts);
    let serving = server.start(move |incoming: Incoming| async move {
        let (_receiver, sender) = incoming.accept()?.split();
        for _ in 0..messages {
            sender.send_ready(bytes(100_000)).await?;
        }
        sender.closed().await;
        Ok::<(), stickler::Error>(())
    });
    (authority, Running::of(serving.unwrap()))
}

#[test]
fn a_slow_reader_with_small_buffers_gets_everything() {
    let (authority, server) = sending(10, Limits::default(), Timeouts::default());
    let wire = Wire::to(address(&server));
    SockRef::from(&wire.stream).set_recv_buffer_size(4 << 10).unwrap();
    let mut client = Client::new(&authority.client().into(), "localhost", wire);
    client.shake_hands().unwrap();
    client.upgrade();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(20));
        assert!(client.frame().payload == bytes(100_000));
    }
    server.stop();
}

#[test]
fn a_reader_that_stops_is_cut_by_the_least_rate() {
    // 256 KiB in half a second.
    let limits = Limits::default().min_drain_rate(512 << 10);
    let timeouts = Timeouts::default().close(Duration::from_millis(300));
    let (authority, server) = sending(100, limits, timeouts);
    let client = Client::open(&server, authority.client());
    assert!(server.handle.connections(None, 1)[0].is_tls);
    let began = Instant::now();
    until("the peer is given up", || server.handle.counters().slow_peers == 1);
    until("its place is free", || server.handle.counters().connections == 0);
    assert!(began.elapsed() >= Duration::from_millis(500));
    drop(client);
    server.stop();
}

/// The end of what is written waits in the buffer of TLS, for which the peer has its time too.
#[test]
fn the_last_bytes_of_a_slow_reader_are_not_lost() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = bind(tls).send_buffer(4 << 10);
    let serving = server.start(|incoming: Incoming| async move {
        let (_receiver, sender) = incoming.accept()?.split();
        sender.send(bytes(30_000))?;
        Ok::<(), stickler::Error>(())
    });
    let server = Running::of(serving.unwrap());
    let wire = Wire::to(address(&server));
    SockRef::from(&wire.stream).set_recv_buffer_size(2 << 10).unwrap();
    let mut client = Client::new(&authority.client().into(), "localhost", wire);
    client.shake_hands().unwrap();
    client.upgrade();
    thread::sleep(Duration::from_millis(100));
    assert!(client.frame().payload == bytes(30_000));
    assert_eq!(client.frame().close_code(), 1000);
    client.send(frame(0x88, [0x03, 0xe8]));
    client.expect_end();
    server.stop();
}

/// A plain answer of a megabyte, by hyper over TLS.
#[test]
fn a_large_plain_answer_arrives_whole() {
    use stickler::Body;
    use stickler::http::{Request, Response, Result};

    let authority = Authority::new();
    let server = bind(authority.issue(&["localhost"]).tls()).send_buffer(16 << 10);
    let server = server
        .http(|_: Request<Body>| async { Result::Ok(Response::new(Body::from(bytes(1 << 20)))) });
    let server = Running::of(server.start(echo).unwrap());
    let mut client = Client::connect(&server, authority.client()).unwrap();
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut answer = Vec::new();
    client.stream().read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(&bytes(1 << 20)));
    server.stop();
}

#[test]
fn several_workers_serve_one_listener() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = echoing(bind(tls).workers(2));
    let config = std::sync::Arc::new(authority.client());
    for _ in 0..20 {
        let mut client = Client::connect_to(&server, &config, "localhost").unwrap();
        client.upgrade();
        client.send(text("hello"));
        assert_eq!(client.frame().payload, b"hello");
    }
    server.stop();
}
