//! UTF-8 in text messages, judged as the bytes arrive (RFC 6455 §5.6, §8.1; RFC 3629).

use super::super::frame::{KEY, dump, header, hex, join, masked, ping, text};
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
        rows: sequences.iter().flat_map(|sequence| valid(&hex(sequence))).collect(),
    });
    let bad = bad.map(|(id, requirements, rule, sequences)| Case {
        id,
        group: G,
        section: "RFC 6455 8.1",
        requirements,
        rule,
        rows: sequences.iter().flat_map(|sequence| invalid(&hex(sequence))).collect(),
    });
    good.into_iter().chain(bad).chain(across_fragments()).collect()
}

/// In one frame, and in fragments of one byte with Pings between.
fn valid(bytes: &[u8]) -> [Row; 2] {
    let mut fragments = masked(0x01, b"");
    for byte in bytes {
        fragments.extend(masked(0x00, std::slice::from_ref(byte)));
        fragments.extend(ping("between"));
    }
    fragments.extend(masked(0x80, b""));
    let replies = bytes.iter().map(|_| p("between")).chain([t(bytes)]).collect();
    [
        echoes(format!("{} in one frame", dump(bytes)), text(bytes), vec![t(bytes)]),
        echoes(format!("{} in fragments, pings between", dump(bytes)), fragments, replies),
    ]
}

/// In one frame, in fragments, and with an empty fragment behind it.
fn invalid(bytes: &[u8]) -> [Row; 3] {
    let cut = join(&[masked(0x01, &bytes[..1]), masked(0x80, &bytes[1..])]);
    let ended = join(&[masked(0x01, bytes), masked(0x80, b"")]);
    let end = || End::Fail(1007);
    [
        row(format!("{} in one frame", dump(bytes)), text(bytes), vec![], end()),
        row(format!("{} in two fragments", dump(bytes)), cut, vec![], end()),
        row(format!("{}, then an empty fragment", dump(bytes)), ended, vec![], end()),
    ]
}

fn across_fragments() -> Vec<Case> {
    let fails = |what: &str, bytes: Vec<u8>, replies| row(what, bytes, replies, End::Fail(1007));
    let early = |what: String, bytes| row(what, bytes, vec![], End::FailEarly(1007)).open();
    vec![
        Case {
            id: "ping-inside-character",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-8.1-04"],
            rule: "Control frames and messages before do not disturb the decoder",
            rows: vec![
                echoes(
                    "a ping inside a character",
                    join(&[masked(0x01, &[0xe2, 0x82]), ping("p"), masked(0x80, &[0xac])]),
                    vec![p("p"), t("€")],
                ),
                fails(
                    "a ping does not reset it",
                    join(&[masked(0x01, &[0xe2]), ping("p"), masked(0x80, b"x")]),
                    vec![p("p")],
                ),
                fails("each message begins afresh", join(&[text("é"), text([0xa9])]), vec![t("é")]),
            ],
        },
        Case {
            id: "told-by-the-fragment",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-8.1-02", "3629-4-01"],
            rule: "The fragment with the bad byte tells, not the last",
            rows: vec![
                early(
                    "the bad byte in fragment 2 of 3".to_owned(),
                    join(&[masked(0x01, b"good"), masked(0x00, &[b'b', 0xff])]),
                ),
                early(
                    "a character begun in one fragment, broken in the next".to_owned(),
                    join(&[masked(0x01, &[0xe2, 0x82]), masked(0x00, b"x")]),
                ),
                early(
                    "a second byte that its lead does not allow".to_owned(),
                    join(&[masked(0x01, &[0xed]), masked(0x00, &[0xa0])]),
                ),
            ],
        },
        Case {
            id: "told-inside-a-frame",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-8.1-03"],
            rule: "The bad byte tells, however much of the frame is still to come",
            rows: [0_usize, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 100, 125, 126, 255, 4096, 65_535]
                .into_iter()
                .map(|at| early(format!("at byte {at} of 1 MiB"), unfinished(at)))
                .collect(),
        },
        Case {
            id: "characters-anywhere",
            group: G,
            section: "RFC 3629 4",
            requirements: &["3629-4-03"],
            rule: "A character may stand at any offset",
            rows: [
                0_usize, 1, 2, 3, 13, 14, 15, 16, 29, 30, 31, 32, 60, 61, 62, 63, 64, 120, 121,
                122, 123, 124, 125, 126,
            ]
            .into_iter()
            .map(|pad| {
                let bytes = [&vec![b'a'; pad][..], "🦀é".as_bytes()].concat();
                echoes(format!("at offset {pad}"), text(&bytes), vec![t(&bytes)])
            })
            .collect(),
        },
    ]
}

/// The beginning of a text of 1 MiB, up to a bad byte.
fn unfinished(at: usize) -> Vec<u8> {
    let mut frame = header(0x81, 1 << 20);
    frame.extend_from_slice(&KEY);
    let payload = [&vec![b'a'; at][..], &[0xff]].concat();
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
