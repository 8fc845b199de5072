//! The program is started anew while clients come and go: no opening handshake is lost, neither with a socket
//! that whoever starts it holds, nor on a port that the old and the new process share.
//!
//! `STICKLER_RESTART=whole` restarts forty times, by either way; `run.sh` beside this file does so in a release
//! build, and says how many handshakes there were.
#![cfg(target_os = "linux")]

mod activation;
mod load;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use load::Load;
use server::{PATIENCE, Server, stickler};

/// How often the program is started anew.
fn restarts() -> usize {
    let is_whole = std::env::var_os("STICKLER_RESTART").is_some_and(|value| value == "whole");
    if is_whole { 40 } else { 4 }
}

/// Holds off the other tests of this target: they load the same two cores.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a new process, ends the old one when the new one listens, and so on.
fn restart_under_load(way: &str, address: SocketAddr, command: &dyn Fn() -> Command) {
    let _alone = alone();
    let start = || Server::spawn(command(), 1, way).unwrap();
    let mut running = start();
    let load = Load::new(address, 4);
    for _ in 0..restarts() {
        let successor = start();
        let before = load.served();
        running.signal(Signal::TERM);
        let (code, _) = running.wait(PATIENCE).unwrap();
        assert_eq!(code, Some(0), "{}", running.log());
        // The successor alone is left to serve these.
        load.wait_for(before + 20, PATIENCE);
        running = successor;
    }
    let tally = load.end();
    eprintln!("{way}: {} restarts, {tally}", restarts());
    assert_eq!(tally.lost, Vec::<String>::new());
    running.retire().unwrap();
}

#[test]
fn no_handshake_is_lost_where_the_starter_holds_the_socket() {
    let listener = activation::listener();
    let address = listener.local_addr().unwrap();
    restart_under_load("activation", address, &|| {
        activation::command(&[activation::given(&listener)], "", &["serve", "--workers=2"])
    });
}

#[test]
fn no_handshake_is_lost_where_both_share_the_port() {
    // Keeps the port between the processes, and does not listen.
    let keeper = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    keeper.set_reuse_address(true).unwrap();
    keeper.set_reuse_port(true).unwrap();
    keeper.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = keeper.local_addr().unwrap().as_socket().unwrap();
    restart_under_load("shared port", address, &|| {
        let mut command = stickler();
        command.args(["serve", "--workers=2", "--reuse-port", "--listen", &address.to_string()]);
        command
    });
}

#[test]
fn without_the_flag_a_shared_port_is_taken() {
    let first = Server::spawn(serve(&["--reuse-port", "--listen", "127.0.0.1:0"]), 1, "").unwrap();
    let address = first.address().to_string();
    for flags in [&["--listen", &address][..], &["--workers=3", "--listen", &address]] {
        let why = refusal(&mut serve(flags));
        assert!(why.contains("Address already in use"), "{why}");
    }
    let second = Server::spawn(serve(&["--reuse-port", "--listen", &address]), 1, "").unwrap();
    assert_eq!(second.address(), first.address());
    first.retire().unwrap();
    second.retire().unwrap();
    // And a port of a server that does not share it, with its workers neither.
    let first = Server::spawn(serve(&["--workers=1", "--listen", "127.0.0.1:0"]), 1, "").unwrap();
    let why = refusal(&mut serve(&["--reuse-port", "--listen", &first.address().to_string()]));
    assert!(why.contains("the port is taken"), "{why}");
    first.retire().unwrap();
}

#[test]
fn the_flag_has_a_variable() {
    let first = Server::spawn(serve(&["--reuse-port", "--listen", "127.0.0.1:0"]), 1, "").unwrap();
    let address = first.address().to_string();
    let with = |value: &str| {
        let mut command = serve(&["--listen", &address]);
        command.env("STICKLER_REUSE_PORT", value);
        command
    };
    for value in ["1", "true", "yes"] {
        Server::spawn(with(value), 1, "").unwrap().retire().unwrap();
    }
    for value in ["0", "false", ""] {
        assert!(refusal(&mut with(value)).contains("Address already in use"), "{value}");
    }
}

fn serve(flags: &[&str]) -> Command {
    let mut command = stickler();
    command.arg("serve").args(flags);
    command
}

/// What a program that cannot serve says on standard error; its status is 1.
fn refusal(command: &mut Command) -> String {
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(ended.stdout.is_empty());
    said
}

/// Far beyond what one visit of a client takes; a connection that was turned away is a second late.
const LONG: Duration = Duration::from_secs(20);
