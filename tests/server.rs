//! Many connections at once, through the library: workers, caps, panics, shutdown.
#![cfg(feature = "server")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stickler::{Config, Incoming, Limits, Server, WhenFull};
use stickler_testing::{
    claims,
    frame::{REQUEST, frame},
    memory::echo,
    tcp::{Client, PATIENCE, Running},
};

fn bind(workers: usize) -> Server {
    Server::bind("127.0.0.1:0").unwrap().workers(workers)
}

/// An echo of this server.
fn echoing(server: Server) -> Running {
    Running::of(server.start(echo).unwrap())
}

/// Waits for what another thread is about to do.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn every_worker_accepts() {
    let (name, names) = mpsc::channel();
    let serving = bind(2).start(move |incoming: Incoming| {
        name.send(thread::current().name().unwrap().to_owned()).unwrap();
        echo(incoming)
    });
    let server = Running::of(serving.unwrap());
    let mut seen = std::collections::BTreeSet::new();
    // The kernel picks by a hash of the port: each goes to either with equal chance.
    for _ in 0..64 {
        server.open();
        seen.insert(names.recv_timeout(PATIENCE).unwrap());
    }
    assert_eq!(Vec::from_iter(&seen), ["stickler-0", "stickler-1"]);
    server.stop();
}

/// RFC 7692 §7: memory for compression is bounded over all workers, and comes back.
#[cfg(feature = "deflate")]
#[test]
fn workers_share_the_memory_for_compression() {
    // What each keeps of what the server sends.
    const HISTORIES: usize = 32 << 10;
    const INFLATER: usize = 80 << 10;
    let mut config = stickler::Config::default();
    config.deflate.policy = Some(
        stickler::proto::deflate::Policy::new()
            .server_context_takeover(true)
            .client_context_takeover(true),
    );
    config.deflate.max_memory = 3 * HISTORIES + INFLATER;
    let server = echoing(bind(4).config(config));
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let offering = REQUEST.strip_suffix("\r\n").unwrap().to_string() + offer;
    let agreed = || {
        let mut client = server.connect();
        client.send(&offering);
        (client.head().field("sec-websocket-extensions").is_some(), client)
    };
    let mut open: Vec<_> = (0..16).map(|_| agreed()).collect();
    let agreements: Vec<_> = open.iter().map(|(has_agreed, _)| *has_agreed).collect();
    assert_eq!(agreements, [[true; 3].to_vec(), [false; 13].to_vec()].concat());
    open.clear();
    until("the memory comes back", || agreed().0);
    server.stop();
}

#[test]
fn s4_2_2_offered_subprotocols_of_which_none_is_spoken_are_counted_over_all_workers() {
    let server = Running::of(bind(2).start(echo).unwrap());
    let offering = REQUEST.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, b\r\n\r\n");
    let streams: Vec<_> = (0..8)
        .map(|number| {
            let mut stream = server.connect();
            let request = if number % 2 == 0 { REQUEST } else { &offering };
            stream.send(request);
            stream
        })
        .collect();
    until("half of them are counted", || server.handle.counters().unspoken_subprotocols == 4);
    drop(streams);
    until("all connections are gone", || server.handle.counters().connections == 0);
    assert_eq!(server.handle.counters().unspoken_subprotocols, 4);
    server.stop();
}

#[test]
fn what_a_full_queue_led_to_is_counted_over_all_workers() {
    for when_full in [WhenFull::Drop, WhenFull::Close] {
        let limits = Limits::default().max_queued(1000).when_full(when_full);
        let serving = bind(2).limits(limits).start(async |incoming: Incoming| {
            let sender = incoming.accept()?.into_sender();
            // The peers do not read. Beyond what the kernel takes there is room for one more.
            while sender.dropped() < 3 && sender.send(vec![1; 1 << 20]).is_ok() {
                tokio::task::yield_now().await;
            }
            sender.closed().await;
            Ok::<(), stickler::Error>(())
        });
        let server = Running::of(serving.unwrap());
        let clients: Vec<_> = (0..4).map(|_| server.open()).collect();
        let counts = || {
            let counters = server.handle.counters();
            (counters.dropped_messages, counters.closed_full)
        };
        let all = if when_full == WhenFull::Drop { (12, 0) } else { (0, 4) };
        until("all of them are counted", || counts() == all);
        drop(clients);
        until("all connections are gone", || server.handle.counters().connections == 0);
        assert_eq!(counts(), all);
        server.stop();
    }
}

