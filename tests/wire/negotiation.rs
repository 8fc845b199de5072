//! Subprotocols and extensions: the lists, their grammar, what is answered (RFC 6455 §4.1, §4.2.2,
//! §4.3, §9.1). Every extension is declined, none is a fault unless its grammar is.

use crate::case::{Profile, run};
use crate::http::Head;
use crate::opening::Answer::{Accept, Refuse};
use crate::opening::{accepted, opening, refused};

const CHAT: Profile =
    &["--subprotocol", "chat", "--subprotocol", "superchat", "--subprotocol", "mqtt"];

#[test]
fn opening_handshake_subprotocols_and_extensions() {
    let protocol = |value: &str| Head::new().set("Sec-WebSocket-Protocol", value);
    let mut cases = Vec::new();
    for (id, value, answer) in [
        ("6455-4.2.2-10", "chat, superchat", Some("chat")),
        ("6455-4.2.2-15", "superchat, chat", Some("superchat")),
        ("6455-4.2.2-10", "foo, superchat", Some("superchat")),
        ("6455-4.2.2-14", "mqtt,chat,superchat", Some("mqtt")),
        ("6455-4.2.2-11", "foo", None),
        ("6455-4.2.2-16", "CHAT", None),
        ("7936-2-01", "MQTT, Chat", None),
        ("6455-4.1-03", "chat, Chat", Some("chat")),
        ("6455-4.3-05", "foo,, superchat", Some("superchat")),
        ("6455-4.3-05", ",chat,", Some("chat")),
        ("6455-4.2.2-16", "chatter, schat", None),
        ("6455-4.1-04", "!#$%&'*+-.^_`|~, chat", Some("chat")),
        ("6455-4.2.2-10", "chat\t,\tsuperchat", Some("chat")),
    ] {
        let rule = format!("of {value:?} the answer is {answer:?}");
        cases.push(opening(CHAT, id, rule, protocol(value), Accept(answer)));
    }
    cases.push(opening(
        CHAT,
        "6455-4.2.2-12",
        "none asked, none answered",
        Head::new(),
        Accept(None),
    ));
    cases.push(opening(
        CHAT,
        "6455-11.3.4-01",
        "two lines are one list in order",
        protocol("foo, superchat").add("Sec-WebSocket-Protocol", "chat"),
        Accept(Some("superchat")),
    ));
    cases.push(accepted(
        "6455-4.2.2-11",
        "a server without subprotocols answers none",
        protocol("chat"),
    ));
    for (id, value) in [
        ("6455-4.1-03", "chat, chat"),
        ("6455-4.1-03", "foo, chat, foo"),
        ("6455-4.1-04", "ch at"),
        ("6455-4.1-04", "chat;v=1"),
        ("6455-4.1-04", "\"chat\""),
        ("6455-4.1-04", "chat/1"),
        ("6455-4.1-04", "chat, a=b"),
        ("6455-4.1-04", "chat, {x}"),
        ("6455-4.1-04", "chat, a@b"),
        ("6455-4.1-04", "chat, a:b"),
        ("6455-4.1-04", "chat, <a>"),
        ("6455-4.1-04", "chat\\"),
        ("6455-4.3-06", ""),
        ("6455-4.3-06", ","),
        ("6455-4.3-06", " , ,"),
    ] {
        let rule = format!("Sec-WebSocket-Protocol: {value:?} is malformed");
        cases.push(opening(CHAT, id, rule.clone(), protocol(value), Refuse(&[400])));
        cases.push(refused(
            id,
            format!("{rule}, also where none is spoken"),
            &[400],
            protocol(value),
        ));
    }
    cases.push(refused(
        "6455-11.3.4-01",
        "uniqueness holds over several lines",
        &[400],
        protocol("chat").add("Sec-WebSocket-Protocol", "chat"),
    ));
    cases.push(refused(
        "6455-4.1-04",
        "octets above 7f in a subprotocol",
        &[400],
        Head::new().set("Sec-WebSocket-Protocol", b"caf\xc3\xa9"),
    ));
    cases.push(refused(
        "H3",
        "10,000 spaces inside a subprotocol list",
        &[400],
        protocol(&format!("b{}x", " ".repeat(10_000))),
    ));
    cases.push(refused(
        "6455-4.3-05",
        "thousands of empty list members",
        &[400],
        protocol(&format!("chat{}", ",".repeat(12_000))),
    ));

    let extension = |value: &str| Head::new().set("Sec-WebSocket-Extensions", value);
    for (id, value) in [
        ("6455-9.1-07", "foo; bar=1"),
        ("6455-9.1-03", "x-private-extension"),
        ("6455-4.3-10", "Permessage-Deflate"),
        ("6455-4.2.2-19", "foo, bar; baz"),
        ("6455-9.1-07", "foo; bar=\"baz\"; q"),
        ("6455-4.3-03", "foo; bar=\"1\\0\""),
        ("6455-4.3-04", "foo ; bar = 10"),
        ("6455-4.3-05", ",foo,, bar,"),
        ("6455-9.1-07", "a;b;c;d=1;e=\"f\",g"),
    ] {
        cases.push(accepted(id, format!("{value:?} is declined, not refused"), extension(value)));
    }
    cases.push(accepted(
        "6455-11.3.2-01",
        "two lines of unknown extensions",
        extension("foo").add("Sec-WebSocket-Extensions", "bar; q=1"),
    ));
    for (id, value) in [
        ("6455-4.3-01", ";foo"),
        ("6455-4.3-01", "foo;=1"),
        ("6455-4.3-01", "foo; bar="),
        ("6455-4.3-01", "foo bar"),
        ("6455-4.3-01", "foo;"),
        ("6455-4.3-01", "foo;;bar"),
        ("6455-4.3-01", "=foo"),
        ("6455-4.3-01", "foo=1"),
        ("6455-4.3-01", "\"foo\""),
        ("6455-4.3-01", "foo; \"bar\"=1"),
        ("6455-4.3-01", "foo; a b"),
        ("6455-4.3-01", "foo; a=1 2"),
        ("6455-4.3-01", "foo/1"),
        ("6455-9.1-01", "permessage-deflate; ="),
        ("6455-4.3-02", "foo; bar=\"1 0\""),
        ("6455-4.3-02", "foo; bar=\"\""),
        ("6455-4.3-02", "foo; bar=\"10"),
        ("6455-4.3-02", "foo; bar=\"a,b\""),
        ("6455-4.3-02", "foo; bar=\"a;b\""),
        ("6455-4.3-02", "foo; bar=\"10\\"),
        ("6455-4.3-02", "foo; bar=\"10\\\""),
        ("6455-4.3-02", "foo; bar=\"a\"b"),
        ("6455-4.3-02", "foo; bar=a\"b\""),
        ("6455-4.3-02", "foo; bar=a=b"),
        ("6455-4.3-06", ""),
        ("6455-4.3-06", ",,"),
    ] {
        let rule = format!("Sec-WebSocket-Extensions: {value:?} is malformed");
        cases.push(refused(id, rule, &[400], extension(value)));
    }
    cases.push(refused(
        "6455-4.3-06",
        "a good extensions line does not heal a broken one",
        &[400],
        extension("foo").add("Sec-WebSocket-Extensions", "bar; ="),
    ));
    cases.push(refused(
        "H3",
        "an unterminated quoted string of backslash pairs",
        &[400],
        extension(&format!("foo; bar=\"{}", "\\c".repeat(6000))),
    ));
    run("opening_handshake_subprotocols_and_extensions", cases);
}
