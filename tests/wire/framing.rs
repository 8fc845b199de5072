//! Frames: mask, reserved bits, opcodes, length forms, masking keys, types and echoes
//! (RFC 6455 §5.1, §5.2, §5.3, §5.6, §5.7).

use std::thread;

use crate::case::{Case, DEFAULT, run};
use crate::client::{Client, LONG};
use crate::exchange::{End, fails, row, row_on};
use crate::frame::{Event, KEY, binary, hex, join, masked, masked_with, ping, text};

const OPEN: End = End::Open;

#[test]
fn framing_mask_bits_and_opcodes() {
    let mut cases = Vec::new();
    for (id, rule, bytes) in [
        ("6455-5.1-01", "an unmasked text", "81 05 48656c6c6f"),
        ("6455-5.1-01", "an unmasked binary", "82 02 0102"),
        ("6455-5.1-01", "two header bytes prove it", "81 05"),
        ("6455-5.1-01", "an unmasked first fragment", "01 01 61"),
        ("6455-5.1-01", "an unmasked 16-bit length", "82 7e 0100"),
        ("6455-5.1-01", "an unmasked 64-bit length", "82 7f 0000000000010000"),
        ("6455-5.1-03", "an unmasked empty text", "81 00"),
        ("6455-5.1-03", "an unmasked ping", "89 00"),
        ("6455-5.1-03", "an unmasked ping with data", "89 02 6869"),
        ("6455-5.1-03", "an unmasked pong", "8a 00"),
        ("6455-5.1-03", "an unmasked empty Close", "88 00"),
        ("6455-5.5.1-21", "an unmasked Close 1000", "88 02 03e8"),
        ("F4", "an unmasked text of two bytes", "81 02 6869"),
    ] {
        cases.push(fails(id, rule, hex(bytes), "RFC 6455 5.1"));
    }
    for opcode in [0x1_u8, 0x2, 0x8, 0x9, 0xa] {
        for bits in 1..8_u8 {
            let first = 0x80 | bits << 4 | opcode;
            let id = match bits {
                _ if opcode >= 8 => "6455-5.2-04",
                4 => "6455-5.2-01",
                2 => "6455-5.2-02",
                1 => "6455-5.2-03",
                _ => "6455-5.2-01",
            };
            let rule = format!("reserved bits {bits:03b} on opcode {opcode:x}");
            cases.push(fails(id, rule, masked(first, b"Hello"), "RFC 6455 5.2"));
        }
    }
    for first in [0xc1_u8, 0xa1, 0x91, 0xc9, 0x98] {
        let rule = format!("the first byte {first:02x} alone proves it");
        cases.push(fails("6455-5.2-17", rule, vec![first], "RFC 6455 5.2"));
    }
    let continued = [masked(0x01, b"a"), masked(0xc0, b"b")].concat();
    cases.push(fails("6455-5.2-01", "a reserved bit on a continuation", continued, "RFC 6455 5.2"));
    for opcode in (3..8_u8).chain(11..16) {
        let id = if opcode < 8 { "6455-5.2-05" } else { "6455-5.2-06" };
        for (what, bytes) in [
            ("empty", masked(0x80 | opcode, b"")),
            ("with data", masked(0x80 | opcode, b"data")),
            ("not final", masked(opcode, b"")),
            ("first byte alone", vec![0x80 | opcode]),
        ] {
            let rule = format!("reserved opcode {opcode:x}, {what}");
            cases.push(fails(id, rule, bytes, "RFC 6455 5.2"));
        }
    }
    cases.push(fails(
        "6455-5.2-18",
        "a reserved opcode with a huge length",
        hex("83 ff 7fffffffffffffff 00000000"),
        "RFC 6455 5.2",
    ));
    cases.push(fails(
        "6455-5.2-18",
        "a reserved opcode, unmasked: the first byte decides",
        hex("83 00"),
        "RFC 6455 5.2",
    ));
    cases.push(fails(
        "6455-5.2-18",
        "no mask and a length over the limit",
        hex("82 7f 7fffffffffffffff"),
        "RFC 6455 5.1",
    ));
    for (rule, bad, clause) in [
        ("a reserved bit", masked(0xc1, b"x"), "RFC 6455 5.2"),
        ("a reserved opcode", masked(0x83, b""), "RFC 6455 5.2"),
        ("no mask", hex("81 01 61"), "RFC 6455 5.1"),
        ("a stray continuation", masked(0x80, b"x"), "RFC 6455 5.4"),
        ("a long ping", hex("89 fe 007e"), "RFC 6455 5.5"),
    ] {
        cases.push(row(
            "6455-5.2-07",
            format!("a message before a frame with {rule} is answered first"),
            [text("first"), ping("second"), bad].concat(),
            vec![Event::Text(b"first".to_vec()), Event::Pong(b"second".to_vec())],
            End::Fail(1002, clause),
        ));
    }
    run("framing_mask_bits_and_opcodes", cases);
}

