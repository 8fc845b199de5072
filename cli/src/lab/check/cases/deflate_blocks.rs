//! What a compressed message holds: blocks of each kind, BFINAL, corruption (RFC 7692 §7.2; RFC 1951
//! §3.2).

use super::super::frame::{hex, join, masked, ping, text};
use super::blocks::{Blocks, Final, Part, letters};
use super::deflate::{HELLO, agreed, compressed, corrupt, hello};
use super::{Case, Group, Row, b, echoes, p, t};

const G: Group = Group::Deflate;

/// "Hello" in a block with BFINAL, as RFC 7692 §7.2.3.4 has it.
const HELLO_FINAL: [u8; 8] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "deflate-blocks",
            group: G,
            section: "RFC 7692 7.2.3",
            requirements: &["7692-7.2.3-01", "7692-7.2.1-02"],
            rule: "The RFC's samples inflate, blocks of any kind and number",
            rows: agreed(samples().into_iter().chain(kinds()).chain(sizes())),
        },
        Case {
            id: "bfinal",
            group: G,
            section: "RFC 7692 7.2.3.4",
            requirements: &["7692-7.2.1-03", "7692-7.2.1-04"],
            rule: "A block with BFINAL ends nothing but itself",
            rows: agreed(finals()),
        },
        Case {
            id: "deflate-invalid",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "Data that is no DEFLATE fails the connection and is not delivered",
            rows: agreed(invalid()),
        },
        Case {
            id: "deflate-truncated",
            group: G,
            section: "RFC 7692 7.2",
            requirements: &["7692-7.2.2-07"],
            rule: "A message whose data is cut off, or goes on, is best told by 1007",
            rows: agreed(truncated()),
        },
        Case {
            id: "deflate-no-payload",
            group: G,
            section: "RFC 7692 7.2.3.6",
            requirements: &["7692-7.2.2-08"],
            rule: "RSV1 with no payload is best told by 1007",
            rows: agreed([
                corrupt("a text", compressed([]), vec![]).deliverable_by(NOT_SAID),
                corrupt("a binary behind a good text", masked(0xc2, &[]), vec![])
                    .after(compressed(HELLO), vec![hello()])
                    .deliverable_by(NOT_SAID),
                corrupt(
                    "in two empty fragments",
                    join(&[masked(0x41, &[]), masked(0x80, &[])]),
                    vec![],
                )
                .deliverable_by(NOT_SAID),
            ]),
        },
    ]
}

const NOT_SAID: &str = "RFC 7692 7.2.2: what becomes of data that ends inside a block is not said";

