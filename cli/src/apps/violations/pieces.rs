//! Bytes with a word to each piece: what it is in the frame (RFC 6455 §5.2).

use serde_json::{Value, json};
use stickler::proto::client_frame::encode_masked;

/// Some bytes, and what they are.
pub(super) struct Piece {
    pub(super) word: String,
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    pub(super) fn new(word: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Piece {
        Piece { word: word.into(), bytes: bytes.into() }
    }

    pub(super) fn describe(&self) -> Value {
        let hex = self.bytes.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>();
        // What is text is shown as such: heads of HTTP, reasons of a Close.
        let text = str::from_utf8(&self.bytes).ok();
        let text =
            text.filter(|text| text.chars().all(|it| !it.is_control() || "\r\n".contains(it)));
        json!({ "word": self.word, "hex": hex.join(" "), "text": text })
    }
}

/// A frame as a client sends it, in pieces.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<Piece> {
    let mut bytes = Vec::new();
    encode_masked(first, payload, KEY, &mut bytes);
    let masked = bytes.split_off(bytes.len().saturating_sub(payload.len()));
    let key = bytes.split_off(bytes.len().saturating_sub(KEY.len()));
    let lengths = bytes.split_off(1.min(bytes.len()));
    let mut pieces = vec![
        Piece::new(first_octet(first), bytes),
        Piece::new(format!("masked, {} of payload", count(payload.len())), lengths),
        Piece::new("masking key", key),
    ];
    if !payload.is_empty() {
        pieces.push(Piece::new(format!("payload, masked: {}", shown(payload)), masked));
    }
    pieces
}

/// What the first octet of a frame says.
pub(super) fn first_octet(first: u8) -> String {
    let bits = [(0x80, "FIN"), (0x40, "RSV1"), (0x20, "RSV2"), (0x10, "RSV3")];
    let mut words: Vec<String> = bits
        .iter()
        .filter(|(bit, _)| first & bit != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    words.push(match first & 0x0f {
        0 => "continuation".into(),
        1 => "text".into(),
        2 => "binary".into(),
        8 => "Close".into(),
        9 => "Ping".into(),
        10 => "Pong".into(),
        opcode => format!("reserved opcode {opcode}"),
    });
    words.join(", ")
}

fn count(bytes: usize) -> String {
    if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") }
}

/// A payload for people: as text, where it is a short one.
fn shown(payload: &[u8]) -> String {
    match str::from_utf8(payload) {
        Ok(text) if text.len() <= 24 && !text.chars().any(char::is_control) => format!("“{text}”"),
        _ if payload.len() <= 8 => {
            payload.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
        }
        _ => count(payload.len()),
    }
}

/// Nobody is between the two ends here: the key of the examples in RFC 6455 §5.7 will do.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
