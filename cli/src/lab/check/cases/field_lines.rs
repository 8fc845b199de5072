//! Field lines: folds, names, and the octets of values (RFC 9110 §5.5; RFC 9112 §5).

use super::super::head::{Head, SAMPLE_KEY};
use super::{Case, Group, Row, accepted, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    let control = |byte: u8| {
        let value = [b'a', byte, b'b'];
        let row = refused(format!("{byte:02x}"), &[400], Head::new().add("X", value));
        row.open_by(if byte == 0 { NUL_IS_SPACE } else { RETAINED })
    };
    vec![
        Case {
            id: "folded-field",
            group: G,
            section: "RFC 9112 5.2",
            requirements: &["9112-5.2-01"],
            rule: "A folded field is best refused",
            rows: vec![
                refused("with a space", &[400], Head::new().raw("X: a\r\n b")).open_by(UNFOLDED),
                refused("with a tab", &[400], Head::new().raw("X: a\r\n\tb")).open_by(UNFOLDED),
                refused("twice", &[400], Head::new().raw("X: a\r\n b\r\n  c")).open_by(UNFOLDED),
                refused("the key", &[400], folded("Sec-WebSocket-Key", SAMPLE_KEY))
                    .open_by(UNFOLDED),
                refused("the version", &[400], folded("Sec-WebSocket-Version", "13"))
                    .open_by(UNFOLDED),
                refused("Upgrade", &[400], folded("Upgrade", "websocket")).open_by(UNFOLDED),
                refused("Upgrade, a list", &[400], folded("Upgrade: h2c,", "websocket"))
                    .open_by(UNFOLDED),
                refused("Connection", &[400], folded("Connection", "Upgrade")).open_by(UNFOLDED),
                refused("Host", &[400], {
                    Head::new().without("Host").raw_first("Host: {host}\r\n ")
                })
                .open_by(UNFOLDED),
            ],
        },
        Case {
            id: "folded-into-nonsense",
            group: G,
            section: "RFC 9112 5.2",
            requirements: &["9112-5.2-01"],
            rule: "A fold is refused or read as a space, never as nothing and never as a new field",
            rows: vec![
                refused("within the version", &[400], folded("Sec-WebSocket-Version: 1", "3")),
                refused("within Upgrade", &[400], folded("Upgrade: web", "socket")),
                refused("within Connection", &[400], folded("Connection: Up", "grade")),
                refused("hiding the version", &[400], {
                    Head::new()
                        .without("Sec-WebSocket-Version")
                        .raw("X: a\r\n Sec-WebSocket-Version: 13")
                }),
                refused("hiding the key", &[400], {
                    let line = format!("X: a\r\n\tSec-WebSocket-Key: {SAMPLE_KEY}");
                    Head::new().without("Sec-WebSocket-Key").raw(line)
                }),
                refused("hiding Upgrade", &[400], {
                    Head::new().without("Upgrade").raw("X: a\r\n Upgrade: websocket")
                }),
            ],
        },
        Case {
            id: "space-before-colon",
            group: G,
            section: "RFC 9112 5.1",
            requirements: &["9112-5.1-01"],
            rule: "Space between a field's name and its colon gets 400",
            rows: vec![
                refused("Host", &[400], Head::new().without("Host").raw("Host : {host}")),
                refused("an unknown field", &[400], Head::new().raw("X : 1")),
                refused("a tab", &[400], Head::new().raw("X\t: 1")),
                refused("the key", &[400], {
                    let line = format!("Sec-WebSocket-Key : {SAMPLE_KEY}");
                    Head::new().without("Sec-WebSocket-Key").raw(line)
                }),
                refused("the version, two spaces", &[400], {
                    Head::new().without("Sec-WebSocket-Version").raw("Sec-WebSocket-Version  : 13")
                }),
                refused("Upgrade", &[400], {
                    Head::new().without("Upgrade").raw("Upgrade\t : websocket")
                }),
                refused("Content-Length", &[400], Head::new().raw("Content-Length : 0")),
                refused(
                    "Transfer-Encoding",
                    &[400],
                    Head::new().raw("Transfer-Encoding : chunked"),
                ),
                refused("the first field", &[400], Head::new().raw_first("X : 1")),
            ]
            .into_iter()
            .map(Row::with_status)
            .collect(),
        },
        Case {
            id: "field-name",
            group: G,
            section: "RFC 9112 5.1",
            requirements: &["9112-5.1-02"],
            rule: "A field's name is a token",
            rows: [
                &b": value"[..],
                b"Ho(st: x",
                b"no colon here",
                b"word",
                b"X\0Y: 1",
                b"X\xe9: 1",
            ]
            .into_iter()
            .map(|line| line.to_vec())
            .chain([b"X Y: 1".to_vec()])
            .chain((*b"\"(),/;<=>?@[\\]{}\x7f").map(|byte| [b"X", &[byte][..], b"Y: 1"].concat()))
            .map(|line| {
                refused(line.escape_ascii().to_string(), &[400], Head::new().raw(line))
                    .open_by(NO_GRAMMAR)
            })
            .collect(),
        },
        Case {
            id: "field-value-control",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-01", "9110-5.5-02"],
            rule: "Control octets in a value are best refused",
            rows: (0x00..0x20)
                .chain([0x7f])
                .filter(|byte| !b"\t\r\n".contains(byte))
                .map(control)
                .collect(),
        },
        Case {
            id: "field-value-octets",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-03", "9112-2.2-01"],
            rule: "Octets above 7f in a field that means nothing are data",
            rows: vec![
                accepted("a cookie", Head::new().add("Cookie", b"a=\xe9")).open_by(OPAQUE),
                accepted("a character whose low byte is LF", {
                    Head::new().add("X", b"\xe5\x98\x8a")
                })
                .open_by(OPAQUE),
                accepted("a character whose low byte is CR", {
                    Head::new().add("X", b"\xe5\x98\x8d")
                })
                .open_by(OPAQUE),
                accepted("NEL, and a no-break space", Head::new().add("X", b"a\x85b\xa0"))
                    .open_by(OPAQUE),
            ],
        },
        Case {
            id: "field-octets-known",
            group: G,
            section: "RFC 9110 5.5",
            requirements: &["9110-5.5-03"],
            rule: "Octets above 7f in Upgrade and Connection are best refused",
            rows: ["Upgrade", "Connection"]
                .into_iter()
                .map(|name| {
                    let kept = Head::new().value(name).unwrap_or_default();
                    let value = [&kept[..], b", \xe9"].concat();
                    refused(name, &[400], Head::new().set(name, value)).open_by(OPAQUE)
                })
                .collect(),
        },
    ]
}

/// The head with this line, and this behind a fold, instead of the field that the line begins.
fn folded(line: &str, rest: &str) -> Head {
    let name = line.split(':').next().unwrap_or(line);
    let colon = if line.contains(':') { "" } else { ":" };
    Head::new().without(name).raw(format!("{line}{colon}\r\n {rest}"))
}

const UNFOLDED: &str =
    "RFC 9112 5.2: a server may also read a fold as spaces, and then take what results";
const NO_GRAMMAR: &str =
    "RFC 9112 2.2: to answer octets outside of the grammar with 400 is a SHOULD";
const NUL_IS_SPACE: &str =
    "RFC 9110 5.5: a recipient may also read NUL as a space, and then take what results";
const RETAINED: &str =
    "RFC 9110 5.5: other control characters are invalid, but a recipient may retain them";
const OPAQUE: &str = "RFC 9110 5.5: to take octets above 7f as data is a SHOULD";
