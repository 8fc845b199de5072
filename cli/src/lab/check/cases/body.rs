//! The framing of a request's body, and expectations (RFC 9110 §10.1.1; RFC 9112 §6).

use super::super::frame::{hex, ping, text};
use super::super::head::Head;
use super::{Answer, Case, Group, accepted, opening, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    [framing(), expectations()].into_iter().flatten().collect()
}

fn length(value: &str) -> Head {
    Head::new().add("Content-Length", value)
}

fn coding(value: &str) -> Head {
    Head::new().add("Transfer-Encoding", value)
}

/// A head with this frame as its content, and these digits before the length of it.
fn with_frame(length: impl Fn(&str) -> Head, frame: &[u8], digits: &str) -> Head {
    length(&format!("{digits}{}", frame.len())).followed_by(frame)
}

fn framing() -> Vec<Case> {
    vec![
        Case {
            id: "content-length-0",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-03"],
            rule: "Content-Length: 0 is no content, and best accepted",
            rows: vec![
                accepted("0", length("0")).open_by(CONTENT),
                accepted("in another case", Head::new().add("content-LENGTH", "0"))
                    .open_by(CONTENT),
            ],
        },
        Case {
            id: "content",
            group: G,
            section: "RFC 9110 9.3.1",
            requirements: &["9110-9.3.1-01", "9112-9.3-01"],
            rule: "A handshake with content is best refused; its octets are never frames",
            rows: vec![
                refused("5 bytes", &[400], length("5").followed_by("hello")),
                refused("5 bytes to come", &[400], length("5")),
                refused("18446744073709551615", &[400], length("18446744073709551615")),
                refused("chunked", &[400], coding("chunked").followed_by("0\r\n\r\n")),
                refused("CHUNKED", &[400], coding("CHUNKED").followed_by("0\r\n\r\n")),
                refused("an empty text frame", &[400], {
                    length("6").followed_by(hex("81 80 00000000"))
                }),
                refused("a text frame", &[400], with_frame(length, &text("body"), "")),
                refused("a Ping frame", &[400], with_frame(length, &ping("body"), "")),
                refused("a text frame, its length with a zero before it", &[400], {
                    with_frame(length, &text("body"), "0")
                }),
                refused("a text frame in a chunk", &[400], {
                    let body = [b"a\r\n", &text("body")[..], b"\r\n0\r\n\r\n"].concat();
                    coding("chunked").followed_by(body)
                }),
                refused("chunks with an extension and a trailer", &[400], {
                    coding("chunked").followed_by("5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n")
                }),
            ]
            .into_iter()
            .map(|row| row.open_by(CONTENT))
            .collect(),
        },
        Case {
            id: "content-length-invalid",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-02"],
            rule: "A Content-Length that is no number gets 400",
            rows: [
                "abc", "+0", "-1", "-0", "5, 6", "", "0x0", "0 0", "1e3", "0.0", "\"0\"", "0;",
                "0_0", "0, 5", "5, 0", "0, x", "\u{ff10}", "0\t0", "0, +0",
            ]
            .into_iter()
            .map(|value| refused(value, &[400], length(value)).with_status())
            .chain([
                refused("two that differ", &[400], length("0").add("Content-Length", "5"))
                    .with_status(),
                refused("two of which one is none", &[400], length("0").add("Content-Length", "x"))
                    .with_status(),
            ])
            .chain([&b"5\0x"[..], b"0\r\n 0", b"0\x0b", b"0\xa0", b"\x0c0"].map(|value| {
                let what = value.escape_ascii().to_string();
                refused(what, &[400], Head::new().add("Content-Length", value)).with_status()
            }))
            .collect(),
        },
        Case {
            id: "content-length-doubtful",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-02"],
            rule: "A Content-Length repeated or beyond counting is best refused",
            rows: ["0, 0", "0,", ",0"]
                .into_iter()
                .map(|value| refused(value, &[400], length(value)).open_by(SAME_LENGTH))
                .chain([refused("two lines of 0", &[400], length("0").add("Content-Length", "0"))
                    .open_by(SAME_LENGTH)])
                .chain(["4294967296", "18446744073709551616", "99999999999999999999999"].map(
                    |value| {
                        refused(value, &[400], length(value).followed_by(text("body")))
                            .open_by(CONTENT)
                    },
                ))
                .collect(),
        },
        Case {
            id: "coding-not-chunked",
            group: G,
            section: "RFC 9112 6.3",
            requirements: &["9112-6.3-01"],
            rule: "A request whose last coding is not chunked gets 400",
            rows: [
                "chunked, gzip",
                "gzip",
                "foo",
                "xchunked",
                "chunked, foo",
                "identity",
                "chunked, identity",
                "foo;a",
                "chunkedx",
                "chunked-",
                "chunked chunked",
                "\"chunked\"",
            ]
            .into_iter()
            .map(|value| refused(value, &[400], coding(value)).with_status())
            .chain([refused("over two lines", &[400], {
                coding("chunked").add("Transfer-Encoding", "gzip")
            })
            .with_status()])
            .chain(
                [
                    &b"\x0bchunked"[..],
                    b"chunked\x0b",
                    b"chunked\0x",
                    b"\xa0chunked",
                    b"chun\xe2\x84\xaaed",
                ]
                .map(|value| {
                    let what = value.escape_ascii().to_string();
                    refused(what, &[400], Head::new().add("Transfer-Encoding", value))
                }),
            )
            .collect(),
        },
        Case {
            id: "coding-unknown",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-03"],
            rule: "An unknown coding before chunked gets 501",
            rows: vec![
                refused("foo, chunked", &[501], coding("foo, chunked")).open_by(UNKNOWN_CODING),
                refused("over two lines", &[501], {
                    coding("foo").add("Transfer-Encoding", "chunked")
                })
                .open_by(UNKNOWN_CODING),
                refused("chunked, chunked", &[400, 501], coding("chunked, chunked"))
                    .open_by(UNKNOWN_CODING),
                refused("gzip, chunked", &[400, 501], coding("gzip, chunked"))
                    .open_by(UNKNOWN_CODING),
            ],
        },
        Case {
            id: "coding-malformed",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.3-01"],
            rule: "A coding that is none is best refused",
            rows: ["", ",", "chunked;", "foo bar, chunked", "chunked;q=\""]
                .into_iter()
                .map(|value| refused(value, &[400], coding(value)).open_by(NO_CODING))
                .collect(),
        },
        Case {
            id: "length-and-coding",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-02"],
            rule: "A server closes the connection after it answered a request that has both \
                   Content-Length and Transfer-Encoding, so it cannot open",
            rows: vec![
                refused("chunked and 0", &[400], {
                    coding("chunked").add("Content-Length", "0").followed_by("0\r\n\r\n")
                }),
                refused("5 and chunked", &[400], {
                    length("5").add("Transfer-Encoding", "chunked").followed_by("0\r\n\r\n")
                }),
                refused("5 and chunked, both true", &[400], {
                    length("5").add("transfer-encoding", "CHUNKED").followed_by("0\r\n\r\n")
                }),
                refused("the wrong length and chunked", &[400], {
                    length("7").add("Transfer-Encoding", "chunked").followed_by("0\r\n\r\n")
                }),
            ],
        },
        Case {
            id: "coding-in-http-1-0",
            group: G,
            section: "RFC 9112 6.1",
            requirements: &["9112-6.1-04"],
            rule: "HTTP/1.0 with Transfer-Encoding is faulty: the connection ends after the answer",
            rows: vec![
                refused("chunked", &[400], coding("chunked").line("GET {path} HTTP/1.0")),
                refused("chunked and a length", &[400], {
                    coding("chunked").add("Content-Length", "0").line("GET {path} HTTP/1.0")
                }),
            ],
        },
    ]
}

