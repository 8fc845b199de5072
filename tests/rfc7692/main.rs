//! RFC 7692 §6, §7.2 and §8, by clause, without a socket: tables of bytes from a client that may
//! compress and what is to be seen of them, and what this server sends compressed.
//!
//! Each row is fed whole, byte by byte and cut at every position, in every way of receiving,
//! and the same is seen every time. The masking key is 00000000 where a row is not about it.
#![cfg(feature = "deflate")]

use stickler::proto::violation::Violation;
use stickler_testing::{claims, drive, hex, random, table, twin};

use table::{Expect, Row};

mod bombs;
mod compressing;
mod delivery;
mod faults;
mod history;
mod limits;
mod messages;
mod sending;
mod streams;

/// Every table of rows.
fn rows() -> Vec<Row> {
    [messages::ROWS, history::ROWS, faults::ROWS, limits::ROWS].concat()
}

#[test]
fn every_violation_has_a_vector() {
    let rows = rows();
    for violation in Violation::ALL.iter().filter(|one| one.section().starts_with("RFC 7692")) {
        let shown = |row: &Row| {
            let mut seen = row.expect.iter();
            seen.any(|expect| matches!(expect, Expect::Fail(shown) if shown == violation))
        };
        assert!(rows.iter().any(shown), "no row fails with {violation:?}");
    }
}
