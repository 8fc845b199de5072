//! The closing handshake begun by the client: bodies, codes, reasons, what follows
//! (RFC 6455 §5.5.1, §7.1, §7.4).

use super::super::frame::{binary, close, close_body, hex, join, masked, ping, pong, text};
use super::{Case, End, Group, Row, fails, fails_early, p, row, t};

const G: Group = Group::Closing;

fn echo(code: u16) -> End {
    End::Closed(code.to_be_bytes().to_vec())
}

pub(super) fn closes(what: impl Into<String>, bytes: Vec<u8>, code: u16) -> Row {
    row(what, bytes, vec![], echo(code))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "close",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &[
                "6455-5.5.1-03",
                "6455-5.5.1-09",
                "6455-5.5.1-10",
                "6455-5.5.1-16",
                "6455-7.1.1-04",
            ],
            rule: "A Close is answered by a Close with its code, then the server ends TCP",
            rows: vec![
                closes("1000", close(1000, ""), 1000),
                closes("1001 with a reason", close(1001, "bye"), 1001),
                closes("1000, after a ping was answered", close(1000, ""), 1000)
                    .after(ping("first"), vec![p("first")]),
                closes("4999, after a text and a fragmented one", close(4999, ""), 4999).after(
                    join(&[text("a"), masked(0x01, b"b"), masked(0x80, b"c")]),
                    vec![t("a"), t("bc")],
                ),
            ],
        },
        Case {
            id: "close-empty",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-01", "6455-7.1.5-02"],
            rule: "An empty Close is answered by a Close, best an empty one",
            rows: vec![
                row("88 80", hex("88 80 37fa213d"), vec![], End::Closed(vec![])),
                row("behind a text", join(&[text("a"), masked(0x88, b"")]), vec![t("a")], {
                    End::Closed(vec![])
                }),
                row("inside a text", masked(0x88, b""), vec![], End::Closed(vec![]))
                    .after(join(&[masked(0x01, b"a"), ping("p")]), vec![p("p")]),
            ],
        },
        Case {
            id: "close-reason",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-05", "6455-5.5.1-07"],
            rule: "A reason may have 123 bytes in any script",
            rows: vec![
                closes("123 bytes", close(1000, "r".repeat(123)), 1000),
                closes("122 bytes", close(3000, "r".repeat(122)), 3000),
                closes("41 characters of three bytes", close(1000, "€".repeat(41)), 1000),
                closes("any script", close(1000, "κόσμε 🦀 \u{fffd}"), 1000),
                closes("NUL", close(1000, "a\0b"), 1000),
            ],
        },
        Case {
            id: "close-twice",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-13"],
            rule: "A second Close is not answered",
            rows: vec![
                closes("1000, then 1001", join(&[close(1000, ""), close(1001, "")]), 1000),
                closes(
                    "1001, then an empty one",
                    join(&[close(1001, ""), masked(0x88, b"")]),
                    1001,
                ),
            ],
        },
        Case {
            id: "after-close",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-14", "6455-7.1.1-01"],
            rule: "What follows a Close is not read",
            rows: vec![
                closes("text", join(&[close(1000, ""), text("late")]), 1000),
                closes(
                    "a ping, a binary and a pong",
                    join(&[close(1000, ""), ping("late"), binary("late"), pong("late")]),
                    1000,
                ),
                closes(
                    "the rest of a message",
                    join(&[masked(0x01, b"a"), close(1000, ""), masked(0x80, b"b")]),
                    1000,
                ),
                closes("a bad frame", [close(1000, ""), hex("ff ff ff")].concat(), 1000),
                closes("an unmasked frame", [close(1000, ""), hex("81 01 61")].concat(), 1000),
                closes("a bad Close", join(&[close(1000, ""), close(1005, "")]), 1000),
                closes(
                    "an HTTP request",
                    [close(1000, ""), b"GET / HTTP/1.1\r\n\r\n".to_vec()].concat(),
                    1000,
                ),
                closes("half a frame", [close(1000, ""), hex("81 85 00")].concat(), 1000),
            ],
        },
        Case {
            id: "close-inside-message",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-15"],
            rule: "A Close may leave a message unfinished, which is then dropped",
            rows: vec![
                closes("a text", join(&[masked(0x01, b"half"), close(1000, "")]), 1000),
                closes(
                    "inside a character",
                    join(&[masked(0x01, &[0xe2, 0x82]), close(1000, "")]),
                    1000,
                ),
            ],
        },
        Case {
            id: "replies-before-close",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-11"],
            rule: "Replies that are owed come before the answering Close",
            rows: vec![
                row(
                    "three",
                    join(&[text("one"), ping("two"), text("three"), close(4001, "")]),
                    vec![t("one"), p("two"), t("three")],
                    echo(4001),
                ),
                row(
                    "a hundred",
                    (0..100_u8).flat_map(|n| text(n.to_string())).chain(close(1000, "")).collect(),
                    (0..100_u8).map(|n| t(n.to_string())).collect(),
                    echo(1000),
                ),
            ],
        },
        Case {
            id: "close-body-of-one",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-02"],
            rule: "A Close body of one byte is no status code",
            rows: vec![
                fails("03", masked(0x88, &[3])),
                fails("00", masked(0x88, &[0])),
                fails_early("two header bytes prove it", hex("88 81")),
            ],
        },
        Case {
            id: "close-reason-too-long",
            group: G,
            section: "RFC 6455 5.5",
            requirements: &["6455-5.5.1-07"],
            rule: "A reason of 124 bytes makes the Close too long",
            rows: vec![fails("124 bytes", masked(0x88, &close_body(1000, "r".repeat(124))))],
        },
        Case {
            id: "close-reason-not-utf8",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-05", "6455-5.5.1-06"],
            rule: "A reason that is not UTF-8 fails the connection with 1007",
            rows: bad_reasons(),
        },
        Case {
            id: "close-bad-twice",
            group: G,
            section: "RFC 6455 7.4",
            requirements: &["6455-5.5.1-05"],
            rule: "A bad code outranks a bad reason",
            rows: vec![fails("1005 and ff", masked(0x88, &close_body(1005, [0xff])))],
        },
    ]
}

fn bad_reasons() -> Vec<Row> {
    let reasons = [
        ("ends inside a character", hex("e282")),
        ("holds a surrogate", hex("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65")),
        ("is ff", hex("ff")),
        ("is overlong", hex("c0 80")),
        ("begins with a continuation byte", hex("80 61")),
        ("goes beyond U+10FFFF", hex("61 62 f4 90 80 80")),
        ("holds a lead without its tail", hex("61 c3 28")),
        ("is a continuation byte", hex("bf")),
        ("ends after one byte of four", hex("61 f0")),
        ("is long, its last byte bad", [&[b'a'; 122][..], &[0xff]].concat()),
        ("is long, its middle bad", [&[b'a'; 60][..], &[0xc1, 0xbf], &[b'a'; 61]].concat()),
        ("is long and ends inside a character", [&[b'a'; 120][..], &[0xf0, 0x9f, 0xa6]].concat()),
    ];
    let codes = [1000, 1001, 1011, 3000, 4999];
    let fails = |((what, reason), code): ((&str, Vec<u8>), u16)| {
        let body = close_body(code, reason);
        row(format!("{code}: it {what}"), masked(0x88, &body), vec![], End::Fail(1007))
    };
    reasons.into_iter().zip(codes.into_iter().cycle()).map(fails).collect()
}
