//! The lines of a request: what ends them, what stands before them, and what is no request (RFC 9112 §2.2).

use super::super::head::Head;
use super::{Case, Group, accepted, refused};

const G: Group = Group::Handshake;

/// The head with its bytes changed.
fn bytes(change: impl Fn(&str) -> String) -> Head {
    let text = String::from_utf8_lossy(&Head::new().bytes_for("{path}", "{host}")).into_owned();
    let changed = change(&text);
    Head::verbatim(changed.as_bytes())
}

/// The head without this field, and with the field behind these octets in the value of another one.
fn hidden(name: &str, octets: &[u8]) -> Head {
    let value = Head::new().value(name).unwrap_or_default();
    let value = [b"a", octets, name.as_bytes(), b": ", &value].concat();
    Head::new().without(name).add("X", value)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "empty-line-first",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-04"],
            rule: "One empty line before the request line is skipped",
            rows: vec![
                accepted("one", Head::new().preceded_by("\r\n")).open_by(EMPTY_LINE),
                refused("two", &[400], Head::new().preceded_by("\r\n\r\n")).open_by(EMPTY_LINE),
                refused("a bare LF", &[400], Head::new().preceded_by("\n")).open_by(SINGLE_LF),
                refused("a space", &[400], Head::new().preceded_by(" ")).open_by(WORDS),
            ],
        },
        Case {
            id: "bare-lf",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-02", "9112-11.2-01"],
            rule: "Lines end with CR LF; a bare LF is best refused",
            rows: vec![
                refused("everywhere", &[400], bytes(|head| head.replace("\r\n", "\n")))
                    .open_by(SINGLE_LF),
                refused("behind the request line", &[400], {
                    bytes(|head| head.replacen("\r\n", "\n", 1))
                })
                .open_by(SINGLE_LF),
                refused("as the empty line", &[400], {
                    bytes(|head| head.replace("\r\n\r\n", "\r\n\n"))
                })
                .open_by(SINGLE_LF),
                refused("behind the last field", &[400], {
                    bytes(|head| head.replace("\r\n\r\n", "\n\r\n"))
                })
                .open_by(SINGLE_LF),
                refused("hiding the version field", &[400], {
                    let hidden = "a\nSec-WebSocket-Version: 13";
                    Head::new().without("Sec-WebSocket-Version").add("X", hidden)
                })
                .open_by(SINGLE_LF),
            ],
        },
        Case {
            id: "bare-cr",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-03", "9110-5.5-01"],
            rule: "A bare CR is best refused",
            rows: vec![
                refused("CR CR LF", &[400], bytes(|head| head.replacen("\r\n", "\r\r\n", 1)))
                    .open_by(SINGLE_LF),
                refused("in the target", &[400], Head::new().target("{path}?a\rX"))
                    .open_by(CR_IS_SPACE),
                refused("in a value", &[400], Head::new().add("X", "a\rb")).open_by(CR_IS_SPACE),
                refused("at the end of a value", &[400], Head::new().add("X", "a\r"))
                    .open_by(CR_IS_SPACE),
                refused("in a name", &[400], Head::new().raw("X\rY: 1")).open_by(CR_IS_SPACE),
                refused("at the end of the version", &[400], {
                    Head::new().set("Sec-WebSocket-Version", "13\r")
                })
                .open_by(CR_IS_SPACE),
            ],
        },
        Case {
            id: "bare-cr-as-an-end",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-03", "9110-5.5-01"],
            rule: "A bare CR ends no line: what holds it is invalid, or the CR is read as a space",
            rows: NAMES
                .into_iter()
                .map(|name| refused(format!("hiding {name}"), &[400, 426], hidden(name, b"\r")))
                .chain([refused("everywhere", &[400], bytes(|head| head.replace("\r\n", "\r")))])
                .collect(),
        },
        Case {
            id: "no-line-end",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-01"],
            rule: "Messages are octets: only CR LF, or a lone LF, ends a line, and no other character",
            rows: LOOKALIKES
                .iter()
                .map(|octets| {
                    let what = format!("{} before the version", octets.escape_ascii());
                    refused(what, &[400], hidden("Sec-WebSocket-Version", octets))
                })
                .chain([
                    refused("\\xe5\\x98\\x8a before the key", &[400], {
                        hidden("Sec-WebSocket-Key", b"\xe5\x98\x8a")
                    }),
                    refused("%0d%0a before the version", &[400], {
                        hidden("Sec-WebSocket-Version", b"%0d%0a")
                    }),
                    refused("%0d%0a in the target", &[400], {
                        Head::new()
                            .without("Sec-WebSocket-Version")
                            .query("a%20HTTP/1.1%0d%0aSec-WebSocket-Version:%2013")
                    }),
                ])
                .collect(),
        },
        Case {
            id: "space-before-fields",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-05"],
            rule: "No line that begins with space follows the request line",
            rows: vec![
                refused("a space", &[400], Head::new().raw_first(" X: 1")).open_by(SKIPPED),
                refused("a tab", &[400], Head::new().raw_first("\tX: 1")).open_by(SKIPPED),
                refused("a line of one space", &[400], Head::new().raw_first(" ")).open_by(SKIPPED),
            ],
        },
        Case {
            id: "field-behind-space",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-05"],
            rule: "A line that begins with space behind the request line gets no meaning: \
                   the message is refused, or the line is ignored",
            rows: NAMES
                .into_iter()
                .flat_map(|name| {
                    let value = Head::new().value(name).unwrap_or_default();
                    let line = [name.as_bytes(), b": ", &value].concat();
                    [(" ", "a space"), ("\t", "a tab")].map(|(space, what)| {
                        let line = [space.as_bytes(), &line].concat();
                        let head = Head::new().without(name).raw_first(line);
                        refused(format!("{what} before {name}"), &[400, 426], head)
                    })
                })
                .collect(),
        },
        Case {
            id: "no-http",
            group: G,
            section: "RFC 9112 2.2",
            requirements: &["9112-2.2-06", "6455-7.2.2-01"],
            rule: "What is no HTTP opens nothing; best it is told by 400",
            rows: vec![
                refused("a TLS ClientHello", &[400], Head::verbatim(&client_hello())),
                refused("zeros", &[400], Head::verbatim(&[0; 64])),
                refused("an SSH banner", &[400], Head::verbatim(b"SSH-2.0-x\r\n\r\n")),
                refused("noise", &[400], Head::verbatim(&(128..255).collect::<Vec<u8>>())),
                refused("two empty lines", &[400], Head::verbatim(b"\r\n\r\n")),
                refused("a frame first", &[400], {
                    Head::verbatim(&super::super::frame::text("hello"))
                }),
            ],
        },
    ]
}

