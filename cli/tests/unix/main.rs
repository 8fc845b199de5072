//! The program on a Unix socket: what it prints, who may connect, and what is at the path before and after.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use stickler_testing::blocking::{read_frame, read_head};
use stickler_testing::folder::Folder;
use stickler_testing::frame::{Frame, close, text};

#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;

use server::{PATIENCE, Server, stickler};

fn serve(path: &Path, flags: &[&str]) -> Command {
    let mut command = stickler();
    command.args(["serve", "--listen", &format!("unix:{}", path.display())]).args(flags);
    command
}

/// What a program that cannot serve says.
fn refusal(mut command: Command) -> String {
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    said
}

/// A connection whose opening handshake is done.
fn open(path: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

#[test]
fn it_says_where_and_echoes_there_and_takes_the_file_with_it() {
    let folder = Folder::new("echo");
    let path = folder.socket();
    let server = Server::spawn(serve(&path, &["--listen", "127.0.0.1:0"]), 2, "").unwrap();
    // Addresses of TCP come first.
    assert_eq!(server.stdout_lines()[1], format!("listening on ws+unix:{}", path.display()));
    let mut client = open(&path);
    client.write_all(&text("hello")).unwrap();
    assert_eq!(read_frame(&mut client), Frame { first: 0x81, payload: b"hello".to_vec() });
    server.signal(Signal::TERM);
    assert_eq!(read_frame(&mut client).close_code(), 1001);
    assert!(!path.exists());
    client.write_all(&close(1001)).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
}

#[test]
fn the_mode_is_that_of_the_flag_and_of_the_variable() {
    let folder = Folder::new("mode");
    let path = folder.socket();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    for (flags, variable, wanted) in [
        (&[][..], "", 0o660),
        (&["--unix-mode", "0600"], "", 0o600),
        (&[], "666", 0o666),
        (&["--unix-mode", "0600"], "666", 0o600),
    ] {
        let mut command = serve(&path, flags);
        command.env("STICKLER_UNIX_MODE", variable);
        let server = Server::spawn(command, 1, "").unwrap();
        assert_eq!(mode(), wanted, "{flags:?} {variable}");
        server.retire().unwrap();
    }
}

#[test]
fn a_socket_of_a_killed_server_is_replaced_and_a_live_one_is_not() {
    let folder = Folder::new("stale");
    let path = folder.socket();
    let first = Server::spawn(serve(&path, &[]), 1, "").unwrap();
    let why = refusal(serve(&path, &[]));
    let path_text = path.display().to_string();
    assert!(why.contains(&path_text) && why.contains("listens on this socket"), "{why}");
    open(&path);
    first.signal(Signal::KILL);
    first.wait(PATIENCE).unwrap();
    assert!(path.exists());
    let second = Server::spawn(serve(&path, &[]), 1, "").unwrap();
    open(&path);
    second.retire().unwrap();
    fs::write(&path, "precious").unwrap();
    let why = refusal(serve(&path, &[]));
    assert!(why.contains(&path_text) && why.contains("no socket"), "{why}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_that_took_the_place_of_its_own_stays() {
    let folder = Folder::new("replaced");
    let path = folder.socket();
    let server = Server::spawn(serve(&path, &[]), 1, "").unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    server.retire().unwrap();
    assert!(path.exists());
}

#[test]
fn caps_per_address_are_not_for_a_proxy_and_the_log_goes_on() {
    let folder = Folder::new("caps");
    let path = folder.socket();
    let flags = ["--max-connections-per-address=1", "--max-connections=2", "--log-format=json"];
    let server = Server::spawn(serve(&path, &flags), 1, "").unwrap();
    let mut clients = [open(&path), open(&path)];
    let mut third = UnixStream::connect(&path).unwrap();
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    third.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut answer = [0; 12];
    third.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    server.expect_logged("refused a connection").unwrap();
    // A frame without a mask.
    clients[0].write_all(b"\x81\x00").unwrap();
    assert_eq!(read_frame(&mut clients[0]).close_code(), 1002);
    server.expect_logged("failed the connection").unwrap();
    drop((clients, third));
    server.retire().unwrap();
}

#[test]
fn a_handshake_in_the_queue_at_sigterm_gets_503() {
    let folder = Folder::new("queue");
    let path = folder.socket();
    let server = Server::spawn(serve(&path, &["--workers=1"]), 1, "").unwrap();
    server.signal(Signal::STOP);
    let mut waiting = UnixStream::connect(&path).unwrap();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    waiting.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    let mut answer = [0; 12];
    waiting.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    drop(waiting);
    assert_eq!(server.wait(Duration::from_secs(10)).unwrap().0, Some(0));
}
