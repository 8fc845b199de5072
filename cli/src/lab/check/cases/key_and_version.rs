//! The key and the version of a handshake, and where its head ends (RFC 6455 §4.2.1, §11.3).

use super::super::frame::{Event, ping, text};
use super::super::head::{Head, SAMPLE_KEY};
use super::fields::{refuses, set};
use super::{Answer, Case, Group, Row, accepted, opening, refused, t};

const G: Group = Group::Handshake;

pub(super) fn cases() -> Vec<Case> {
    [key(), version(), border()].into_iter().flatten().collect()
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
            // RFC 6455 §4.2.2: the server need not decode the key.
            .map(Row::open)
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
                ],
                &[400],
            ),
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
            rows: [
                refuses(
                    "Sec-WebSocket-Key",
                    &[
                        "AQIDBAUGBwgJCgsMDQ4PEC==",
                        "dGhlIHNhbXBsZSBub25jZR==",
                        "dGhlIHNhbXBsZSBub25jZf==",
                    ],
                    &[400],
                ),
                "BCDEFhijkvxyz0129+/".chars().map(|last| key_ending(last, false)).collect(),
                "AQgw".chars().map(|last| key_ending(last, true)).collect(),
            ]
            .into_iter()
            .flatten()
            .map(Row::open)
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
                .map(|value| listing(value, set(name, value), true).open())
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
            ]
            .into_iter()
            .map(|value| listing(value, set(name, value), false))
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
            id: "version-twice",
            group: G,
            section: "RFC 6455 11.3.5",
            requirements: &["6455-11.3.5-01"],
            rule: "There is one version",
            rows: vec![
                listing("13 and 13", Head::new().add(name, "13"), false),
                listing("13 and 8", Head::new().add(name, "8"), false),
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

/// Where the head ends and the frames begin.
fn border() -> Vec<Case> {
    let early = |what: &str, frames: Vec<u8>, replies: Vec<Event>| {
        opening(what, Head::new().followed_by(frames), Answer::Accept(replies)).open()
    };
    vec![Case {
        id: "frames-behind-the-head",
        group: G,
        section: "RFC 6455 4.1",
        requirements: &["6455-4.1-02", "6455-4.2.2-27", "9112-6.3-04"],
        rule: "Frames that come with the head are not lost",
        rows: vec![
            early("a ping", ping("early"), vec![Event::Pong(b"early".to_vec())]),
            early("two texts", [text("one"), text("two")].concat(), vec![t("one"), t("two")]),
        ],
    }]
}
