//! The library's server on real sockets: what a client sees of the opening handshake, of frames and of
//! the end of a connection, octet by octet.
#![cfg(feature = "server")]

use stickler_testing::{
    claims,
    frame::frame,
    memory::echo,
    tcp::{PATIENCE, Running},
};

mod endings;
mod frames;
mod plain;
mod responses;

const REQUEST: &str = "GET / HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The same with further lines.
fn with(lines: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"))
}

/// The same with the line of one field replaced, or left out.
fn replace(name: &str, line: &str) -> String {
    let lines = REQUEST.split_inclusive("\r\n");
    let is_it = |old: &str| old.starts_with(&format!("{name}:"));
    let new = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    lines.map(|old| if is_it(old) { new.clone() } else { old.to_owned() }).collect()
}

/// The same with another request line.
fn line(line: &str) -> String {
    REQUEST.replace("GET / HTTP/1.1", line)
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}
