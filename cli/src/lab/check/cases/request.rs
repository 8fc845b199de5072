//! A good opening handshake, its method, and the forms of its target (RFC 6455 §4.2.1; RFC 9112 §3).

use super::super::frame::text;
use super::super::head::Head;
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;

/// A HEAD request that is otherwise this one.
fn head(what: &str, statuses: &'static [u16], head: Head) -> Row {
    opening(what, head.method("HEAD"), Answer::RefuseWith(statuses))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "opening",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &[
                "6455-4.2.2-07",
                "6455-4.2.2-20",
                "6455-4.2.2-21",
                "6455-4.2.2-22",
                "6455-4.2.2-23",
                "6455-4.2.2-25",
                "6455-11.3.3-01",
                "9110-7.8-02",
                "9110-7.8-03",
                "9112-6.1-01",
            ],
            rule: "A good opening handshake is answered by 101 with the right accept value",
            rows: [
                "dGhlIHNhbXBsZSBub25jZQ==",
                "AQIDBAUGBwgJCgsMDQ4PEA==",
                "x3JJHMbDL1EzLkh9GBhXDw==",
                "AAAAAAAAAAAAAAAAAAAAAA==",
                "/////////////////////w==",
                "++++++++++++++++++++/g==",
            ]
            .into_iter()
            .map(|key| accepted(format!("key {key}"), Head::new().set("Sec-WebSocket-Key", key)))
            .collect(),
        },
        Case {
            id: "nothing-unasked",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &[
                "6455-4.2.1-37",
                "6455-4.2.2-12",
                "6455-4.2.2-18",
                "6455-9-02",
                "6455-4.2.1-36",
            ],
            rule: "Without an offer no subprotocol and no extension is answered",
            rows: vec![accepted("no offers, no Origin", Head::new())],
        },
        Case {
            id: "field-order",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-38", "6455-4.2.1-39"],
            rule: "Unknown fields, their order and the case of names mean nothing",
            rows: [
                vec![
                    accepted("an unknown field", Head::new().add("X-Anything", "1")),
                    accepted("turned round", Head::new().reversed()),
                    accepted("a field without a value", Head::new().raw("X-Empty:")),
                    accepted("colons in a value", Head::new().add("X", ":a:b:")),
                    accepted("TE and more", {
                        Head::new()
                            .add("TE", "trailers")
                            .add("Trailer", "X")
                            .add("Max-Forwards", "3")
                    }),
                    accepted("what a browser sends", browser()),
                    accepted("a cookie", Head::new().add("Cookie", "a=b; c=\"d\"")),
                    accepted("a tab in a value", Head::new().add("X", "a\tb")),
                    accepted("all token characters in a name", {
                        Head::new().raw("!#$%&'*+-.^_`|~9aZ: 1")
                    }),
                    accepted("an unknown field twice", Head::new().add("X", "1").add("X", "2")),
                    accepted("names that only begin like known ones", {
                        Head::new()
                            .add("Sec-WebSocket-Keys", "a")
                            .add("Sec-WebSocket-Versions", "8")
                            .add("Hosts", "h")
                            .add("Upgrades", "h2c")
                            .add("X-Connection", "close")
                    }),
                ],
                ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
                    .into_iter()
                    .flat_map(other_cases)
                    .collect(),
                ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
                    .into_iter()
                    .map(|name| accepted(format!("{name} last"), moved_last(name)))
                    .collect(),
            ]
            .into_iter()
            .flatten()
            .collect(),
        },
        Case {
            id: "credentials",
            group: G,
            section: "RFC 6455 10.5",
            requirements: &["6455-10.5-01"],
            rule: "Credentials do not disturb",
            rows: vec![
                accepted("Authorization", Head::new().add("Authorization", "Basic eDp5"))
                    .open_by(CREDENTIALS),
            ],
        },
        Case {
            id: "method-known",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-02"],
            rule: "Only a GET can open",
            rows: ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
                .into_iter()
                .map(|method| refused(method, &[405], Head::new().method(method)))
                .collect(),
        },
        Case {
            id: "fields-of-a-405",
            group: G,
            section: "RFC 9110 15.5.6",
            requirements: &["9110-15.5.6-01"],
            rule: "A 405 carries Allow",
            rows: vec![opening("POST", Head::new().method("POST"), Answer::RefuseWith(&[405]))],
        },
        Case {
            id: "method-unknown",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.2.1-03", "6455-4.2.1-04", "9110-9.1-01", "9112-3-04"],
            rule: "Another method does not open, nor does get",
            rows: [
                "FOO",
                "BREW",
                "get",
                "Get",
                "gET",
                "GETT",
                "GE",
                "UPGRADE",
                "WEBSOCKET",
                "POST2",
                "!#$%&'*+-.^_`|~",
            ]
            .into_iter()
            .map(|method| refused(method, &[501], Head::new().method(method)))
            .chain([refused("256 letters", &[501], Head::new().method(&"M".repeat(256)))])
            .collect(),
        },
        Case {
            id: "head",
            group: G,
            section: "RFC 9110 9.3.2",
            requirements: &["6455-4.2.1-05", "9110-9.3.2-01"],
            rule: "HEAD does not open, and its answer has no content",
            rows: vec![
                head("HEAD", &[405], Head::new()),
                head("without Upgrade", &[405], Head::new().without("Upgrade")),
                head("an expectation", &[417], Head::new().add("Expect", "foo")),
                head("no Host", &[400], Head::new().without("Host")),
                head("a repeated Host", &[400], Head::new().add("Host", "h")),
                head("a bad coding", &[400], {
                    Head::new().add("Transfer-Encoding", "chunked, foo")
                }),
            ],
        },
        Case {
            id: "query",
            group: G,
            section: "RFC 6455 3",
            requirements: &["6455-3-02", "6455-4.2.1-11"],
            rule: "A query is not part of the path",
            rows: vec![
                accepted("room=1", Head::new().query("room=1")).open_by(RESOURCE),
                accepted("an empty one", Head::new().query("")).open_by(RESOURCE),
            ],
        },
        Case {
            id: "fragment",
            group: G,
            section: "RFC 6455 3",
            requirements: &["6455-3-01"],
            rule: "A request-target has no fragment",
            rows: vec![
                refused("a fragment", &[400], Head::new().target("{path}#frag"))
                    .open_by(INVALID_TARGET),
            ],
        },
        Case {
            id: "absolute-form",
            group: G,
            section: "RFC 9112 3.2.2",
            requirements: &["6455-4.2.1-12", "9112-3.2.2-01"],
            rule: "The absolute form of the target is accepted, and its host counts, not the Host field",
            rows: vec![
                accepted("http://host/", Head::new().target("{scheme}://{host}{path}")),
                accepted("HTTP://host/", Head::new().target("{SCHEME}://{host}{path}")),
                accepted("hTtP://host/", Head::new().target("{sChEmE}://{host}{path}")),
                accepted("another Host", {
                    Head::new().target("{scheme}://{host}{path}").set("Host", "other.example")
                }),
                accepted("another Host with a port", {
                    Head::new().target("{scheme}://{host}{path}").set("Host", "other.example:81")
                }),
                accepted("an address as another Host", {
                    Head::new().target("{scheme}://{host}{path}").set("Host", "[2001:db8::1]:443")
                }),
                accepted("another host in both", {
                    Head::new()
                        .target("{scheme}://other.example{path}")
                        .set("Host", "other.example")
                })
                .open_by(MISDIRECTED),
                accepted("another host in the target", {
                    Head::new().target("{scheme}://other.example{path}")
                })
                .open_by(MISDIRECTED),
            ],
        },
        Case {
            id: "second-request",
            group: G,
            section: "RFC 9112 9.6",
            requirements: &["9112-9.3.2-01"],
            rule: "A refused handshake is the first answer, whatever is sent behind it",
            rows: vec![
                refused("a good handshake behind it", &[426], {
                    Head::new().set("Sec-WebSocket-Version", "12").followed_by(good())
                }),
                refused("the same request again", &[426], {
                    let bad = Head::new().without("Upgrade");
                    let again = bad.clone().bytes_for("/", "localhost");
                    bad.followed_by(again)
                }),
                refused("a frame behind it", &[400], {
                    Head::new().without("Sec-WebSocket-Key").followed_by(text("after"))
                }),
            ],
        },
    ]
}

