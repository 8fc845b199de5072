//! The closing handshake begun by the client: bodies, codes, reasons, what follows
//! (RFC 6455 §5.5.1, §7.1, §7.4).

use super::super::frame::{close, close_body, hex, join, masked, ping, text};
use super::{Case, End, Group, Row, fails, fails_early, p, row, t};

const G: Group = Group::Closing;

fn echo(code: u16) -> End {
    End::Closed(code.to_be_bytes().to_vec())
}

fn closes(what: impl Into<String>, bytes: Vec<u8>, code: u16) -> Row {
    row(what, bytes, vec![], echo(code))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
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
            ],
        },
        Case {
            id: "close-empty",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-01", "6455-7.1.5-02"],
            rule: "An empty Close is answered by a Close, best an empty one",
            rows: vec![row("88 80", hex("88 80 37fa213d"), vec![], End::Closed(vec![]))],
        },
        Case {
            id: "close-reason",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-05", "6455-5.5.1-07"],
            rule: "A reason may have 123 bytes in any script",
            rows: vec![
                closes("123 bytes", close(1000, "r".repeat(123)), 1000),
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
            rows: vec![closes("1000, then 1001", join(&[close(1000, ""), close(1001, "")]), 1000)],
        },
        Case {
            id: "after-close",
            group: G,
            section: "RFC 6455 5.5.1",
            requirements: &["6455-5.5.1-14", "6455-7.1.1-01"],
            rule: "What follows a Close is not read",
            rows: vec![
                closes("text", join(&[close(1000, ""), text("late")]), 1000),
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
    ];
    cases.extend(good_codes());
    cases.extend(bad_codes());
    cases
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
        ("is long, its last byte bad", [&[b'a'; 122][..], &[0xff]].concat()),
    ];
    let fails = |(what, reason): (&str, Vec<u8>)| {
        row(what, masked(0x88, &close_body(1000, reason)), vec![], End::Fail(1007))
    };
    reasons.into_iter().map(fails).collect()
}

/// Ids, requirements and codes that a Close may carry.
type Codes = (&'static str, &'static [&'static str], &'static [u16]);

fn good_codes() -> Vec<Case> {
    let registered: [Codes; 12] = [
        ("code-1000", &["6455-7.4.1-1000"], &[1000]),
        ("code-1001", &["6455-7.4.1-1001"], &[1001]),
        ("code-1002", &["6455-7.4.1-1002"], &[1002]),
        ("code-1003", &["6455-7.4.1-1003"], &[1003]),
        ("code-1007", &["6455-7.4.1-1007"], &[1007]),
        ("code-1008", &["6455-7.4.1-1008"], &[1008]),
        ("code-1009", &["6455-7.4.1-1009"], &[1009]),
        ("code-1010", &["6455-7.4.1-1010"], &[1010]),
        ("code-1011", &["6455-7.4.1-1011"], &[1011]),
        ("code-1012", &["6455-7.4.1-1012"], &[1012]),
        ("code-1013", &["6455-7.4.1-1013"], &[1013]),
        ("code-1014", &["6455-7.4.1-1014"], &[1014]),
    ];
    let ranges: [Codes; 2] = [
        ("codes-3000", &["6455-7.4.2-03"], &[3000, 3001, 3500, 3999]),
        ("codes-4000", &["6455-7.4.2-04"], &[4000, 4001, 4500, 4998, 4999]),
    ];
    registered
        .into_iter()
        .chain(ranges)
        .map(|(id, requirements, codes)| Case {
            id,
            group: G,
            section: "RFC 6455 7.4",
            requirements,
            rule: "A code that a client may send is answered, best with itself",
            rows: codes
                .iter()
                .flat_map(|code| {
                    [
                        closes(code.to_string(), close(*code, ""), *code),
                        closes(format!("{code} with a reason"), close(*code, "why"), *code),
                    ]
                })
                .collect(),
        })
        .collect()
}

fn bad_codes() -> Vec<Case> {
    let all: [Codes; 7] = [
        (
            "codes-below-1000",
            &["6455-7.4.2-01", "6455-5.5.1-04"],
            &[0, 1, 2, 9, 99, 100, 255, 256, 500, 998, 999],
        ),
        ("code-1004", &["6455-7.4.1-1004"], &[1004]),
        ("code-1005", &["6455-7.4.1-1005"], &[1005]),
        ("code-1006", &["6455-7.4.1-1006"], &[1006]),
        ("code-1015", &["6455-7.4.1-1015"], &[1015]),
        (
            "codes-1016-to-2999",
            &["6455-7.4.2-02"],
            &[
                1016, 1017, 1018, 1019, 1020, 1021, 1022, 1023, 1024, 1099, 1100, 1500, 1999, 2000,
                2500, 2998, 2999,
            ],
        ),
        (
            "codes-above-4999",
            &["6455-7.4.2-05", "6455-11.7-01"],
            &[5000, 5001, 6000, 9999, 10_000, 32_767, 32_768, 59_395, 65_534, 65_535],
        ),
    ];
    all.into_iter()
        .map(|(id, requirements, codes)| Case {
            id,
            group: G,
            section: "RFC 6455 7.4",
            requirements,
            rule: "A code that no Close may carry is a protocol error, and never sent back",
            rows: codes
                .iter()
                .flat_map(|code| {
                    [
                        fails(code.to_string(), close(*code, "")),
                        fails(format!("{code} with a reason"), close(*code, "why")),
                    ]
                })
                .collect(),
        })
        .collect()
}
