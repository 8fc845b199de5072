//! Frames after permessage-deflate was agreed: where RSV1 may stand, fragments, control frames between
//! them, messages of both kinds (RFC 7692 §6, §6.1, §6.2, §7.2.3).

use crate::case::{Case, DEFAULT, Profile, run};
use crate::client::{Client, PROMPT};
use crate::deflate::{Token, Writer, deflate, json, plain, samples, words};
use crate::exchange::{End, row, row_offering};
use crate::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};

pub(crate) const OFFER: &str = "permessage-deflate";
pub(crate) const TAKEOVER: Profile = &["--deflate", "takeover"];

/// No context is taken over, neither way.
pub(crate) const AGREED: (Profile, &str) = (DEFAULT, OFFER);
/// Both contexts are taken over.
pub(crate) const KEPT: (Profile, &str) = (TAKEOVER, OFFER);

const MISPLACED: End = End::Fail(1002, "RFC 7692 6.1");
const RESERVED: End = End::Fail(1002, "RFC 6455 5.2");
/// Two rules are broken by one byte.
const EITHER: End = End::Fail(1002, "RFC ");

/// "Hello" as RFC 7692 §7.2.3.1 compresses it.
pub(crate) const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

pub(crate) fn hello() -> Event {
    Event::Text(b"Hello".to_vec())
}

/// A compressed text message in one frame.
pub(crate) fn compressed(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0xc1, payload.as_ref())
}

/// A compressed binary message in one frame.
pub(crate) fn compressed_binary(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0xc2, payload.as_ref())
}

/// A message whose first frame has this first byte without FIN, in a fragment per piece, and behind
/// each fragment but the last these frames.
pub(crate) fn fragments(first: u8, pieces: &[&[u8]], between: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let opcode = if at == 0 { first } else { 0 };
        if at + 1 == pieces.len() {
            bytes.extend(masked(opcode | 0x80, piece));
        } else {
            bytes.extend(masked(opcode, piece));
            bytes.extend_from_slice(between);
        }
    }
    bytes
}

fn pongs(count: usize) -> Vec<Event> {
    vec![Event::Pong(b"p".to_vec()); count]
}

