//! The first two bytes of a frame: mask, reserved bits, opcodes (RFC 6455 §5.1, §5.2).

use super::super::frame::{hex, masked, ping, text};
use super::{Case, Delivery, EARLY, End, Group, Row, fails, fails_early, p, row, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "unmasked-data",
            group: G,
            section: "RFC 6455 5.1",
            requirements: &["6455-5.1-01", "6455-5.1-02", "6455-10.3-01", "6455-10.7-03"],
            rule: "A data frame that is not masked closes the connection",
            rows: vec![
                fails("an unmasked text", hex("81 05 48656c6c6f")),
                fails("an unmasked binary", hex("82 02 0102")),
                fails("an unmasked text of two bytes", hex("81 02 6869")),
                fails("an unmasked first fragment", hex("01 01 61")),
                fails("an unmasked empty text", hex("81 00")),
                fails("an unmasked text, after a Ping was answered", hex("81 05 48656c6c6f"))
                    .after(ping("first"), vec![p("first")]),
            ],
        },
        Case {
            id: "unmasked-control",
            group: G,
            section: "RFC 6455 5.1",
            requirements: &["6455-5.1-03", "6455-5.5.1-21"],
            rule: "A control frame that is not masked closes the connection",
            rows: vec![
                fails("an unmasked ping", hex("89 00")),
                fails("an unmasked ping with data", hex("89 02 6869")),
                fails("an unmasked pong", hex("8a 00")),
                fails("an unmasked empty Close", hex("88 00")),
                fails("an unmasked Close 1000", hex("88 02 03e8")),
            ],
        },
        Case {
            id: "unmasked-early",
            group: G,
            section: "RFC 6455 5.1",
            requirements: &["6455-5.2-17", "6455-5.2-18"],
            rule: "The second byte alone tells that a frame is not masked",
            rows: vec![
                fails_early("two header bytes prove it", hex("81 05")),
                fails_early("an unmasked 16-bit length", hex("82 7e 0100")),
                fails_early("an unmasked 64-bit length", hex("82 7f 0000000000010000")),
                fails_early("no mask and a length over any limit", hex("82 7f 7fffffffffffffff")),
            ],
        },
        Case {
            id: "rsv1",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-01", "6455-5.8-01"],
            rule: "RSV1 without an extension that defines it fails the connection",
            rows: bits_on_data(4),
        },
        Case {
            id: "rsv2",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-02"],
            rule: "RSV2 fails the connection",
            rows: bits_on_data(2),
        },
        Case {
            id: "rsv3",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-03"],
            rule: "RSV3 fails the connection",
            rows: bits_on_data(1),
        },
        Case {
            id: "rsv-mixed",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-01", "6455-5.2-02", "6455-5.2-03"],
            rule: "Several reserved bits, or one on a continuation, fail the connection",
            rows: [(3, 1), (5, 2), (6, 1), (7, 2)]
                .into_iter()
                .map(|(bits, opcode)| bits_on(bits, opcode))
                .chain([fails(
                    "a reserved bit on a continuation",
                    [masked(0x01, b"a"), masked(0xc0, b"b")].concat(),
                )])
                .collect(),
        },
        Case {
            id: "rsv-control",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-04"],
            rule: "A reserved bit on a control frame fails the connection",
            rows: [0x8_u8, 0x9, 0xa]
                .into_iter()
                .flat_map(|opcode| [1, 2, 4, 7].map(move |bits| bits_on(bits, opcode)))
                .collect(),
        },
        Case {
            id: "opcode-data",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-05", "6455-10.7-01"],
            rule: "The reserved data opcodes 3 to 7 fail the connection",
            rows: (3..8).flat_map(opcode).collect(),
        },
        Case {
            id: "opcode-control",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-06"],
            rule: "The reserved control opcodes B to F fail the connection",
            rows: (11..16).flat_map(opcode).collect(),
        },
        Case {
            id: "first-byte-early",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-17"],
            rule: "The first byte alone tells of reserved bits and opcodes",
            rows: [0xc1_u8, 0xa1, 0x91, 0xc9, 0x98, 0x83, 0x87, 0x8b, 0x8f]
                .into_iter()
                .map(|first| fails_early(format!("{first:02x} and no more"), vec![first]))
                .collect(),
        },
        Case {
            id: "earliest-fault",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-5.2-18"],
            rule: "Of several faults the first decides; none is a question of size",
            rows: vec![
                fails_early(
                    "a reserved opcode with a huge length",
                    hex("83 ff 7fffffffffffffff 00000000"),
                ),
                fails_early("no mask and a huge length", hex("82 7f 7fffffffffffffff 00000000")),
                fails("a reserved bit on an unmasked text", hex("c1 01 61")),
                fails("a reserved bit on a stray continuation", masked(0xa0, b"x")),
                fails("a reserved opcode, unmasked", hex("83 00")),
            ],
        },
        Case {
            id: "before-the-fault",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-5.2-07"],
            rule: "What came before a bad frame is answered first",
            rows: [
                ("a reserved bit", masked(0xc1, b"x")),
                ("a reserved opcode", masked(0x83, b"")),
                ("no mask", hex("81 01 61")),
                ("a stray continuation", masked(0x80, b"x")),
                ("a long ping", masked(0x89, &[b'x'; 126])),
            ]
            .map(|(what, bad)| behind_two(what, bad, End::Fail(1002)))
            .into_iter()
            .chain([behind_two(
                "the header of a long ping",
                hex("89 fe 007e"),
                End::FailEarly(1002),
            )
            .open_by(EARLY)])
            .collect(),
        },
        Case {
            id: "nothing-after-failing",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-7.1.7-01", "6455-7.1.7-02", "6455-7.1.7-04", "6455-5.5.1-08"],
            rule: "After a bad frame nothing more is read: no echo, no Pong, no second Close",
            rows: [
                ("no mask", hex("81 01 61")),
                ("a reserved bit", masked(0xa1, b"x")),
                ("a reserved opcode", masked(0x83, b"")),
                ("a stray continuation", masked(0x80, b"x")),
            ]
            .into_iter()
            .map(|(what, bad)| {
                fails(format!("{what}, with a text, a ping and a Close behind it"), bad)
                    .delivered(Delivery::Followed)
            })
            .collect(),
        },
    ]
}

fn behind_two(what: &str, bad: Vec<u8>, end: End) -> Row {
    row(
        format!("a text and a ping, then {what}"),
        [text("first"), ping("second"), bad].concat(),
        vec![t("first"), p("second")],
        end,
    )
}

fn bits_on(bits: u8, opcode: u8) -> Row {
    let first = 0x80 | bits << 4 | opcode;
    let what = format!("reserved bits {bits:03b} on opcode {opcode:x}");
    let payload: &[u8] = if opcode == 8 { b"" } else { b"Hello" };
    fails(what, masked(first, payload))
}

fn bits_on_data(bits: u8) -> Vec<Row> {
    vec![bits_on(bits, 1), bits_on(bits, 2)]
}

fn opcode(opcode: u8) -> Vec<Row> {
    vec![
        fails(format!("opcode {opcode:x}, empty"), masked(0x80 | opcode, b"")),
        fails(format!("opcode {opcode:x}, with data"), masked(0x80 | opcode, b"data")),
        fails(
            format!("opcode {opcode:x}, not final"),
            [masked(opcode, b"a"), masked(0x80, b"b")].concat(),
        ),
    ]
}
