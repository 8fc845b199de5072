//! What a server does with bytes that RFC 6455 forbids.
//!
//! Each broken frame is followed by a good one: a server that answers the good one has let the broken one pass.
//! Limits are no rules; there it is asked whether a server has any.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use stickler_peers::report::{Outcome, Probe};

use crate::handshake;
use crate::wire::{Numbers, frame, server_frame};

const PATIENCE: Duration = Duration::from_millis(400);
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const GOOD: &[u8] = b"still here";

/// How the answer is to be understood.
#[derive(Clone, Copy)]
enum Judge {
    /// A 101 is acceptance.
    Handshake,
    /// A good frame goes after it, and the answer to that is acceptance.
    Frame,
    /// There is nothing to add; who is silent waits for the rest.
    Unfinished,
    /// A Close frame comes back either way; it has to have status code 1002 or 1007.
    Close,
}

struct Question {
    about: &'static str,
    input: &'static str,
    bytes: Vec<u8>,
    judge: Judge,
}

/// Asks everything, one connection for each question.
pub(crate) fn ask(address: SocketAddr) -> io::Result<Vec<Probe>> {
    let questions = requests().into_iter().chain(frames());
    let ask = |question: Question| {
        let outcome = question.ask(address)?;
        Ok(Probe { about: question.about.into(), input: question.input.into(), outcome })
    };
    questions.map(ask).collect()
}

fn requests() -> Vec<Question> {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let good = String::from_utf8(handshake::request(key, None)).expect("a request is ASCII");
    let twice = good
        .replace("Sec-WebSocket-Key", &format!("Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Key"));
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
    let question = |about, input, request: String, judge| Question {
        about,
        input,
        bytes: request.into_bytes(),
        judge,
    };
    let handshake = |input, request| question("handshake", input, request, Judge::Handshake);
    vec![
        handshake("a key of 5 bytes (§4.1)", good.replace(key, "aGVsbG8=")),
        handshake("two keys (§11.3.1)", twice),
        handshake("no Host (§4.2.1)", good.replace("Host: localhost\r\n", "")),
        handshake("two Host fields (RFC 9112 §3.2)", good.replace("Host:", "Host: a\r\nHost:")),
        handshake("POST (§4.1)", good.replace("GET", "POST")),
        handshake("version 12 (§4.2.2)", good.replace(": 13", ": 12")),
        handshake("a space before a colon (RFC 9112 §5.1)", good.replace("Host:", "Host :")),
        question("limits", "a request of 1 MiB, with no end", huge, Judge::Unfinished),
    ]
}

fn frames() -> Vec<Question> {
    let masked = |first_byte, payload: &[u8]| frame(first_byte, payload, Some(KEY));
    let mut not_minimal = vec![0x82, 0xfe, 0, 5];
    not_minimal.extend(&masked(0x82, b"Hello")[2..]);
    let announced = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes(), &KEY].concat();
    let inside = [masked(0x01, b"Hel"), masked(0x81, b"lo")].concat();
    let question = |about, input, bytes, judge| Question { about, input, bytes, judge };
    let framing = |input, bytes| question("framing", input, bytes, Judge::Frame);
    let closing = |input, body: &[u8]| question("closing", input, masked(0x88, body), Judge::Close);
    vec![
        question("masks", "an unmasked frame (§5.1)", frame(0x82, b"Hello", None), Judge::Frame),
        question("masks", "an unmasked Ping (§5.1)", frame(0x89, b"Hello", None), Judge::Frame),
        question(
            "UTF-8",
            "text that is not UTF-8 (§8.1)",
            masked(0x81, b"\xce\xba\xff"),
            Judge::Frame,
        ),
        question(
            "UTF-8",
            "a surrogate in text (§8.1)",
            masked(0x81, b"\xed\xa0\x80"),
            Judge::Frame,
        ),
        question(
            "UTF-8",
            "0xff in text that is unfinished: refused at once?",
            masked(0x01, b"Hello \xff"),
            Judge::Unfinished,
        ),
        framing("a length that is not minimal (§5.2)", not_minimal),
        framing("RSV1 without an extension (§5.2)", masked(0xc2, b"Hello")),
        framing("RSV3 (§5.2)", masked(0x92, b"Hello")),
        framing("a reserved opcode (§5.2)", masked(0x83, b"Hello")),
        framing("a Ping of 126 bytes (§5.5)", masked(0x89, &[b'x'; 126])),
        framing("a Pong of 126 bytes (§5.5)", masked(0x8a, &[b'x'; 126])),
        framing("a fragmented Ping (§5.5)", masked(0x09, b"Hello")),
        framing("a continuation of nothing (§5.4)", masked(0x80, b"Hello")),
        framing("a message inside another (§5.4)", inside),
        closing("a Close of one byte (§5.5.1)", &[3]),
        closing("status code 1005 (§7.4.1)", &1005_u16.to_be_bytes()),
        closing("a reason that is not UTF-8 (§5.5.1)", b"\x03\xe8\xff"),
        question("limits", "a length of 2^63 (§5.2)", announced(1 << 63), Judge::Unfinished),
        question(
            "limits",
            "a frame that announces 2^60 bytes",
            announced(1 << 60),
            Judge::Unfinished,
        ),
    ]
}