#[test]
fn deflate_rsv1() {
    let agreed =
        |id, rule: &str, bytes, replies, end| row_offering(AGREED, id, rule, bytes, replies, end);
    let mut cases = vec![
        agreed("7692-7.2.2-01", "Hello", compressed(HELLO), vec![hello()], End::Open),
        agreed(
            "7692-6.1-05",
            "the opcode is the original's",
            compressed_binary(HELLO),
            vec![Event::Binary(b"Hello".to_vec())],
            End::Open,
        ),
        agreed(
            "7692-6-02",
            "a plain message is delivered as it is",
            text("plain"),
            vec![Event::Text(b"plain".to_vec())],
            End::Open,
        ),
        agreed(
            "7692-6-02",
            "a plain message that would inflate is not inflated",
            binary(HELLO),
            vec![Event::Binary(HELLO.to_vec())],
            End::Open,
        ),
        agreed(
            "7692-6-02",
            "both kinds by turns",
            join(&[text("1"), compressed(HELLO), binary("2"), compressed_binary(HELLO), text("")]),
            vec![
                Event::Text(b"1".to_vec()),
                hello(),
                Event::Binary(b"2".to_vec()),
                Event::Binary(b"Hello".to_vec()),
                Event::Text(vec![]),
            ],
            End::Open,
        ),
        agreed(
            "7692-6-02",
            "a plain message in fragments between compressed ones",
            join(&[
                compressed(HELLO),
                fragments(0x01, &[b"pl", b"", b"ain"], &ping("p")),
                compressed(HELLO),
            ]),
            [vec![hello()], pongs(2), vec![Event::Text(b"plain".to_vec()), hello()]].concat(),
            End::Open,
        ),
        agreed("7692-6-01", "a ping", ping("p"), pongs(1), End::Open),
        agreed("7692-6-01", "a pong", pong("p"), vec![], End::Open),
        agreed(
            "7692-6-01",
            "a Close",
            close(1000, "bye"),
            vec![],
            End::Closed(1000_u16.to_be_bytes().to_vec()),
        ),
        // A control frame's payload is never inflated.
        agreed(
            "7692-6-01",
            "a ping that would inflate",
            ping(HELLO),
            vec![Event::Pong(HELLO.to_vec())],
            End::Open,
        ),
    ];
    for (rule, bytes) in [
        ("RSV1 on an empty ping", "c9 80 37fa213d"),
        ("RSV1 on a ping, by its first byte", "c9"),
        ("RSV1 on a pong, by its first byte", "ca"),
        ("RSV1 on a Close, by its first byte", "c8"),
        ("RSV1 on an empty Close", "c8 80 37fa213d"),
        ("RSV1 on a Close with code 1000", "c8 82 37fa213d 3412"),
        ("RSV1 on an empty pong", "ca 80 37fa213d"),
        ("RSV1 on a ping with Hello compressed", "c9 87 00000000 f248cdc9c90700"),
    ] {
        cases.push(agreed("7692-6.1-03", rule, hex(bytes), vec![], MISPLACED));
        let inside = [masked(0x41, &HELLO[..3]), hex(bytes)].concat();
        let rule_inside = format!("{rule}, between fragments of a compressed message");
        cases.push(agreed("7692-6.1-03", &rule_inside, inside, vec![], MISPLACED));
        let inside = [masked(0x01, b"plain"), hex(bytes)].concat();
        let rule_inside = format!("{rule}, between fragments of a plain message");
        cases.push(agreed("7692-6.1-03", &rule_inside, inside, vec![], MISPLACED));
    }
    for first in [0x01_u8, 0x02, 0x41, 0x42] {
        for (rule, second) in [
            ("RSV1 on the last fragment", masked(0xc0, &HELLO[3..])),
            ("RSV1 on a fragment in the middle", masked(0x40, &HELLO[3..])),
            ("RSV1 on an empty continuation", masked(0xc0, b"")),
            ("RSV1 on a continuation, by its first byte", vec![0x40]),
        ] {
            let payload: &[u8] = if first & 0x40 == 0 { b"plain" } else { &HELLO[..3] };
            let rule = format!("{rule} of a message begun with {first:02x}");
            let bytes = [masked(first, payload), second].concat();
            cases.push(agreed("7692-6.1-04", &rule, bytes, vec![], MISPLACED));
        }
        for again in [0xc1, 0x41, 0xc2, 0x42] {
            let rule =
                format!("a message begun with {again:02x} inside one begun with {first:02x}");
            let payload: &[u8] = if first & 0x40 == 0 { b"plain" } else { &HELLO[..3] };
            let bytes = [masked(first, payload), masked(again, &HELLO)].concat();
            cases.push(agreed(
                "6455-5.4-05",
                &rule,
                bytes,
                vec![],
                End::Fail(1002, "RFC 6455 5.4"),
            ));
        }
    }
    cases.push(agreed(
        "7692-6.1-04",
        "the third fragment, after a good second",
        join(&[masked(0x41, &HELLO[..2]), masked(0x00, &HELLO[2..4]), masked(0xc0, &HELLO[4..])]),
        vec![],
        MISPLACED,
    ));
    cases.push(agreed(
        "7692-6.1-04",
        "RSV1 on a continuation with nothing to continue",
        masked(0xc0, &HELLO),
        vec![],
        EITHER,
    ));
    cases.push(agreed(
        "7692-6.1-04",
        "the same behind a whole message",
        [compressed(HELLO), masked(0xc0, &HELLO)].concat(),
        vec![hello()],
        EITHER,
    ));
    for first in [0xe1_u8, 0xd1, 0xf1, 0xa1, 0x91, 0xb2, 0xe2, 0xd2, 0x61, 0x51] {
        let rule = format!("RSV2 or RSV3 in {first:02x}");
        cases.push(agreed("7692-6.1-06", &rule, masked(first, &HELLO), vec![], RESERVED));
        let rule = format!("RSV2 or RSV3, by the first byte {first:02x}");
        cases.push(agreed("7692-6.1-06", &rule, vec![first], vec![], RESERVED));
    }
    for first in [0xa9_u8, 0x99, 0xa8, 0x9a, 0xb9] {
        let rule = format!("RSV2 or RSV3 on a control frame, {first:02x}");
        cases.push(agreed("7692-6.1-06", &rule, masked(first, b""), vec![], RESERVED));
    }
    for first in [0xd9_u8, 0xe8, 0xfa, 0xc3, 0xc7, 0xcb, 0xcf, 0xd0, 0xe0] {
        let rule = format!("RSV1 and more that is wrong, {first:02x}");
        cases.push(agreed("7692-6.1-06", &rule, masked(first, b""), vec![], EITHER));
    }
    for first in [0x20_u8, 0x10, 0xa0, 0x90] {
        let rule = format!("RSV2 or RSV3 on a continuation, {first:02x}");
        let bytes = [masked(0x41, &HELLO[..3]), masked(first, &HELLO[3..])].concat();
        cases.push(agreed("7692-6.1-06", &rule, bytes, vec![], RESERVED));
    }
    for first in [0xc1_u8, 0xc2, 0x41, 0xc9, 0xc8, 0xca] {
        cases.push(row(
            "6455-5.2-03",
            format!("RSV1 without an agreement, {first:02x}"),
            masked(first, if first & 8 == 0 { &HELLO } else { b"" }),
            vec![],
            RESERVED,
        ));
    }
    for (rule, bytes, clause) in [
        ("no mask", [&[0xc1, 0x07][..], &HELLO].concat(), "RFC 6455 5.1"),
        ("a length that is not minimal", hex("c1 fe 0007"), "RFC 6455 5.2"),
    ] {
        let rule = format!("RSV1 heals nothing: {rule}");
        cases.push(agreed("6455-5.1-01", &rule, bytes, vec![], End::Fail(1002, clause)));
    }
    run("deflate_rsv1", cases);
}

