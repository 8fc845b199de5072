//! The key and the version of a handshake (RFC 6455 §4.2.1, §11.3).

use super::super::head::{Head, SAMPLE_KEY};
use super::fields::{refuses, refuses_octets, set};
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    [key(), version()].into_iter().flatten().collect()
}

fn key() -> Vec<Case> {
    let long = "A".repeat(4000);
    vec![
        Case {
            id: "key-space",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &["6455-4.2.2-07"],
            rule: "Space around the key is not part of it",
            rows: vec![
                accepted("before and behind", {
                    set("Sec-WebSocket-Key", "  x3JJHMbDL1EzLkh9GBhXDw==\t ")
                }),
                accepted("none", {
                    let line = format!("Sec-WebSocket-Key:{SAMPLE_KEY}");
                    Head::new().without("Sec-WebSocket-Key").raw(line)
                }),
            ],
        },
        Case {
            id: "key-missing",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-27"],
            rule: "Without a key nothing opens",
            rows: vec![refused("no key", &[400], Head::new().without("Sec-WebSocket-Key"))],
        },
        Case {
            id: "key-length",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-28"],
            rule: "A key decodes to 16 bytes",
            rows: refuses(
                "Sec-WebSocket-Key",
                &[
                    "dGVzdA==",
                    "BwcHBwcHBwcHBwcHBwcH",
                    "BwcHBwcHBwcHBwcHBwcHBwc=",
                    "BwcHBwcHBwcHBwcHBwcHBwcH",
                    "dGhlIHNhbXBsZSBub25jZVFB",
                    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
                    &long,
                ],
                &[400],
            )
            .into_iter()
            .map(|row| row.open_by(UNDECODED))
            .collect(),
        },
        Case {
            id: "key-base64",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.2.1-29", "6455-4.3-07"],
            rule: "A key is base64 with its padding",
            rows: refuses(
                "Sec-WebSocket-Key",
                &[
                    "-_-_-_-_-_-_-_-_-_-_-w==",
                    "dGhlIHNhbXBsZSBub25jZQ",
                    "dGhlIHNhbXBsZSBub25jZQ=",
                    "dGhlIHNhbXBsZSBub25jZQ===",
                    "dGhlIHNhbXBs ZSBub25jZQ==",
                    "dGhlIHNhbXBsZSBub25j====",
                    "dGhlIHNhbXBsZSBub25jZ=Q=",
                    "=dGhlIHNhbXBsZSBub25jZQ=",
                    "dGhlIHNhbXBsZSBub25j!Q==",
                    "\"dGhlIHNhbXBsZSBub25jZQ==\"",
                    "dGhlIHNhbXBsZSBub25jZQ==;",
                    "dGhlIHNhbXBsZSBub25jZQ= =",
                    "dGhlIHNh\tbXBsZSBub25jZQ==",
                    "dGhlIHNhbXBsZSBub25j\u{e9}Q==",
                    "dGhlIHNhbXBsZSBub25jZQ%3D%3D",
                    "dGhlIHNhbXBsZSBub25jZQ==A",
                ],
                &[400],
            )
            .into_iter()
            .chain(refuses_octets("Sec-WebSocket-Key", NO_KEYS, &[400]))
            .collect(),
        },
        Case {
            id: "key-empty-or-list",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.2.1-31"],
            rule: "Nothing, or a list, is no key",
            rows: refuses(
                "Sec-WebSocket-Key",
                &[
                    "",
                    "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
                    "dGhlIHNhbXBsZSBub25jZQ==,",
                    ",dGhlIHNhbXBsZSBub25jZQ==",
                ],
                &[400],
            ),
        },
        Case {
            id: "key-pad-bits",
            group: G,
            section: "RFC 4648 3.5",
            requirements: &["6455-4.2.1-30", "4648-3.5-01"],
            rule: "The bits of a key that pad the last byte are zero",
            rows: refuses(
                "Sec-WebSocket-Key",
                &[
                    "AQIDBAUGBwgJCgsMDQ4PEC==",
                    "dGhlIHNhbXBsZSBub25jZR==",
                    "dGhlIHNhbXBsZSBub25jZf==",
                ],
                &[400],
            )
            .into_iter()
            .chain("BCDEFhijkvxyz0129+/".chars().map(|last| key_ending(last, false)))
            .map(|row| row.open_by(PAD_BITS))
            .chain("AQgw".chars().map(|last| key_ending(last, true)))
            .collect(),
        },
        Case {
            id: "key-twice",
            group: G,
            section: "RFC 6455 11.3.1",
            requirements: &["6455-11.3.1-01"],
            rule: "There is one key",
            rows: vec![
                refused("two equal", &[400], Head::new().add("Sec-WebSocket-Key", SAMPLE_KEY)),
                refused("two different", &[400], {
                    Head::new().add("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEA==")
                }),
                refused("an empty one behind", &[400], Head::new().add("Sec-WebSocket-Key", "")),
                refused("an empty one before", &[400], {
                    Head::new().raw_first("SEC-WEBSOCKET-KEY:")
                }),
            ],
        },
        Case {
            id: "key-again",
            group: G,
            section: "RFC 6455 4.1",
            requirements: &["6455-4.1-05"],
            rule: "A key that was used before is still a key",
            rows: vec![accepted("once", Head::new()), accepted("twice", Head::new())],
        },
    ]
}