/// A good handshake with any host.
fn good() -> Vec<u8> {
    Head::new().bytes_for("/", "localhost")
}

/// The name of this field in small and in capital letters, and both mixed.
fn other_cases(name: &'static str) -> Vec<Row> {
    let swapped = name.bytes().map(|byte| char::from(byte ^ ((byte & 0x40) >> 1))).collect();
    [name.to_lowercase(), name.to_uppercase(), swapped]
        .into_iter()
        .map(|other: String| {
            let value = Head::new().value(name).unwrap_or_default();
            let line = [other.as_bytes(), b": ", &value].concat();
            accepted(other, Head::new().without(name).raw(line))
        })
        .collect()
}

/// The head with this field behind all others.
fn moved_last(name: &str) -> Head {
    let value = Head::new().value(name).unwrap_or_default();
    Head::new().without(name).add(name, value)
}

/// What a browser sends.
pub(super) fn browser() -> Head {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101";
    Head::new()
        .add("User-Agent", agent)
        .add("Accept", "*/*")
        .add("Accept-Language", "en-US,en;q=0.5")
        .add("Accept-Encoding", "gzip, deflate, br, zstd")
        .add("Origin", "{scheme}://{host}")
        .set("Connection", "keep-alive, Upgrade")
        .add("Sec-Fetch-Dest", "empty")
        .add("Pragma", "no-cache")
        .add("Cache-Control", "no-cache")
}

const CREDENTIALS: &str =
    "RFC 6455 10.5: a server may authenticate clients as it likes, and so refuse these credentials";
pub(super) const RESOURCE: &str = "RFC 6455 3: the query is a part of the resource's name, and a server may not have that resource";
pub(super) const INVALID_TARGET: &str =
    "RFC 9112 3.2: to refuse an invalid request-target, and not to repair it, is a SHOULD";
pub(super) const MISDIRECTED: &str =
    "RFC 9110 7.4: for which hosts a server answers is its own decision";
