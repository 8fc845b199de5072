//! Bytes for each fault that the right server and the faulty one answer differently.
//!
//! Frames are written in words with spaces between: hex as it stands, `61*125` for a repetition, `K` for the masking
//! key 00000000, `|` where TCP cuts. `t:abc` is a text, `b:` binary, `f:` the first fragment of a text, `m:` one in
//! the middle, `l:` the last, `p:` a Ping, `q:` a Pong, `x:1000` a Close with a code, `x:` one without. `t*70000` is
//! a text of so many letters, `b*` binary, `z*` a compressed text, `z:` a compressed text with a payload in hex.

mod deflate;
mod frames;
mod messages;
mod opening;

use super::Fault;
use crate::deflate::deflate;
use crate::hex::hex;

/// A request and what follows it.
#[derive(Clone, Debug)]
pub struct Probe {
    pub head: Vec<u8>,
    /// Each as one read brings it.
    pub segments: Vec<Vec<u8>>,
    /// The server asks for `client_no_context_takeover`.
    pub is_fresh: bool,
}

impl Fault {
    /// Bytes that show it; `None` where only a socket does.
    pub fn probe(self) -> Option<Probe> {
        opening::probe(self)
            .or_else(|| frames::probe(self))
            .or_else(|| messages::probe(self))
            .or_else(|| deflate::probe(self))
    }
}

/// The plainest good head, changed: `-Name` leaves a field out, `>` and a line is another request line, `^` and a
/// line goes before all fields, and anything else is one more line. A line of a name that is there takes its place
/// where it begins with `=`.
fn head(changes: &[&str]) -> Option<Probe> {
    let mut line = "GET / HTTP/1.1".to_owned();
    let mut fields: Vec<String> = [
        "Host: h",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    .map(str::to_owned)
    .into();
    for change in changes {
        let (kind, rest) = change.split_at(1);
        match kind {
            "-" => fields.retain(|field| !field.starts_with(rest)),
            ">" => rest.clone_into(&mut line),
            "^" => fields.insert(0, rest.to_owned()),
            "=" => {
                let name = rest.split(':').next().unwrap();
                let is_same = |field: &String| field.split(':').next() == Some(name);
                let at = fields.iter().position(is_same).unwrap();
                rest.clone_into(&mut fields[at]);
            }
            _ => fields.push((*change).to_owned()),
        }
    }
    let head = format!("{line}\r\n{}\r\n\r\n", fields.join("\r\n")).into_bytes();
    Some(Probe { head, segments: vec![hex("89 80 00000000")], is_fresh: false })
}

/// Frames after a plain opening handshake.
fn frames(words: &str) -> Option<Probe> {
    Some(Probe { segments: segments(words), ..head(&[]).unwrap() })
}

/// Frames after permessage-deflate was offered with these parameters.
fn compressed(parameters: &str, words: &str) -> Option<Probe> {
    let offer = format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}");
    Some(Probe { segments: segments(words), ..head(&[&offer]).unwrap() })
}

fn segments(words: &str) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for word in words.split_whitespace() {
        match word {
            "|" => all.push(Vec::new()),
            word => all.last_mut().unwrap().extend(bytes(word)),
        }
    }
    all
}

fn bytes(word: &str) -> Vec<u8> {
    let kind = word.get(..2).unwrap_or(word);
    let rest = word.get(2..).unwrap_or_default();
    match kind {
        "K" => vec![0; 4],
        "t:" => masked(0x81, rest.as_bytes()),
        "b:" => masked(0x82, rest.as_bytes()),
        "f:" => masked(0x01, rest.as_bytes()),
        "m:" => masked(0x00, rest.as_bytes()),
        "l:" => masked(0x80, rest.as_bytes()),
        "p:" => masked(0x89, rest.as_bytes()),
        "q:" => masked(0x8a, rest.as_bytes()),
        "x:" if rest.is_empty() => masked(0x88, b""),
        "x:" => masked(0x88, &rest.parse::<u16>().unwrap().to_be_bytes()),
        "t*" => masked(0x81, &letters(rest.parse().unwrap())),
        "b*" => masked(0x82, &letters(rest.parse().unwrap())),
        "z*" => masked(0xc1, &deflate(b"", &letters(rest.parse().unwrap()))),
        "z:" => masked(0xc1, &hex(rest)),
        _ => hex(word),
    }
}

/// Letters that do not repeat themselves before 17,576 of them.
fn letters(count: usize) -> Vec<u8> {
    let letter = |at: usize, place: u32| b'a' + (at / 3 / 26_usize.pow(place) % 26) as u8;
    (0..count).map(|at| letter(at, at as u32 % 3)).collect()
}

/// A frame with the masking key 00000000.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
