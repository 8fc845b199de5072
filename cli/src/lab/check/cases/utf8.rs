//! UTF-8 in text messages, judged as the bytes arrive (RFC 6455 §5.6, §8.1; RFC 3629).

use super::super::frame::{dump, hex, join, masked, ping, text};
use super::{Case, End, Group, Row, echoes, p, row, t};

const G: Group = Group::Utf8;

/// An id, its requirements, a rule, and sequences in hex.
type Table = (&'static str, &'static [&'static str], &'static str, &'static [&'static str]);

pub(super) fn cases() -> Vec<Case> {
    let good: [Table; 4] = [
        (
            "boundary-characters",
            &["3629-4-03"],
            "Characters at the edges are valid, NUL among them",
            &[
                "00",
                "61 00 62",
                "7f",
                "c2 80",
                "df bf",
                "e0 a0 80",
                "ed 9f bf",
                "ee 80 80",
                "ef bf bd",
                "f0 90 80 80",
            ],
        ),
        (
            "non-characters",
            &["3629-4-02"],
            "Non-characters are valid UTF-8",
            &["ef bf be", "ef bf bf", "ef b7 90", "f0 9f bf be", "f4 8f bf bf"],
        ),
        (
            "byte-order-mark",
            &["3629-6-01"],
            "U+FEFF is data, also at the beginning",
            &["ef bb bf 41", "ef bb bf"],
        ),
        (
            "scripts",
            &["6455-5.6-02"],
            "Text in any script comes back",
            &[
                "ce ba e1 bd b9 cf 83 ce bc ce b5",
                "61 cc 81 cc 81 cc 81",
                "41 c3 a9 e2 82 ac f0 9f a6 80",
            ],
        ),
    ];
    let bad: [Table; 10] = [
        (
            "overlong",
            &["3629-3-01"],
            "Overlong forms fail the connection",
            &["c0 80", "e0 80 80", "f0 80 80 80", "c0 af", "e0 80 af", "f0 80 80 af"],
        ),
        (
            "overlong-longest",
            &["3629-3-02"],
            "The longest overlong forms fail the connection",
            &["c1 bf", "e0 9f bf", "f0 8f bf bf"],
        ),
        (
            "surrogates",
            &["3629-3-03"],
            "Surrogates fail the connection, single or in pairs",
            &[
                "ed a0 80",
                "ed ad bf",
                "ed ae 80",
                "ed af bf",
                "ed b0 80",
                "ed be 80",
                "ed bf bf",
                "ed a0 80 ed b0 80",
                "ed ad bf ed bf bf",
            ],
        ),
        (
            "above-10ffff",
            &["3629-3-04"],
            "Nothing above U+10FFFF is valid",
            &["f4 90 80 80", "f5 80 80 80", "f7 bf bf bf"],
        ),
        (
            "five-and-six-bytes",
            &["3629-3-05"],
            "Forms of five and six bytes do not exist",
            &["f8 88 80 80 80", "fb bf bf bf bf", "fc 84 80 80 80 80", "fd bf bf bf bf bf"],
        ),
        (
            "stray-continuation-bytes",
            &["3629-3-06"],
            "A continuation byte without a lead fails the connection",
            &["80", "bf", "80 bf", "80 bf 80 bf 80", "61 80", "c3 a9 80", "e2 82 ac ac"],
        ),
        (
            "lead-without-its-bytes",
            &["3629-3-07"],
            "A lead byte is followed by its continuations",
            &[
                "c3 20",
                "e2 82 20",
                "e2 28 a1",
                "f0 28 8c bc",
                "f0 90 28 bc",
                "f0 90 8c 28",
                "c3 c3 a9",
                "e2 e2 82 ac",
            ],
        ),
        (
            "bytes-that-never-occur",
            &["3629-3-08"],
            "FE and FF fail the connection",
            &["fe", "ff", "fe fe ff ff", "61 62 63 ff"],
        ),
        (
            "text-not-utf8",
            &["6455-5.6-01", "6455-8.1-01", "3629-10-01"],
            "Text with a bad sequence inside fails the connection and is not repaired",
            &[
                "61 ff 62",
                "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64",
                "ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64",
            ],
        ),
        (
            "text-cut-off",
            &["6455-5.6-03"],
            "Text that ends inside a character fails the connection",
            &["c3", "e2 82", "e2", "f0 9f a6", "f0 9f", "f4", "e2 82 ac e2 82"],
        ),
    ];
    let good = good.map(|(id, requirements, rule, sequences)| Case {
        id,
        group: G,
        section: "RFC 3629 4",
        requirements,
        rule,
        rows: sequences.iter().map(|sequence| valid(&hex(sequence))).collect(),
    });
    let bad = bad.map(|(id, requirements, rule, sequences)| Case {
        id,
        group: G,
        section: "RFC 6455 8.1",
        requirements,
        rule,
        rows: sequences
            .iter()
            .enumerate()
            .flat_map(|(at, sequence)| invalid(at, &hex(sequence)))
            .collect(),
    });
    good.into_iter().chain(bad).collect()
}

/// In one frame, and in fragments of one byte with Pings between.
fn valid(bytes: &[u8]) -> Row {
    let mut frames = join(&[text(bytes), masked(0x01, b"")]);
    for byte in bytes {
        frames.extend(masked(0x00, std::slice::from_ref(byte)));
        frames.extend(ping("between"));
    }
    frames.extend(masked(0x80, b""));
    let between = bytes.iter().map(|_| p("between"));
    let replies = [t(bytes)].into_iter().chain(between).chain([t(bytes)]).collect();
    echoes(format!("{} in one frame, then in fragments", dump(bytes)), frames, replies)
}

/// In one frame, and every second one also in fragments: cut in different places, with Pings and
/// empty ones between.
fn invalid(at: usize, bytes: &[u8]) -> Vec<Row> {
    let is_bad = |what: &str, frames: &[Vec<u8>]| {
        row(format!("{} {what}", dump(bytes)), join(frames), vec![], End::Fail(1007))
    };
    let good = good_beginning(bytes);
    let fragments = match at % 8 {
        0 => is_bad("in two fragments", &[masked(0x01, &bytes[..1]), masked(0x80, &bytes[1..])]),
        2 => {
            is_bad("in one fragment, then an empty one", &[masked(0x01, bytes), masked(0x80, b"")])
        }
        4 => is_bad("in two fragments, a ping answered between", &[masked(0x80, &bytes[good..])])
            .after(join(&[masked(0x01, &bytes[..good]), ping("p")]), vec![p("p")]),
        6 => is_bad(
            "in the second fragment of three",
            &[masked(0x01, b"good"), masked(0x00, bytes), masked(0x80, b"end")],
        ),
        _ => return vec![is_bad("in one frame", &[text(bytes)])],
    };
    vec![is_bad("in one frame", &[text(bytes)]), fragments]
}

/// How many bytes, but not all, may be the beginning of a good text.
fn good_beginning(bytes: &[u8]) -> usize {
    let may_go_on = |length: &usize| match std::str::from_utf8(&bytes[..*length]) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    (0..bytes.len()).rev().find(may_go_on).unwrap_or_default()
}
