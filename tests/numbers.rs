//! The numbers of a server: what a client does, and which of them move by how much; connections listed and closed.
#![cfg(all(feature = "server", feature = "deflate"))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stickler::{
    CloseCode, Config, ConnectionId, ConnectionPhase, Histogram, Incoming, MessageKind, SendError,
    Server, Snapshot, Timeouts, Traffic, Violation,
};
use stickler_testing::{
    frame::{REQUEST, binary, close, frame, text},
    memory::echo,
    tcp::{Client, PATIENCE, Running},
};

/// Every count of a snapshot, by name; those that are 0 are left out. Polls of handlers are sampled, and so not here.
fn counts(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut add = |name: String, count: u64| {
        if count > 0 {
            counts.insert(name, count);
        }
    };
    add("accepted".into(), snapshot.handshakes_accepted);
    for (class, count) in (1..).zip(snapshot.answers) {
        add(format!("answers {class}xx"), count);
    }
    for (way, Traffic { text, binary, pings, pongs, closes, wire_bytes, compression, .. }) in
        [("in", &snapshot.received), ("out", &snapshot.sent)]
    {
        for (what, count) in [
            ("texts", text.count),
            ("text bytes", text.bytes),
            ("binaries", binary.count),
            ("binary bytes", binary.bytes),
            ("pings", *pings),
            ("pongs", *pongs),
            ("closes", *closes),
            ("wire", *wire_bytes),
            ("deflated", compression.deflated),
            ("inflated", compression.inflated),
        ] {
            add(format!("{way} {what}"), count);
        }
    }
    for (class, count) in &snapshot.close_codes_received {
        add(format!("in code {class}"), *count);
    }
    for (class, count) in &snapshot.close_codes_sent {
        add(format!("out code {class}"), *count);
    }
    snapshot.handshakes_refused.iter().for_each(|(row, count)| add(format!("{row:?}"), *count));
    snapshot.violations.iter().for_each(|(row, count)| add(format!("{row:?}"), *count));
    snapshot.endings.iter().for_each(|(row, count)| add(format!("by {row:?}"), *count));
    snapshot.timeouts.iter().for_each(|(row, count)| add(format!("late {row:?}"), *count));
    add("round trips".into(), snapshot.round_trips.count);
    add("queued".into(), snapshot.queued);
    counts
}

/// Waits until the numbers are these and no others.
#[track_caller]
fn expect(server: &Running, what: &str, expected: &[(&str, usize)]) {
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(name, count)| ((*name).to_owned(), *count as u64)).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = counts(&server.handle.snapshot());
        if seen == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{what}\nseen     {seen:?}\nexpected {expected:?}");
        thread::yield_now();
    }
}

/// Sends these bytes behind an opening handshake, and reads to the end. Gives how many bytes the server has sent.
fn talk(server: &Running, bytes: &[u8]) -> usize {
    let (mut client, head) = server.request();
    client.send(bytes);
    let sent = client.rest().len();
    client.end();
    head_len(&head) + sent
}

fn head_len(head: &stickler_testing::tcp::Head) -> usize {
    let fields = head.fields.iter().map(|(name, value)| name.len() + 2 + value.len() + 2);
    head.status_line.len() + 2 + fields.sum::<usize>() + 2
}

