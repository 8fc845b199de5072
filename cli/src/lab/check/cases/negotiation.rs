//! Subprotocols and extensions: the lists and their grammar (RFC 6455 §4.1, §4.2.2, §4.3, §9.1).

use super::super::head::Head;
use super::{Answer, Case, Group, Row, accepted, opening, refused};

const G: Group = Group::Handshake;
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// The field with each of these values is refused.
fn refuses(name: &str, values: &[&str]) -> Vec<Row> {
    let one = |value: &&str| refused(*value, &[400], Head::new().set(name, value));
    values.iter().map(one).collect()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case {
            id: "subprotocol-unknown",
            group: G,
            section: "RFC 6455 4.2.2",
            requirements: &["6455-4.2.2-11", "6455-4.2.2-13", "6455-11.3.4-02"],
            rule: "A subprotocol is answered only if it was asked for",
            rows: vec![
                accepted("one", Head::new().set(PROTOCOL, "x-stickler-check")).open(),
                accepted("two lines", {
                    Head::new().set(PROTOCOL, "x-stickler-a").add(PROTOCOL, "x-stickler-b")
                })
                .open(),
            ],
        },
        Case {
            id: "subprotocol-token",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.1-04"],
            rule: "A subprotocol is a token",
            rows: refuses(
                PROTOCOL,
                &[
                    "ch at",
                    "chat;v=1",
                    "\"chat\"",
                    "chat/1",
                    "chat, a=b",
                    "chat, {x}",
                    "chat, a@b",
                    "chat, a:b",
                    "chat, <a>",
                    "chat\\",
                ],
            )
            .into_iter()
            .chain([refused("caf\u{e9}", &[400], Head::new().set(PROTOCOL, b"caf\xc3\xa9"))])
            .map(Row::open)
            .collect(),
        },
        Case {
            id: "list-empty",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.3-06"],
            rule: "A list that is there has a member",
            rows: refuses(PROTOCOL, &["", ",", " , ,"])
                .into_iter()
                .chain(refuses(EXTENSIONS, &["", ",,"]))
                .map(Row::open)
                .collect(),
        },
        Case {
            id: "subprotocol-twice",
            group: G,
            section: "RFC 6455 4.1",
            requirements: &["6455-4.1-03", "6455-11.3.4-01"],
            rule: "No subprotocol is asked for twice",
            rows: refuses(PROTOCOL, &["chat, chat", "foo, chat, foo"])
                .into_iter()
                .chain([refused("on two lines", &[400], {
                    Head::new().set(PROTOCOL, "chat").add(PROTOCOL, "chat")
                })])
                .map(Row::open)
                .collect(),
        },
        Case {
            id: "extension-unknown",
            group: G,
            section: "RFC 6455 9.1",
            requirements: &[
                "6455-9-01",
                "6455-9.1-02",
                "6455-9.1-03",
                "6455-9.1-07",
                "6455-11.3.2-01",
                "6455-4.2.2-17",
                "6455-4.2.2-19",
            ],
            rule: "An unknown extension is declined and does not fail the handshake",
            rows: [
                "foo; bar=1",
                "x-private-extension",
                "foo, bar; baz",
                "foo; bar=\"baz\"; q",
                "a;b;c;d=1;e=\"f\",g",
            ]
            .into_iter()
            .map(|value| opening(value, Head::new().set(EXTENSIONS, value), Answer::Decline))
            .chain([opening(
                "two lines",
                Head::new().set(EXTENSIONS, "foo").add(EXTENSIONS, "bar; q=1"),
                Answer::Decline,
            )])
            .collect(),
        },
        Case {
            id: "extension-spelling",
            group: G,
            section: "RFC 6455 4.3",
            requirements: &["6455-4.3-03", "6455-4.3-04", "6455-4.3-05", "6455-4.3-10"],
            rule: "Space, quoted pairs and empty members are read; another case is another name",
            rows: ["foo; bar=\"1\\0\"", "foo ; bar = 10", ",foo,, bar,", "Permessage-Deflate"]
                .into_iter()
                .map(|value| {
                    opening(value, Head::new().set(EXTENSIONS, value), Answer::Decline).open()
                })
                .collect(),
        },
        Case {
            id: "extension-grammar",
            group: G,
            section: "RFC 6455 9.1",
            requirements: &["6455-4.3-01", "6455-9.1-01"],
            rule: "Extensions that break the grammar fail the handshake",
            rows: refuses(
                EXTENSIONS,
                &[
                    ";foo",
                    "foo;=1",
                    "foo; bar=",
                    "foo bar",
                    "foo;",
                    "foo;;bar",
                    "=foo",
                    "foo=1",
                    "\"foo\"",
                    "foo; \"bar\"=1",
                    "foo; a b",
                    "foo; a=1 2",
                    "foo/1",
                    "permessage-deflate; =",
                ],
            )
            .into_iter()
            .chain([refused("a good line and a broken one", &[400], {
                Head::new().set(EXTENSIONS, "foo").add(EXTENSIONS, "bar; =")
            })])
            .collect(),
        },
        Case {
            id: "extension-quoted",
            group: G,
            section: "RFC 6455 9.1",
            requirements: &["6455-4.3-02"],
            rule: "A quoted value of a parameter holds a token",
            rows: refuses(
                EXTENSIONS,
                &[
                    "foo; bar=\"1 0\"",
                    "foo; bar=\"\"",
                    "foo; bar=\"10",
                    "foo; bar=\"a,b\"",
                    "foo; bar=\"a;b\"",
                    "foo; bar=\"10\\",
                    "foo; bar=\"10\\\"",
                    "foo; bar=\"a\"b",
                    "foo; bar=a\"b\"",
                    "foo; bar=a=b",
                ],
            ),
        },
    ]
}