/// Of the last character before the padding only two bits count.
fn key_ending(last: char, is_good: bool) -> Row {
    let key = format!("dGhlIHNhbXBsZSBub25jZ{last}==");
    let head = set("Sec-WebSocket-Key", &key);
    if is_good { accepted(key, head) } else { refused(key, &[400], head) }
}

fn version() -> Vec<Case> {
    let listing = |what: &str, head, is_duty| {
        opening(what, head, Answer::RefuseListing(if is_duty { &[426] } else { &[400] }, is_duty))
    };
    let name = "Sec-WebSocket-Version";
    vec![
        Case {
            id: "version-other",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &[
                "6455-4.2.1-33",
                "6455-4.2.2-08",
                "6455-4.3-08",
                "6455-4.4-01",
                "6455-11.3.5-02",
            ],
            rule: "Another version is refused, and those that are spoken are listed",
            rows: ["12", "14", "25", "99", "100", "131", "200", "249", "255"]
                .into_iter()
                .map(|value| listing(value, set(name, value), true))
                .collect(),
        },
        Case {
            id: "version-of-a-draft",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &["6455-4.2.1-33"],
            rule: "The version of a draft is best refused, unless that draft is spoken",
            rows: ["0", "7", "8"]
                .into_iter()
                .map(|value| listing(value, set(name, value), true).open_by(DRAFTS))
                .collect(),
        },
        Case {
            id: "version-malformed",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.2.1-34"],
            rule: "A version that is none does not open",
            rows: [
                "013",
                "0013",
                "256",
                "260",
                "300",
                "999",
                "1300",
                "+13",
                "-13",
                "13.0",
                "\"13\"",
                "13, 8",
                "8, 13",
                "13, 13",
                "13,",
                ",13",
                "0x0d",
                "1 3",
                "",
                "thirteen",
                "13;q=1",
                "00",
                "010",
                "13\t13",
                "1e1",
                "13a",
                "99999999999999999999999",
                "269",
                "525",
                "65549",
                "4294967309",
                "18446744073709551629",
                "1_3",
                "0o15",
                "13L",
                "13 13",
                "13/13",
                "13=13",
                "v13",
                "Infinity",
                "\u{ff11}\u{ff13}",
                "\u{661}\u{663}",
            ]
            .into_iter()
            .map(|value| listing(value, set(name, value), false))
            .chain(refuses_octets(name, NO_VERSIONS, &[400]))
            .collect(),
        },
        Case {
            id: "version-missing",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-32"],
            rule: "Without a version nothing opens",
            rows: vec![listing("no version", Head::new().without(name), false)],
        },
        Case {
            id: "version-under-another-name",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-32"],
            rule: "Only the field Sec-WebSocket-Version has the version, and no other line",
            rows: [
                "Sec_WebSocket_Version: 13",
                "SecWebSocketVersion: 13",
                "Sec-WebSocket-Versio: 13",
                "Sec-WebSocket-Versions: 13",
                "Sec-WebSocket-Draft: 13",
                "X-Sec-WebSocket-Version: 13",
                "WebSocket-Version: 13",
                "Sec-WebSocket-Version2: 13",
                "Sec-WebSocket-Ver\u{17f}ion: 13",
                "\u{17f}ec-WebSocket-Version: 13",
                "Sec-WebSoc\u{212a}et-Version: 13",
                "Sec-WebSocket-Version 13",
                "Sec-WebSocket-Version=13",
                "X: Sec-WebSocket-Version: 13",
            ]
            .into_iter()
            .map(|line| {
                refused(line, &[400], Head::new().without("Sec-WebSocket-Version").raw(line))
            })
            .chain([
                refused("in the query", &[400], {
                    Head::new().without(name).query("Sec-WebSocket-Version=13")
                }),
                refused("behind the head", &[400], {
                    Head::new().without(name).followed_by("Sec-WebSocket-Version: 13\r\n\r\n")
                }),
            ])
            .collect(),
        },
        Case {
            id: "version-twice",
            group: G,
            section: "RFC 6455 11.3.5",
            requirements: &["6455-11.3.5-01"],
            rule: "There is one version",
            rows: vec![
                listing("13 and 13", Head::new().add(name, "13"), false),
                listing("13 and 8", Head::new().add(name, "8"), false),
                listing("8 and 13", Head::new().raw_first("sec-websocket-version: 8"), false),
                listing("13 and nothing", Head::new().add(name, ""), false),
            ],
        },
        Case {
            id: "version-space",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-35", "9110-5.5-04"],
            rule: "Space around a value is not part of it",
            rows: vec![
                accepted("no space", Head::new().without(name).raw("Sec-WebSocket-Version:13")),
                accepted("tabs", Head::new().without(name).raw("Sec-WebSocket-Version:\t13\t")),
                accepted("more", Head::new().without(name).raw("SEC-WEBSOCKET-VERSION:   13  ")),
                accepted("around Host", {
                    Head::new().without("Host").raw_first("Host:   {host} \t ")
                }),
            ],
        },
    ]
}

