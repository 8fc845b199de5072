//! Frames and messages after permessage-deflate was agreed (RFC 7692 §6, §7.2).

use super::super::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};
use super::{Case, Context, End, Group, Row, b, echoes, fails, fails_early, p, row, t};

const G: Group = Group::Deflate;
const OFFER: &str = "permessage-deflate";

/// "Hello" as RFC 7692 §7.2.3.1 compresses it.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// "Hello" that refers to one before it (RFC 7692 §7.2.3.2).
const AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

fn compressed(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0xc1, payload.as_ref())
}

/// A compressed text in fragments of these payloads, with a Ping behind each but the last.
fn fragments(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let opcode = if at == 0 { 0x41 } else { 0x00 };
        if at + 1 == pieces.len() {
            bytes.extend(masked(opcode | 0x80, piece));
        } else {
            bytes.extend([masked(opcode, piece), ping("p")].concat());
        }
    }
    bytes
}

fn hello() -> Event {
    t("Hello")
}

/// The rows, each after permessage-deflate was agreed.
fn agreed(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    rows.into_iter().map(|row| row.offering(OFFER)).collect()
}

/// A payload that is no DEFLATE; which code tells it, RFC 7692 leaves open.
fn corrupt(what: &str, bytes: Vec<u8>, replies: Vec<Event>) -> Row {
    row(what, bytes, replies, End::Fail(1007))
}

pub(super) fn cases() -> Vec<Case> {
    [bits(), messages(), streams(), history()].into_iter().flatten().collect()
}

fn bits() -> Vec<Case> {
    vec![
        Case {
            id: "rsv1-on-control",
            group: G,
            section: "RFC 7692 6.1",
            requirements: &["7692-6.1-03"],
            rule: "RSV1 on a control frame fails the connection, also where compression is agreed",
            rows: agreed(on_control()),
        },
        Case {
            id: "rsv1-on-continuation",
            group: G,
            section: "RFC 7692 6.1",
            requirements: &["7692-6.1-04"],
            rule: "RSV1 on a continuation fails the connection",
            rows: agreed(on_continuation()),
        },
        Case {
            id: "rsv1-stray",
            group: G,
            section: "RFC ",
            requirements: &["7692-6.1-04", "6455-5.4-05"],
            rule: "RSV1 on a continuation with nothing to continue fails the connection",
            rows: agreed([
                fails("first", masked(0xc0, &HELLO)),
                row(
                    "behind a whole message",
                    [compressed(HELLO), masked(0xc0, &HELLO)].concat(),
                    vec![hello()],
                    End::Fail(1002),
                ),
            ]),
        },
        Case {
            id: "rsv1-inside-message",
            group: G,
            section: "RFC 6455 5.4",
            requirements: &["6455-5.4-06", "6455-5.4-05"],
            rule: "A compressed message that begins inside another fails the connection",
            rows: agreed([0x01_u8, 0x02, 0x41, 0x42].into_iter().flat_map(|first| {
                [0xc1_u8, 0x41, 0xc2, 0x42].into_iter().map(move |again| {
                    let begun = masked(first, start(first));
                    let what = format!("{again:02x} inside {first:02x}");
                    fails(what, [begun, masked(again, &HELLO)].concat())
                })
            })),
        },
        Case {
            id: "rsv2-rsv3-with-deflate",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["7692-6.1-06"],
            rule: "RSV2 and RSV3 stay reserved where compression is agreed",
            rows: agreed(
                [0xe1_u8, 0xd1, 0xf1, 0xa1, 0x91, 0xb2, 0xe2, 0xd2, 0x61, 0x51]
                    .into_iter()
                    .flat_map(|first| {
                        [
                            fails(format!("{first:02x}"), masked(first, &HELLO)),
                            fails_early(format!("{first:02x} and no more"), vec![first]),
                        ]
                    })
                    .chain([0xa9_u8, 0x99, 0xa8, 0x9a, 0xb9].map(|first| {
                        fails(format!("{first:02x}, a control frame"), masked(first, b""))
                    }))
                    .chain([0x20_u8, 0x10, 0xa0, 0x90].map(|first| {
                        let bytes = [masked(0x41, &HELLO[..3]), masked(first, &HELLO[3..])];
                        fails(format!("{first:02x}, a continuation"), bytes.concat())
                    })),
            ),
        },
        Case {
            id: "rsv1-and-more",
            group: G,
            section: "RFC ",
            requirements: &["7692-6.1-06", "6455-5.1-01", "6455-5.2-11"],
            rule: "RSV1 heals no other fault",
            rows: agreed(
                [0xd9_u8, 0xe8, 0xfa, 0xc3, 0xc7, 0xcb, 0xcf, 0xd0, 0xe0]
                    .into_iter()
                    .map(|first| fails(format!("{first:02x}"), masked(first, b"")))
                    .chain([
                        fails("no mask", [&[0xc1, 0x07][..], &HELLO].concat()).open(),
                        fails("a length that is not minimal", {
                            [&hex("c1 fe 0007 00000000")[..], &HELLO].concat()
                        })
                        .open(),
                    ]),
            ),
        },
        Case {
            id: "rsv1-not-agreed",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-01", "6455-9.1-04", "7692-5-06"],
            rule: "Where compression was not offered, RSV1 fails the connection",
            rows: [0xc1_u8, 0xc2, 0x41, 0xc9, 0xc8, 0xca]
                .into_iter()
                .map(|first| {
                    let payload: &[u8] = if first & 8 == 0 { &HELLO } else { b"" };
                    fails(format!("{first:02x}"), masked(first, payload))
                })
                .collect(),
        },
    ]
}

