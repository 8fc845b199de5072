//! The rules of the gallery: one table. What a row breaks is a row of the library's own tables, which have the
//! clause, the status and the sentence.

use serde_json::{Value, json};
use stickler::{Rejection, Violation};

use super::pieces::{Piece, frame};
use super::play::{FRAGMENTS, MOST};

/// A rule, and a client that breaks it.
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    group: &'static str,
    pub(super) broken: Broken,
    pub(super) script: fn() -> Script,
}

/// Which row of the library's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Violation(Violation),
    Rejection(Rejection),
}

/// What the client sends.
pub(super) struct Script {
    /// The opening handshake.
    pub(super) head: Piece,
    /// What follows the 101.
    pub(super) frames: Vec<Piece>,
}

impl Rule {
    /// The row for the list of rules.
    pub(super) fn describe(&self) -> Value {
        let clause = match self.broken {
            Broken::Violation(violation) => violation.section(),
            Broken::Rejection(rejection) => rejection.section(),
        };
        json!({ "id": self.id, "title": self.title, "clause": clause, "side": self.group })
    }
}

impl Script {
    pub(super) fn frames_bytes(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|piece| piece.bytes.iter().copied()).collect()
    }
}

macro_rules! rules {
    ($($group:literal { $($id:literal, $title:literal, $kind:ident::$row:ident, $script:expr;)* })*) => {
        &[$($(Rule {
            id: $id,
            title: $title,
            group: $group,
            broken: Broken::$kind($kind::$row),
            script: || $script,
        },)*)*]
    };
}