#[test]
fn p3_a_panic_ends_its_connection_with_1011_and_no_other() {
    claims!("6455-7.4.1-1011");
    let serving = bind(1).start(|incoming: Incoming| async move {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            assert_ne!(message.as_bytes(), b"panic", "as asked");
            sender.send(message)?;
        }
        Ok::<(), stickler::Error>(())
    });
    let server = Running::of(serving.unwrap());
    let (mut calm, mut doomed) = (server.open(), server.open());
    doomed.send(b"\x81\x85\0\0\0\0panic");
    assert_eq!(doomed.close_code(), 1011);
    calm.send(b"\x81\x82\0\0\0\0on");
    assert_eq!(calm.frame(), (0x81, b"on".to_vec()));
    until("the panic is counted", || server.handle.counters().panics == 1);
    server.stop();
}

#[test]
fn p3_a_panic_before_the_first_await_refuses_the_handshake() {
    let serving = bind(1).start(|incoming: Incoming| {
        assert!(incoming.path() != "/room", "at once");
        echo(incoming)
    });
    let server = Running::of(serving.unwrap());
    let (_stream, head) = server.request();
    assert_eq!(head.status(), 500);
    let (_stream, head) = server.request();
    assert_eq!(head.status(), 500);
    server.stop();
}

#[test]
fn s15_6_4_beyond_the_cap_connections_get_503_until_a_place_is_free() {
    claims!("9110-15.6.4-01");
    let server = echoing(bind(2).max_connections(1));
    let first = server.open();
    let (mut refused, head) = server.request();
    assert_eq!(head.status(), 503);
    assert_eq!(head.field("connection"), Some("close"));
    for field in ["retry-after", "content-length", "date"] {
        assert!(head.field(field).is_some(), "{field}");
    }
    let body = String::from_utf8(refused.rest()).unwrap();
    assert!(body.starts_with("RFC 9110 15.6.4: "), "{body}");
    let counters = server.handle.counters();
    assert_eq!((counters.connections, counters.accepted, counters.refused), (1, 1, 1));
    drop(first);
    until("the place is free", || server.handle.counters().connections == 0);
    server.open();
    server.stop();
}

#[test]
fn s15_6_4_opening_handshakes_have_a_cap_of_their_own() {
    claims!("9110-15.6.4-01");
    let server = echoing(bind(2).max_handshakes(2).max_connections(9));
    let _open: Vec<_> = (0..4).map(|_| server.open()).collect();
    let counters = || server.handle.counters();
    until("all handshakes are over", || counters().handshakes == 0);
    let mut silent = server.connect();
    let mut refused = server.connect();
    refused.send(b"nonsense\r\n\r\n");
    assert_eq!(refused.head().status(), 400);
    until("two go on", || counters().handshakes == 2);
    // A peer that was refused has its place until it is gone: it could keep it as long as a silent one.
    assert_eq!(server.request().1.status(), 503);
    drop(refused);
    until("one is gone", || counters().handshakes == 1);
    server.open();
    silent.send(REQUEST);
    assert_eq!(silent.head().status(), 101);
    until("none goes on", || counters().handshakes == 0);
    assert_eq!((counters().refused, counters().refused_handshakes), (1, 1));
    server.stop();
}

/// An answer that is no error frees the place with its first byte, however long it goes on.
#[test]
fn a_long_answer_is_no_opening_handshake() {
    let server = bind(1).max_handshakes(1).http(|_| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(stickler::Body::from("whole")))
    });
    let server = echoing(server);
    let mut page = server.connect();
    page.send(b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(page.head().status(), 200);
    until("it is answered", || server.handle.counters().handshakes == 0);
    server.open();
    server.stop();
}

