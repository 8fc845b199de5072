//! The reserved bits where permessage-deflate was agreed, and where it was not (RFC 7692 §6.1).

use super::super::frame::{hex, masked, ping, text};
use super::deflate::{HELLO, agreed, compressed, hello};
use super::{Case, End, Group, Row, fails, fails_early, p, row, t};

const G: Group = Group::Deflate;

pub(super) fn cases() -> Vec<Case> {
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
            section: "RFC 7692 6.1",
            requirements: &["7692-6.1-04", "6455-5.4-05"],
            rule: "RSV1 on a continuation with nothing to continue fails the connection",
            rows: agreed([
                fails("first", masked(0xc0, &HELLO)),
                fails("first, with text", masked(0xc0, b"plain")),
                fails("behind a message, with text", masked(0xc0, b"plain"))
                    .after(compressed(HELLO), vec![hello()]),
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
            rows: agreed([0x01_u8, 0x42].into_iter().flat_map(|first| {
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
                    .map(|first| fails(format!("{first:02x}"), masked(first, whole(first))))
                    .chain(
                        [0xe1_u8, 0xd2, 0xa1, 0x91]
                            .map(|first| early(format!("{first:02x} and no more"), vec![first])),
                    )
                    .chain([0xa9_u8, 0x99, 0xa8, 0x9a, 0xb9].map(|first| {
                        fails(format!("{first:02x}, a control frame"), masked(first, b""))
                    }))
                    .chain([0x20_u8, 0x10, 0xa0, 0x90].map(|first| {
                        let bytes = [masked(0x41, &HELLO[..3]), masked(first, &HELLO[3..])];
                        fails(format!("{first:02x}, a continuation"), bytes.concat())
                    }))
                    .chain([0xa0_u8, 0x90].map(|first| {
                        let bytes = [masked(0x01, b"plain"), masked(first, b"text")];
                        fails(format!("{first:02x}, a plain continuation"), bytes.concat())
                    }))
                    .chain([0xe1_u8, 0xd2, 0xa1, 0x92].map(|first| {
                        let row = fails(format!("{first:02x}, the second message"), {
                            masked(first, whole(first))
                        });
                        row.after(compressed(HELLO), vec![hello()])
                    }))
                    .chain([
                        fails("a1, with a length in 16 bits", masked(0xa1, &[b'x'; 300])),
                        fails("90, the third fragment", {
                            let begun = [masked(0x41, &HELLO[..3]), masked(0x00, &HELLO[3..4])];
                            [begun.concat(), masked(0x90, &HELLO[4..])].concat()
                        }),
                        fails("a9 between fragments", {
                            [masked(0x41, &HELLO[..3]), masked(0xa9, b"")].concat()
                        }),
                    ]),
            ),
        },
        Case {
            id: "rsv1-and-more",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["7692-6.1-06", "6455-5.1-01", "6455-5.2-11"],
            rule: "RSV1 heals no other fault",
            rows: agreed(
                [0xd9_u8, 0xe8, 0xfa, 0xc3, 0xc7, 0xcb, 0xcf, 0xd0, 0xe0]
                    .into_iter()
                    .map(|first| fails(format!("{first:02x}"), masked(first, b"")))
                    .chain([
                        fails("no mask", [&[0xc1, 0x07][..], &HELLO].concat()),
                        fails("no mask, the second message", {
                            [&[0xc1, 0x07][..], &HELLO].concat()
                        })
                        .after(compressed(HELLO), vec![hello()]),
                        fails("no mask on the last fragment", {
                            [&masked(0x41, &HELLO[..3])[..], &[0x80, 0x04], &HELLO[3..]].concat()
                        }),
                        fails("a length that is not minimal", {
                            [&hex("c1 fe 0007 00000000")[..], &HELLO].concat()
                        }),
                        early("the length alone, not minimal", hex("c1 fe 0007")),
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
                .chain(
                    [0xc1, 0xc2, 0x41, 0x42].map(|first| {
                        fails(format!("{first:02x}, with text"), masked(first, b"plain"))
                    }),
                )
                .chain([
                    fails("c1, the second message", compressed(HELLO))
                        .after(text("plain"), vec![t("plain")]),
                    fails("c1, the second message, with text", masked(0xc1, b"text"))
                        .after(text("plain"), vec![t("plain")]),
                    fails("c9, behind a message", masked(0xc9, b"p"))
                        .after(text("plain"), vec![t("plain")]),
                    fails("c1, with a length in 16 bits", masked(0xc1, &[b'x'; 300])),
                    fails("c1, empty", masked(0xc1, b"")),
                    fails("c0, a continuation", [masked(0x01, b"a"), masked(0xc0, b"b")].concat()),
                    fails("40, a continuation", [masked(0x02, b"a"), masked(0x40, b"b")].concat()),
                    fails("c9 between fragments", {
                        [masked(0x01, b"a"), masked(0xc9, b"")].concat()
                    }),
                ])
                .collect(),
        },
    ]
}

/// What fails by its beginning alone.
fn early(what: impl Into<String>, bytes: Vec<u8>) -> Row {
    fails_early(what, bytes).open_by(HOW_EARLY)
}

const HOW_EARLY: &str = "RFC 6455 7.1.7: how early a frame fails the connection is not said";

const OVERTAKEN: &str =
    "RFC 6455 5.5.3: a Pong is owed as soon as practical, and the failure may come first";

/// The beginning of a message whose first frame has this first byte.
fn start(first: u8) -> &'static [u8] {
    if first & 0x40 == 0 { b"plain" } else { &HELLO[..3] }
}

/// The rest of it.
fn rest(first: u8) -> &'static [u8] {
    if first & 0x40 == 0 { b"text" } else { &HELLO[3..] }
}

/// A message whose only frame has this first byte.
fn whole(first: u8) -> &'static [u8] {
    if first & 0x40 == 0 { b"plain" } else { &HELLO }
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
            if is_whole { fails(what, bytes) } else { early(what, bytes) }
        };
        rows.push(row(what.to_owned(), hex(bytes)));
        if is_whole {
            let later = row(format!("{what}, behind a message"), hex(bytes));
            rows.push(later.after(compressed(HELLO), vec![hello()]));
        }
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
            ("the last", masked(0xc0, rest(first))),
            ("one in the middle", masked(0x40, rest(first))),
            ("an empty one", masked(0xc0, b"")),
        ] {
            let what = format!("{what}, of a message begun with {first:02x}");
            rows.push(fails(what, [begun(), second].concat()));
        }
        let what = format!("its first byte, of a message begun with {first:02x}");
        rows.push(early(what, [begun(), vec![0x40]].concat()));
    }
    let third = [masked(0x41, &HELLO[..2]), masked(0x00, &HELLO[2..4]), masked(0xc0, &HELLO[4..])];
    rows.push(fails("the third, after a good second", third.concat()));
    let parts = || [masked(0x41, &HELLO[..3]), masked(0xc0, &HELLO[3..])].concat();
    rows.extend([
        fails("the last, in the second message", parts()).after(compressed(HELLO), vec![hello()]),
        fails("the last, behind a plain message", parts()).after(text("a"), vec![t("a")]),
        row(
            "the last, behind a Ping",
            [masked(0x41, &HELLO[..3]), ping("p"), masked(0xc0, &HELLO[3..])].concat(),
            vec![p("p")],
            End::Fail(1002),
        )
        .replies_open_by(OVERTAKEN),
        fails("all of three", {
            [masked(0x41, &HELLO[..2]), masked(0x40, &HELLO[2..4]), masked(0xc0, &HELLO[4..])]
                .concat()
        }),
        fails("with a length in 16 bits", {
            [masked(0x41, &HELLO[..2]), masked(0xc0, &[0; 300])].concat()
        }),
        fails("of a message that begins with an empty fragment", {
            [masked(0x41, b""), masked(0xc0, &HELLO)].concat()
        }),
    ]);
    rows
}
