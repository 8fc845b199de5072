//! Two different splits of the same bytes agree in events, replies and ending, whichever way
//! they are received.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler_testing::{drive, random};

#[path = "../setting.rs"]
mod setting;

fuzz_target!(|data: &[u8]| {
    let &[byte, other, seed, ref bytes @ ..] = data else { return };
    let (start, limits, way) = setting::of(byte);
    let (_, _, other_way) = setting::of(other);
    let mut random = random::Random::new(seed.into());
    let count = random.below(20);
    let one = random.cuts(bytes.len(), count);
    // The other split: byte by byte, whole, or at random.
    let other = match other & 0x30 {
        0x10 => (0..bytes.len()).collect(),
        0x20 => Vec::new(),
        _ => random.cuts(bytes.len(), 3),
    };
    let seen =
        |way, cuts: Vec<usize>| drive::Connection::transcript((start, limits, way), bytes, cuts);
    assert_eq!(seen(way, one), seen(other_way, other));
});