#[test]
fn framing_lengths() {
    let mut cases = Vec::new();
    for length in [0_u16, 1, 5, 124, 125] {
        let rule = format!("{length} in 16 bits is not minimal");
        let bytes = [&hex("82 fe")[..], &length.to_be_bytes()].concat();
        cases.push(fails("6455-5.2-11", rule, bytes, "RFC 6455 5.2"));
    }
    let whole = [&hex("82 fe 007d")[..], &KEY, &[0; 125]].concat();
    cases.push(fails("6455-5.2-11", "125 in 16 bits, the whole frame", whole, "RFC 6455 5.2"));
    for length in [0_u64, 1, 125, 126, 0xff, 0x100, 0x7fff, 0xfffe, 0xffff] {
        let rule = format!("{length} in 64 bits is not minimal");
        let bytes = [&hex("82 ff")[..], &length.to_be_bytes()].concat();
        cases.push(fails("6455-5.2-12", rule, bytes, "RFC 6455 5.2"));
    }
    for length in [
        1_u64 << 63,
        u64::MAX,
        u64::MAX - 3,
        (1 << 63) + 5,
        (1 << 63) + 65_536,
        (1 << 63) | (1 << 32),
    ] {
        let rule = format!("length {length:x} has its top bit set");
        let bytes = [&hex("82 ff")[..], &length.to_be_bytes(), &KEY].concat();
        cases.push(fails("6455-5.2-13", rule.clone(), bytes, "RFC 6455 5.2"));
        let text = [&hex("81 ff")[..], &length.to_be_bytes()].concat();
        cases.push(fails("6455-5.2-13", format!("{rule}, no key yet"), text, "RFC 6455 5.2"));
    }
    cases.push(fails(
        "6455-5.2-13",
        "one byte of the length proves the top bit",
        hex("82 ff 80 00 00 00 00 00 00 00"),
        "RFC 6455 5.2",
    ));
    for length in [
        (1_u64 << 63) - 1,
        1 << 62,
        1 << 60,
        1 << 40,
        (1 << 32) + 5,
        1 << 32,
        (1 << 31) + 1,
        1 << 31,
        (1 << 24) + 1,
        (1 << 24) + 65_536,
    ] {
        for first in [0x81_u8, 0x82, 0x01, 0x02] {
            let header = [&[first, 0xff][..], &length.to_be_bytes()].concat();
            let end = End::Fail(1009, "RFC 6455 10.4");
            let rule =
                format!("length {length} on {first:02x}: over the limit by the header alone");
            cases.push(row("6455-5.2-15", rule.clone(), header.clone(), vec![], end.clone()));
            cases.push(row(
                "6455-5.2-15",
                format!("{rule}, with its key"),
                [header, KEY.to_vec()].concat(),
                vec![],
                end,
            ));
        }
    }
    for length in [
        0_usize, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 124, 125, 126, 127, 128,
        255, 256, 257, 1000, 4095, 4096, 4097, 16_383, 16_384, 65_534, 65_535, 65_536, 65_537,
        100_000,
    ] {
        // The reader of frames refuses an answer whose length is not in its shortest form.
        let id = match length {
            0..126 => "6455-5.2-08",
            126..65_536 => "6455-5.2-09",
            _ => "6455-5.2-10",
        };
        let payload: Vec<u8> = (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
        let rule = format!("binary of {length} bytes comes back in the shortest form");
        cases.push(row(id, rule, binary(&payload), vec![Event::Binary(payload)], OPEN));
        let payload: Vec<u8> =
            (0..length).map(|at| b'a' + u8::try_from(at % 26).unwrap()).collect();
        let rule = format!("text of {length} bytes comes back in the shortest form");
        cases.push(row(id, rule, text(&payload), vec![Event::Text(payload)], OPEN));
    }
    run("framing_lengths", cases);
}

#[test]
fn framing_masking_and_echo() {
    let hello = || vec![Event::Text(b"Hello".to_vec())];
    let mut cases = vec![
        row(
            "6455-5.7-01",
            "the masked Hello of the RFC",
            hex("81 85 37fa213d 7f9f4d5158"),
            hello(),
            OPEN,
        ),
        row(
            "6455-5.7-01",
            "the masked Pong of the RFC is ignored",
            hex("8a 85 37fa213d 7f9f4d5158"),
            vec![],
            OPEN,
        ),
        row(
            "6455-5.3-04",
            "a zero masking key",
            masked_with(0x81, [0; 4], b"Hello"),
            hello(),
            OPEN,
        ),
        row("6455-5.3-04", "a key of ones", masked_with(0x81, [0xff; 4], b"Hello"), hello(), OPEN),
        row(
            "6455-5.3-05",
            "one key for two frames",
            join(&[text("one"), text("two")]),
            vec![Event::Text(b"one".to_vec()), Event::Text(b"two".to_vec())],
            OPEN,
        ),
        row(
            "6455-5.2-20",
            "an empty text takes its key",
            hex("81 80 37fa213d"),
            vec![Event::Text(vec![])],
            OPEN,
        ),
        row(
            "6455-5.2-20",
            "an empty binary",
            hex("82 80 00000000"),
            vec![Event::Binary(vec![])],
            OPEN,
        ),
        row(
            "6455-5.2-14",
            "the length is in network byte order",
            [&hex("82 fe 0100 00000000")[..], &[9; 256]].concat(),
            vec![Event::Binary(vec![9; 256])],
            OPEN,
        ),
        row(
            "6455-5.6-04",
            "binary is not read as text",
            binary(hex("00 ff fe c0 80 ed a0 80 f8")),
            vec![Event::Binary(hex("00 ff fe c0 80 ed a0 80 f8"))],
            OPEN,
        ),
        row(
            "6455-5.6-06",
            "text and binary keep their kind",
            join(&[text("same"), binary("same"), text("same")]),
            vec![
                Event::Text(b"same".to_vec()),
                Event::Binary(b"same".to_vec()),
                Event::Text(b"same".to_vec()),
            ],
            OPEN,
        ),
        row(
            "6455-6.2-02",
            "empty messages are messages",
            join(&[text(""), binary(""), text("")]),
            vec![Event::Text(vec![]), Event::Binary(vec![]), Event::Text(vec![])],
            OPEN,
        ),
        row_on(
            DEFAULT,
            "6455-6.1-03",
            "a hundred messages in one segment come back in order",
            (0..100).flat_map(|n: u32| text(n.to_string())).collect(),
            (0..100).map(|n: u32| Event::Text(n.to_string().into_bytes())).collect(),
            OPEN,
        ),
    ];
    for cut in 1..7 {
        let payload = b"unmask!";
        let (id, rule) =
            ("6455-5.3-02", format!("a frame of 7 bytes cut after {cut}, then another key"));
        cases.push(Case::on(DEFAULT, id, rule, move |server| {
            let mut client = Client::open(server.address())?;
            let first = masked_with(0x01, [1, 2, 3, 4], payload);
            let second = masked_with(0x80, [0xa5, 0x5a, 0xc3, 0x3c], payload);
            client.send(&first[..6 + cut])?;
            thread::yield_now();
            client.send(&first[6 + cut..])?;
            client.send(&second[..6 + cut])?;
            thread::yield_now();
            client.send(&second[6 + cut..])?;
            client.expect(&Event::Text(payload.repeat(2)))?;
            client.expect_alive()
        }));
    }
    for (size, piece) in
        [(100_003_usize, 1009_usize), (65_543, 1), (1_000_001, 65_537), (4_194_304, 262_144)]
    {
        let rule = format!("{size} bytes in pieces of {piece} keep the masking phase");
        cases.push(Case::on(DEFAULT, "6455-5.3-02", rule, move |server| {
            let payload: Vec<u8> = (0..size).map(|at| u8::try_from(at % 241).unwrap()).collect();
            let frame = masked_with(0x82, [0x12, 0x9f, 0x01, 0xee], &payload);
            let mut client = Client::open(server.address())?;
            for part in frame.chunks(piece) {
                client.send(part)?;
            }
            client.expect_within(&Event::Binary(payload), LONG)?;
            client.expect_alive()
        }));
    }
    cases.push(Case::on(
        DEFAULT,
        "6455-5.1-05",
        "a message is echoed while another is half sent",
        |server| {
            let mut client = Client::open(server.address())?;
            let next = text("second");
            client.send(&[&text("first")[..], &next[..5]].concat())?;
            client.expect(&Event::Text(b"first".to_vec()))?;
            client.send(&next[5..])?;
            client.expect(&Event::Text(b"second".to_vec()))?;
            client.expect_alive()
        },
    ));
    run("framing_masking_and_echo", cases);
}
