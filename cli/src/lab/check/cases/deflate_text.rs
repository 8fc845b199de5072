//! Compressed text: UTF-8 once it is inflated (RFC 7692 §6.1; RFC 6455 §8.1).

use super::super::frame::{Event, hex, join, masked, text};
use super::blocks::{Blocks, Final, Part, letters};
use super::deflate::{HELLO, agreed, compressed, corrupt, hello};
use super::{Case, Group, Row, b, echoes, t};

const G: Group = Group::Deflate;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "deflate-not-utf8",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["7692-6.1-07"],
            rule: "Compressed text must be UTF-8 once it is inflated",
            rows: agreed(not_utf8()),
        },
        Case {
            id: "deflate-utf8",
            group: G,
            section: "RFC 7692 6.1",
            requirements: &["7692-6.1-07", "7692-6.2-01"],
            rule: "Compressed text may be cut anywhere in a character",
            rows: agreed(utf8()),
        },
    ]
}

/// A stored block with these bytes, as a message.
fn stored(bytes: &[u8]) -> Vec<u8> {
    Blocks::new().stored(Final::No, bytes).message()
}

fn not_utf8() -> Vec<Row> {
    let bad: [(&str, Vec<u8>); 4] = [
        ("a bad byte", vec![0xff]),
        ("a surrogate", hex("ed a0 80")),
        ("cut inside a character", hex("e2 82")),
        ("an overlong character", hex("c0 af")),
    ];
    let mut rows: Vec<Row> =
        bad.iter().map(|(what, bytes)| corrupt(what, compressed(stored(bytes)), vec![])).collect();
    for (what, bytes) in &bad {
        let row = corrupt("", compressed(stored(bytes)), vec![]);
        let row = row.after(compressed(HELLO), vec![hello()]);
        rows.push(Row { what: format!("{what}, in the second message"), ..row });
    }
    for count in [1_000, 5_000, 70_000] {
        let long = [letters(count), vec![0xff], letters(9)].concat();
        let what = format!("a bad byte behind {count} good ones");
        rows.push(corrupt(&what, compressed(stored(&long)), vec![]));
    }
    let copies = [Part::Bytes(b"a"), Part::Copy(258, 1), Part::Bytes(&[0x80]), Part::Bytes(b"a")];
    let cut = stored(&hex("61 ff 61"));
    rows.extend([
        corrupt(
            "a bad byte behind a copy",
            compressed(Blocks::new().fixed(Final::No, &copies).message()),
            vec![],
        ),
        corrupt(
            "a bad byte in the second of three fragments",
            join(&[masked(0x41, &cut[..6]), masked(0x00, &cut[6..7]), masked(0x80, &cut[7..])]),
            vec![],
        ),
        corrupt("a plain bad text", text([0xff]), vec![]).after(compressed(HELLO), vec![hello()]),
        corrupt(
            "a character begun in one message and ended in the next",
            join(&[compressed(stored(&hex("e2 82"))), compressed(stored(&hex("ac")))]),
            vec![],
        ),
        echoes("the same as binary", masked(0xc2, &stored(&[0xff])), vec![b([0xff])]),
    ]);
    rows
}

/// Characters of 3 and 4 bytes, cut by frames and by whatever an inflater gives at once.
fn utf8() -> Vec<Row> {
    let (euro, face) = ("\u{20ac}", "\u{1f600}");
    let payload = stored([euro, face].concat().as_bytes());
    let whole = || vec![t([euro, face].concat())];
    let mut rows: Vec<Row> = (5..payload.len())
        .map(|at| {
            let bytes = join(&[masked(0x41, &payload[..at]), masked(0x80, &payload[at..])]);
            echoes(format!("fragments cut after {at} bytes"), bytes, whole())
        })
        .collect();
    for (what, character) in [("3 bytes", euro), ("4 bytes", face)] {
        for before in 0..character.len() {
            let start = [&b"abc"[..before], character.as_bytes()].concat();
            let width = character.len();
            let count = 100_000 / 252;
            let copies = (0..count).map(|_| Part::Copy(252, width));
            let parts: Vec<Part<'_>> = [Part::Bytes(&start)].into_iter().chain(copies).collect();
            let output: Event =
                t([&start[..], &character.repeat(252 / width * count).into_bytes()].concat());
            let bytes = compressed(Blocks::new().fixed(Final::No, &parts).message());
            let what = format!("100,000 bytes in characters of {what}, {before} letters before");
            rows.push(echoes(what, bytes, vec![output]));
        }
    }
    rows
}
