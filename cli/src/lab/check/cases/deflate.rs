//! Messages after permessage-deflate was agreed (RFC 7692 §6, §7.2).

use super::super::frame::{Event, binary, close, hex, join, masked, masked_with, ping, pong, text};
use super::{Case, End, Group, Row, b, echoes, p, row, t};

const G: Group = Group::Deflate;

const CUT_OFF: &str =
    "RFC 7692 7.2.2 has the receiver inflate what came and names no failure where it is cut off";
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
    [messages(), streams()].into_iter().flatten().collect()
}

fn messages() -> Vec<Case> {
    vec![
        Case {
            id: "compressed-and-plain",
            group: G,
            section: "RFC 7692 6",
            requirements: &["7692-6-02", "7692-6.1-05", "7692-7.2.2-01", "7692-6.2-02"],
            rule: "RSV1 tells of each message whether it is compressed",
            rows: agreed([
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
            ]),
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
                            "empty fragments everywhere",
                            fragments(&[b"", b"", &HELLO[..1], b"", b"", &HELLO[1..], b"", b""]),
                            [vec![p("p"); 7], vec![hello()]].concat(),
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

fn streams() -> Vec<Case> {
    let samples = [
        ("a stored block", hex("00 05 00 fa ff 48 65 6c 6c 6f 00")),
        ("two blocks", hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00")),
        ("the first", HELLO.to_vec()),
    ];
    let truncated = [
        ("a symbol is cut", "f2 48 cd"),
        ("a dynamic block's header is cut", "04"),
        ("the tail was not taken off", "f2 48 cd c9 c9 07 00 00 00 ff ff"),
        ("two bytes of the tail were left", "f2 48 cd c9 c9 07 00 00 00"),
        ("a stored block is cut", "00 05 00 fa ff 48 65"),
    ];
    let invalid = [
        ("a reserved block", "06"),
        ("a reserved block behind a good one", "f2 48 cd c9 c9 07 06"),
        ("a length whose complement is wrong", "00 05 00 05 00 48 65 6c 6c 6f 00"),
        ("ff ff", "ff ff"),
    ];
    vec![
        Case {
            id: "deflate-blocks",
            group: G,
            section: "RFC 7692 7.2.3",
            requirements: &["7692-7.2.3-01", "7692-7.2.1-02"],
            rule: "The RFC's samples inflate, blocks of any kind and number",
            rows: agreed(
                samples
                    .clone()
                    .map(|(what, payload)| echoes(what, compressed(payload), vec![hello()]))
                    .into_iter()
                    .chain([echoes(
                        "one after the other",
                        samples.iter().flat_map(|(_, payload)| compressed(payload)).collect(),
                        vec![hello(); 3],
                    )]),
            ),
        },
        Case {
            id: "bfinal",
            group: G,
            section: "RFC 7692 7.2.3.4",
            requirements: &["7692-7.2.1-03", "7692-7.2.1-04"],
            rule: "A block with BFINAL ends nothing but itself",
            rows: agreed([
                echoes("the RFC's", compressed(hex("f3 48 cd c9 c9 07 00 00")), vec![hello()]),
                echoes(
                    "message after message",
                    join(&[
                        compressed(hex("f3 48 cd c9 c9 07 00 00")),
                        compressed(HELLO),
                        compressed(hex("f3 48 cd c9 c9 07 00 00")),
                        compressed(HELLO),
                    ]),
                    vec![hello(); 4],
                ),
                echoes(
                    "the RFC's, as binary",
                    masked(0xc2, &hex("f3 48 cd c9 c9 07 00 00")),
                    vec![b("Hello")],
                ),
                echoes("an empty stored block", compressed([1]), vec![t("")]).open(),
                echoes("the same as binary", masked(0xc2, &[1]), vec![b("")]).open(),
                echoes(
                    "a message behind that",
                    join(&[
                        compressed(hex("f3 48 cd c9 c9 07 00 00")),
                        compressed(HELLO),
                        compressed([1]),
                        compressed(HELLO),
                    ]),
                    vec![hello(), hello(), t(""), hello()],
                )
                .open(),
            ]),
        },
        Case {
            id: "deflate-invalid",
            group: G,
            section: "RFC 7692 7.2.2",
            requirements: &["7692-7.2.2-06"],
            rule: "Data that is no DEFLATE fails the connection and is not delivered",
            rows: agreed(
                invalid
                    .into_iter()
                    .map(|(what, payload)| corrupt(what, compressed(hex(payload)), vec![]))
                    .chain([corrupt(
                        "between good messages",
                        join(&[compressed(HELLO), compressed([6]), compressed(HELLO)]),
                        vec![hello()],
                    )]),
            ),
        },
        Case {
            id: "deflate-truncated",
            group: G,
            section: "RFC 7692 7.2",
            requirements: &["7692-7.2.2-07"],
            rule: "A message whose data is cut off, or goes on, is best told by 1007",
            rows: agreed(truncated.map(|(what, payload)| {
                corrupt(what, compressed(hex(payload)), vec![]).deliverable_by(CUT_OFF)
            })),
        },
        Case {
            id: "deflate-no-payload",
            group: G,
            section: "RFC 7692 7.2.3.6",
            requirements: &["7692-7.2.2-08"],
            rule: "RSV1 with no payload is best told by 1007",
            rows: agreed([corrupt("a text", compressed([]), vec![]).deliverable_by(CUT_OFF)]),
        },
        Case {
            id: "deflate-not-utf8",
            group: G,
            section: "RFC 6455 8.1",
            requirements: &["7692-6.1-07"],
            rule: "Compressed text must be UTF-8 once it is inflated",
            rows: agreed([
                corrupt("a bad byte", compressed(hex("00 01 00 fe ff ff 00")), vec![]),
                corrupt("a surrogate", compressed(hex("00 03 00 fc ff ed a0 80 00")), vec![]),
                corrupt(
                    "cut inside a character",
                    compressed(hex("00 02 00 fd ff e2 82 00")),
                    vec![],
                ),
                echoes(
                    "the same as binary",
                    masked(0xc2, &hex("00 01 00 fe ff ff 00")),
                    vec![b([0xff])],
                ),
            ]),
        },
    ]
}
