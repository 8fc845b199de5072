//! The binary from outside: standard output, exit statuses, signals, flags, and the
//! machine running out of things.
#![cfg(unix)]

mod flags;
mod process;
#[cfg(target_os = "linux")]
mod syscalls;
mod trouble;

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::Instant;

use process::{Client, PATIENCE, REQUEST, Server, frame, run, stickler};
use rustix::process::Signal;

#[test]
fn standard_output_has_one_line_per_address_and_nothing_else() {
    let mut command =
        stickler(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--log", "trace"]);
    let server = Server::from(&mut command, 2);
    for (line, address) in server.announced.iter().zip(&server.addresses) {
        assert_eq!(line, &format!("listening on ws://127.0.0.1:{}\n", address.port()));
        assert_ne!(address.port(), 0);
        Client::to(*address).request(REQUEST);
    }
    server.signal(Signal::TERM);
    let (status, rest) = server.wait();
    assert_eq!((status.code(), &rest[..]), (Some(0), ""));
}

#[test]
fn localhost_is_both_families_on_one_port() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return; // no IPv6 on this machine
    }
    let server = Server::from(&mut stickler(&["serve", "--listen", "localhost:0"]), 2);
    let port = server.address().port();
    assert_eq!(server.announced[0], format!("listening on ws://127.0.0.1:{port}\n"));
    assert_eq!(server.announced[1], format!("listening on ws://[::1]:{port}\n"));
    for address in &server.addresses {
        assert!(Client::to(*address).request(REQUEST).starts_with("HTTP/1.1 101 "));
    }
}

#[test]
fn a_taken_port_exits_with_1_also_when_another_stickler_has_it() {
    let server = Server::start(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for taken in [server.address(), listener.local_addr().unwrap()] {
        let output = run(&["--listen", &taken.to_string()]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let sentence = format!("stickler: cannot listen on {taken}: ");
        assert!(
            stderr.lines().any(|line| line.starts_with(&sentence) && line.contains("taken")),
            "{stderr}"
        );
    }
}

#[test]
fn a_name_that_does_not_resolve_exits_with_1() {
    let output = run(&["--listen", "stickler.invalid:0"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
    assert!(
        String::from_utf8(output.stderr).unwrap().contains("cannot listen on stickler.invalid")
    );
}

#[test]
fn s7_4_1_a_signal_sends_1001_and_exits_with_0() {
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start(&[]);
        let mut clients = [server.open(), server.open(), server.open()];
        server.signal(signal);
        for client in &mut clients {
            let [first, len, high, low] = client.receive();
            assert_eq!((first, u16::from_be_bytes([high, low])), (0x88, 1001));
            let mut reason = vec![0; usize::from(len) - 2];
            std::io::Read::read_exact(&mut client.0, &mut reason).unwrap();
            client.send(&frame(0x88, &[0x03, 0xe9]));
            assert_eq!(client.receive_rest(), b"");
        }
        drop(clients);
        assert_eq!(server.wait().0.code(), Some(0));
    }
}

#[test]
fn after_a_signal_nobody_is_accepted() {
    let server = Server::start(&["--close-timeout", "60s", "--shutdown-timeout", "60s"]);
    let mut holdout = server.open();
    server.signal(Signal::TERM);
    assert_eq!(holdout.receive::<1>(), [0x88]);
    // The other worker may take a moment.
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(server.address()).is_ok() {
        assert!(Instant::now() < deadline, "still accepting");
    }
}

#[test]
fn a_peer_that_never_closes_is_dropped_at_the_deadline() {
    let server = Server::start(&["--close-timeout", "60s", "--shutdown-timeout", "50ms"]);
    let mut holdout = server.open();
    server.signal(Signal::TERM);
    assert_eq!(holdout.receive::<1>(), [0x88]);
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_second_signal_exits_with_1_at_once() {
    let server = Server::start(&["--close-timeout", "60s", "--shutdown-timeout", "60s"]);
    let mut holdout = server.open();
    server.signal(Signal::TERM);
    // The first one has been seen; two that are pending together would be one.
    assert_eq!(holdout.receive::<1>(), [0x88]);
    server.signal(Signal::INT);
    assert_eq!(server.wait().0.code(), Some(1));
}

#[test]
fn the_echo_answers_kind_for_kind() {
    let server = Server::start(&[]);
    let mut client = server.open();
    client.send(&frame(0x81, "grüße".as_bytes()));
    assert_eq!(client.receive(), *b"\x81\x07gr\xc3\xbc\xc3\x9fe");
    client.send(&frame(0x82, &[0xff; 3]));
    assert_eq!(client.receive(), [0x82, 3, 0xff, 0xff, 0xff]);
    client.send(&frame(0x88, &[0x03, 0xe8]));
    assert_eq!(client.receive_rest(), [0x88, 2, 0x03, 0xe8]);
}

#[test]
fn health_tells_a_server_from_none() {
    let server = Server::start(&["--path", "/only"]);
    let address = server.address();
    let health = |url: String| run(&["health", &url]).status.code();
    assert_eq!(health(format!("ws://{address}/only")), Some(0));
    assert_eq!(health(format!("ws://{address}/")), Some(1));
    server.signal(Signal::KILL);
    server.wait();
    assert_eq!(health(format!("ws://{address}/only")), Some(1));
}
