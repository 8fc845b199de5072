//! What the benches share: lengths, kinds of payload, and masked frames that can be fed again.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::fmt;

use stickler::proto::utf8;

pub(crate) mod echo;

/// Lengths of payload, in bytes: both sides of the 7-bit length, and what leaves each cache.
pub(crate) const LENGTHS: [usize; 8] = [5, 16, 125, 126, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// A masking key that turns the texts below into other texts with characters of the same
/// lengths: unmasking the same bytes twice gives back what was there, and both are valid. So a
/// bench feeds one buffer again and again, and what it measures has no copy in it.
pub(crate) const KEY: [u8; 4] = [1, 2, 3, 1];

/// What a payload is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Binary,
    Ascii,
    /// Characters of one to four bytes.
    MultiByte,
}

/// A kind and a length, as one argument of a bench.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    /// Bytes of payload.
    pub(crate) len: usize,
}

impl Case {
    pub(crate) const fn new(kind: Kind, len: usize) -> Case {
        Case { kind, len }
    }

    /// The payload: exactly `len` bytes.
    pub(crate) fn payload(self) -> Vec<u8> {
        let sample: &[u8] = match self.kind {
            Kind::Binary => &[0, 255, 1, 254, 2, 253, 3, 252, 4, 251],
            Kind::Ascii => b"The quick brown fox jumps over the lazy dog. ",
            Kind::MultiByte => "Скоро 日本語 🙂 или ".as_bytes(),
        };
        let mut payload = sample.repeat(self.len / sample.len() + 1);
        payload.truncate(self.len);
        // A character that was cut gives way to others.
        while self.kind == Kind::MultiByte && std::str::from_utf8(&payload).is_err() {
            payload.pop();
        }
        payload.resize(self.len, b'.');
        let masked = masked(&payload);
        assert!(
            self.kind == Kind::Binary
                || utf8::check(&payload).is_ok() && utf8::check(&masked).is_ok()
        );
        payload
    }

    /// The frame of a message, as a client sends it.
    pub(crate) fn frame(self) -> Vec<u8> {
        let opcode = if self.kind == Kind::Binary { 0x82 } else { 0x81 };
        let mut frame = vec![opcode];
        match self.len {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            medium @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&KEY);
        frame.extend_from_slice(&masked(&self.payload()));
        frame
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.len)
    }
}

/// Every kind at every length.
pub(crate) fn cases() -> Vec<Case> {
    texts_and([Kind::Binary])
}

/// Both kinds of text at every length.
pub(crate) fn texts() -> Vec<Case> {
    texts_and([])
}

fn texts_and<const N: usize>(more: [Kind; N]) -> Vec<Case> {
    let kinds = more.into_iter().chain([Kind::Ascii, Kind::MultiByte]);
    kinds.flat_map(|kind| LENGTHS.map(|len| Case::new(kind, len))).collect()
}

/// Masks byte by byte.
pub(crate) fn masked(payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}
