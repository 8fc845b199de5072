//! Characters and bad bytes wherever they may stand: across fragments, segments and messages, in
//! long frames, at the edges of buffers (RFC 6455 §8.1; RFC 3629 §3, §4).

use super::super::frame::{KEY, dump, header, hex, join, masked, ping, text};
use super::places::Place::{self, AfterMany, Behind, Inside, InsideFurther, InsideLater, Later};
use super::{Case, Delivery, EARLY, End, Group, Row, echoes, p, row, t};

const G: Group = Group::Utf8;

pub(super) fn cases() -> Vec<Case> {
    vec![
        ping_inside(),
        Case {
            id: "told-by-the-fragment",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-8.1-02", "3629-4-01"],
            rule: "The fragment with the bad byte tells, not the last",
            rows: vec![
                early(
                    "the bad byte in fragment 2 of 3",
                    join(&[masked(0x01, b"good"), masked(0x00, &[b'b', 0xff])]),
                ),
                early(
                    "a character begun in one fragment, broken in the next",
                    join(&[masked(0x01, &[0xe2, 0x82]), masked(0x00, b"x")]),
                ),
                early(
                    "a second byte that its lead does not allow",
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
            rows: [0_usize, 7, 16, 31, 64, 126, 4096, 65_535]
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
            rows: anywhere(),
        },
        Case {
            id: "bad-text-anywhere",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-5.6-01", "6455-8.1-01", "3629-3-01", "3629-3-03", "3629-3-04"],
            rule: "A bad sequence fails the connection at any offset, whatever stands around it",
            rows: bad_anywhere(),
        },
        Case {
            id: "bad-text-later",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-5.6-01", "6455-8.1-01", "6455-8.1-04"],
            rule: "Every message and every fragment is checked, not only the first",
            rows: bad_later(),
        },
        Case {
            id: "text-cut-off-later",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["6455-5.6-03", "6455-8.1-04"],
            rule: "A character ends with its message; no later message completes it",
            rows: cut_off(),
        },
    ]
}

fn early(what: impl Into<String>, bytes: Vec<u8>) -> Row {
    row(what, bytes, vec![], End::FailEarly(1007)).open_by(EARLY)
}

fn is_bad(what: impl Into<String>, bytes: Vec<u8>) -> Row {
    row(what, bytes, vec![], End::Fail(1007))
}

fn ping_inside() -> Case {
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
            echoes(
                "the halves of each character in rounds of their own",
                masked(0x80, &[0xa6, 0x80]),
                vec![t("é€🦀")],
            )
            .after(join(&[masked(0x01, &[0xc3]), ping("1")]), vec![p("1")])
            .after(join(&[masked(0x00, &[0xa9, 0xe2]), ping([0xff])]), vec![p([0xff])])
            .after(join(&[masked(0x00, &[0x82, 0xac, 0xf0, 0x9f]), ping("3")]), vec![p("3")]),
            echoes(
                "an empty fragment inside a character",
                join(&[masked(0x01, &[0xe2]), masked(0x00, b""), masked(0x80, &[0x82, 0xac])]),
                vec![t("€")],
            ),
            is_bad(
                "an empty fragment does not reset it",
                join(&[masked(0x01, &[0xe2, 0x82]), masked(0x00, b""), masked(0x80, b"x")]),
            ),
            row(
                "a ping does not reset it",
                join(&[masked(0x01, &[0xe2]), ping("p"), masked(0x80, b"x")]),
                vec![p("p")],
                End::Fail(1007),
            ),
            row(
                "a ping does not complete it",
                join(&[masked(0x01, &[0xe2, 0x82]), ping([0xac]), masked(0x80, b"")]),
                vec![p([0xac])],
                End::Fail(1007),
            ),
            row(
                "each message begins afresh",
                join(&[text("é"), text([0xa9])]),
                vec![t("é")],
                End::Fail(1007),
            ),
        ],
    }
}

