//! The length of a frame: its shortest form, its top bit (RFC 6455 §5.2).

use super::super::frame::{KEY, binary, hex, text};
use super::{Case, Group, Row, b, echoes, fails, fails_early, t};

const G: Group = Group::Framing;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "length-16-not-minimal",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-11"],
            rule: "A length below 126 in 16 bits is refused",
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
            rule: "A length below 65536 in 64 bits is refused",
            rows: [0_u16, 1, 125, 126, 0xff, 0x100, 0x7fff, 0xfffe, 0xffff]
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
            rows: [0_u16, 1, 5, 124, 125]
                .into_iter()
                .map(|length| {
                    let bytes = [&hex("82 fe")[..], &length.to_be_bytes()].concat();
                    fails_early(format!("{length} in 16 bits, no more"), bytes)
                })
                .chain([0_u64, 1, 125, 126, 0xff, 0x100, 0x7fff, 0xfffe, 0xffff].map(|length| {
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
            rows: sizes(&[0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 124, 125]),
        },
        Case {
            id: "length-shortest-16",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-09", "6455-5.2-14"],
            rule: "126 to 65535 bytes come back whole and in 16 bits",
            rows: sizes(&[
                126, 127, 128, 255, 256, 257, 1000, 4095, 4096, 4097, 16_383, 16_384, 65_534,
                65_535,
            ]),
        },
        Case {
            id: "length-shortest-64",
            group: G,
            section: "RFC 6455 5.2",
            requirements: &["6455-5.2-10"],
            rule: "65536 bytes and more come back whole and in 64 bits",
            rows: sizes(&[65_536, 65_537, 100_000]),
        },
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
        (1 << 63) | (1 << 32),
    ] {
        let bytes = [&hex("82 ff")[..], &length.to_be_bytes(), &KEY].concat();
        rows.push(fails_early(format!("length {length:x}"), bytes));
        let bytes = [&hex("81 ff")[..], &length.to_be_bytes()].concat();
        rows.push(fails_early(format!("length {length:x}, no key yet"), bytes));
    }
    rows.push(fails_early("its first byte alone", hex("82 ff 80")));
    rows.push(fails_early("nothing but the top bit, no key yet", hex("82 ff 8000000000000000")));
    rows
}

fn sizes(sizes: &[usize]) -> Vec<Row> {
    let of = |size: &usize| {
        let bytes: Vec<u8> = (0..*size).map(|at| (at * 7 % 251) as u8).collect();
        let letters: Vec<u8> = (0..*size).map(|at| b'a' + (at % 26) as u8).collect();
        [
            echoes(format!("binary of {size} bytes"), binary(&bytes), vec![b(&bytes)]),
            echoes(format!("text of {size} bytes"), text(&letters), vec![t(&letters)]),
        ]
    };
    sizes.iter().flat_map(of).collect()
}
