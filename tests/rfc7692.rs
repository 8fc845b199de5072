//! RFC 7692 §6, §7.2 and §8, by clause, without a socket: tables of bytes from a client that may
//! compress and what is to be seen of them, and what this server sends compressed.
//!
//! Each row is fed whole, byte by byte and cut at every position, in every way of receiving,
//! and the same is seen every time. The masking key is 00000000 where a row is not about it.
#![cfg(feature = "deflate")]

use stickler::proto::violation::Violation;

use table::{Expect, Row};

#[path = "rfc7692/bombs.rs"]
mod bombs;
#[path = "support/claims.rs"]
mod claims;
#[path = "rfc7692/compressing.rs"]
mod compressing;
#[path = "rfc7692/delivery.rs"]
mod delivery;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/drive.rs"]
mod drive;
#[path = "rfc7692/faults.rs"]
mod faults;
#[path = "support/hex.rs"]
mod hex;
#[path = "rfc7692/history.rs"]
mod history;
#[path = "rfc7692/limits.rs"]
mod limits;
#[path = "rfc7692/messages.rs"]
mod messages;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod random;
#[path = "rfc7692/sending.rs"]
mod sending;
#[path = "rfc7692/streams.rs"]
mod streams;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/table.rs"]
mod table;
#[path = "support/twin.rs"]
mod twin;

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