/// Around the sizes that buffers and vectors have.
const EDGES: [usize; 5] = [4096, 8192, 16_384, 65_536, 131_072];

fn anywhere() -> Vec<Row> {
    let at = |pad: usize| [&vec![b'a'; pad][..], "🦀é€".as_bytes()].concat();
    let offsets = |range: std::ops::Range<usize>| {
        echoes(
            format!("at each offset from {}", range.start),
            range.clone().flat_map(|pad| text(at(pad))).collect(),
            range.map(|pad| t(at(pad))).collect(),
        )
    };
    // It is a mark at the beginning of a text at most, and data here.
    let marked = echoes(
        "U+FEFF at the beginning of each fragment",
        join(&[
            masked(0x01, "\u{feff}a".as_bytes()),
            masked(0x00, "\u{feff}".as_bytes()),
            ping("p"),
            masked(0x80, "\u{feff}b".as_bytes()),
        ]),
        vec![p("p"), t("\u{feff}a\u{feff}\u{feff}b")],
    );
    let mut rows = vec![marked, offsets(0..67), offsets(116..132), offsets(250..258)];
    rows.extend(EDGES.map(|edge| offsets(edge - 4..edge)));
    // The header and the key count too where a buffer is filled from the stream.
    rows.extend([4096, 8192, 16_384].map(|edge| offsets(edge - 12..edge - 7)));
    let cut_at = |size: usize| {
        let whole = "aé€🦀".repeat(2000);
        let bytes = whole.as_bytes();
        let mut frames = Vec::new();
        for (n, piece) in bytes.chunks(size).enumerate() {
            let is_last = (n + 1) * size >= bytes.len();
            frames.extend(masked(u8::from(n == 0) | if is_last { 0x80 } else { 0 }, piece));
        }
        echoes(format!("in fragments of {size} bytes"), frames, vec![t(bytes)])
    };
    rows.extend([7, 9, 61, 1023, 4093].map(cut_at));
    rows
}

fn bad_anywhere() -> Vec<Row> {
    let sequences = ["c0 80", "ed a0 80", "f4 90 80 80", "e2 28 a1", "c3 28", "80", "ff"];
    let offsets = [1, 3, 7, 8, 15, 29, 32, 45, 63, 122, 126, 1000];
    let mut rows: Vec<Row> = offsets
        .into_iter()
        .zip(sequences.into_iter().cycle())
        .map(|(offset, sequence)| around(offset, &hex(sequence), 70))
        .collect();
    rows.extend(sequences.into_iter().zip([2, 9, 15, 33]).map(|(sequence, offset)| {
        let bytes = [&"é".repeat(offset).into_bytes()[..], &hex(sequence), "🦀".as_bytes()];
        is_bad(format!("{sequence} behind {offset} of two bytes"), text(bytes.concat()))
    }));
    rows.extend(EDGES.into_iter().zip(sequences).flat_map(|(edge, sequence)| {
        let bad = hex(sequence);
        [around(edge - 1, &bad, 3), around(edge - 8, &bad, 5000)]
    }));
    rows.push(around(70_000, &[0xff], 200_000));
    rows
}

/// A text with a bad sequence at this offset and letters behind it.
fn around(offset: usize, bad: &[u8], behind: usize) -> Row {
    let bytes = [&vec![b'a'; offset][..], bad, &vec![b'z'; behind]].concat();
    is_bad(format!("{} at byte {offset}, {behind} behind it", dump(bad)), text(bytes))
}

