//! Fragmented messages and the control frames between their fragments (RFC 6455 §5.4).

use super::super::frame::{binary, close, hex, join, masked, masked_with, ping, pong, text};
use super::places::Place::{AfterMany, BehindFragments, Inside, InsideFurther, InsideLater, Later};
use super::{Case, End, Group, Row, b, echoes, fails, fails_early, p, row, t};

const G: Group = Group::Framing;

fn first(payload: &str) -> Vec<u8> {
    masked(0x01, payload.as_bytes())
}

fn more(payload: &str) -> Vec<u8> {
    masked(0x00, payload.as_bytes())
}

fn last(payload: &str) -> Vec<u8> {
    masked(0x80, payload.as_bytes())
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "fragments",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-01", "6455-5.4-08", "6455-6.2-02"],
            rule: "Fragments are one message, in order",
            rows: vec![
                echoes("two fragments", join(&[first("Hel"), last("lo")]), vec![t("Hello")]),
                echoes("three", join(&[first("a"), more("b"), last("c")]), vec![t("abc")]),
                echoes(
                    "two fragmented messages one after the other",
                    join(&[first("a"), last("b"), masked(0x02, b"c"), last("d")]),
                    vec![t("ab"), b("cd")],
                ),
                echoes(
                    "a whole message after a fragmented one",
                    join(&[first("a"), last("b"), text("c")]),
                    vec![t("ab"), t("c")],
                ),
            ],
        },
        Case {
            id: "fragments-empty",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-02"],
            rule: "A fragment may be empty, wherever it stands",
            rows: vec![
                echoes("three", join(&[first(""), more(""), last("")]), vec![t("")]),
                echoes("the first", join(&[first(""), last("x")]), vec![t("x")]),
                echoes("the last", join(&[first("x"), last("")]), vec![t("x")]),
                echoes(
                    "between",
                    join(&[first("x"), more(""), more(""), last("y")]),
                    vec![t("xy")],
                ),
            ],
        },
        Case {
            id: "fragments-type-and-key",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-07", "6455-5.3-02"],
            rule: "The first fragment says what the message is; each has its own masking key",
            rows: vec![
                echoes(
                    "a binary that is no UTF-8",
                    join(&[masked(0x02, &[0xff]), masked(0x80, &[0xc0])]),
                    vec![b([0xff, 0xc0])],
                ),
                echoes(
                    "fragments of 0 to 9 bytes, each with another key",
                    join(
                        &(0..10_u8)
                            .map(|n| {
                                let first =
                                    [0x02, 0x00, 0x80][usize::from(n > 0) + usize::from(n > 8)];
                                masked_with(
                                    first,
                                    [n, n ^ 0x5a, 0xff - n, 0x80 | n],
                                    &DIGITS[..n.into()],
                                )
                            })
                            .collect::<Vec<_>>(),
                    ),
                    vec![b((0..10).flat_map(|n| DIGITS[..n].to_vec()).collect::<Vec<u8>>())],
                ),
                echoes(
                    "a ping with a key of its own between them",
                    join(&[
                        masked_with(0x02, [1, 2, 3, 4], &[0xff, 1, 2]),
                        masked_with(0x89, [0xf0, 0xe1, 0xd2, 0xc3], b"ping"),
                        masked_with(0x80, [9, 8, 7, 6], &[0xfe, 3, 4]),
                        masked_with(0x81, [0xa0, 0xb1, 0xc2, 0xd3], b"text"),
                    ]),
                    vec![p("ping"), b([0xff, 1, 2, 0xfe, 3, 4]), t("text")],
                ),
                echoes(
                    "a binary that is no UTF-8, behind a fragmented text",
                    join(&[first("a"), last("b"), masked(0x02, &[0xe2]), masked(0x80, &[0xff])]),
                    vec![t("ab"), b([0xe2, 0xff])],
                ),
                echoes(
                    "three keys",
                    join(&[
                        masked_with(0x01, [1, 2, 3, 4], b"abc"),
                        masked_with(0x00, [9; 4], b"defgh"),
                        masked_with(0x80, [0; 4], b"i"),
                    ]),
                    vec![t("abcdefghi")],
                ),
            ],
        },
        Case {
            id: "fragments-of-one-byte",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-09", "6455-5.4-13"],
            rule: "A message means the same in fragments of any size",
            rows: vec![
                one_byte_each(),
                odd_sizes(),
                ping_after_each(),
                echoes(
                    "three hundred",
                    (0..300_u32)
                        .flat_map(|n| {
                            let first = if n == 299 { 0x80 } else { u8::from(n == 0) };
                            masked(first, n.to_string().as_bytes())
                        })
                        .collect(),
                    vec![t((0..300_u32).map(|n| n.to_string()).collect::<String>())],
                ),
                echoes(
                    "two of 40,000 bytes",
                    join(&[masked(0x02, &[1; 40_000]), masked(0x80, &[2; 40_000])]),
                    vec![b([[1; 40_000], [2; 40_000]].concat())],
                ),
            ],
        },
        Case {
            id: "control-between-fragments",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-03"],
            rule: "Control frames between fragments are answered at once",
            rows: vec![
                echoes(
                    "a ping",
                    join(&[first("a"), ping("now"), last("b")]),
                    vec![p("now"), t("ab")],
                ),
                echoes(
                    "three pings",
                    join(&[ping("1"), first("a"), ping("2"), more("b"), ping("3"), last("c")]),
                    vec![p("1"), p("2"), p("3"), t("abc")],
                ),
                echoes("a pong", join(&[first("a"), pong("x"), last("b")]), vec![t("ab")]),
                echoes(
                    "an empty ping and one of 125 bytes",
                    join(&[first("a"), ping(""), more(""), ping([b'p'; 125]), last("b")]),
                    vec![p(""), p([b'p'; 125]), t("ab")],
                ),
                echoes(
                    "the ping in a round of its own",
                    join(&[more("b"), last("c")]),
                    vec![t("abc")],
                )
                .after(join(&[first("a"), ping("now")]), vec![p("now")]),
                echoes(
                    "pongs of 125 bytes on every border",
                    join(&[
                        pong([b'p'; 125]),
                        first("a"),
                        pong([b'p'; 125]),
                        more("b"),
                        pong(""),
                        last("c"),
                        pong("x"),
                    ]),
                    vec![t("abc")],
                ),
                row(
                    "a Close, which ends it",
                    join(&[first("a"), close(1000, ""), last("b")]),
                    vec![],
                    End::Closed(hex("03e8")),
                ),
            ],
        },
        Case {
            id: "not-delivered-early",
            group: G,
            section: "RFC 6455 6.2",
            requirements: &["6455-6.2-04"],
            rule: "A message is delivered when its last fragment is in, not before",
            rows: vec![
                echoes("a first fragment alone", join(&[first("half"), ping("?")]), vec![p("?")]),
                echoes(
                    "two that are not the last",
                    join(&[first("half"), more("way"), ping("?")]),
                    vec![p("?")],
                ),
            ],
        },
        stray(),
        Case {
            id: "message-inside-message",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-06"],
            rule: "A message that begins inside another fails the connection",
            rows: vec![
                fails("text inside text", join(&[first("a"), text("b")])),
                fails("binary inside text", join(&[first("a"), binary("b")])),
                fails("text inside binary", join(&[masked(0x02, b"a"), text("b")])),
                fails("binary inside binary", join(&[masked(0x02, b"a"), binary("b")])),
                fails("a first fragment inside text", join(&[first("a"), first("b")])),
                fails(
                    "a first fragment of binary inside text",
                    join(&[first("a"), masked(0x02, b"b")]),
                ),
                fails("an empty text inside an empty text", join(&[first(""), text("")])),
                row(
                    "text inside text, after a ping in between",
                    join(&[first("a"), ping("p"), text("b")]),
                    vec![p("p")],
                    End::Fail(1002),
                ),
                InsideFurther.fails("a binary", &binary("b")),
                InsideFurther.fails("a first fragment of text", &first("b")),
                InsideLater.fails("a text", &text("b")),
                InsideLater.fails("an empty binary", &binary("")),
                Inside.fails("a text of 300 bytes", &text([b'b'; 300])),
                Inside.fails("a first fragment and its last", &join(&[first("b"), last("c")])),
                BehindFragments.fails("text inside text", &join(&[first("a"), text("b")])),
                AfterMany.fails("binary inside text", &join(&[first("a"), binary("b")])),
            ],
        },
        Case {
            id: "fragmented-control",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-5.4-04", "6455-5.5.3-05"],
            rule: "A control frame without FIN fails the connection",
            rows: vec![
                fails("a ping", masked(0x09, b"")),
                fails("a ping with data", masked(0x09, b"data")),
                fails("a pong", masked(0x0a, b"")),
                fails("a Close", masked(0x08, &[0x03, 0xe8])),
                fails("an empty Close", masked(0x08, b"")),
                fails("a ping in two parts", join(&[masked(0x09, b"a"), masked(0x80, b"b")])),
                fails("a ping inside a text", join(&[first("a"), masked(0x09, b"p")])),
                fails(
                    "a ping inside a text that goes on",
                    join(&[first("a"), masked(0x09, b"p"), last("b")]),
                ),
            ],
        },
        Case {
            id: "fragments-early",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-5.2-17"],
            rule: "The first byte alone tells that a frame is misplaced",
            rows: vec![
                fails_early("a continuation with nothing to continue", vec![0x80]),
                fails_early("a second text", [first("a"), vec![0x81]].concat()),
                fails_early("a ping without FIN", vec![0x09]),
                fails_early("a Close without FIN", vec![0x08]),
                fails_early(
                    "a continuation with a huge length",
                    hex("80 ff 7fffffffffffffff 00000000"),
                ),
            ],
        },
    ]
}

