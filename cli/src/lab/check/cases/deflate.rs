//! Messages after permessage-deflate was agreed: which are compressed, how they are cut (RFC 7692 §6,
//! §7.2).

use super::super::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};
use super::blocks::{Blocks, Final, letters};
use super::{Case, Delivery, End, Group, Row, b, echoes, p, row, t};

const G: Group = Group::Deflate;
const OFFER: &str = "permessage-deflate";

/// "Hello" as RFC 7692 §7.2.3.1 compresses it.
pub(super) const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

pub(super) fn compressed(payload: impl AsRef<[u8]>) -> Vec<u8> {
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

pub(super) fn hello() -> Event {
    t("Hello")
}

/// The rows, each after permessage-deflate was agreed.
pub(super) fn agreed(rows: impl IntoIterator<Item = Row>) -> Vec<Row> {
    rows.into_iter().map(|row| row.offering(OFFER)).collect()
}

/// A payload that is no DEFLATE; which code tells it, RFC 7692 leaves open.
pub(super) fn corrupt(what: &str, bytes: Vec<u8>, replies: Vec<Event>) -> Row {
    row(what, bytes, replies, End::Fail(1007))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "compressed-and-plain",
            group: G,
            section: "RFC 7692 6",
            requirements: &["7692-6-02", "7692-6.1-05", "7692-7.2.2-01", "7692-6.2-02"],
            rule: "RSV1 tells of each message whether it is compressed",
            rows: agreed(
                [
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
                            join(&[masked(0x01, b"pl"), ping("p")]),
                            join(&[masked(0x00, b""), ping("p")]),
                            masked(0x80, b"ain"),
                            compressed(HELLO),
                        ]),
                        vec![hello(), p("p"), p("p"), t("plain"), hello()],
                    ),
                ]
                .into_iter()
                .chain(mixed()),
            ),
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
                    .chain([0, 3, HELLO.len()].map(|cut| {
                        let (one, two) = HELLO.split_at(cut);
                        let what = format!("cut after {cut} bytes, nothing between");
                        let bytes = join(&[masked(0x41, one), masked(0x80, two)]);
                        echoes(what, bytes, vec![hello()])
                    }))
                    .chain([
                        echoes(
                            "pings of 0 and of 125 bytes between",
                            join(&[
                                masked(0x41, &HELLO[..3]),
                                ping(""),
                                ping([0xff_u8; 125]),
                                masked(0x80, &HELLO[3..]),
                            ]),
                            vec![p(""), p([0xff_u8; 125]), hello()],
                        ),
                        echoes(
                            "empty fragments everywhere",
                            fragments(&[b"", b"", &HELLO[..1], b"", b"", &HELLO[1..], b"", b""]),
                            [vec![p("p"); 7], vec![hello()]].concat(),
                        ),
                        echoes(
                            "an empty first fragment, then another message",
                            join(&[
                                masked(0x41, b""),
                                masked(0x80, &HELLO),
                                compressed(HELLO),
                                text("plain"),
                            ]),
                            vec![hello(), hello(), t("plain")],
                        ),
                        echoes(
                            "a byte in each, the second time",
                            join(&[every_byte(), every_byte()]),
                            vec![hello(); 2],
                        )
                        .after(compressed(HELLO), vec![hello()]),
                        echoes(
                            "binary, in fragments",
                            join(&[masked(0x42, &HELLO[..2]), masked(0x80, &HELLO[2..])]),
                            vec![b("Hello")],
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
            id: "compressed-segments",
            group: G,
            section: "RFC 7692 6.2",
            requirements: &["7692-6.2-01"],
            rule: "A compressed message means the same however TCP cuts it",
            rows: agreed(segments()),
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
                    join(&[
                        compressed([0]),
                        text(""),
                        compressed([0]),
                        compressed(HELLO),
                        compressed([0]),
                    ]),
                    vec![t(""), t(""), t(""), hello(), t("")],
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

/// "Hello" in as many fragments as it has bytes compressed.
fn every_byte() -> Vec<u8> {
    let last = HELLO.len() - 1;
    let first = |at| match at {
        0 => 0x41,
        _ if at == last => 0x80,
        _ => 0x00,
    };
    HELLO.iter().enumerate().flat_map(|(at, byte)| masked(first(at), &[*byte])).collect()
}

/// Each kind of message before and behind each other kind.
fn mixed() -> Vec<Row> {
    let kinds: [(&str, Vec<u8>, Event); 4] = [
        ("a compressed one", compressed(HELLO), hello()),
        ("a plain one", text("plain"), t("plain")),
        ("compressed fragments", every_byte(), hello()),
        ("plain fragments", join(&[masked(0x02, &HELLO), masked(0x80, b"")]), b(HELLO)),
    ];
    let row = |(what, bytes, reply): &(&str, Vec<u8>, Event)| {
        let each = kinds.iter().map(|(_, other, _)| [&bytes[..], other].concat());
        let replies = kinds.iter().flat_map(|(_, _, other)| [reply.clone(), other.clone()]);
        echoes(format!("{what}, then each kind"), each.flatten().collect(), replies.collect())
    };
    kinds.iter().map(row).collect()
}

/// A frame, fragments and a longer frame, cut by TCP at each byte and into single ones.
fn segments() -> Vec<Row> {
    let whole = compressed(HELLO);
    let parts = fragments(&[&HELLO[..3], &HELLO[3..]]);
    let long = Blocks::new().stored(Final::No, &letters(300)).message();
    let mut rows: Vec<Row> = (1..whole.len())
        .map(|at| {
            echoes(format!("a frame cut after {at} bytes"), whole.clone(), vec![hello()])
                .delivered(Delivery::CutAt(at))
        })
        .collect();
    rows.extend((1..parts.len()).step_by(5).map(|at| {
        echoes(format!("fragments cut after {at} bytes"), parts.clone(), vec![p("p"), hello()])
            .delivered(Delivery::CutAt(at))
    }));
    for (what, bytes, replies) in [
        ("a frame", whole.clone(), vec![hello()]),
        ("fragments", parts, vec![p("p"), hello()]),
        ("a length in 16 bits", compressed(&long), vec![t(letters(300))]),
        ("the second message", whole.clone(), vec![hello()]),
    ] {
        let row = echoes(format!("{what}, byte by byte"), bytes, replies);
        let row = row.delivered(Delivery::Bytewise);
        let is_second = what == "the second message";
        rows.push(if is_second { row.after(whole.clone(), vec![hello()]) } else { row });
    }
    rows.push(
        echoes("a length in 16 bits, cut in it", compressed(&long), vec![t(letters(300))])
            .delivered(Delivery::CutAt(3)),
    );
    rows
}