/// The samples of RFC 7692 §7.2.3.
fn samples() -> Vec<Row> {
    let samples = [
        ("a stored block", hex("00 05 00 fa ff 48 65 6c 6c 6f 00")),
        ("two blocks", hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")),
        ("the first", HELLO.to_vec()),
    ];
    let mut rows: Vec<Row> = samples
        .iter()
        .map(|(what, payload)| echoes(*what, compressed(payload), vec![hello()]))
        .collect();
    rows.push(echoes(
        "one after the other",
        samples.iter().flat_map(|(_, payload)| compressed(payload)).collect(),
        vec![hello(); 3],
    ));
    rows
}

/// A message in these blocks.
fn one(what: &str, blocks: Blocks, output: &[u8]) -> Row {
    echoes(what, compressed(blocks.message()), vec![t(output)])
}

/// Blocks of each kind, and several in one message.
fn kinds() -> Vec<Row> {
    let text = b"to be or not to be";
    let copies = [Part::Bytes(b"to be or not"), Part::Copy(6, 12)];
    let many = |block: fn(Blocks) -> Blocks| (0..50).fold(Blocks::new(), |all, _| block(all));
    vec![
        one("a dynamic block", Blocks::new().dynamic(Final::No, &[Part::Bytes(text)]), text),
        one(
            "a dynamic block with codes of 1 to 15 bits",
            Blocks::new().dynamic(Final::No, &[Part::Bytes(b"abcdefghijklmno")]),
            b"abcdefghijklmno",
        ),
        one(
            "a dynamic block with one distance code, of 1 bit",
            Blocks::new()
                .dynamic_without_spare(Final::No, &[Part::Bytes(b"x"), Part::Copy(258, 1)]),
            &[b'x'; 259],
        ),
        one(
            "copies in a fixed block",
            Blocks::new().fixed(Final::No, &copies),
            b"to be or notto be ",
        ),
        one(
            "copies in a dynamic block",
            Blocks::new().dynamic(Final::No, &copies),
            b"to be or notto be ",
        ),
        one(
            "all three kinds, each referring to those before",
            Blocks::new()
                .stored(Final::No, b"stored ")
                .fixed(Final::No, &[Part::Copy(7, 7), Part::Bytes(b"fixed ")])
                .dynamic(Final::No, &[Part::Copy(13, 13), Part::Bytes(b"dynamic")]),
            b"stored stored fixed stored fixed dynamic",
        ),
        one(
            "empty blocks of each kind around a full one",
            Blocks::new()
                .stored(Final::No, b"")
                .fixed(Final::No, &[])
                .dynamic(Final::No, &[])
                .fixed(Final::No, &[Part::Bytes(text)])
                .dynamic(Final::No, &[])
                .fixed(Final::No, &[])
                .stored(Final::No, b""),
            text,
        ),
        one("fifty empty stored blocks", many(|all| all.stored(Final::No, b"")), b""),
        one("fifty empty fixed blocks", many(|all| all.fixed(Final::No, &[])), b""),
    ]
}

/// Blocks that are long, and what they hold.
fn sizes() -> Vec<Row> {
    let long = letters(70_000);
    let mut rows = vec![
        one(
            "a stored block of 65,535 bytes",
            Blocks::new().stored(Final::No, &long[..65_535]),
            &long[..65_535],
        ),
        one(
            "a stored block of 40,000",
            Blocks::new().stored(Final::No, &long[..40_000]),
            &long[..40_000],
        ),
        one("two stored blocks, 70,000 bytes", Blocks::new().stored(Final::No, &long), &long),
        one(
            "a dynamic block of 70,000 bytes",
            Blocks::new().dynamic(Final::No, &[Part::Bytes(&long)]),
            &long,
        ),
        one(
            "the longest copies, 258 and less",
            lengths(),
            &vec![b'z'; 1 + (3..=258).sum::<usize>()],
        ),
    ];
    let every: Vec<u8> = (0..=255).collect();
    for (what, blocks) in [
        ("each byte in a fixed block", Blocks::new().fixed(Final::No, &[Part::Bytes(&every)])),
        ("each byte in a dynamic block", Blocks::new().dynamic(Final::No, &[Part::Bytes(&every)])),
    ] {
        rows.push(echoes(what, masked(0xc2, &blocks.message()), vec![b(&every)]));
    }
    rows
}

/// A copy of each length there is.
fn lengths() -> Blocks {
    let copies = (3..=258).map(|length| Part::Copy(length, 1));
    let parts: Vec<Part<'_>> = [Part::Bytes(b"z")].into_iter().chain(copies).collect();
    Blocks::new().fixed(Final::No, &parts)
}

fn finals() -> Vec<Row> {
    let final_behind = |blocks: Blocks| blocks.fixed(Final::Yes, &[Part::Bytes(b"He")]);
    let mut rows = vec![
        echoes("the RFC's", compressed(HELLO_FINAL), vec![hello()]),
        echoes(
            "message after message",
            join(&[
                compressed(HELLO_FINAL),
                compressed(HELLO),
                compressed(HELLO_FINAL),
                compressed(HELLO),
            ]),
            vec![hello(); 4],
        ),
        echoes("the RFC's, as binary", masked(0xc2, &HELLO_FINAL), vec![b("Hello")]),
        echoes("a good message in the next round", compressed(HELLO), vec![hello()])
            .after(compressed(HELLO_FINAL), vec![hello()]),
        echoes(
            "plain and compressed messages behind it",
            join(&[text("plain"), compressed(HELLO)]),
            vec![t("plain"), hello()],
        )
        .after(compressed(HELLO_FINAL), vec![hello()]),
        echoes(
            "in fragments",
            join(&[masked(0x41, &HELLO_FINAL[..4]), ping("p"), masked(0x80, &HELLO_FINAL[4..])]),
            vec![p("p"), hello()],
        ),
        echoes("an empty stored block", compressed([1]), vec![t("")]),
        echoes("the same as binary", masked(0xc2, &[1]), vec![b("")]),
        echoes(
            "a message behind that",
            join(&[compressed(HELLO_FINAL), compressed(HELLO), compressed([1]), compressed(HELLO)]),
            vec![hello(), hello(), t(""), hello()],
        ),
    ];
    for (what, blocks) in [
        ("a fixed block behind a final one", {
            final_behind(Blocks::new()).fixed(Final::No, &[Part::Bytes(b"llo")])
        }),
        ("a dynamic block behind a final one", {
            final_behind(Blocks::new()).dynamic(Final::No, &[Part::Bytes(b"llo")])
        }),
        ("a stored block behind a final one", {
            final_behind(Blocks::new()).stored(Final::No, b"llo")
        }),
        ("a final block in the middle", {
            Blocks::new()
                .stored(Final::No, b"H")
                .fixed(Final::Yes, &[Part::Bytes(b"e")])
                .fixed(Final::No, &[Part::Bytes(b"llo")])
        }),
        ("only final blocks, of each kind", {
            Blocks::new()
                .stored(Final::Yes, b"H")
                .dynamic(Final::Yes, &[Part::Bytes(b"el")])
                .fixed(Final::Yes, &[Part::Bytes(b"lo")])
        }),
    ] {
        let bytes = join(&[compressed(blocks.message()), compressed(HELLO)]);
        rows.push(echoes(format!("{what}, then a message"), bytes, vec![hello(); 2]));
    }
    rows
}

/// What breaks RFC 1951, whatever stands before it; the last of them refers to what nobody sent.
const INVALID: [(&str, &str); 16] = [
    ("a reserved block", "06"),
    ("a reserved block with BFINAL", "07"),
    ("a reserved block behind a good one", "f2 48 cd c9 c9 07 18"),
    ("a length whose complement is wrong", "00 05 00 05 00 48 65 6c 6c 6f 00"),
    ("a complement that is wrong in one bit", "00 05 00 fa fe 48 65 6c 6c 6f 00"),
    ("two bytes of the tail left", "f2 48 cd c9 c9 07 00 00 00"),
    ("a stored block cut off, so that the tail is taken for its rest", "00 05 00 fa ff 48 65"),
    ("ff ff", "ff ff"),
    ("a code of lengths with too many codes", "04 e0 93 24 49 92 24 49 92 00 00 00 00 00 00"),
    ("a code of literals with too many codes", {
        "04 c0 03 00 00 00 00 00 10 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff 7f 01 00 00 00 00 00"
    }),
    ("a code length repeated where there is none", "04 00 02 24 00 00 00 00 00"),
    ("more code lengths than codes", "04 00 80 e4 ff 1f 00 00 00 00 00"),
    ("symbol 286, which means nothing", "4a 1c 03 00 00"),
    ("symbol 287, which means nothing", "4a 1c 07 00 00"),
    ("distance code 30, which means nothing", "4a 04 3e 00 00 00"),
    ("a copy from before the beginning", "4a 04 42 00 00"),
];

fn invalid() -> Vec<Row> {
    let mut rows: Vec<Row> = INVALID
        .iter()
        .map(|(what, payload)| corrupt(what, compressed(hex(payload)), vec![]))
        .collect();
    // Behind a compressed message and a plain one, by turns.
    let good =
        [("a compressed one", compressed(HELLO), hello()), ("a plain one", text("a"), t("a"))];
    let later = INVALID[..INVALID.len() - 1].iter().zip(good.iter().cycle());
    for ((what, payload), (before, bytes, reply)) in later {
        let row = corrupt("", compressed(hex(payload)), vec![]);
        let row = row.after(bytes.clone(), vec![reply.clone()]);
        rows.push(Row { what: format!("{what}, behind {before}"), ..row });
    }
    let long = Blocks::new().stored(Final::No, &letters(70_000)).bits(6, 3).bytes();
    rows.extend([
        corrupt(
            "between good messages",
            join(&[compressed(HELLO), compressed([6]), compressed(HELLO)]),
            vec![hello()],
        ),
        corrupt(
            "in the last of three fragments",
            join(&[masked(0x41, &HELLO[..3]), masked(0x00, &HELLO[3..6]), masked(0x80, &[0x06])]),
            vec![],
        ),
        corrupt("behind 70,000 good bytes", compressed(&long), vec![]),
        corrupt("as binary", masked(0xc2, &[6]), vec![]).after(text("a"), vec![t("a")]),
    ]);
    rows
}

fn truncated() -> Vec<Row> {
    [
        ("a symbol is cut", "f2 48 cd"),
        ("a dynamic block's header is cut", "04"),
        ("the tail was not taken off", "f2 48 cd c9 c9 07 00 00 00 ff ff"),
        ("nothing behind a final block", "f3 48 cd c9 c9 07 00"),
    ]
    .into_iter()
    .flat_map(|(what, payload)| {
        let bytes = compressed(hex(payload));
        let later = corrupt("", bytes.clone(), vec![]).after(compressed(HELLO), vec![hello()]);
        [
            corrupt(what, bytes, vec![]),
            Row { what: format!("{what}, in the second message"), ..later },
        ]
    })
    .map(|row| row.deliverable_by(NOT_SAID))
    .collect()
}
