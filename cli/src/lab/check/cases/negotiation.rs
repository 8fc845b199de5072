//! Subprotocols and extensions: the lists and their grammar (RFC 6455 §4.1, §4.2.2, §4.3, §9.1).

use super::super::frame::text;
use super::super::head::Head;
use super::fields::refuses_octets;
use super::{Answer, Case, End, Group, Row, accepted, opening, refused, row, t};

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
                accepted("one", Head::new().set(PROTOCOL, "x-stickler-check")),
                accepted("two lines", {
                    Head::new().set(PROTOCOL, "x-stickler-a").add(PROTOCOL, "x-stickler-b")
                }),
                accepted("no space", Head::new().set(PROTOCOL, "x-stickler-a,x-stickler-b")),
                accepted("space before a comma", {
                    Head::new().set(PROTOCOL, "x-stickler-a ,\tx-stickler-b")
                }),
                accepted(
                    "empty members",
                    Head::new().set(PROTOCOL, ",x-stickler-a,,x-stickler-b,"),
                ),
                accepted("an empty line first", {
                    Head::new().set(PROTOCOL, "").add(PROTOCOL, "x-stickler-a")
                }),
                accepted(
                    "all characters of a token",
                    Head::new().set(PROTOCOL, "!#$%&'*+-.^_`|~9aZ"),
                ),
                accepted("200 letters", Head::new().set(PROTOCOL, "s".repeat(200))),
            ]
            .into_iter()
            .map(|row| row.open_by(NEEDS_ANOTHER))
            .collect(),
        },
        Case {
            id: "subprotocol-token",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.1-04"],
            rule: "A subprotocol that is no token breaks the grammar, and the handshake is refused",
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
                    "chat;",
                    "chat=1",
                    "chat, [a]",
                    "chat, (a)",
                    "chat, a?b",
                    "ch\tat",
                    "chat; q=1, superchat",
                    "\"chat, superchat\"",
                    "caf\u{e9}",
                ],
            )
            .into_iter()
            .chain(refuses_octets(PROTOCOL, NO_TOKENS, &[400]))
            .chain([
                refused("on the second of two lines", &[400], {
                    Head::new().set(PROTOCOL, "chat").add(PROTOCOL, "a@b")
                }),
                refused("on the first of two lines", &[400], {
                    Head::new().set(PROTOCOL, "a b").add(PROTOCOL, "chat")
                }),
            ])
            .collect(),
        },
        Case {
            id: "list-empty",
            group: G,
            section: "RFC 6455 4.2.1",
            requirements: &["6455-4.3-06"],
            rule: "A list of subprotocols or extensions without a member breaks the grammar, and is refused",
            rows: [
                (PROTOCOL, ""),
                (PROTOCOL, ","),
                (PROTOCOL, " , ,"),
                (EXTENSIONS, ""),
                (EXTENSIONS, ",,"),
            ]
            .into_iter()
            .map(|(name, value)| {
                let what = format!("{name}: {value}");
                refused(what, &[400], Head::new().set(name, value))
            })
            .chain([refused("two empty lines", &[400], {
                Head::new().set(PROTOCOL, "").add(PROTOCOL, "")
            })])
            .collect(),
        },
        Case {
            id: "subprotocol-twice",
            group: G,
            section: "RFC 6455 4.1",
            requirements: &["6455-4.1-03", "6455-11.3.4-01"],
            rule: "No subprotocol is asked for twice",
            rows: refuses(PROTOCOL, &["chat, chat", "foo, chat, foo", "chat,,chat"])
                .into_iter()
                .chain([refused("on two lines", &[400], {
                    Head::new().set(PROTOCOL, "chat").add(PROTOCOL, "chat")
                })])
                .map(|row| row.open_by(UNIQUE))
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
                "foo;bar;bar",
                "foo, foo",
                "permessage-deflat",
                "permessage-deflates; client_max_window_bits",
                "x-webkit-deflate-frame",
                "!#$%&'*+-.^_`|~; ~=!",
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
            rows: [
                "foo; bar=\"1\\0\"",
                "foo; bar=\"\\1\\0\"",
                "foo ; bar = 10",
                "foo\t;\tbar\t=\t10\t,\tx",
                ",foo,, bar,",
                "foo ,bar",
            ]
            .into_iter()
            .map(|value| opening(value, Head::new().set(EXTENSIONS, value), Answer::Decline))
            .chain([
                opening(
                    "an empty line first",
                    Head::new().set(EXTENSIONS, "").add(EXTENSIONS, "foo"),
                    Answer::Decline,
                ),
                opening(
                    "another case",
                    Head::new().set(EXTENSIONS, "Permessage-Deflate"),
                    Answer::Decline,
                )
                .open_by(ANY_CASE),
            ])
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
                    "permessage-deflate;",
                    "permessage-deflate; client_max_window_bits=",
                    "permessage-deflate; a@b",
                    "foo, ;",
                    "foo;a=1;",
                    "foo; a==1",
                    "foo; a=1=2",
                    "foo; (a)",
                    "foo: a",
                    "foo; a=caf\u{e9}",
                    "f\u{f6}o",
                ],
            )
            .into_iter()
            .chain(refuses_octets(EXTENSIONS, NO_EXTENSIONS, &[400]))
            .chain([
                refused("a good line and a broken one", &[400], {
                    Head::new().set(EXTENSIONS, "foo").add(EXTENSIONS, "bar; =")
                }),
                refused("a broken line and a good one", &[400], {
                    Head::new().set(EXTENSIONS, "bar; =").add(EXTENSIONS, "permessage-deflate")
                }),
                refused("a broken one behind a good one", &[400], {
                    Head::new().set(EXTENSIONS, "permessage-deflate, bar; =")
                }),
            ])
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

