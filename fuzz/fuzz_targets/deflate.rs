//! The receiving side with permessage-deflate agreed, against its naive twin.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler_testing::{drive, random, twin};

#[path = "../setting.rs"]
mod setting;

/// The twin reads every frame of a message from its beginning.
const MOST: usize = 800;

fuzz_target!(|data: &[u8]| {
    let &[byte, seed, ref bytes @ ..] = data else { return };
    let (start, mut limits, way) = setting::of(byte);
    limits.max_message_size = limits.max_message_size.min(64 << 10);
    let agreed = if byte & 16 != 0 {
        drive::Deflate::ContextTakeover
    } else {
        drive::Deflate::NoContextTakeover
    };
    let mut random = random::Random::new(seed.into());
    let bytes = &bytes[..bytes.len().min(MOST)];
    // Frames as they come, or payload to put into frames.
    let framed = if byte & 32 != 0 { frames(&mut random, bytes) } else { bytes.to_vec() };
    let count = random.below(12);
    let cuts = random.cuts(framed.len(), count);
    let connection = drive::Connection::deflated(agreed, (start, limits, way));
    let seen = connection.feed(&framed, cuts);
    assert_eq!(seen, twin::deflated(agreed, start, limits, &framed));
});

/// Payload in frames of any length, most of them of compressed messages.
fn frames(random: &mut random::Random, mut payload: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    let mut unfinished = false;
    while !payload.is_empty() {
        let most = [1, 8, 125, 600][random.below(4)];
        let (piece, rest) = payload.split_at(random.below(most + 1).min(payload.len()));
        payload = rest;
        let fin = rest.is_empty() || random.below(3) != 0;
        let opcode = match random.below(8) {
            _ if unfinished => 0,
            0 => 1,
            n => 0x41 + (n & 1) as u8,
        };
        unfinished = !fin;
        framed.push(u8::from(fin) << 7 | opcode);
        if piece.len() < 126 {
            framed.push(0x80 | piece.len() as u8);
        } else {
            framed.push(0xFE);
            framed.extend((piece.len() as u16).to_be_bytes());
        }
        let key = (random.next() as u32).to_be_bytes();
        framed.extend(key);
        framed.extend(piece.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        if random.below(8) == 0 {
            framed.extend([0x89, 0x80, 0, 0, 0, 0]);
        }
    }
    framed
}