impl Question {
    fn ask(&self, address: SocketAddr) -> io::Result<Outcome> {
        let mut stream = match self.bytes.starts_with(b"GET") || self.bytes.starts_with(b"POST") {
            true => handshake::connect(address)?,
            false => handshake::open(address, &mut Numbers::new())?,
        };
        // The connection may end meanwhile, and that is an answer too.
        let _ = stream.write_all(&self.bytes);
        if let Judge::Frame = self.judge {
            let _ = stream.write_all(&frame(0x82, GOOD, Some(KEY)));
        }
        let reply = collect(&mut stream, |reply| match self.judge {
            Judge::Handshake => reply.ends_with(b"\r\n\r\n"),
            Judge::Frame => reply.ends_with(GOOD),
            Judge::Unfinished => false,
            Judge::Close => server_frame(reply).is_some(),
        })?;
        Ok(self.judge(&reply))
    }

    fn judge(&self, reply: &Reply) -> Outcome {
        match (self.judge, reply) {
            (Judge::Handshake, Reply::Found(head)) if head.starts_with(b"HTTP/1.1 101") => {
                Outcome::Accepted
            }
            (Judge::Frame, Reply::Found(_)) => Outcome::Accepted,
            (Judge::Close, Reply::Found(bytes)) => match bytes[..] {
                [0x88, _, 3, 0xea | 0xef, ..] => Outcome::Refused,
                _ => Outcome::Accepted,
            },
            (_, Reply::Found(_) | Reply::Ended) => Outcome::Refused,
            // An HTTP status with a body, or a Close frame.
            (_, Reply::Silence(bytes)) if bytes.starts_with(b"HTTP/1.1 ") => Outcome::Refused,
            (_, Reply::Silence(bytes)) if bytes.first() == Some(&0x88) => Outcome::Refused,
            (_, Reply::Silence(_)) => Outcome::Silent,
        }
    }
}

enum Reply {
    /// What was looked for is at the end of this.
    Found(Vec<u8>),
    /// The connection ended before.
    Ended,
    /// This came, and then nothing for a while.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_is_judged_by_its_code() {
        let question = frames().into_iter().find(|question| question.about == "closing").unwrap();
        let outcome =
            |code: u16| question.judge(&Reply::Found(frame(0x88, &code.to_be_bytes(), None)));
        assert_eq!(outcome(1002), Outcome::Refused);
        assert_eq!(outcome(1007), Outcome::Refused);
        assert_eq!(outcome(1005), Outcome::Accepted);
        assert_eq!(question.judge(&Reply::Ended), Outcome::Refused);
        assert_eq!(question.judge(&Reply::Silence(Vec::new())), Outcome::Silent);
    }
}