fn stray() -> Case {
    Case {
        id: "stray-continuation",
        group: G,
        section: "RFC 6455 5.4",
        requirements: &["6455-5.4-05"],
        rule: "A continuation with nothing to continue fails the connection",
        rows: vec![
            fails("a final one first", last("Hello")),
            fails("one that is not final", more("Hello")),
            fails("an empty one", last("")),
            row(
                "after a finished message",
                join(&[text("done"), last("x")]),
                vec![t("done")],
                End::Fail(1002),
            ),
            row(
                "after a finished fragmented message",
                join(&[first("a"), last("b"), more("c")]),
                vec![t("ab")],
                End::Fail(1002),
            ),
            row(
                "after an empty fragmented message",
                join(&[first(""), last(""), last("c")]),
                vec![t("")],
                End::Fail(1002),
            ),
            BehindFragments.fails("a final one", &last("c")),
            Later.fails("a final one", &last("c")),
            AfterMany.fails("one that is not final", &join(&[more("c"), last("d")])),
            AfterMany.fails("an empty one", &last("")),
            fails("one of 300 bytes", masked(0x80, &[b'c'; 300])),
            row(
                "after a control frame only",
                join(&[ping("p"), last("b")]),
                vec![p("p")],
                End::Fail(1002),
            ),
        ],
    }
}

