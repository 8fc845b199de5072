//! What a server does with bytes that RFC 6455 forbids.
//!
//! Each broken frame is followed by a good one: a server that answers the good one has let the broken one pass.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use stickler_peers::report::{Outcome, Probe};

use crate::handshake;
use crate::wire::{Numbers, frame};

const PATIENCE: Duration = Duration::from_secs(1);
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const GOOD: &[u8] = b"still here";

/// Asks everything, one connection for each question.
pub(crate) fn ask(address: SocketAddr) -> io::Result<Vec<Probe>> {
    let mut probes = Vec::new();
    for (input, request) in requests() {
        let outcome = ask_handshake(address, &request)?;
        probes.push(Probe { input: input.into(), outcome });
    }
    for (input, bytes) in frames() {
        let outcome = ask_frame(address, &bytes)?;
        probes.push(Probe { input: input.into(), outcome });
    }
    Ok(probes)
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let good = String::from_utf8(handshake::request(key, "13")).expect("a request is ASCII");
    vec![
        ("a key of 5 bytes (§4.1)", handshake::request("aGVsbG8=", "13")),
        ("no Host (§4.2.1)", good.replace("Host: localhost\r\n", "").into_bytes()),
        ("two Host fields (RFC 9112 §3.2)", good.replace("Host:", "Host: a\r\nHost:").into_bytes()),
        ("POST (§4.1)", good.replace("GET", "POST").into_bytes()),
    ]
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let masked = |first_byte, payload: &[u8]| frame(first_byte, payload, Some(KEY));
    let mut not_minimal = vec![0x82, 0xfe, 0, 5];
    not_minimal.extend(&masked(0x82, b"Hello")[2..]);
    vec![
        ("an unmasked frame (§5.1)", frame(0x82, b"Hello", None)),
        ("text that is not UTF-8 (§8.1)", masked(0x81, b"\xce\xba\xff")),
        ("a surrogate in text (§8.1)", masked(0x81, b"\xed\xa0\x80")),
        ("a length that is not minimal (§5.2)", not_minimal),
        ("RSV1 without an extension (§5.2)", masked(0xc2, b"Hello")),
        ("a reserved opcode (§5.2)", masked(0x83, b"Hello")),
        ("a Ping of 126 bytes (§5.5)", masked(0x89, &[b'x'; 126])),
        ("a Pong of 126 bytes (§5.5)", masked(0x8a, &[b'x'; 126])),
        ("a fragmented Ping (§5.5)", masked(0x09, b"Hello")),
        ("a continuation of nothing (§5.4)", masked(0x80, b"Hello")),
    ]
}

fn ask_handshake(address: SocketAddr, request: &[u8]) -> io::Result<Outcome> {
    let mut stream = handshake::connect(address)?;
    stream.write_all(request)?;
    let reply = collect(&mut stream, |reply| reply.ends_with(b"\r\n\r\n"))?;
    Ok(match reply {
        Reply::Found(head) if head.starts_with(b"HTTP/1.1 101") => Outcome::Accepted,
        Reply::Found(_) | Reply::Ended => Outcome::Refused,
        Reply::Silence(head) if head.starts_with(b"HTTP/1.1 ") => Outcome::Refused,
        Reply::Silence(_) => Outcome::Silent,
    })
}

fn ask_frame(address: SocketAddr, bytes: &[u8]) -> io::Result<Outcome> {
    let mut stream = handshake::open(address, &mut Numbers::new())?;
    stream.write_all(bytes)?;
    // The connection may be gone by now, and that is an answer too.
    let _ = stream.write_all(&frame(0x82, GOOD, Some(KEY)));
    let reply = collect(&mut stream, |reply| reply.ends_with(GOOD))?;
    Ok(match reply {
        Reply::Found(_) => Outcome::Accepted,
        Reply::Ended => Outcome::Refused,
        Reply::Silence(bytes) if bytes.first() == Some(&0x88) => Outcome::Refused,
        Reply::Silence(_) => Outcome::Silent,
    })
}

enum Reply {
    /// What was looked for is at the end of this.
    Found(Vec<u8>),
    /// The connection ended before.
    Ended,
    /// This came, and then nothing for a second.
    Silence(Vec<u8>),
}

fn collect(stream: &mut TcpStream, found: impl Fn(&[u8]) -> bool) -> io::Result<Reply> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut reply, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Reply::Ended),
            Ok(len) => reply.extend_from_slice(&buffer[..len]),
            Err(error) => {
                return match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(Reply::Silence(reply)),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Ok(Reply::Ended),
                    _ => Err(error),
                };
            }
        }
        if found(&reply) {
            return Ok(Reply::Found(reply));
        }
    }
}
