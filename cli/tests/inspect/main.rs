//! The frame inspector of the `stickler` binary, from outside: what it shows of real connections in each format, whose,
//! and where it writes that.
#![cfg(unix)]

#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
#[path = "../hostile/unverified.rs"]
mod unverified;

mod client;
mod files;
mod filters;
mod formats;
mod pcapng;
mod usage;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use client::Client;
use serde_json::Value;
use server::{Server, stickler};
use stickler_testing::blocking::read_head;
use stickler_testing::frame::{close, frame, text};

/// `stickler serve` on a free port with these variables and flags.
fn start(variables: &[(&str, &str)], flags: &[&str]) -> Server {
    let mut command = stickler();
    command.envs(variables.iter().copied());
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

/// A connection to this path whose opening handshake is done.
fn open(address: SocketAddr, path: &str) -> Client {
    let mut client = Client::to(address);
    client.send(request(path));
    assert!(client.head().starts_with("HTTP/1.1 101 "), "{path}");
    client
}

fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: stickler.chat.v1\r\n\r\n"
    )
}

/// A message, a Ping, and a closing handshake; gives the client's port.
fn converse(address: SocketAddr, path: &str) -> u16 {
    let mut client = open(address, path);
    client.send(text("Hello, secret"));
    assert_eq!(client.frame(), (0x81, b"Hello, secret".to_vec()));
    client.send(frame(0x89, "\u{1b}[2J"));
    assert_eq!(client.frame().0, 0x8a);
    client.send(close(1000));
    assert_eq!(client.close_code(), 1000);
    client.rest();
    client.stream.local_addr().unwrap().port()
}

/// What stands in a file of JSON lines.
fn objects(file: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(file).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A client that speaks TLS, whoever the server is, and makes the same conversation.
fn converse_over_tls(address: SocketAddr) {
    let config = unverified::client_config(rustls::DEFAULT_VERSIONS);
    let name = "localhost".try_into().unwrap();
    let tls = rustls::ClientConnection::new(config, name).unwrap();
    let tcp = Client::to(address).stream;
    let mut stream = rustls::StreamOwned::new(tls, tcp);
    stream.write_all(request("/echo").as_bytes()).unwrap();
    read_head(&mut stream);
    stream.write_all(&text("Hello, secret")).unwrap();
    let mut echo = [0; 15];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo[2..], b"Hello, secret");
    stream.write_all(&close(1000)).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x88, 2, 3, 232]);
}
