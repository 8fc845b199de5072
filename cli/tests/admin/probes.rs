//! `/livez`, `/readyz`, `/drain`.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use stickler_testing::blocking::{read_frame, read_head};
use stickler_testing::folder::Folder;
use stickler_testing::frame::{close, frame, text};

use crate::ask::{At, TOKEN, json, open, start, start_with_token};
use crate::openmetrics::parse;
use crate::server::{PATIENCE, Server};

#[test]
fn a_server_that_serves_is_alive_and_ready() {
    let (server, at) = start(&[]);
    for path in ["/livez", "/readyz"] {
        let answer = at.get(path);
        assert_eq!(
            (answer.status, answer.field("Content-Type")),
            (200, "text/plain; charset=utf-8")
        );
    }
    server.retire().unwrap();
}

#[test]
fn a_drain_begins_on_request_and_the_listener_stays_to_the_end() {
    let folder = Folder::new("drain");
    let (server, at) = start_with_token(&folder, &["--shutdown-timeout=100s"]);
    let mut peer = open(&server);
    let answer = at.post("/drain", "");
    assert_eq!(answer.status, 202);
    assert_eq!(json(&answer)["was_draining"], false);
    assert_eq!(read_frame(&mut peer).close_code(), 1001);
    server.expect_logged("the admin listener was asked to").unwrap();
    // Not ready, but alive; and asked again, nothing changes.
    let ready = at.get("/readyz");
    assert_eq!((ready.status, at.get("/livez").status), (503, 200), "{ready:?}");
    assert_eq!(json(&at.post("/drain", ""))["was_draining"], true);
    let metrics = at.get("/metrics").body;
    assert!(metrics.contains("\nstickler_draining 1\n"), "{metrics}");
    assert_eq!(server.status(), None);
    peer.write_all(&close(1001)).unwrap();
    let (code, _) = server.wait(PATIENCE).unwrap();
    assert_eq!(code, Some(0));
}

#[test]
fn after_a_drain_on_request_the_first_sigterm_cuts_nothing() {
    let folder = Folder::new("term");
    let (server, at) = start_with_token(&folder, &["--shutdown-timeout=100s"]);
    let mut peer = open(&server);
    assert_eq!(at.post("/drain", "").status, 202);
    assert_eq!(read_frame(&mut peer).close_code(), 1001);
    server.signal(Signal::TERM);
    server.expect_logged("going away already signal=\"SIGTERM\"").unwrap();
    assert_eq!(server.log().matches("shutting down").count(), 1, "{}", server.log());
    assert_eq!(at.get("/readyz").status, 503);
    peer.write_all(&close(1001)).unwrap();
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
}

/// At one of three times: the machine may be busy with others. Two times of the program race here, what such a client may
/// stay and what the end waits for answers, and only the log at the end tells which came first.
#[test]
fn a_client_that_was_answered_and_stays_is_no_connection_that_was_cut() {
    let is_quiet = |_| {
        let (server, At::Tcp(at)) = start(&[]) else { panic!("not over TCP") };
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(format!("GET /livez HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).unwrap();
        assert!(read_head(&mut client).starts_with("HTTP/1.1 200 "));
        server.retire().unwrap();
        !server.log().contains(" WARN ")
    };
    assert!((0..3).any(is_quiet));
}

/// What was cut says where.
#[test]
fn a_request_that_does_not_come_to_its_end_is_cut_with_the_name_of_the_listener() {
    let folder = Folder::new("part");
    let (server, At::Tcp(at)) = start_with_token(&folder, &[]) else { panic!("not over TCP") };
    let mut client = TcpStream::connect(at).unwrap();
    let head = format!("POST /log HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {TOKEN}\r\n");
    client.write_all((head + "Content-Length: 9\r\n\r\npart").as_bytes()).unwrap();
    // The listener has it, when it has answered the next one.
    assert_eq!(At::Tcp(at).get("/livez").status, 200);
    server.retire().unwrap();
    let log = server.log();
    let cut = format!("the deadline ended connections connections=1 listeners=\"{at}\"");
    assert!(log.contains(&cut) && log.contains("gone clean=0 unclean=0 cut=0"), "{log}");
}

#[test]
fn readyz_fails_during_the_delay_of_a_drain_too() {
    let (server, at) = start(&["--drain-delay=50s", "--shutdown-timeout=100s"]);
    server.signal(Signal::TERM);
    server.expect_logged("shutting down").unwrap();
    assert_eq!((at.get("/readyz").status, at.get("/livez").status), (503, 200));
}

/// Unfinished messages of 128 KiB, one after another, until they hold nine tenths of the memory. As there is
/// room for a few more, nobody loses anything and nobody is refused.
fn fill(server: &Server, at: &At) -> Vec<TcpStream> {
    let mut peers = Vec::new();
    while !is_full(at) {
        assert!(peers.len() < 64, "{}", at.get("/metrics").body);
        let mut peer = open(server);
        peer.write_all(&frame(0x02, vec![b'a'; 128 << 10])).unwrap();
        peer.write_all(&frame(0x89, &b"all read?"[..])).unwrap();
        assert_eq!(&read_frame(&mut peer).payload[..], b"all read?");
        peers.push(peer);
    }
    peers
}

fn is_full(at: &At) -> bool {
    let families = parse(&at.get("/metrics").body).unwrap();
    let number = |name: &str| families[name].samples[0].value;
    number("stickler_memory_used_bytes") >= 0.9 * number("stickler_memory_limit_bytes")
}

#[test]
fn readyz_is_about_memory_only_on_request() {
    for (flags, status) in [(&["--ready-below-memory"][..], 503), (&[], 200)] {
        let (server, at) = start(&[&["--max-memory=8MiB"], flags].concat());
        assert_eq!(at.get("/readyz").status, 200);
        let peers = fill(&server, &at);
        assert_eq!(at.get("/readyz").status, status, "{}", at.get("/metrics").body);
        drop(peers);
        server.retire().unwrap();
    }
}

#[test]
fn the_echo_goes_on_while_it_is_scraped() {
    let (server, at) = start(&["--workers=1"]);
    let mut peer = open(&server);
    for _ in 0..20 {
        assert_eq!(at.get("/metrics").status, 200);
        peer.write_all(&text("hello")).unwrap();
        assert_eq!(&read_frame(&mut peer).payload[..], b"hello");
    }
    server.retire().unwrap();
}
