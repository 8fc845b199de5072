//! The faults of a frame's header behind good frames, inside fragmented messages, in later segments
//! and on long frames (RFC 6455 §5.1, §5.2, §5.5).

use super::super::frame::{KEY, hex, masked};
use super::places::Place::{self, AfterMany, Behind, BehindFragments, Inside, InsideFurther};
use super::places::Place::{InsideLater, Later};
use super::{Case, Group, Row, fails};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "unmasked-later",
            group: G,
            section: "RFC 6455 5.1",
            requirements: &["6455-5.1-01", "6455-5.1-02", "6455-10.3-01", "6455-10.7-01"],
            rule: "Every data frame is checked for its mask, not only the first",
            rows: unmasked_data(),
        },
        Case {
            id: "unmasked-control-later",
            group: G,
            section: "RFC 6455 5.1",
            requirements: &["6455-5.1-03", "6455-5.5.1-21"],
            rule: "Every control frame is checked for its mask, wherever it stands",
            rows: unmasked_control(),
        },
        Case {
            id: "rsv-later",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-01", "6455-5.2-02", "6455-5.2-03", "6455-5.2-04"],
            rule: "Every frame is checked for reserved bits, not only the first",
            rows: reserved_bits(),
        },
        Case {
            id: "opcode-later",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-05", "6455-5.2-06"],
            rule: "Every frame is checked for a reserved opcode, not only the first",
            rows: reserved_opcodes(),
        },
        Case {
            id: "length-later",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-11", "6455-5.2-12", "6455-5.2-13"],
            rule: "Every length is checked, not only the first (5.2: the shortest form must be used; \
                   10.7: what comes in must be validated)",
            rows: lengths(),
        },
        Case {
            id: "control-later",
            group: G,
            section: "RFC 6455 5.",
            requirements: &["6455-5.4-04", "6455-5.5-01"],
            rule: "Control frames are whole and short wherever they stand",
            rows: control(),
        },
    ]
}