/// The beginning of a message whose first frame has this first byte.
fn start(first: u8) -> &'static [u8] {
    if first & 0x40 == 0 { b"plain" } else { &HELLO[..3] }
}

fn on_control() -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, bytes, is_whole) in [
        ("an empty ping", "c9 80 37fa213d", true),
        ("a ping, its first byte", "c9", false),
        ("a pong, its first byte", "ca", false),
        ("a Close, its first byte", "c8", false),
        ("an empty Close", "c8 80 37fa213d", true),
        ("a Close with code 1000", "c8 82 37fa213d 3412", true),
        ("an empty pong", "ca 80 37fa213d", true),
        ("a ping with Hello compressed", "c9 87 00000000 f248cdc9c90700", true),
    ] {
        let row = |what: String, bytes| {
            if is_whole { fails(what, bytes) } else { fails_early(what, bytes) }
        };
        rows.push(row(what.to_owned(), hex(bytes)));
        for (where_, first) in [("a compressed message", 0x41), ("a plain message", 0x01)] {
            let inside = [masked(first, start(first)), hex(bytes)].concat();
            rows.push(row(format!("{what}, between fragments of {where_}"), inside));
        }
    }
    rows
}

fn on_continuation() -> Vec<Row> {
    let mut rows = Vec::new();
    for first in [0x01_u8, 0x02, 0x41, 0x42] {
        let begun = || masked(first, start(first));
        for (what, second) in [
            ("the last", masked(0xc0, &HELLO[3..])),
            ("one in the middle", masked(0x40, &HELLO[3..])),
            ("an empty one", masked(0xc0, b"")),
        ] {
            let what = format!("{what}, of a message begun with {first:02x}");
            rows.push(fails(what, [begun(), second].concat()));
        }
        let what = format!("its first byte, of a message begun with {first:02x}");
        rows.push(fails_early(what, [begun(), vec![0x40]].concat()));
    }
    let third = [masked(0x41, &HELLO[..2]), masked(0x00, &HELLO[2..4]), masked(0xc0, &HELLO[4..])];
    rows.push(fails("the third, after a good second", third.concat()));
    rows
}