fn client_hello() -> Vec<u8> {
    super::super::frame::hex(
        "16 03 01 00 2f 01 00 00 2b 03 03 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
         00 00 02 13 01 01 00 00 00",
    )
}

/// Fields without which nothing opens. That Host is asked for another case shows.
const NAMES: [&str; 4] = ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"];

/// What some libraries take for the end of a line, or for one once its high bits are lost.
const LOOKALIKES: &[&[u8]] = &[
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"\x1d",
    b"\x1e",
    b"\x85",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9",
    b"\xe5\x98\x8d\xe5\x98\x8a",
    b"\xe5\x98\x8a",
    b"\xc4\x8a",
    b"\x8a",
    b"\x8d\x8a",
    b"\\r\\n",
    b"\0",
];

const EMPTY_LINE: &str =
    "RFC 9112 2.2: to skip empty lines before the request line is a SHOULD, for one at least";
const SINGLE_LF: &str =
    "RFC 9112 2.2: a recipient may take a single LF as the end of a line, and skip a CR before it";
const WORDS: &str =
    "RFC 9112 3: a recipient may split the request line at any space, and ignore space around it";
const CR_IS_SPACE: &str =
    "RFC 9112 2.2: a recipient may also read a bare CR as a space, and then take what results";
const SKIPPED: &str =
    "RFC 9112 2.2: a recipient may also skip lines that begin with space behind the request line";
