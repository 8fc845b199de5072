//! The length of a frame: its shortest form, its top bit (RFC 6455 §5.2).

use super::super::frame::{KEY, binary, hex, text};
use super::{Case, EARLY, End, Group, Row, b, echoes, fails, fails_early, row, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "length-16-not-minimal",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-11"],
            rule: "A length below 126 in 16 bits is refused (5.2: the shortest form must be used; 10.7: \
                   what comes in must be validated)",
            rows: [0_u16, 1, 5, 124, 125]
                .into_iter()
                .map(|length| {
                    let head = [&hex("82 fe")[..], &length.to_be_bytes(), &KEY].concat();
                    let payload = vec![0; usize::from(length)];
                    fails(format!("{length} in 16 bits"), [head, payload].concat())
                })
                .collect(),
        },
        Case {
            id: "length-64-not-minimal",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-12"],
            rule: "A length below 65536 in 64 bits is refused (5.2: the shortest form must be used; \
                   10.7: what comes in must be validated)",
            rows: [0_u16, 1, 125, 126, 0x100, 0x7fff, 0xffff]
                .into_iter()
                .map(|length| {
                    let field = u64::from(length).to_be_bytes();
                    let head = [&hex("82 ff")[..], &field, &KEY].concat();
                    let payload = vec![0; usize::from(length)];
                    fails(format!("{length} in 64 bits"), [head, payload].concat())
                })
                .collect(),
        },
        Case {
            id: "length-not-minimal-early",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-11", "6455-5.2-12", "6455-5.2-17"],
            rule: "The length alone tells that it is not minimal",
            rows: [0_u16, 5, 125]
                .into_iter()
                .map(|length| {
                    let bytes = [&hex("82 fe")[..], &length.to_be_bytes()].concat();
                    fails_early(format!("{length} in 16 bits, no more"), bytes)
                })
                .chain([0_u64, 125, 126, 0x100, 0xffff].map(|length| {
                    let bytes = [&hex("82 ff")[..], &length.to_be_bytes()].concat();
                    fails_early(format!("{length} in 64 bits, no more"), bytes)
                }))
                .collect(),
        },
        Case {
            id: "length-top-bit",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-13"],
            rule: "A 64-bit length with its top bit set is a protocol error, never a size",
            rows: top_bits(),
        },
        Case {
            id: "length-shortest-7",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-08", "6455-5.3-01", "6455-5.3-03", "6455-6.2-03"],
            rule: "0 to 125 bytes come back whole and in 7 bits",
            rows: [0..63_usize, 63..126]
                .into_iter()
                .map(|sizes| {
                    let what = format!("a binary of each size from {}", sizes.start);
                    let bytes = sizes.clone().flat_map(|size| binary(pattern(size))).collect();
                    echoes(what, bytes, sizes.map(|size| b(pattern(size))).collect())
                })
                .chain([0, 1, 64, 125].map(both))
                .collect(),
        },
        Case {
            id: "length-shortest-16",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-09", "6455-5.2-14"],
            rule: "126 to 65535 bytes come back whole and in 16 bits",
            rows: [126, 127, 128, 255, 256, 257, 4095, 4096, 4097, 16_384, 65_534, 65_535]
                .map(both)
                .into_iter()
                .chain([powers()])
                .collect(),
        },
        Case {
            id: "length-shortest-64",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-10"],
            rule: "65536 bytes and more come back whole and in 64 bits",
            rows: [65_536, 65_537, 65_541, 100_000, 131_077].map(both).into(),
        },
        Case {
            id: "length-not-cut",
            group: G,
            section: "RFC 6455 10.4",
            requirements: &["6455-5.2-15", "6455-10.4-01"],
            rule: "A 64-bit length counts in all its bits: no message is made of the lowest ones",
            rows: cut_down(),
        },
    ]
}

/// Lengths whose lowest 8, 16, 32 or 48 bits are small, with so many bytes behind them.
fn cut_down() -> Vec<Row> {
    let huge = |first: u8, length: u64, payload: &[u8]| {
        let bytes = [&[first, 0xff][..], &length.to_be_bytes(), &KEY, payload].concat();
        let what = format!("length {length:x} on {first:02x}, {} bytes of it", payload.len());
        row(what, bytes, Vec::new(), End::FailEarly(1009)).open_by(EARLY)
    };
    let five = &binary("Hello")[6..];
    vec![
        huge(0x82, (1 << 32) + 5, five),
        huge(0x81, (1 << 32) + 5, five),
        huge(0x82, 1 << 32, b""),
        huge(0x81, (1 << 33) + 5, five),
        huge(0x82, (1 << 40) + 5, five),
        huge(0x82, (1 << 48) + 5, five),
        huge(0x82, (1 << 62) + 5, five),
        huge(0x81, (1 << 32) + 200, &text([b'l'; 200])[8..]),
    ]
}

fn top_bits() -> Vec<Row> {
    let mut rows = Vec::new();
    for length in [
        1_u64 << 63,
        u64::MAX,
        u64::MAX - 3,
        (1 << 63) + 5,
        (1 << 63) + 65_536,
        (1 << 63) + (1 << 32) + 5,
    ] {
        let bytes = [&hex("82 ff")[..], &length.to_be_bytes(), &KEY].concat();
        let five = &binary("Hello")[6..];
        rows.push(fails_early(
            format!("length {length:x}, 5 bytes of it"),
            [&bytes, five].concat(),
        ));
    }
    rows.push(fails_early("its first byte alone", hex("82 ff 80")));
    rows.push(fails_early("nothing but the top bit, no key yet", hex("82 ff 8000000000000000")));
    rows
}

/// A binary and a text of this size.
fn both(size: usize) -> Row {
    let letters: Vec<u8> = (0..size).map(|at| b'a' + (at % 26) as u8).collect();
    echoes(
        format!("a binary and a text of {size} bytes"),
        [binary(pattern(size)), text(&letters)].concat(),
        vec![b(pattern(size)), t(&letters)],
    )
}

/// A binary of each power of two up to 32,768, one byte less and one more.
fn powers() -> Row {
    let sizes = || (7..16).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
    echoes(
        "around each power of two",
        sizes().flat_map(|size| binary(pattern(size))).collect(),
        sizes().map(|size| b(pattern(size))).collect(),
    )
}

/// Bytes of which none is like its neighbours.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 % 251) as u8).collect()
}
