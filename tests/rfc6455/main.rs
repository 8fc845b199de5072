//! RFC 6455 §5 to §8 and §10.4, and RFC 3629, by clause, without a socket: tables of bytes
//! from a client and what is to be seen of them.
//!
//! Each row is fed whole, byte by byte and cut at every position, in every way of receiving,
//! and the same is seen every time. The masking key is 00000000 where a row is not about it.

use stickler::proto::violation::Violation;
use stickler_testing::{claims, drive, hex, table, twin};

use table::{Expect, Row};

mod client;
mod closing;
mod control;
mod delivery;
mod early;
mod fragments;
mod framing;
mod limits;
mod sending;
mod spaces;
mod text;

/// Every table of rows.
fn rows() -> Vec<Row> {
    [framing::ROWS, fragments::ROWS, control::ROWS, closing::ROWS, text::ROWS, limits::ROWS]
        .concat()
}

/// The rules of compression have their vectors in `rfc7692`. Rates are counted where there is a clock
/// (`tests/connection`).
fn violations() -> impl Iterator<Item = &'static Violation> {
    let is_rate = |violation: &&Violation| {
        matches!(violation, Violation::TooManyPings | Violation::TooManyMessages)
    };
    let all = Violation::ALL.iter().filter(move |violation| !is_rate(violation));
    all.filter(|violation| violation.section().starts_with("RFC 6455"))
}

#[test]
fn every_violation_has_a_vector() {
    let rows = rows();
    for violation in violations() {
        let shown = |row: &Row| {
            let mut seen = row.expect.iter();
            seen.any(|expect| matches!(expect, Expect::Fail(shown) if shown == violation))
        };
        assert!(rows.iter().any(shown), "no row fails with {violation:?}");
    }
}

#[test]
fn every_violation_has_an_early_vector() {
    for violation in violations() {
        // Limits are met early in `limits`.
        let is_limit = violation.section() == "RFC 6455 10.4";
        let shown = early::ROWS.iter().any(|(.., shown)| shown == violation);
        assert!(shown || is_limit, "no prefix proves {violation:?}");
    }
}