/// What a client does, what it sends, and which numbers move by how much.
type Row = (&'static str, Vec<u8>, &'static [(&'static str, usize)]);

#[test]
fn each_number_moves_by_what_a_client_does() {
    let unmasked = [0x81, 0x00];
    let long = vec![7; 100_000];
    let rows: [Row; 8] = [
        (
            "messages of both kinds, echoed",
            [text("hello"), binary([1, 2, 3]), text(""), close(1000)].concat(),
            &[
                ("in texts", 2),
                ("in text bytes", 5),
                ("in binaries", 1),
                ("in binary bytes", 3),
                ("out texts", 2),
                ("out text bytes", 5),
                ("out binaries", 1),
                ("out binary bytes", 3),
                ("in code 1000", 1),
                ("out code 1000", 1),
                ("by Peer", 1),
            ],
        ),
        (
            "a message in two fragments",
            [frame(0x01, "hel"), frame(0x89, "p"), frame(0x80, "lo"), close(4001)].concat(),
            &[
                ("in texts", 1),
                ("in text bytes", 5),
                ("out texts", 1),
                ("out text bytes", 5),
                ("in pings", 1),
                ("out pongs", 1),
                ("in code 4xxx", 1),
                ("out code 4xxx", 1),
                ("by Peer", 1),
            ],
        ),
        (
            "a message that is not copied",
            [binary(&long), close(3000)].concat(),
            &[
                ("in binaries", 1),
                ("in binary bytes", 100_000),
                ("out binaries", 1),
                ("out binary bytes", 100_000),
                ("in code 3xxx", 1),
                ("out code 3xxx", 1),
                ("by Peer", 1),
            ],
        ),
        (
            "a Pong that nobody asked for, and a Close without a code",
            [frame(0x8a, "p"), frame(0x88, "")].concat(),
            &[("in pongs", 1), ("in code none", 1), ("out code none", 1), ("by Peer", 1)],
        ),
        (
            "an unmasked frame",
            unmasked.to_vec(),
            &[("UnmaskedFrame", 1), ("out code 1002", 1), ("by Peer", 1)],
        ),
        (
            "a message before a rule is broken",
            [text("a"), frame(0x83, "")].concat(),
            &[
                ("in texts", 1),
                ("in text bytes", 1),
                ("out texts", 1),
                ("out text bytes", 1),
                ("ReservedOpcode", 1),
                ("out code 1002", 1),
                ("by Peer", 1),
            ],
        ),
        (
            "a Close of a code that is not known",
            close(2999),
            &[("CloseCodeNotAllowed", 1), ("out code 1002", 1), ("by Peer", 1)],
        ),
        (
            "text that is none",
            frame(0x81, [0xff]),
            &[("TextNotUtf8", 1), ("out code 1007", 1), ("by Peer", 1)],
        ),
    ];
    for (what, bytes, moved) in rows {
        let server = Running::echo();
        let wire = talk(&server, &bytes);
        let closes = |way| moved.iter().any(|(name, _)| name.starts_with(&format!("{way} code")));
        let common = [
            ("accepted", 1),
            ("in wire", REQUEST.len() + bytes.len()),
            ("out wire", wire),
            ("in closes", usize::from(closes("in"))),
            ("out closes", usize::from(closes("out"))),
        ];
        let all = common.into_iter().chain(moved.iter().copied());
        let all: Vec<_> = all.filter(|(_, count)| *count > 0).collect();
        expect(&server, what, &all);
        server.stop();
    }
}

#[test]
fn what_is_no_websocket_is_counted_by_reason_and_class() {
    let config = Config::default()
        .health_path("/healthz".to_owned())
        .timeouts(Timeouts::default().handshake(Duration::from_millis(100)));
    for (what, request, moved) in [
        (
            "a health check",
            "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n",
            &[("answers 2xx", 1), ("by Application", 1)][..],
        ),
        (
            "a handshake without its key",
            &REQUEST.replace("Sec-WebSocket-Key", "X-Key"),
            &[("KeyMissing", 1), ("answers 4xx", 1), ("by Peer", 1)],
        ),
        (
            "half a head",
            "GET /room HTTP/1.1\r\n",
            &[
                ("HandshakeTooSlow", 1),
                ("answers 4xx", 1),
                ("by Timeout", 1),
                ("late Handshake", 1),
            ],
        ),
    ] {
        let server = Running::new(config.clone(), echo);
        let mut client = server.connect();
        client.send(request);
        let sent = client.rest().len();
        client.end();
        let wire = [("in wire", request.len()), ("out wire", sent)];
        let all: Vec<_> = wire.into_iter().chain(moved.iter().copied()).collect();
        expect(&server, what, &all);
        server.stop();
    }
}

#[test]
fn what_the_server_does_of_itself_is_counted_too() {
    let server = Running::new(Config::default(), |incoming: Incoming| async move {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.ping(b"p")?;
        sender.ping_answered().await;
        let mut message = sender.start_message(MessageKind::Text)?;
        message.send("hel")?;
        message.finish("lo")?;
        receiver.recv().await?;
        Err(stickler::Error::application("enough"))
    });
    let (mut client, head) = server.request();
    assert_eq!(client.frame(), (0x89, b"p".to_vec()));
    client.send(frame(0x8a, "p"));
    assert_eq!(client.frame(), (0x01, b"hel".to_vec()));
    assert_eq!(client.frame(), (0x80, b"lo".to_vec()));
    client.send(binary("x"));
    assert_eq!(client.close_code(), 1011);
    client.send(close(1011));
    client.end();
    assert_eq!(client.rest(), b"");
    expect(
        &server,
        "a Ping, fragments and an error",
        &[
            ("accepted", 1),
            ("in wire", REQUEST.len() + 7 + 7 + 8),
            ("out wire", head_len(&head) + 3 + 5 + 4 + 4),
            ("out pings", 1),
            ("in pongs", 1),
            ("round trips", 1),
            ("out texts", 1),
            ("out text bytes", 5),
            ("in binaries", 1),
            ("in binary bytes", 1),
            ("out closes", 1),
            ("out code 1011", 1),
            ("in closes", 1),
            ("in code 1011", 1),
            ("by HandlerError", 1),
        ],
    );
    server.stop();
}

#[test]
fn compressed_payload_is_counted_in_both_forms() {
    let mut config = Config::default();
    config.deflate.min_size = 0;
    let server = Running::new(config, echo);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let request = REQUEST.replace("\r\n\r\n", &format!("\r\n{offer}"));
    let mut client = server.connect();
    client.send(&request);
    assert_eq!(client.head().status(), 101);
    // RFC 7692 §7.2.3.1: "Hello".
    client.send(frame(0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    let (first, echoed) = client.frame();
    assert_eq!(first, 0xc1);
    client.send(close(1000));
    client.rest();
    client.end();
    let deadline = Instant::now() + PATIENCE;
    let expected = [(7, 5, 5), (echoed.len() as u64, 5, 5)];
    loop {
        let snapshot = server.handle.snapshot();
        let seen = [snapshot.received, snapshot.sent]
            .map(|way| (way.compression.deflated, way.compression.inflated, way.text.bytes));
        if seen == expected {
            break;
        }
        assert!(Instant::now() < deadline, "{seen:?}, not {expected:?}");
        thread::yield_now();
    }
    server.stop();
}

#[test]
fn levels_are_of_now_and_every_list_has_all_rows() {
    let server = Running::new(Config::default(), |incoming: Incoming| async move {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.send(vec![0; 8 << 20])?;
        while receiver.recv().await?.is_some() {}
        Ok(())
    });
    let mut client = server.open();
    let deadline = Instant::now() + PATIENCE;
    let snapshot = loop {
        let snapshot = server.handle.snapshot();
        // The kernel takes a part of it.
        if snapshot.queued > 1 << 20 && snapshot.memory.used > 1 << 20 {
            break snapshot;
        }
        assert!(Instant::now() < deadline, "{snapshot:?}");
        thread::yield_now();
    };
    assert_eq!(snapshot.memory.limit, 1 << 30);
    assert!(snapshot.compression_memory.limit <= 1 << 29);
    assert_eq!(snapshot.violations.len(), Violation::ALL.len());
    assert_eq!(snapshot.handshakes_refused.len(), stickler::Rejection::ALL.len());
    assert_eq!(snapshot.endings.len(), stickler::Initiator::ALL.len());
    assert_eq!(snapshot.timeouts.len(), stickler::TimeoutKind::ALL.len());
    let Histogram { bounds, counts, .. } = &snapshot.round_trips;
    assert_eq!(counts.len(), bounds.len() + 1);
    let listed = server.handle.connections(None, 9);
    assert!(listed[0].queued > 1 << 20 && listed[0].sent_bytes == 8 << 20, "{listed:?}");
    assert_eq!(client.frame().1.len(), 8 << 20);
    let deadline = Instant::now() + PATIENCE;
    while server.handle.snapshot().queued > 0 {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    server.stop();
}

#[test]
fn polls_of_handlers_are_sampled() {
    let server = Running::new(Config::default(), |incoming: Incoming| async move {
        let _socket = incoming.accept()?;
        for _ in 0..127 {
            tokio::task::yield_now().await;
        }
        thread::sleep(Duration::from_millis(2));
        Ok(())
    });
    let mut client = server.open();
    assert_eq!(client.close_code(), 1000);
    // One worker, one thread, 128 polls: one in 64.
    let polls = server.handle.snapshot().handler_polls;
    assert_eq!(polls.count, 2, "{polls:?}");
    assert!(polls.sum >= Duration::from_millis(2), "{polls:?}");
    assert_eq!(polls.counts.iter().sum::<u64>(), 2);
    server.stop();
}

#[test]
fn a_server_of_several_workers_adds_them_up() {
    let server = Server::bind("127.0.0.1:0").unwrap().workers(3).start(echo).unwrap();
    let server = Running::of(server);
    let mut clients: Vec<_> = (0..12).map(|_| server.open()).collect();
    for client in &mut clients {
        client.send(text("on"));
        assert_eq!(client.frame(), (0x81, b"on".to_vec()));
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let snapshot = server.handle.snapshot();
        let (received, sent) = (snapshot.received.text, snapshot.sent.text);
        if (received.count, sent.count, snapshot.handshakes_accepted) == (12, 12, 12) {
            assert_eq!((received.bytes, sent.bytes), (24, 24));
            break;
        }
        assert!(Instant::now() < deadline, "{snapshot:?}");
        thread::yield_now();
    }
    let pages = all_pages(&server, 5);
    assert_eq!(pages.len(), 12);
    assert!(pages.is_sorted_by(|a, b| a < b), "{pages:?}");
    server.stop();
}

/// The ids of all connections, page by page.
fn all_pages(server: &Running, most: usize) -> Vec<ConnectionId> {
    let mut ids: Vec<ConnectionId> = Vec::new();
    loop {
        let page = server.handle.connections(ids.last().copied(), most);
        ids.extend(page.iter().map(|info| info.id));
        assert!(page.len() <= most);
        if page.len() < most {
            return ids;
        }
    }
}

/// What is listed of the only connection, once it is so.
#[track_caller]
fn once(
    server: &Running,
    is_so: impl Fn(&stickler::ConnectionInfo) -> bool,
) -> stickler::ConnectionInfo {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = server.handle.connections(None, 2);
        if let [info] = &list[..]
            && is_so(info)
        {
            assert_eq!(server.handle.connection(info.id).map(|info| info.id), Some(info.id));
            return info.clone();
        }
        assert!(Instant::now() < deadline, "{list:?}");
        thread::yield_now();
    }
}

#[test]
fn a_connection_is_listed_with_what_is_known_of_it() {
    let mut config = Config::default();
    config.policy = config.policy.subprotocols(["chat".parse().unwrap()]);
    let server = Running::new(config, |incoming: Incoming| async move {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.ping(b"p")?;
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    });
    let mut client = server.connect();
    let info = once(&server, |_| true);
    assert_eq!((info.phase, &*info.path), (ConnectionPhase::Opening, "/"));
    assert_eq!(info.peer_addr, Some(client.stream.local_addr().unwrap()));
    let fields =
        "\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    client.send(REQUEST.replace("/room", "/room?secret=1").replace("\r\n\r\n", fields));
    let head = client.head();
    let info = once(&server, |info| info.phase == ConnectionPhase::Open);
    assert_eq!((&*info.path, info.is_tls), ("/room", false));
    assert_eq!(info.subprotocol.as_deref(), Some("chat"));
    assert_eq!(info.extensions.as_deref(), head.field("sec-websocket-extensions"));
    assert!(info.extensions.is_some() && info.round_trip.is_none());
    assert_eq!(client.frame(), (0x89, b"p".to_vec()));
    client.send(frame(0x8a, "p"));
    client.send([text("abc"), binary([1])].concat());
    let info = once(&server, |info| info.round_trip.is_some() && info.sent_messages == 2);
    assert_eq!((info.received_messages, info.received_bytes, info.sent_bytes), (2, 4, 4));
    assert!(info.idle <= info.age && info.age < PATIENCE, "{info:?}");
    // The echo has come, and nothing is heard since.
    let later = once(&server, |later| later.idle > info.idle + Duration::from_millis(5));
    assert!(later.age >= info.age + Duration::from_millis(5));
    server.stop();
}

/// Waits until nobody finds this connection any more.
#[track_caller]
fn until_gone(server: &Running, id: ConnectionId) {
    let deadline = Instant::now() + PATIENCE;
    while server.handle.connection(id).is_some() {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
}

#[test]
fn a_connection_is_closed_by_its_id() {
    let server = Running::echo();
    let mut client = server.open();
    let id = once(&server, |info| info.phase == ConnectionPhase::Open).id;
    let id: ConnectionId = id.to_string().parse().unwrap();
    let close = |code, reason: &str| server.handle.close_connection(id, code, reason);
    assert_eq!(close(CloseCode::NO_STATUS, ""), Err(SendError::CloseCodeNotSendable));
    assert_eq!(close(CloseCode::GOING_AWAY, &"x".repeat(124)), Err(SendError::ReasonTooLong));
    assert_eq!(close(CloseCode::new(4009), "asked to"), Ok(true));
    assert_eq!(client.frame(), (0x88, [&4009_u16.to_be_bytes()[..], b"asked to"].concat()));
    assert_eq!(close(CloseCode::NORMAL, ""), Err(SendError::Closed));
    once(&server, |info| info.phase == ConnectionPhase::Closing);
    client.send(stickler_testing::frame::close(4009));
    client.end();
    client.rest();
    until_gone(&server, id);
    assert_eq!(close(CloseCode::NORMAL, ""), Ok(false));
    // Its place is another's now.
    let _other = server.open();
    let other = once(&server, |info| info.phase == ConnectionPhase::Open);
    assert_ne!(other.id, id);
    assert_eq!(close(CloseCode::NORMAL, ""), Ok(false));
    server.stop();
}

/// Once TCP has ended, every question has the same answer, whatever the handler does meanwhile.
#[test]
fn a_connection_is_gone_for_all_while_its_handler_goes_on() {
    let (go_on, released) = tokio::sync::watch::channel(());
    let server = Running::new(Config::default(), move |incoming: Incoming| {
        let mut released = released.clone();
        async move {
            let mut socket = incoming.accept()?;
            while socket.recv().await?.is_some() {}
            let _ = released.changed().await;
            Ok(())
        }
    });
    let mut client = server.open();
    let id = once(&server, |info| info.phase == ConnectionPhase::Open).id;
    client.send(close(1000));
    client.end();
    client.rest();
    until_gone(&server, id);
    assert_eq!(server.handle.connections(None, 10), []);
    assert_eq!(server.handle.close_connection(id, CloseCode::NORMAL, ""), Ok(false));
    go_on.send(()).unwrap();
    server.stop();
}

/// Whatever comes and goes meanwhile, a connection that stays is in each listing, once.
#[test]
fn listing_goes_on_while_connections_come_and_go() {
    let server = Running::echo();
    let (mut before, mut after) = (server.open(), Vec::new());
    let first = once(&server, |_| true).id;
    let (is_over, address) = (AtomicBool::new(false), server.handle.local_addrs()[0]);
    thread::scope(|scope| {
        let churn = || {
            while !is_over.load(Ordering::Relaxed) {
                let mut client = Client::to(address);
                client.send([REQUEST.as_bytes(), &close(1000)].concat());
                client.rest();
            }
        };
        scope.spawn(churn);
        scope.spawn(churn);
        for round in 0..200 {
            let ids = all_pages(&server, 1 + round % 3);
            let distinct: BTreeSet<_> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "{ids:?}");
            assert!(ids.contains(&first), "{ids:?}");
            assert!(server.handle.snapshot().handshakes_accepted > 0);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    after.push(server.open());
    before.send(text("on"));
    assert_eq!(before.frame(), (0x81, b"on".to_vec()));
    server.stop();
}

#[test]
fn the_101_has_the_id_where_it_is_asked_for() {
    let name = stickler::http::HeaderName::from_static("x-connection-id");
    let server = Running::new(Config::default().id_header(name.clone()), echo);
    let (_client, head) = server.request();
    let id = once(&server, |_| true).id;
    assert_eq!(head.field("x-connection-id"), Some(&*id.to_string()));
    server.stop();
    let server = Running::new(Config::default().id_header(name), |mut incoming: Incoming| async {
        incoming.header("X-Connection-Id", "mine")?;
        incoming.accept().map(drop)
    });
    assert_eq!(server.request().1.field("x-connection-id"), Some("mine"));
    server.stop();
    let (_client, head): (Client, _) = Running::echo().request();
    assert_eq!(head.field("x-connection-id"), None);
}

#[test]
fn fields_that_the_protocol_has_for_itself_hold_no_id() {
    for (name, is_taken) in [
        ("x-connection-id", false),
        ("request-id", false),
        ("connection", true),
        ("upgrade", true),
        ("sec-websocket-accept", true),
        ("sec-fetch-mode", true),
        ("content-length", true),
        ("transfer-encoding", true),
        ("date", true),
    ] {
        let config = Config::default().id_header(stickler::http::HeaderName::from_static(name));
        let setting = config.check().map_err(|error| error.setting());
        assert_eq!(setting, if is_taken { Err("id_header") } else { Ok(()) }, "{name}");
    }
}
