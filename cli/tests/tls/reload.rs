//! SIGHUP loads certificates anew.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{Client, Terms};
use crate::files::{Authority, Folder, flags};
use crate::serve;
use crate::server::{PATIENCE, Server, serve_after};

/// How often this is in the log.
fn logged(server: &Server, text: &str) -> usize {
    server.log().matches(text).count()
}

/// Waits until it is in the log so often.
fn await_logged(server: &Server, text: &str, times: usize) {
    let begun = Instant::now();
    while logged(server, text) < times {
        assert!(begun.elapsed() < PATIENCE, "{text:?} less than {times} times in {}", server.log());
        thread::sleep(Duration::from_millis(2));
    }
}

const LOADED: &str = "loaded the certificates anew";
const NOT_LOADED: &str = "cannot load the certificates anew";

#[test]
fn new_connections_get_the_new_certificate_and_open_ones_go_on() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let first = authority.issue("localhost");
    let pair = folder.write_pair("pair", &first);
    let server = serve(&flags(&pair));
    let terms = Terms::trusting(&authority.der());
    let open = || Client::open(server.address(), "localhost", &terms).unwrap();
    let mut held = open();
    for round in 1..=2 {
        let next = authority.issue("localhost");
        folder.write_pair("pair", &next);
        // Nothing changes before somebody says so.
        assert_ne!(open().certificate(), next.der);
        server.signal(Signal::HUP);
        await_logged(&server, LOADED, round);
        let mut renewed = open();
        assert_eq!(renewed.certificate(), next.der);
        renewed.echoes("new").unwrap();
        renewed.close().unwrap();
        held.echoes("old").unwrap();
    }
    assert_eq!(held.certificate(), first.der);
    held.close().unwrap();
    server.retire().unwrap();
}

#[test]
fn what_is_not_fit_leaves_the_old_one_in_force_and_is_named() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let (first, second) = (authority.issue("first.example"), authority.issue("second.example"));
    let pairs = [folder.write_pair("first", &first), folder.write_pair("second", &second)].concat();
    let server = serve(&flags(&pairs));
    let (new_first, other) = (authority.issue("first.example"), authority.issue("second.example"));
    for (round, (file, text)) in [
        ("second.pem", "not a certificate\n".to_owned()),
        ("second.pem", String::new()),
        ("second.pem", other.cert.clone()),
        ("second.key", String::new()),
    ]
    .iter()
    .enumerate()
    {
        // The first pair is good by itself, and yet not taken alone.
        folder.write_pair("first", &new_first);
        folder.write_pair("second", &second);
        folder.write(file, text);
        server.signal(Signal::HUP);
        await_logged(&server, NOT_LOADED, round + 1);
        let log = server.log();
        let line = log.lines().rfind(|line| line.contains(NOT_LOADED)).unwrap();
        assert!(line.contains(" ERROR ") && line.contains("second."), "{line}");
        for (host, issued) in [("first.example", &first), ("second.example", &second)] {
            let terms = Terms::trusting(&authority.der());
            let client = Client::open(server.address(), host, &terms).unwrap();
            assert_eq!(client.certificate(), issued.der);
            client.close().unwrap();
        }
    }
    assert_eq!(logged(&server, LOADED), 0);
    // Once the files are right again, so is the server.
    folder.write_pair("second", &other);
    server.signal(Signal::HUP);
    server.expect_logged(LOADED).unwrap();
    let terms = Terms::trusting(&authority.der());
    let client = Client::open(server.address(), "first.example", &terms).unwrap();
    assert_eq!(client.certificate(), new_first.der);
    client.close().unwrap();
    server.retire().unwrap();
}

#[test]
fn signals_that_come_together_are_one() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let pair = folder.write_pair("pair", &authority.issue("localhost"));
    let server = serve(&flags(&pair));
    let begun = Instant::now();
    // All of them are there before the program sees one, so the kernel has made them one.
    server.stop();
    for _ in 0..20 {
        server.signal(Signal::HUP);
    }
    server.signal(Signal::CONT);
    server.expect_logged(LOADED).unwrap();
    // One that comes after is another.
    let next = authority.issue("localhost");
    folder.write_pair("pair", &next);
    server.signal(Signal::HUP);
    await_logged(&server, LOADED, 2);
    // Each reload waits 100 ms for signals that come apart and are one all the same.
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    let terms = Terms::trusting(&authority.der());
    let client = Client::open(server.address(), "localhost", &terms).unwrap();
    assert_eq!(client.certificate(), next.der);
    client.close().unwrap();
    server.retire().unwrap();
    assert_eq!(logged(&server, LOADED), 2, "{}", server.log());
}

#[test]
fn during_a_shutdown_nothing_is_loaded() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let pair = folder.write_pair("pair", &authority.issue("localhost"));
    let server = serve(&flags(&pair));
    let terms = Terms::trusting(&authority.der());
    let mut client = Client::open(server.address(), "localhost", &terms).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(client.frame().unwrap(), (0x88, 1001_u16.to_be_bytes().to_vec()));
    for round in 1..=3 {
        server.signal(Signal::HUP);
        await_logged(&server, "not loaded anew", round);
    }
    client.send(0x88, &1001_u16.to_be_bytes()).unwrap();
    assert_eq!(client.rest().unwrap(), b"");
    drop(client);
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
    assert_eq!((logged(&server, LOADED), logged(&server, NOT_LOADED)), (0, 0), "{}", server.log());
}

/// Under nohup it ends nothing either way.
#[test]
fn a_signal_that_was_ignored_from_the_start_loads_all_the_same() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let pair = folder.write_pair("pair", &authority.issue("localhost"));
    let mut command = serve_after("trap '' HUP");
    command.args(&pair).args(["--listen-tls", "127.0.0.1:0"]);
    let server = Server::spawn(command, 2, "").unwrap();
    server.signal(Signal::HUP);
    server.expect_logged(LOADED).unwrap();
    server.retire().unwrap();
}