/// No base64: only SP and HTAB are space around a value. Of NUL and a fold a recipient makes SP, if
/// anything (RFC 9110 §5.5, RFC 9112 §5.2), and SP is not in the alphabet.
const NO_KEYS: &[&[u8]] = &[
    b"dGhlIHNhbXBsZSBub25jZQ==\0x",
    b"dGhlIHNhbXBs\0ZSBub25jZQ==",
    b"dGhlIHNhbXBsZSBub25jZQ==\x0b",
    b"\x0cdGhlIHNhbXBsZSBub25jZQ==",
    b"dGhlIHNhbXBsZSBub25jZQ==\xa0",
    b"\x85dGhlIHNhbXBsZSBub25jZQ==",
    b"dGhlIHNhbXBs\r\n ZSBub25jZQ==",
    b"dGhlIHNhbXBs\rZSBub25jZQ==",
    b"dGhlIHNhbXBsZSBub25jZQ==, \xe9",
];

/// No version, for the same reasons.
const NO_VERSIONS: &[&[u8]] = &[
    b"13\0x",
    b"1\x003",
    b"13\x0b",
    b"\x0c13",
    b"13\x1c",
    b"13\xa0",
    b"\xa013",
    b"\x8513",
    b"1\r\n 3",
    b"1\r\n\t3",
    b"13, \xe9",
    b"13\r\n 8",
    b"1\r3",
    b"13\rX: 1",
];

const UNDECODED: &str =
    "RFC 6455 4.2.2: a server need not decode the key, and then cannot know its length";
const PAD_BITS: &str = "RFC 4648 3.5: a decoder may refuse pad bits that are not zero, it need not";
const DRAFTS: &str = "RFC 6455 4.4: a server may speak other versions beside 13";
