//! Subprotocols and extensions: the lists, their grammar, what is answered (RFC 6455 §4.1, §4.2.2,
//! §4.3), on a server that speaks some; hostile lists.

use crate::case::{Profile, run};
use crate::http::Head;
use crate::opening::Answer::{Accept, Refuse};
use crate::opening::{accepted, opening, refused};

const CHAT: Profile =
    &["--subprotocol", "chat", "--subprotocol", "superchat", "--subprotocol", "mqtt"];

const ANY: Profile = &["--subprotocol", "any"];

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
        ("6455-4.3-04", "chat\t,\tsuperchat", Some("chat")),
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
    cases.push(accepted(
        "6455-4.2.2-11",
        "a server that speaks none answers none",
        protocol("chat"),
    ));
    for (id, value, first) in
        [("6455-4.2.2-15", "graphql-ws, chat", "graphql-ws"), ("6455-4.2.2-14", "any", "any")]
    {
        let rule = format!("with any, of {value:?} the answer is {first:?}");
        cases.push(opening(ANY, id, rule, protocol(value), Accept(Some(first))));
    }
    cases.push(opening(ANY, "6455-4.2.2-12", "not even with any", Head::new(), Accept(None)));
    cases.push(opening(
        CHAT,
        "6455-11.3.4-01",
        "two lines are one list in order",
        protocol("foo, superchat").add("Sec-WebSocket-Protocol", "chat"),
        Accept(Some("superchat")),
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
        cases.push(opening(CHAT, id, rule, protocol(value), Refuse(&[400])));
    }
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
    cases.push(refused(
        "H3",
        "an unterminated quoted string of backslash pairs",
        &[400],
        extension(&format!("foo; bar=\"{}", "\\c".repeat(6000))),
    ));
    run("opening_handshake_subprotocols_and_extensions", cases);
}
