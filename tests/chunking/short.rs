//! A message that is here as one short frame takes a shorter way than the same bytes cut behind
//! the first one: over every beginning of a frame both give what the twin gives.

use crate::LIMITS;
use crate::drive::{Connection, Deflate, Seen, Start, Way};
use crate::twin;
use stickler::proto::assembler::MessageLimits;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Payloads by repetition: bytes that are no text, ASCII, and characters of two and three bytes.
const SAMPLES: [&[u8]; 4] = [b"\xFF", b"abc", "é".as_bytes(), "日本".as_bytes()];

/// Frames that came before: none, a fragment of a message, a Close.
const BEFORE: [&[u8]; 3] = [&[], &[0x01, 0x80, 1, 2, 3, 4], &[0x88, 0x80, 1, 2, 3, 4]];

/// A message and a Ping that show in which state a frame leaves the connection.
const BEHIND: &[u8] = &[0x81, 0x81, 1, 2, 3, 4, b'a' ^ 1, 0x89, 0x80, 1, 2, 3, 4];

#[test]
fn every_first_and_second_byte_gives_the_same() {
    for first in 0..=0xFF {
        for second in 0..=0xFF {
            agree(Start::Open, LIMITS, BEFORE[0], &frame(first, second, 130, SAMPLES[1]));
        }
    }
}

#[test]
fn every_short_length_gives_the_same_in_every_state() {
    for first in [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0xC1, 0xC2, 0x91] {
        for len in 0..=130 {
            let second = 0x80 | len.min(126) as u8;
            for sample in SAMPLES {
                let frame = frame(first, second, len, sample);
                for before in BEFORE {
                    agree(Start::Open, LIMITS, before, &frame);
                    agree(Start::Closing, LIMITS, before, &frame);
                }
            }
        }
    }
}

#[test]
fn every_length_in_16_bits_near_a_bound_gives_the_same() {
    for first in [0x81, 0x82] {
        for len in [0, 1, 124, 125, 126, 127, 1000, 16_383, 16_384, 16_385, 65_535] {
            for sample in SAMPLES {
                agree(Start::Open, LIMITS, BEFORE[0], &frame(first, 0xFE, len, sample));
            }
        }
    }
}

#[test]
fn s10_4_every_limit_near_the_length_gives_the_same() {
    for first in [0x81, 0x82, 0xC2] {
        for len in [0, 1, 2, 7, 8, 124, 125, 126, 127, 130] {
            let frame = frame(first, 0x80 | len.min(126) as u8, len, SAMPLES[1]);
            for size in [0, len.saturating_sub(1), len, len + 1] {
                let message = LIMITS.max_message_size(size);
                let both = message.max_frame_size(size);
                let of_frames = LIMITS.max_frame_size(size);
                for limits in [message, both, of_frames, both.max_fragments(0)] {
                    agree(Start::Open, limits, BEFORE[0], &frame);
                }
            }
        }
    }
}

/// The beginning of a frame as its first two bytes have it, masked; where they have a length of
/// more than 7 bits it is `len`.
fn frame(first: u8, second: u8, len: usize, sample: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, second];
    let len = match second & 0x7F {
        126 => {
            frame.extend((len as u16).to_be_bytes());
            len
        }
        127 => {
            frame.extend((len as u64).to_be_bytes());
            len
        }
        exact => exact.into(),
    };
    if second & 0x80 != 0 {
        frame.extend(KEY);
    }
    let plain = sample.iter().cycle().take(len);
    frame.extend(plain.zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

fn agree(start: Start, limits: MessageLimits, before: &[u8], frame: &[u8]) {
    let bytes = [before, frame, BEHIND].concat();
    let at = before.len();
    let expect = twin::transcript(start, limits, &bytes);
    for way in [Way::Whole, Way::Pieces] {
        let context = || format!("{start:?}, {way:?}, {limits:?}: {bytes:x?}");
        let whole = Connection::transcript((start, limits, way), &bytes, [at]);
        crate::same(&whole, &expect, context);
        let cut = Connection::transcript((start, limits, way), &bytes, [at, at + 1]);
        crate::same(&cut, &expect, context);
        if cfg!(feature = "deflate") {
            let setting = (start, limits, way);
            let deflated = |cuts: &[usize]| -> Vec<Seen> {
                let connection = Connection::deflated(Deflate::ContextTakeover, setting);
                connection.feed(&bytes, cuts.iter().copied())
            };
            crate::same(&deflated(&[at]), &deflated(&[at, at + 1]), context);
        }
    }
}