/// All of them.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = rules! {
    "Frames" {
    "unmasked", "A frame without a mask", Violation::UnmaskedFrame, sends(vec![
        Piece::new("FIN, text", [0x81]),
        Piece::new("not masked, 5 bytes of payload", [0x05]),
        Piece::new("payload", *b"Hello"),
    ]);
    "rsv1", "RSV1 without an extension", Violation::ReservedBit, sends(frame(0xc1, b"Hello"));
    "rsv2", "RSV2 set", Violation::ReservedBit, sends(frame(0xa1, b"Hello"));
    "rsv3", "RSV3 set", Violation::ReservedBit, sends(frame(0x91, b"Hello"));
    "opcode-3", "A reserved data opcode", Violation::ReservedOpcode, sends(frame(0x83, b"Hello"));
    "opcode-11", "A reserved control opcode", Violation::ReservedOpcode, sends(frame(0x8b, b""));
    "length-16", "5 bytes, with the length in two more octets", Violation::LengthNotMinimal, sends(vec![
        Piece::new("FIN, text", [0x81]),
        Piece::new("masked, the length is in the next two octets", [0xfe]),
        Piece::new("5 bytes, which have a place in the octet before", [0x00, 0x05]),
    ]);
    "length-63", "A length with its top bit set", Violation::LengthHighBit, sends(vec![
        Piece::new("FIN, binary", [0x82]),
        Piece::new("masked, the length is in the next eight octets", [0xff]),
        Piece::new("2 to the power of 63 bytes", [0x80, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    "long-ping", "A Ping of 126 bytes", Violation::ControlTooLong, sends(frame(0x89, &[b'p'; 126]));
    "cut-ping", "A Ping in fragments", Violation::ControlFragmented, sends(frame(0x09, b"ping"));
    }

    "Messages" {
    "continues-nothing", "A continuation of no message", Violation::NothingToContinue, sends(frame(0x80, b"Hello"));
    "message-in-message", "A new message inside another", Violation::MessageUnfinished, sends(both(
        frame(0x01, b"Hel"),
        frame(0x81, b"lo"),
    ));
    "not-utf8", "Text that is not UTF-8", Violation::TextNotUtf8, sends(frame(0x81, b"caf\xe9"));
    "surrogate", "Half of a surrogate pair in text", Violation::TextNotUtf8, sends(frame(0x81, b"\xed\xa0\x80"));
    "overlong", "A slash spelt in two octets", Violation::TextNotUtf8, sends(frame(0x81, b"\xc0\xaf"));
    "cut-letter", "A letter that its message ends within", Violation::TextNotUtf8, sends(both(
        frame(0x01, b"caf"),
        frame(0x80, b"\xc3"),
    ));
    }

    "Closing handshake" {
    "close-1-byte", "A Close with half a status code", Violation::CloseBodyTooShort, sends(frame(0x88, b"\x03"));
    "close-999", "A Close with 999", Violation::CloseCodeNotAllowed, sends(close(999, b""));
    "close-1004", "A Close with 1004, which is reserved", Violation::CloseCodeNotAllowed, sends(close(1004, b""));
    "close-1005", "A Close with 1005, for “no code”", Violation::CloseCodeNotAllowed, sends(close(1005, b""));
    "close-1006", "A Close with 1006, for “no Close”", Violation::CloseCodeNotAllowed, sends(close(1006, b""));
    "close-1015", "A Close with 1015, for “TLS failed”", Violation::CloseCodeNotAllowed, sends(close(1015, b""));
    "close-5000", "A Close with 5000", Violation::CloseCodeNotAllowed, sends(close(5000, b""));
    "reason-not-utf8", "A reason that is not UTF-8", Violation::CloseReasonNotUtf8, sends(close(1000, b"adi\xf3s"));
    }

    "Compression" {
    "rsv1-later", "The compressed bit on a second fragment", Violation::CompressedBitMisplaced, compresses(both(
        frame(0x41, b"\xf2"),
        frame(0xc0, b"\x48"),
    ));
    "deflate-corrupt", "A message that is no DEFLATE data", Violation::DeflateCorrupt, compresses(frame(0xc1, b"\x07\xff\xff"));
    "deflate-empty", "A compressed message without any payload", Violation::DeflateEmpty, compresses(frame(0xc1, b""));
    "deflate-cut", "A compressed message that is cut off", Violation::DeflateCutOff, compresses(frame(0xc1, b"\xf2\x48"));
    }

    "Limits" {
    "frame-big", "A frame of 1 GiB where 4 KiB are allowed", Violation::FrameTooBig, sends(vec![
        Piece::new("FIN, binary", [0x82]),
        Piece::new("masked, the length is in the next eight octets", [0xff]),
        Piece::new("1 GiB; the server does not wait for it", [0, 0, 0, 0, 0x40, 0, 0, 0]),
        Piece::new("masking key", [0x37, 0xfa, 0x21, 0x3d]),
    ]);
    "message-big", "Fragments that are too much together", Violation::MessageTooBig, sends(both(
        frame(0x02, &[0; MOST]),
        frame(0x80, b"!"),
    ));
    "many-fragments", "A message in 17 fragments where 16 are allowed", Violation::TooManyFragments, sends(fragments());
    }

    "Opening handshake" {
    "no-upgrade", "A GET that asks for no WebSocket", Rejection::UpgradeRequired, opens(&head_without("Upgrade"));
    "no-connection", "Connection without Upgrade", Rejection::ConnectionWithoutUpgrade, opens(&HEAD.replace("Connection: Upgrade", "Connection: keep-alive"));
    "post", "An opening handshake by POST", Rejection::MethodNotAllowed, opens(&HEAD.replace("GET", "POST"));
    "http-1.0", "HTTP/1.0", Rejection::HttpVersionTooLow, opens(&HEAD.replace("HTTP/1.1", "HTTP/1.0"));
    "content", "An opening handshake with content", Rejection::RequestHasContent, opens(&with_field("Content-Length: 5"));
    "no-host", "No Host", Rejection::HostMissing, opens(&head_without("Host"));
    "version-8", "Version 8, of a draft of 2010", Rejection::VersionUnsupported, opens(&HEAD.replace("Version: 13", "Version: 8"));
    "version-013", "A version with a zero in front", Rejection::VersionMalformed, opens(&HEAD.replace("Version: 13", "Version: 013"));
    "no-key", "No key", Rejection::KeyMissing, opens(&head_without("Sec-WebSocket-Key"));
    "short-key", "A key of 15 octets", Rejection::KeyInvalid, opens(&HEAD.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"));
    "two-keys", "Two keys", Rejection::KeyRepeated, opens(&with_field("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="));
    "extensions", "An offer of extensions that does not parse", Rejection::ExtensionsMalformed, opens(&with_field("Sec-WebSocket-Extensions: permessage-deflate;;"));
    "subprotocol-twice", "The same subprotocol twice", Rejection::SubprotocolRepeated, opens(&with_field("Sec-WebSocket-Protocol: chat, chat"));
    "other-origin", "A page of another origin", Rejection::OriginRefused, opens(&with_field("Origin: https://evil.example"));
    "bare-lf", "A line that ends with LF alone", Rejection::BareLineFeed, opens(&HEAD.replace("websocket\r\n", "websocket\n"));
    "folded", "A header field that is folded", Rejection::FoldedField, opens(&HEAD.replace("Upgrade: ", "Upgrade:\r\n "));
    "space-colon", "Whitespace before a colon", Rejection::SpaceInFieldName, opens(&HEAD.replace("Host:", "Host :"));
    }
};

/// The opening handshake, then frames.
fn sends(frames: Vec<Piece>) -> Script {
    Script { head: Piece::new("opening handshake", HEAD), frames }
}

/// The same, with compression agreed on.
fn compresses(frames: Vec<Piece>) -> Script {
    let head = with_field("Sec-WebSocket-Extensions: permessage-deflate");
    Script { head: Piece::new("opening handshake", head), frames }
}

/// An opening handshake that is refused.
fn opens(head: &str) -> Script {
    Script { head: Piece::new("opening handshake", head), frames: Vec::new() }
}

fn both(first: Vec<Piece>, second: Vec<Piece>) -> Vec<Piece> {
    first.into_iter().chain(second).collect()
}

fn close(code: u16, reason: &[u8]) -> Vec<Piece> {
    frame(0x88, &[&code.to_be_bytes(), reason].concat())
}

/// One fragment more than a message may have, none of them the last.
fn fragments() -> Vec<Piece> {
    let fragment = |at: u32| {
        let pieces = frame(if at == 0 { 0x01 } else { 0x00 }, b"x");
        let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
        Piece::new(format!("fragment {}", at + 1), bytes)
    };
    (0..=FRAGMENTS).map(fragment).collect()
}

/// One in which nothing is wrong.
const HEAD: &str = "GET /played HTTP/1.1\r\nHost: stickler.example\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn with_field(field: &str) -> String {
    format!("{}{field}\r\n\r\n", HEAD.strip_suffix("\r\n").unwrap_or(HEAD))
}

fn head_without(name: &str) -> String {
    let is_other = |line: &&str| line.split(':').next() != Some(name);
    HEAD.split_inclusive("\r\n").filter(is_other).collect()
}