/// A frame without a masking key.
fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => bytes.push(short),
        (_, Ok(medium)) => bytes.extend([&[126][..], &medium.to_be_bytes()].concat()),
        _ => bytes.extend([&[127][..], &(payload.len() as u64).to_be_bytes()].concat()),
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame of text in 16 or 64 bits of length, though it is short.
fn too_wide(first: u8, form: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_be_bytes();
    let field = if form == 0xfe { &length[6..] } else { &length[..] };
    let payload = payload.iter().zip(KEY.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [first, form].into_iter().chain(field.iter().copied()).chain(KEY).chain(payload).collect()
}

fn unmasked_data() -> Vec<Row> {
    let outside =
        Place::OUTSIDE.map(|place| place.fails("an unmasked text", &unmasked(0x81, b"b")));
    let inside = Place::INSIDE.into_iter().flat_map(|place| {
        [
            place.fails(
                "an unmasked continuation, then a good one",
                &[unmasked(0x00, b"b"), masked(0x80, b"c")].concat(),
            ),
            place.fails("an unmasked last fragment", &unmasked(0x80, b"b")),
        ]
    });
    let long: Vec<Row> = [128, 65_535, 65_536]
        .into_iter()
        .flat_map(|size| {
            let frame = |first| unmasked(first, &vec![b'u'; size]);
            [
                fails(format!("an unmasked binary of {size} bytes"), frame(0x82)),
                Later.fails(&format!("an unmasked text of {size} bytes"), &frame(0x81)),
                Inside.fails(&format!("an unmasked last fragment of {size} bytes"), &frame(0x80)),
            ]
        })
        .collect();
    let empty = [
        Behind.fails("an unmasked empty text", &unmasked(0x81, b"")),
        Inside.fails("an unmasked empty last fragment", &unmasked(0x80, b"")),
        Later.fails("an unmasked first fragment", &unmasked(0x01, b"a")),
    ];
    outside.into_iter().chain(inside).chain(long).chain(empty).collect()
}

fn unmasked_control() -> Vec<Row> {
    let ping = unmasked(0x89, b"p");
    let close = unmasked(0x88, &[0x03, 0xe8]);
    vec![
        Behind.fails("an unmasked ping", &ping),
        AfterMany.fails("an unmasked ping", &ping),
        Inside.fails("an unmasked ping", &ping),
        InsideFurther.fails("an unmasked empty ping", &unmasked(0x89, b"")),
        InsideLater.fails("an unmasked ping", &ping),
        Later.fails("an unmasked ping of 125 bytes", &unmasked(0x89, &[b'p'; 125])),
        Behind.fails("an unmasked pong", &unmasked(0x8a, b"p")),
        Inside.fails("an unmasked empty pong", &unmasked(0x8a, b"")),
        Behind.fails("an unmasked Close", &close),
        Later.fails("an unmasked Close with a reason", &unmasked(0x88, b"\x03\xe8bye")),
        Inside.fails("an unmasked Close", &close),
    ]
}

fn reserved_bits() -> Vec<Row> {
    let mut rows = Vec::new();
    for (bit, name) in [(0x40_u8, "RSV1"), (0x20, "RSV2"), (0x10, "RSV3")] {
        let on = |what: &str| format!("{name} on {what}");
        rows.extend([
            Behind.fails(&on("a text"), &masked(0x81 | bit, b"b")),
            AfterMany.fails(&on("an empty binary"), &masked(0x82 | bit, b"")),
            Inside.fails(&on("a continuation"), &masked(bit, b"b")),
            InsideFurther.fails(&on("the last fragment"), &masked(0x80 | bit, b"b")),
            InsideLater.fails(&on("the last fragment, empty"), &masked(0x80 | bit, b"")),
            Inside.fails(&on("a ping"), &masked(0x89 | bit, b"p")),
            Later.fails(&on("a pong"), &masked(0x8a | bit, b"")),
            fails(on("a first fragment"), [masked(0x01 | bit, b"a"), masked(0x80, b"b")].concat()),
            fails(on("a text of 300 bytes"), masked(0x81 | bit, &[b'r'; 300])),
            Later.fails(&on("a binary of 65,536 bytes"), &masked(0x82 | bit, &[b'r'; 65_536])),
        ]);
    }
    rows
}

fn reserved_opcodes() -> Vec<Row> {
    let mut rows = Vec::new();
    for opcode in (0x3_u8..0x8).chain(0xb..0x10) {
        let what = format!("opcode {opcode:x}");
        let place = if opcode % 2 == 0 { Behind } else { Inside };
        rows.push(place.fails(&what, &masked(0x80 | opcode, b"b")));
    }
    rows.extend([
        BehindFragments.fails("opcode 3", &masked(0x83, b"b")),
        BehindFragments.fails("opcode b", &masked(0x8b, b"b")),
        Later.fails("opcode 4", &masked(0x84, b"b")),
        Later.fails("opcode c", &masked(0x8c, b"")),
        AfterMany.fails("opcode 5", &masked(0x85, b"")),
        AfterMany.fails("opcode d", &masked(0x8d, b"b")),
        InsideFurther.fails("opcode 6", &masked(0x86, b"b")),
        InsideFurther.fails("opcode e", &masked(0x8e, b"")),
        InsideLater.fails("opcode 7, not final", &masked(0x07, b"b")),
        InsideLater.fails("opcode f", &masked(0x8f, b"b")),
        fails("opcode 7 with 300 bytes", masked(0x87, &[b'o'; 300])),
        fails("opcode b with 300 bytes", masked(0x8b, &[b'o'; 300])),
        fails("opcode 3 with 65,536 bytes", masked(0x83, &[b'o'; 65_536])),
    ]);
    rows
}

fn lengths() -> Vec<Row> {
    let mut rows = Vec::new();
    for (form, bits) in [(0xfe_u8, 16), (0xff, 64)] {
        let text = format!("a text of 5 in {bits} bits");
        let last = format!("a last fragment of 5 in {bits} bits");
        rows.extend([
            Behind.fails(&text, &too_wide(0x81, form, b"Hello")),
            Later.fails(&text, &too_wide(0x81, form, b"Hello")),
            AfterMany.fails(&text, &too_wide(0x81, form, b"Hello")),
            Inside.fails(&last, &too_wide(0x80, form, b"Hello")),
            InsideLater.fails(&last, &too_wide(0x80, form, b"Hello")),
            fails(
                format!("a first fragment of 5 in {bits} bits"),
                [too_wide(0x01, form, b"Hello"), masked(0x80, b"!")].concat(),
            ),
        ]);
    }
    rows.push(Later.fails("a binary of 300 in 64 bits", &too_wide(0x82, 0xff, &[b'l'; 300])));
    rows.push(Inside.fails("a fragment of 300 in 64 bits", &too_wide(0x80, 0xff, &[b'l'; 300])));
    let top = [&hex("82 ff 8000000000000005")[..], &KEY, &masked(0x82, b"Hello")[6..]].concat();
    let last = [&[0x80][..], &top[1..]].concat();
    rows.extend([
        Behind.fails_early("5 and the top bit", &top),
        Later.fails_early("5 and the top bit", &top),
        Inside.fails_early("5 and the top bit", &last),
        InsideLater.fails_early("5 and the top bit", &last),
    ]);
    rows
}

fn control() -> Vec<Row> {
    let long = |first| masked(first, &[&[0x03, 0xe8][..], &[b'x'; 124]].concat());
    vec![
        Behind.fails("a ping of 126 bytes", &long(0x89)),
        Later.fails("a ping of 126 bytes", &long(0x89)),
        Inside.fails("a ping of 126 bytes", &long(0x89)),
        InsideLater.fails("a pong of 126 bytes", &long(0x8a)),
        AfterMany.fails("a pong of 126 bytes", &long(0x8a)),
        Behind.fails("a Close of 126 bytes", &long(0x88)),
        Inside.fails("a Close of 126 bytes", &long(0x88)),
        Later.fails("a ping of 65,536 bytes", &masked(0x89, &[b'x'; 65_536])),
        Behind.fails("a ping without FIN", &masked(0x09, b"p")),
        Later.fails("a ping without FIN", &masked(0x09, b"")),
        Inside.fails("an empty ping without FIN", &masked(0x09, b"")),
        InsideFurther.fails("a pong without FIN", &masked(0x0a, b"p")),
        InsideLater.fails("a ping without FIN", &masked(0x09, b"p")),
        Behind.fails("a Close without FIN", &masked(0x08, &[0x03, 0xe8])),
        Inside.fails("an empty Close without FIN", &masked(0x08, b"")),
    ]
}