fn messages() -> Vec<Case> {
    vec![
        Case {
            id: "compressed-and-plain",
            group: G,
            section: "RFC 7692 6",
            requirements: &["7692-6-02", "7692-6.1-05", "7692-7.2.2-01", "7692-6.2-02"],
            rule: "RSV1 tells of each message whether it is compressed",
            rows: agreed([
                echoes("compressed", compressed(HELLO), vec![hello()]),
                echoes("compressed binary", masked(0xc2, &HELLO), vec![b("Hello")]),
                echoes("plain", text("plain"), vec![t("plain")]),
                echoes("plain that would inflate", binary(HELLO), vec![b(HELLO)]),
                echoes(
                    "by turns",
                    join(&[
                        text("1"),
                        compressed(HELLO),
                        binary("2"),
                        masked(0xc2, &HELLO),
                        text(""),
                    ]),
                    vec![t("1"), hello(), b("2"), b("Hello"), t("")],
                ),
                echoes(
                    "plain fragments between compressed messages",
                    join(&[
                        compressed(HELLO),
                        masked(0x01, b"pl"),
                        masked(0x00, b""),
                        masked(0x80, b"ain"),
                        compressed(HELLO),
                    ]),
                    vec![hello(), t("plain"), hello()],
                ),
            ]),
        },
        Case {
            id: "control-not-compressed",
            group: G,
            section: "RFC 7692 6",
            requirements: &["7692-6-01"],
            rule: "Control frames are not compressed",
            rows: agreed([
                echoes("a ping", ping("p"), vec![p("p")]),
                echoes("a pong", pong("p"), vec![]),
                echoes("a ping that would inflate", ping(HELLO), vec![p(HELLO)]),
                row("a Close", close(1000, "bye"), vec![], End::Closed(hex("03e8"))),
                row(
                    "a Close that declines the answer",
                    close(1010, "permessage-deflate"),
                    vec![],
                    End::Closed(hex("03f2")),
                ),
            ]),
        },
        Case {
            id: "compressed-fragments",
            group: G,
            section: "RFC 7692 6.2",
            requirements: &["7692-6.2-01", "7692-7.2.1-07", "7692-7.2.3-01"],
            rule: "A compressed message may be cut anywhere, also into nothing",
            rows: agreed(
                (0..=HELLO.len())
                    .map(|cut| {
                        let (one, two) = HELLO.split_at(cut);
                        let what = format!("cut after {cut} bytes, a ping between");
                        echoes(what, fragments(&[one, two]), vec![p("p"), hello()])
                    })
                    .chain([
                        echoes(
                            "empty fragments everywhere",
                            fragments(&[b"", b"", &HELLO[..1], b"", &HELLO[1..], b"", b""]),
                            [vec![p("p"); 6], vec![hello()]].concat(),
                        ),
                        echoes(
                            "another masking key for each",
                            join(&[
                                masked_with(0x41, [1, 2, 3, 4], &HELLO[..2]),
                                masked_with(0x00, [0; 4], &HELLO[2..4]),
                                masked_with(0x80, [0xff; 4], &HELLO[4..]),
                            ]),
                            vec![hello()],
                        ),
                        row(
                            "a Close between them ends it",
                            join(&[
                                masked(0x41, &HELLO[..3]),
                                close(1001, ""),
                                masked(0x80, &HELLO[3..]),
                            ]),
                            vec![],
                            End::Closed(hex("03e9")),
                        ),
                    ]),
            ),
        },
        Case {
            id: "compressed-empty",
            group: G,
            section: "RFC 7692 7.2.3.6",
            requirements: &["7692-7.2.3.6-01"],
            rule: "An empty compressed message, or last fragment, is the byte 00",
            rows: agreed([
                echoes("a text", compressed([0]), vec![t("")]),
                echoes("a binary", masked(0xc2, &[0]), vec![b("")]),
                echoes("plain", text(""), vec![t("")]),
                echoes(
                    "a last fragment behind a kept tail",
                    join(&[masked(0x41, &hex("f248cdc9c90700 0000ffff")), masked(0x80, &[0])]),
                    vec![hello()],
                ),
                echoes(
                    "one after the other",
                    join(&[compressed([0]), text(""), compressed([0]), compressed(HELLO)]),
                    vec![t(""), t(""), t(""), hello()],
                ),
                echoes(
                    "in empty fragments and one byte",
                    fragments(&[b"", &[0], b""]),
                    vec![p("p"), p("p"), t("")],
                ),
            ]),
        },
    ]
}