/// Offers of permessage-deflate that are written in another way: where one is not read, the opening
/// handshake fails.
pub(super) fn offers() -> Vec<Case> {
    let session = |offer: &'static str| {
        row(offer, text("Hello"), vec![t("Hello")], End::Open).offering(offer)
    };
    vec![
        Case {
            id: "offers-in-lists",
            group: Group::Deflate,
            section: "RFC 9110 5.6.1.2",
            requirements: &["9110-5.6.1-01"],
            rule: "A recipient accepts lists with empty members and with space before a comma",
            rows: [
                "permessage-deflate,",
                ",permessage-deflate",
                "permessage-deflate,,permessage-deflate",
                "permessage-deflate ,\tpermessage-deflate",
                "permessage-deflate\t;\tclient_max_window_bits",
                "foo;bar=1 , permessage-deflate ,",
            ]
            .into_iter()
            .map(session)
            .collect(),
        },
        Case {
            id: "offers-with-quoted-pairs",
            group: Group::Deflate,
            section: "RFC 9110 5.6.4",
            requirements: &["9110-5.6.4-01", "6455-4.3-03"],
            rule: "A quoted pair is read as the character behind its backslash",
            rows: [
                "permessage-deflate; server_max_window_bits=\"1\\0\"",
                "permessage-deflate; server_max_window_bits=\"\\1\\5\"",
                "permessage-deflate; server_max_window_bits=\"12\"",
                "foo; bar=\"1\\0\", permessage-deflate",
            ]
            .into_iter()
            .map(session)
            .collect(),
        },
    ]
}

/// No tokens: a NUL or a fold is SP at best (RFC 9110 §5.5, RFC 9112 §5.2).
const NO_TOKENS: &[&[u8]] = &[
    b"chat\0x",
    b"chat\x0b",
    b"chat, \x7f",
    b"chat, caf\xe9",
    b"\xa0chat",
    b"chat\r\n superchat",
    b"chat, \xe9",
];

/// No extensions, for the same reasons.
const NO_EXTENSIONS: &[&[u8]] =
    &[b"foo\0x", b"foo; bar=\x0b", b"foo\x7f", b"foo, \xe9", b"foo; a=1\r\n 2"];

const NEEDS_ANOTHER: &str =
    "RFC 6455 4.2.2: a server chooses whether it accepts, and may need another subprotocol";
const UNIQUE: &str =
    "RFC 6455 4.1 forbids the client to ask twice; 4.2.1 does not have the server look for it";
const ANY_CASE: &str = "RFC 6455 9.1 does not say whether the case of an extension's name counts";
