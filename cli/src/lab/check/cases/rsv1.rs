//! The reserved bits where permessage-deflate was agreed, and where it was not (RFC 7692 §6.1).

use super::super::frame::{hex, masked};
use super::deflate::{HELLO, agreed, compressed, hello};
use super::{Case, End, Group, Row, fails, fails_early, row};

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
            section: "RFC 6455 5.",
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
                        fails_early("the length alone, not minimal", hex("c1 fe 0007")),
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
