//! Closed and blocked pipes, and no descriptors left.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::process::{REQUEST, Server, frame, stickler, stickler_after};

const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn p5_a_closed_log_changes_nothing() {
    let mut server = Server::start(&["--log", "trace"]);
    drop(server.take_stderr());
    for _ in 0..10 {
        server.open();
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn p5_a_blocked_log_changes_nothing() {
    // Nobody reads the pipe of standard error, which holds 64 KiB.
    let server = Server::start(&["--log", "trace"]);
    let long = "x".repeat(7000);
    for _ in 0..40 {
        server.connect().request(&REQUEST.replace("GET / ", &format!("GET /{long} ")));
    }
    let mut client = server.open();
    client.send(&frame(0x81, b"on"));
    assert_eq!(client.receive(), *b"\x81\x02on");
    drop(client);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn p5_standard_output_may_be_closed() {
    let mut command = stickler_after("exec >&-", &LISTEN);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("serving")));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn h13_no_control_character_reaches_the_log() {
    for format in ["text", "json"] {
        let mut command = stickler(&LISTEN);
        let mut server = Server::from(command.args(["--log", "trace", "--log-format", format]), 1);
        server.connect().request(
            &REQUEST.replace("Host: test", "Host: test\r\nOrigin: \x1b[31m\u{2028}\u{9b}x"),
        );
        let mut client = server.open();
        client.send(&frame(0x88, "\u{0f}\u{a0}\u{1b}[31m\r\nforged\u{2028}".as_bytes()));
        drop(client);
        server.signal(Signal::TERM);
        let mut log = String::new();
        server.take_stderr().read_to_string(&mut log).unwrap();
        let forged = |c: char| (c.is_control() && c != '\n') || c == '\u{2028}';
        assert!(!log.contains(forged), "{log:?}");
        assert!(!log.lines().any(|line| line.starts_with("forged")), "{log:?}");
        if format == "json" {
            assert!(
                log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
                "{log}"
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_descriptor_limit_is_raised() {
    let server = Server::from(&mut stickler_after("ulimit -Sn 64", &LISTEN), 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard);
}

#[test]
fn p1_without_descriptors_the_server_waits_and_recovers() {
    let mut command = stickler_after("ulimit -n 40", &LISTEN);
    let mut server = Server::from(command.args(["--workers", "2"]), 1);
    let mut log = BufReader::new(server.take_stderr()).lines();
    let mut early = server.open();
    let crowd: Vec<TcpStream> =
        (0..80).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let mut told = || {
        log.find_map(|line| {
            line.unwrap().split_once("cannot accept connections").map(|(_, rest)| rest.to_owned())
        })
    };
    told().unwrap();
    // Connections that are open go on.
    early.send(&frame(0x81, b"on"));
    assert_eq!(early.receive(), *b"\x81\x02on");
    // One line per second, and 50 to 100 ms between two attempts of a worker.
    let line = told().unwrap();
    let suppressed =
        line.split_once("suppressed=").and_then(|(_, count)| count.trim().parse::<u32>().ok());
    assert!(suppressed.is_some_and(|count| count <= 60), "{line}");
    drop(crowd);
    server.open();
    server.signal(Signal::TERM);
    drop(early);
    assert_eq!(server.wait().0.code(), Some(0));
}