fn expectations() -> Vec<Case> {
    let expect = |value: &str| Head::new().add("Expect", value);
    vec![
        Case {
            id: "expect-continue",
            group: G,
            section: "RFC 9110 7.8",
            requirements: &["9110-7.8-05"],
            rule: "Expect: 100-continue gets 100 before 101",
            rows: ["100-continue", "100-Continue"]
                .into_iter()
                .map(|value| {
                    opening(value, expect(value), Answer::ContinueAndAccept).open_by(EXPECTED)
                })
                .collect(),
        },
        Case {
            id: "expect-other",
            group: G,
            section: "RFC 9110 10.1.1",
            requirements: &["9110-10.1.1-01"],
            rule: "An expectation that nobody knows gets 417",
            rows: ["foo", "100-continue, foo", "200-ok", "100-continue=1", "100"]
                .into_iter()
                .map(|value| refused(value, &[417], expect(value)).open_by(UNEXPECTED))
                .collect(),
        },
    ]
}

const CONTENT: &str =
    "RFC 9110 9.3.1: content in a GET has no meaning; a server may refuse it, or read and skip it";
const SAME_LENGTH: &str =
    "RFC 9112 6.3: a list of equal lengths may be taken for that length, and need not";
const UNKNOWN_CODING: &str = "RFC 9112 6.1: to answer an unknown coding with 501 is a SHOULD";
const NO_CODING: &str =
    "RFC 9112 2.2: to answer octets outside of the grammar with 400 is a SHOULD";
const EXPECTED: &str = "RFC 9110 10.1.1: the 100 may be left out where no content is to come";
const UNEXPECTED: &str =
    "RFC 9110 10.1.1: a server may answer 417 to an expectation that it does not know, it need not";
