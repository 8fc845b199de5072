//! The receiving side against its naive twin.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler_testing::{drive, twin};

#[path = "../setting.rs"]
mod setting;

fuzz_target!(|data: &[u8]| {
    let Some((&byte, bytes)) = data.split_first() else { return };
    let (start, limits, way) = setting::of(byte);
    let seen = drive::Connection::transcript((start, limits, way), bytes, []);
    assert_eq!(seen, twin::transcript(start, limits, bytes));
});