/// Each length from 1 byte to 64 once, in one message.
fn odd_sizes() -> Row {
    let whole: Vec<u8> = (0..64 * 65 / 2_u32).map(|at| b'a' + (at * 7 % 26) as u8).collect();
    let (mut frames, mut begun) = (Vec::new(), 0);
    for size in 1..65 {
        let first = if size == 64 { 0x80 } else { u8::from(size == 1) };
        frames.extend(masked(first, &whole[begun..begun + size]));
        begun += size;
    }
    echoes("fragments of each size from 1 to 64 bytes", frames, vec![t(&whole)])
}

/// A Ping, answered, after each fragment of a message.
fn ping_after_each() -> Row {
    let round = |row: Row, (at, name): (usize, &str)| {
        let fragment = if at == 0 { first(name) } else { more(name) };
        row.after(join(&[fragment, ping(name)]), vec![p(name)])
    };
    let names = ["one ", "two ", "three ", "four "];
    let row =
        echoes("a ping answered after each", last("five"), vec![t("one two three four five")]);
    names.into_iter().enumerate().fold(row, round)
}

const DIGITS: &[u8] = b"0123456789";

fn one_byte_each() -> Row {
    let letters = "κόσμε and some more, byte for byte".as_bytes();
    let mut frames = masked(0x01, b"");
    for byte in letters {
        frames.extend(masked(0x00, std::slice::from_ref(byte)));
    }
    frames.extend(masked(0x80, b""));
    echoes("also inside characters", frames, vec![t(letters)])
}