fn streams() -> Vec<Case> {
    let samples = [
        ("a stored block", hex("00 05 00 fa ff 48 65 6c 6c 6f 00")),
        ("two blocks", hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")),
        ("the first", HELLO.to_vec()),
    ];
    let truncated = [
        ("a symbol is cut", "f2 48 cd"),
        ("a dynamic block's header is cut", "04"),
        ("the tail was not taken off", "f2 48 cd c9 c9 07 00 00 00 ff ff"),
        ("two bytes of the tail were left", "f2 48 cd c9 c9 07 00 00 00"),
        ("a stored block is cut", "00 05 00 fa ff 48 65"),
    ];
    let invalid = [
        ("a reserved block", "06"),
        ("a reserved block behind a good one", "f2 48 cd c9 c9 07 06"),
        ("a length whose complement is wrong", "00 05 00 05 00 48 65 6c 6c 6f 00"),
        ("ff ff", "ff ff"),
    ];
    vec![
        Case {
            id: "deflate-blocks",
            group: G,
            section: "RFC 7692 7.2.3",
            requirements: &["7692-7.2.3-01", "7692-7.2.1-02"],
            rule: "The RFC's samples inflate, blocks of any kind and number",
            rows: agreed(
                samples.map(|(what, payload)| echoes(what, compressed(payload), vec![hello()])),
            ),
        },
        Case {
            id: "bfinal",
            group: G,
            section: "RFC 7692 7.2.3.4",
            requirements: &["7692-7.2.1-03", "7692-7.2.1-04"],
            rule: "A block with BFINAL ends nothing but itself",
            rows: agreed([
                echoes("the RFC's", compressed(hex("f3 48 cd c9 c9 07 00 00")), vec![hello()]),
                echoes("an empty stored block", compressed([1]), vec![t("")]),
                echoes(
                    "message after message",
                    join(&[
                        compressed(hex("f3 48 cd c9 c9 07 00 00")),
                        compressed(HELLO),
                        compressed([1]),
                        compressed(HELLO),
                    ]),
                    vec![hello(), hello(), t(""), hello()],
                ),
            ]),
        },
        Case {
            id: "deflate-invalid",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "Data that is no DEFLATE fails the connection and is not delivered",
            rows: agreed(
                invalid
                    .into_iter()
                    .map(|(what, payload)| corrupt(what, compressed(hex(payload)), vec![]))
                    .chain([corrupt(
                        "between good messages",
                        join(&[compressed(HELLO), compressed([6]), compressed(HELLO)]),
                        vec![hello()],
                    )]),
            ),
        },
        Case {
            id: "deflate-truncated",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-07"],
            rule: "A message whose data is cut off, or goes on, is best told by 1007",
            rows: agreed(
                truncated
                    .map(|(what, payload)| corrupt(what, compressed(hex(payload)), vec![]).open()),
            ),
        },
        Case {
            id: "deflate-no-payload",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-08"],
            rule: "RSV1 with no payload is best told by 1007",
            rows: agreed([corrupt("a text", compressed([]), vec![]).open()]),
        },
        Case {
            id: "deflate-not-utf8",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["7692-6.1-07"],
            rule: "Compressed text must be UTF-8 once it is inflated",
            rows: agreed([
                corrupt("a bad byte", compressed(hex("00 01 00 fe ff ff 00")), vec![]),
                corrupt("a surrogate", compressed(hex("00 03 00 fc ff ed a0 80 00")), vec![]),
                corrupt(
                    "cut inside a character",
                    compressed(hex("00 02 00 fd ff e2 82 00")),
                    vec![],
                ),
                echoes(
                    "the same as binary",
                    masked(0xc2, &hex("00 01 00 fe ff ff 00")),
                    vec![b([0xff])],
                ),
            ]),
        },
    ]
}

fn history() -> Vec<Case> {
    let twice = |between: Vec<u8>| join(&[compressed(HELLO), between, compressed(AGAIN)]);
    let kept = [
        ("Hello twice", vec![], vec![]),
        ("a plain message between", text("zzz"), vec![t("zzz")]),
        ("a plain Hello between", text("Hello"), vec![hello()]),
        ("a ping between", ping("p"), vec![p("p")]),
        ("an empty compressed message between", compressed([0]), vec![t("")]),
        ("an empty plain message between", binary(""), vec![b("")]),
        ("a third Hello between", compressed(AGAIN), vec![hello()]),
    ];
    vec![
        Case {
            id: "context-kept",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-02", "7692-7.2.1-11", "7692-7.2.3.2-01", "7692-7.2.2-03"],
            rule: "Unless client_no_context_takeover was agreed, a message may refer to those before",
            rows: agreed(kept.into_iter().map(|(what, between, replies)| {
                let replies = [vec![hello()], replies, vec![hello()]].concat();
                echoes(what, twice(between), replies).with(Context::Kept)
            })),
        },
        Case {
            id: "context-after-bfinal",
            group: G,
            section: "RFC 7692 7.2.1",
            requirements: &["7692-7.2.1-05"],
            rule: "History survives a block with BFINAL",
            rows: agreed([echoes(
                "Hello with BFINAL, then one that refers to it",
                join(&[compressed(hex("f3 48 cd c9 c9 07 00 00")), compressed(AGAIN)]),
                vec![hello(), hello()],
            )
            .with(Context::Kept)
            .open()]),
        },
        Case {
            id: "context-nothing-there",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "A first message that refers back fails the connection",
            rows: agreed([corrupt("f2 00 11 00 00", compressed(AGAIN), vec![])]),
        },
        Case {
            id: "context-fresh",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-04"],
            rule: "Where client_no_context_takeover was agreed, each message is best read alone",
            rows: agreed([
                corrupt("Hello twice", twice(vec![]), vec![hello()]).with(Context::Fresh).open(),
                corrupt(
                    "the inflater is good as new for every message",
                    join(&[
                        compressed(HELLO),
                        compressed(HELLO),
                        masked(0xc2, &HELLO),
                        compressed(AGAIN),
                    ]),
                    vec![hello(), hello(), b("Hello")],
                )
                .with(Context::Fresh)
                .open(),
            ]),
        },
    ]
}