fn bad_later() -> Vec<Row> {
    let bad = text([b'a', 0xff]);
    let long = "good ".repeat(13_200);
    let mut rows: Vec<Row> = [Place::OUTSIDE[1], Later, AfterMany]
        .map(|place| place.is_bad_data("a bad text", &bad))
        .into();
    rows.extend([
        AfterMany.is_bad_data("an overlong form", &text(hex("61 c0 af"))),
        Behind.is_bad_data("a surrogate in fragments", &{
            join(&[masked(0x01, &[0xed]), masked(0x80, &[0xa0, 0x80])])
        }),
        Inside.is_bad_data("a bad last fragment", &masked(0x80, &[0xff])),
        InsideFurther.is_bad_data("a bad last fragment", &masked(0x80, &hex("ed a0 80"))),
        InsideLater.is_bad_data("a bad last fragment", &masked(0x80, &hex("61 f4 90 80 80"))),
        InsideLater.is_bad_data("a bad fragment, then a good one", &{
            join(&[masked(0x00, &[0xfe]), masked(0x80, b"good")])
        }),
        InsideFurther.is_bad_data("a bad fragment, then an empty one", &{
            join(&[masked(0x00, &hex("c1 bf")), masked(0x80, b"")])
        }),
        is_bad("the last byte of a text of 66,001", text([long.as_bytes(), &[0xff]].concat())),
        is_bad(
            "the last of 66,001 bytes in two fragments",
            join(&[masked(0x01, long.as_bytes()), masked(0x80, &[0xff])]),
        ),
        is_bad(
            "a surrogate between two fragments of 66,000",
            join(&[
                masked(0x01, &[long.as_bytes(), &[0xed]].concat()),
                masked(0x80, &[&[0xa0, 0x80], long.as_bytes()].concat()),
            ]),
        ),
    ]);
    rows.push(
        is_bad("a bad text, with a text, a ping and a Close behind it", bad)
            .delivered(Delivery::Followed),
    );
    // The second part is sent when the answer to the ping has told that the first was read.
    let segments = [
        ("a surrogate", "81 83 00000000 ed", "a0 80"),
        ("a lead without its tail", "81 83 00000000 e2 82", "28"),
        ("too high", "81 84 00000000 f4", "90 80 80"),
        ("an overlong form", "81 84 00000000 f0", "8f bf bf"),
        ("cut off", "81 83 00000000 f0 9f", "a6"),
    ];
    rows.extend(segments.map(|(what, first, second)| {
        is_bad(format!("{what}: {first} | {second}"), hex(second))
            .after(join(&[ping("cut"), hex(first)]), vec![p("cut")])
    }));
    rows
}

fn cut_off() -> Vec<Row> {
    let half = |bytes: &str| text(hex(bytes));
    let long = |tail: &str| text([&[b'a'; 4094][..], &hex(tail)].concat());
    vec![
        is_bad("completed by the next text", join(&[half("e2 82"), half("ac")])),
        is_bad("completed by the next text, of four", join(&[half("61 f0 9f"), half("a6 80")])),
        is_bad(
            "in fragments, completed by the next text",
            join(&[masked(0x01, &[0xe2]), masked(0x80, &[0x82]), half("ac")]),
        ),
        is_bad(
            "in fragments, the last of them not empty",
            join(&[masked(0x01, b"ab"), masked(0x80, &[b'c', 0xe2, 0x82])]),
        ),
        is_bad(
            "begun in the first fragment, not ended in the third",
            join(&[masked(0x01, &[0xf0]), masked(0x00, &[0x9f]), masked(0x80, &[0xa6])]),
        ),
        is_bad(
            "an empty last fragment, then the rest in a text",
            join(&[masked(0x01, &[0xe2, 0x82]), masked(0x80, b""), half("ac")]),
        ),
        is_bad("at the end of 4,096 bytes", long("e2 82")),
        is_bad("at the end of 4,095 bytes", long("c3")),
        is_bad("at the end of 65,536 bytes", text([&[b'a'; 65_535][..], &[0xc3]].concat())),
        Behind.is_bad_data("two bytes of three", &half("e2 82")),
        AfterMany.is_bad_data("three bytes of four", &half("f0 9f a6")),
        Later.is_bad_data("one byte of two", &half("c3")),
        InsideLater.is_bad_data("two bytes of three in the last fragment", &{
            masked(0x80, &[0xe2, 0x82])
        }),
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