#[test]
fn deflate_fragments() {
    let agreed =
        |id, rule: &str, bytes, replies, end| row_offering(AGREED, id, rule, bytes, replies, end);
    let t = |payload: &[u8]| vec![Event::Text(payload.to_vec())];
    let empty = || vec![Event::Text(vec![])];
    let mut cases = vec![
        agreed(
            "7692-7.2.3-01",
            "the fragments of RFC 7692 7.2.3.1",
            join(&[masked(0x41, &HELLO[..3]), masked(0x80, &HELLO[3..])]),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-7.2.3.6-01",
            "an empty message, compressed",
            compressed([0]),
            empty(),
            End::Open,
        ),
        agreed("7692-7.2.3.6-01", "an empty message, plain", text(""), empty(), End::Open),
        agreed(
            "7692-7.2.3.6-01",
            "an empty binary message, compressed",
            compressed_binary([0]),
            vec![Event::Binary(vec![])],
            End::Open,
        ),
        agreed(
            "7692-7.2.3.6-01",
            "an empty last fragment behind a kept tail",
            join(&[masked(0x41, &hex("f248cdc9c90700 0000ffff")), masked(0x80, &[0])]),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-7.2.3.6-01",
            "empty messages one after the other",
            join(&[compressed([0]), text(""), compressed([0]), compressed(HELLO), compressed([0])]),
            [empty(), empty(), empty(), vec![hello()], empty()].concat(),
            End::Open,
        ),
        agreed(
            "7692-7.2.1-06",
            "every fragment flushed, all but the last with its tail",
            fragments(
                0x41,
                &[
                    &Writer::new().fixed(false, &plain("Hel")).stored(false, b"").finish(),
                    &Writer::new().fixed(false, &plain("lo")).stored(false, b"").finish(),
                    &[0],
                ],
                b"",
            ),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "an empty first fragment",
            fragments(0x41, &[b"", &HELLO], b""),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "an empty last fragment",
            fragments(0x41, &[&HELLO, b""], b""),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "empty fragments everywhere",
            fragments(0x41, &[b"", b"", &HELLO[..1], b"", b"", &HELLO[1..], b"", b""], &ping("p")),
            [pongs(7), vec![hello()]].concat(),
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "an empty message in empty fragments and one byte",
            fragments(0x42, &[b"", &[0], b""], &ping("p")),
            [pongs(2), vec![Event::Binary(vec![])]].concat(),
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "another masking key for every fragment",
            join(&[
                masked_with(0x41, [1, 2, 3, 4], &HELLO[..2]),
                masked_with(0x00, [0; 4], &HELLO[2..4]),
                masked_with(0x80, [0xff; 4], &HELLO[4..]),
            ]),
            vec![hello()],
            End::Open,
        ),
        agreed(
            "7692-6.2-01",
            "a Close between fragments ends it",
            join(&[masked(0x41, &HELLO[..3]), close(1001, ""), masked(0x80, &HELLO[3..])]),
            vec![],
            End::Closed(1001_u16.to_be_bytes().to_vec()),
        ),
        agreed(
            "7692-7.2.1-02",
            "blocks of all kinds in one message, a fragment per byte",
            {
                let payload = blocks_of_all_kinds();
                fragments(0x41, &payload.chunks(1).collect::<Vec<_>>(), b"")
            },
            t(&[words(), words(), b"end".to_vec()].concat()),
            End::Open,
        ),
    ];
    for cut in 0..=HELLO.len() {
        let (a, b) = HELLO.split_at(cut);
        let rule = format!("Hello cut after {cut} bytes, a ping between");
        let bytes = fragments(0x41, &[a, b], &ping("p"));
        let replies = [pongs(1), vec![hello()]].concat();
        cases.push(agreed("7692-7.2.1-07", &rule, bytes, replies, End::Open));
    }
    // Every cut of longer streams, each on one connection.
    let long: Vec<(String, Vec<u8>, Vec<u8>)> = samples()
        .into_iter()
        .map(|(name, payload, original)| (name.to_owned(), payload, original))
        .chain([(
            "blocks of all kinds".to_owned(),
            blocks_of_all_kinds(),
            [words(), words(), b"end".to_vec()].concat(),
        )])
        .collect();
    for (name, payload, original) in long {
        let rule = format!("{name}: two fragments, cut everywhere");
        cases.push(Case::on(DEFAULT, "7692-6.2-01", rule, move |server| {
            let mut client = Client::offering(server.address(), OFFER)?;
            for cut in 0..=payload.len() {
                let (a, b) = payload.split_at(cut);
                client.send(&fragments(0x42, &[a, b], &ping("p")))?;
                client.expect(&Event::Pong(b"p".to_vec()))?;
                client
                    .expect(&Event::Binary(original.clone()))
                    .map_err(|why| format!("    cut       after {cut}\n{why}"))?;
            }
            client.expect_alive()
        }));
    }
    cases.push(Case::on(DEFAULT, "7692-7.2.1-07", "three fragments, cut everywhere", |server| {
        let payload = deflate(b"", b"a bb ccc bb a ccc, a bb \xf0\x9f\xa6\x80");
        let mut client = Client::offering(server.address(), OFFER)?;
        for first in 0..=payload.len() {
            for second in first..=payload.len() {
                let pieces = [&payload[..first], &payload[first..second], &payload[second..]];
                client.send(&fragments(0x41, &pieces, b""))?;
                client.expect(&Event::Text("a bb ccc bb a ccc, a bb 🦀".into()))?;
            }
        }
        client.expect_alive()
    }));
    cases.push(Case::on(DEFAULT, "7692-6.2-02", "a long message in 2000 fragments", |server| {
        let original = json().repeat(300);
        let payload = deflate(b"", &original);
        let mut client = Client::offering(server.address(), OFFER)?;
        let pieces: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(2000)).collect();
        client.send(&fragments(0x41, &pieces, b""))?;
        client.expect(&Event::Text(original))?;
        client.expect_alive()
    }));
    cases.push(Case::on(DEFAULT, "7692-6.2-01", "a ping inside a long frame waits", |server| {
        let mut client = Client::offering(server.address(), OFFER)?;
        let frame = compressed(HELLO);
        client.send(&frame[..9])?;
        client.expect_silence(std::time::Duration::from_millis(60))?;
        client.send(&[&frame[9..], &ping("p")].concat())?;
        client.expect(&hello())?;
        client.expect_within(&Event::Pong(b"p".to_vec()), PROMPT)?;
        client.expect_alive()
    }));
    run("deflate_fragments", cases);
}

/// Stored, fixed and dynamic blocks, some of them empty, that hold the words twice and `end`.
pub(crate) fn blocks_of_all_kinds() -> Vec<u8> {
    let words = words();
    let again = Token::Copy { length: 258, distance: words.len() };
    Writer::new()
        .stored(false, b"")
        .fixed(false, &[])
        .stored(false, &words[..100])
        .dynamic(false, &plain(&words[100..]))
        .fixed(false, &[again])
        .dynamic(false, &plain(&words[258..]))
        .stored(false, b"")
        .dynamic(false, &[])
        .fixed(false, &plain("end"))
        .message()
}