#[test]
fn s6585_4_the_handshakes_of_one_address_have_a_rate() {
    let server = echoing(bind(2).max_handshakes_per_address(3));
    let begun = Instant::now();
    let mut statuses = vec![101; 3];
    while statuses.last() == Some(&101) || statuses.len() < 5 {
        statuses.push(server.request().1.status());
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_eq!(statuses.last(), Some(&429));
    let counters = server.handle.counters();
    assert!(counters.accepted >= 3 && counters.refused_too_often >= 1, "{counters:?}");
    // Three at once, and one in each third of a second.
    assert!(u128::from(counters.accepted) <= 4 + begun.elapsed().as_millis() * 3 / 1000);
    let (mut refused, head) = loop {
        let (client, head) = server.request();
        if head.status() == 429 {
            break (client, head);
        }
    };
    assert_eq!(head.field("retry-after"), Some("1"));
    assert!(refused.rest().starts_with(b"RFC 6585 4: "));
    until("the next is admitted", || server.request().1.status() == 101);
    server.stop();
}

#[test]
fn s15_6_4_what_is_refused_for_want_of_memory_is_counted_as_that() {
    let config = Config::default().max_memory(1 << 20);
    let server = Running::new(config, echo);
    // Small ones are taken although the limit is reached; they may do without progress for 1 s.
    let unfinished = frame(0x02, [7; 65_000]);
    let mut held = Vec::new();
    until("there is no memory for another", || {
        let (mut client, head) = server.request();
        if head.status() == 101 {
            client.send(&unfinished);
            held.push(client);
            return false;
        }
        assert_eq!(head.status(), 503);
        true
    });
    let counters = server.handle.counters();
    assert_eq!((counters.refused, counters.refused_for_memory), (1, 1));
    server.handle.shutdown(Duration::ZERO);
    server.wait();
}

#[test]
fn a_cap_of_zero_is_an_error() {
    for server in [
        bind(1).max_connections(0),
        bind(1).max_handshakes(0),
        bind(1).max_handshakes_per_address(0),
    ] {
        let error = server.start(echo).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    }
}

#[test]
fn a_shutdown_says_how_connections_ended() {
    let server = echoing(bind(2));
    let handle = server.handle.clone();
    // What ended before does not count.
    drop(server.open());
    until("it is gone", || handle.counters().connections == 0);
    let mut clients: Vec<_> = (0..6).map(|_| server.open()).collect();
    let mut half = server.connect();
    half.send(b"GET / HTTP/1.1\r\n");
    until("it is there", || handle.counters().connections == 7);
    handle.shutdown(PATIENCE);
    clients.iter_mut().for_each(|client| assert_eq!(client.close_code(), 1001));
    assert!(half.rest().starts_with(b"HTTP/1.1 503 "));
    drop(half);
    for client in &mut clients[..3] {
        client.send(b"\x88\x82\0\0\0\0\x03\xe9");
    }
    clients.drain(..4);
    let drained = || {
        let drained = handle.drained();
        (drained.clean, drained.unclean, drained.cut)
    };
    until("all but two have ended", || drained() == (4, 1, 2));
    handle.shutdown(Duration::ZERO);
    server.wait();
    assert_eq!(drained(), (4, 1, 2));
}

#[test]
fn s15_6_4_one_address_cannot_take_all_places() {
    let server = echoing(bind(1).max_connections_per_address(1));
    let _first = server.open();
    assert_eq!(server.request().1.status(), 503);
    server.stop();
}

#[test]
fn p2_resets_at_every_stage_leave_nothing_behind() {
    let server = echoing(bind(2));
    let masked_text = b"\x81\x85\0\0\0\0hello";
    let stages =
        [&[][..], &REQUEST.as_bytes()[..30], REQUEST.as_bytes(), masked_text, &masked_text[..8]];
    for stage in stages.iter().cycle().take(200) {
        let mut client = if stage.starts_with(b"\x81") { server.open() } else { server.connect() };
        client.send(stage);
        // Closing sends RST now.
        socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    until("all connections are gone", || server.handle.counters().connections == 0);
    server.open();
    let counters = server.handle.counters();
    assert_eq!((counters.panics, counters.accept_errors), (0, 0));
    server.stop();
}

#[test]
fn several_addresses_are_served() {
    let server = bind(2).bind_also("127.0.0.1:0").unwrap();
    assert_eq!(server.local_addrs().len(), 2);
    let server = echoing(server);
    let addresses = server.handle.local_addrs().to_vec();
    assert_ne!(addresses[0], addresses[1]);
    for address in addresses {
        let mut client = Client::to(address);
        client.send(REQUEST);
        assert_eq!(client.head().status(), 101);
    }
    server.stop();
}

#[test]
fn connections_made_between_bind_and_serve_are_served() {
    let server = bind(2);
    let mut early = Client::to(server.local_addrs()[0]);
    early.send(REQUEST);
    let server = echoing(server);
    assert_eq!(early.head().status(), 101);
    server.stop();
}

#[test]
fn s7_4_1_shutdown_closes_with_1001_and_ends_before_its_deadline() {
    claims!("6455-7.3-01", "6455-7.4.1-1001");
    let server = echoing(bind(2));
    let mut clients: Vec<_> = (0..8).map(|_| server.open()).collect();
    server.handle.shutdown(Duration::MAX);
    for client in &mut clients {
        assert_eq!(client.close_code(), 1001);
        client.send(b"\x88\x82\0\0\0\0\x03\xe9");
    }
    drop(clients);
    server.wait();
}

#[test]
fn s15_6_4_shutdown_refuses_undecided_handshakes_with_503() {
    claims!("9110-15.6.4-01");
    let server = echoing(bind(1));
    let mut silent = server.connect();
    let mut half = server.connect();
    half.send(b"GET / HTTP/1.1\r\n");
    until("both are accepted", || server.handle.counters().connections == 2);
    // What has been accepted has been read too once another one has been served.
    server.open();
    server.handle.shutdown(PATIENCE);
    let answer = half.rest();
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    let answer = silent.rest();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 "));
    drop((silent, half));
    server.wait();
}

#[test]
fn the_deadline_drops_those_that_do_not_close() {
    let server = echoing(bind(2));
    let mut holdout = server.open();
    server.handle.shutdown(PATIENCE);
    assert_eq!(holdout.close_code(), 1001);
    // Asked again, the earlier deadline holds.
    server.handle.shutdown(Duration::ZERO);
    server.handle.shutdown(PATIENCE);
    server.wait();
}

#[test]
fn s7_4_1_without_any_time_there_is_still_a_close_frame() {
    let server = echoing(bind(2));
    let mut client = server.open();
    server.stop();
    assert_eq!(client.close_code(), 1001);
}

#[test]
fn a_handler_that_blocks_its_thread_does_not_keep_the_server() {
    let (blocked, is_blocked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let serving = bind(1).start(move |_incoming: Incoming| {
        blocked.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        async { Ok::<(), stickler::Error>(()) }
    });
    let server = Running::of(serving.unwrap());
    server.connect().send(REQUEST.as_bytes());
    is_blocked.recv_timeout(PATIENCE).unwrap();
    server.stop();
    drop(release);
}

#[test]
fn shutdown_before_serve_ends_it_at_once() {
    let server = bind(2);
    server.handle().shutdown(Duration::ZERO);
    server.serve(echo).unwrap();
}

#[test]
fn a_handler_may_shut_its_server_down() {
    let server = bind(1);
    let handle = server.handle();
    let serving = server.start(move |incoming: Incoming| {
        let handle = handle.clone();
        async move {
            let _socket = incoming.accept()?;
            handle.shutdown(PATIENCE);
            std::future::pending::<stickler::Result<()>>().await
        }
    });
    let server = Running::of(serving.unwrap());
    let mut client = server.open();
    assert_eq!(client.close_code(), 1001);
    drop(client);
    server.stop();
}

#[test]
fn dropping_the_server_frees_the_port() {
    let server = bind(2);
    let address = server.local_addrs()[0];
    let serving = server.start(echo).unwrap();
    assert!(Server::bind(address).is_err());
    drop(serving);
    until("the port is free", || Server::bind(address).is_ok());
}
