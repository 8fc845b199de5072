//! The fields of the opening handshake itself (RFC 6455 §4.2.1, §4.3, §9.1, §11.3).

use super::*;
use Rejection::*;

const UPGRADE: Expect = Expect::Refused(426, UpgradeRequired, UPGRADE_FIELDS);
const VERSION_LISTED: &[&str] = &["Sec-WebSocket-Version: 13", "Connection: close"];

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.2-07", HANDSHAKE, OPEN),
        row("6455-4.1-05", HANDSHAKE, OPEN),
        row("6455-4.4-02", HANDSHAKE, OPEN),
        row("6455-10.5-01", with("Cookie: a=b\r\nAuthorization: Basic eDp5"), OPEN),
    ];
    rows.extend(upgrades());
    rows.extend(connections());
    rows.extend(versions());
    rows.extend(keys());
    rows.extend(subprotocols());
    rows.extend(extensions());
    rows
}

fn upgrades() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-15", replace("Upgrade", ""), UPGRADE),
        row("9110-15.5.22-01", "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n", UPGRADE),
        row("8307-3-01", "GET /.well-known/foo HTTP/1.1\r\nHost: h\r\n\r\n", UPGRADE),
        row("6455-4.2.1-18", replace("Upgrade", "Upgrade: foo\r\nUpgrade: websocket"), OPEN),
        row(
            "9110-5.6.1-01",
            replace("Upgrade", &format!("Upgrade: {}websocket", ",".repeat(32))),
            OPEN,
        ),
        row(
            "9110-5.6.1-01",
            replace("Upgrade", &format!("Upgrade: {}websocket", ",".repeat(33))),
            refused(400, TooManyEmptyMembers),
        ),
    ];
    for (id, value) in [
        ("6455-4.2.1-17", "WebSocket"),
        ("9110-7.8-06", "WEBSOCKET"),
        ("6455-4.2.1-18", "foo/1, websocket"),
        ("6455-4.2.1-18", "websocket,h2c"),
        ("9110-5.6.1-01", ",websocket"),
        ("9110-5.6.1-01", "foo,, ,\t, websocket ,,"),
    ] {
        rows.push(row(id, replace("Upgrade", &format!("Upgrade: {value}")), OPEN));
    }
    for (id, value) in [
        ("6455-4.2.1-16", "h2c"),
        ("9110-7.8-01", "h2c"),
        ("6455-4.2.1-19", "websocket/13"),
        ("6455-4.2.1-20", "xwebsocket"),
        ("6455-4.2.1-20", "websockets"),
        ("6455-4.2.1-20", "web-socket, socket"),
        ("6455-4.2.1-16", ""),
        ("6455-4.2.1-16", ",,"),
    ] {
        rows.push(row(id, replace("Upgrade", &format!("Upgrade: {value}")), UPGRADE));
    }
    for value in [
        "web socket",
        "websocket foo",
        "\"websocket\"",
        "websocket/",
        "/13",
        "a/b/c, websocket",
        "websocket;v=13",
        "websocket\u{e9}",
    ] {
        rows.push(row(
            "9110-5.5-03",
            replace("Upgrade", &format!("Upgrade: {value}")),
            refused(400, UpgradeMalformed),
        ));
    }
    rows
}

fn connections() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-21", replace("Connection", ""), refused(400, ConnectionWithoutUpgrade)),
        row(
            "6455-4.2.1-24",
            replace("Connection", "Connection: keep-alive\r\nConnection: Upgrade"),
            OPEN,
        ),
        row(
            "9110-5.6.1-01",
            replace("Connection", &format!("Connection: Upgrade{}", ",".repeat(33))),
            refused(400, TooManyEmptyMembers),
        ),
    ];
    for (id, value) in [
        ("6455-4.2.1-22", "keep-alive, Upgrade"),
        ("6455-4.2.1-22", "Upgrade,keep-alive"),
        ("6455-4.2.1-23", "upgrade"),
        ("9110-7.6.1-01", "UPGRADE"),
        ("6455-4.2.1-26", "close, Upgrade"),
        ("9110-5.6.1-01", ",Upgrade,,"),
    ] {
        rows.push(row(id, replace("Connection", &format!("Connection: {value}")), OPEN));
    }
    for (id, value) in [
        ("6455-4.2.1-21", "keep-alive"),
        ("6455-4.2.1-25", "upgrade-insecure-requests"),
        ("6455-4.2.1-25", "noupgrade"),
        ("6455-4.2.1-21", ""),
        ("6455-4.2.1-21", ","),
    ] {
        let request = replace("Connection", &format!("Connection: {value}"));
        rows.push(row(id, request, refused(400, ConnectionWithoutUpgrade)));
    }
    for (id, value) in [
        ("9110-7.6.1-01", "keep alive, Upgrade"),
        ("9110-5.5-03", "Upgrade\u{e9}"),
        ("9110-7.6.1-01", "\"Upgrade\""),
        ("9110-7.6.1-01", "Upgrade;x"),
        ("9110-7.6.1-01", "Upgrade, a/b"),
    ] {
        let request = replace("Connection", &format!("Connection: {value}"));
        rows.push(row(id, request, refused(400, ConnectionMalformed)));
    }
    rows
}

fn versions() -> Vec<Row> {
    let field = "Sec-WebSocket-Version";
    let mut rows = vec![
        row(
            "6455-4.2.1-32",
            replace(field, ""),
            Expect::Refused(400, VersionMissing, VERSION_LISTED),
        ),
        row(
            "6455-11.3.5-01",
            with("Sec-WebSocket-Version: 13"),
            Expect::Refused(400, VersionRepeated, VERSION_LISTED),
        ),
        row(
            "6455-11.3.5-01",
            with("sec-websocket-version: 8"),
            Expect::Refused(400, VersionRepeated, VERSION_LISTED),
        ),
        row("6455-4.2.1-35", replace(field, "Sec-WebSocket-Version:13"), OPEN),
        row("6455-4.2.1-35", replace(field, "Sec-WebSocket-Version: \t 13\t "), OPEN),
    ];
    for value in [
        "0", "7", "8", "9", "12", "14", "25", "99", "100", "130", "199", "200", "249", "250", "255",
    ] {
        let request = replace(field, &format!("{field}: {value}"));
        let id = if value == "14" { "6455-4.2.2-08" } else { "6455-4.2.1-33" };
        rows.push(row(id, request, Expect::Refused(426, VersionUnsupported, UPGRADE_FIELDS)));
    }
    for value in [
        "", "013", "00", "256", "260", "300", "1000", "+13", "-13", "13.0", "0x0d", "\"13\"",
        "13, 8", "13,13", "13,", "13 ;", "1 3", "xiii", "13\u{e9}",
    ] {
        let request = replace(field, &format!("{field}: {value}"));
        rows.push(row(
            "6455-4.2.1-34",
            request,
            Expect::Refused(400, VersionMalformed, VERSION_LISTED),
        ));
    }
    rows
}

fn keys() -> Vec<Row> {
    let field = "Sec-WebSocket-Key";
    let key = |value: &str| replace(field, &format!("{field}: {value}"));
    let mut rows = vec![
        row("6455-4.2.1-27", replace(field, ""), refused(400, KeyMissing)),
        row(
            "6455-11.3.1-01",
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            refused(400, KeyRepeated),
        ),
        row(
            "6455-11.3.1-01",
            with("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="),
            refused(400, KeyRepeated),
        ),
        row("6455-4.2.1-30", key("AQIDBAUGBwgJCgsMDQ4PEA=="), OPEN),
        row("6455-4.2.2-07", key("\t dGhlIHNhbXBsZSBub25jZQ== "), OPEN),
    ];
    for (id, value) in [
        ("6455-4.2.1-31", ""),
        ("6455-4.2.1-31", "dGhlIHNhbXBsZSBub25jZQ==, AQIDBAUGBwgJCgsMDQ4PEA=="),
        ("6455-4.2.1-31", "dGhlIHNhbXBsZSBub25jZQ==,"),
        ("6455-4.2.1-28", "AAECAwQFBgcICQoLDA0O"),
        ("6455-4.2.1-28", "AAECAwQFBgcICQoLDA0ODxA="),
        ("6455-4.2.1-28", "AAECAwQFBgcICQoLDA0ODxAR"),
        ("6455-4.2.1-28", "dGVzdA=="),
        ("6455-4.3-07", "dGhlIHNhbXBsZSBub25jZQ"),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ==="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQ=A"),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25jZQA="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25-ZA=="),
        ("6455-4.2.1-29", "dGhlIHNhbXBsZSBub25_ZA=="),
        ("6455-4.2.1-29", "dGhlIHNhb XBsZSBub25jZQ=="),
        ("6455-4.2.1-29", "dGhlIHNhb BsZSBub25jZQ=="),
        ("6455-4.2.1-29", "\"GhlIHNhbXBsZSBub25jZQ=\""),
        // 17 octets, whose pad bits are set too.
        ("6455-4.2.1-28", "AAECAwQFBgcICQoLDA0ODxD="),
        ("9110-5.5-03", "dGhlIHNhbXBsZSBub2\u{e9}jQ=="),
    ] {
        rows.push(row(id, key(value), refused(400, KeyInvalid)));
    }
    // 16 octets, and bits behind them.
    for (id, value) in [
        ("6455-4.2.1-30", "AQIDBAUGBwgJCgsMDQ4PEC=="),
        ("4648-3.5-01", "dGhlIHNhbXBsZSBub25jZR=="),
        ("4648-3.5-01", "dGhlIHNhbXBsZSBub25jZS=="),
        ("4648-3.5-01", "dGhlIHNhbXBsZSBub25jZf=="),
    ] {
        rows.push(row(id, key(value), refused(400, KeyPadBits)));
    }
    rows
}

fn subprotocols() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-37", HANDSHAKE, OPEN),
        row(
            "6455-4.1-03",
            with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: x, chat"),
            refused(400, SubprotocolRepeated),
        ),
        row(
            "6455-4.3-05",
            with(&format!("Sec-WebSocket-Protocol: a{}", ",".repeat(33))),
            refused(400, TooManyEmptyMembers),
        ),
        row(
            "6455-4.3-06",
            with("Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: ,"),
            refused(400, SubprotocolsMalformed),
        ),
    ];
    for (id, value) in
        [("6455-4.1-03", "chat, Chat"), ("6455-4.3-05", "chat,, superchat"), ("6455-4.3-05", ",a,")]
    {
        rows.push(row(id, with(&format!("Sec-WebSocket-Protocol: {value}")), OPEN));
    }
    rows.push(row(
        "6455-4.1-03",
        with("Sec-WebSocket-Protocol: chat, chat"),
        refused(400, SubprotocolRepeated),
    ));
    for (id, value) in [
        ("6455-4.1-04", "ch at"),
        ("6455-4.1-04", "chat;v=1"),
        ("6455-4.1-04", "\"chat\""),
        ("6455-4.1-04", "caf\u{e9}"),
        ("6455-4.1-04", "a/b"),
        ("6455-4.1-04", "good, b d"),
        ("6455-4.3-06", ""),
        ("6455-4.3-06", ",,"),
    ] {
        rows.push(row(
            id,
            with(&format!("Sec-WebSocket-Protocol: {value}")),
            refused(400, SubprotocolsMalformed),
        ));
    }
    let spaces = format!("Sec-WebSocket-Protocol: b{}x", " ".repeat(15_000));
    rows.push(row("6455-4.1-04", with(&spaces), refused(400, SubprotocolsMalformed)));
    rows
}

fn extensions() -> Vec<Row> {
    let mut rows = vec![
        row("6455-4.2.1-37", HANDSHAKE, OPEN),
        row(
            "6455-11.3.2-01",
            with("Sec-WebSocket-Extensions: foo\r\nSec-WebSocket-Extensions: bar; baz=1"),
            OPEN,
        ),
        row(
            "6455-4.3-05",
            with(&format!("Sec-WebSocket-Extensions: a{}", ",".repeat(33))),
            refused(400, TooManyEmptyMembers),
        ),
    ];
    for (id, value) in [
        ("6455-9.1-07", "foo; bar=1"),
        ("6455-9.1-03", "x-private-extension"),
        ("6455-9.1-07", "permessage-deflate; client_max_window_bits"),
        ("6455-9.1-07", "foo, permessage-deflate"),
        ("6455-4.3-02", "permessage-deflate; server_max_window_bits=\"\\1\\0\""),
        ("6455-4.3-02", "permessage-deflate; server_max_window_bits=\"10\""),
        ("6455-4.3-02", "permessage-deflate; server_max_window_bits=\"1\\0\""),
        ("6455-4.3-04", "permessage-deflate ; server_max_window_bits = 10"),
        ("6455-4.3-05", ",permessage-deflate,"),
        ("6455-9.1-07", "Permessage-Deflate"),
    ] {
        rows.push(row(id, with(&format!("Sec-WebSocket-Extensions: {value}")), OPEN));
    }
    for (id, value) in [
        ("6455-4.3-01", ";foo"),
        ("6455-4.3-01", "foo;=1"),
        ("6455-4.3-01", "foo; bar="),
        ("6455-4.3-01", "foo bar"),
        ("6455-4.3-02", "permessage-deflate; server_max_window_bits=\"1 0\""),
        ("6455-4.3-02", "foo; a=\"\""),
        ("6455-4.3-02", "foo; a=\"1"),
        ("6455-4.3-06", ""),
        ("6455-4.3-06", ",,"),
        ("6455-9.1-01", "permessage-deflate; ="),
        ("6455-9.1-01", "permessage-deflate;"),
        ("9110-5.5-03", "caf\u{e9}"),
    ] {
        rows.push(row(
            id,
            with(&format!("Sec-WebSocket-Extensions: {value}")),
            refused(400, ExtensionsMalformed),
        ));
    }
    let escapes = format!("Sec-WebSocket-Extensions: a;b=\"{}", "\\c".repeat(8_000));
    rows.push(row("6455-4.3-02", with(&escapes), refused(400, ExtensionsMalformed)));
    rows
}

#[test]
fn s6455_4_2_1_the_fields_of_the_handshake() {
    run(&rows());
}

#[test]
fn s6455_9_1_offers_reach_the_negotiator_in_order() {
    claims!("6455-4.3-03", "6455-9.1-02", "6455-9.1-06", "6455-11.3.2-01", "9110-5.6.4-01");
    let request =
        with("Sec-WebSocket-Extensions: a;b=\"1\\0\";c\r\nX: y\r\nSec-WebSocket-Extensions: ,d");
    let request = Request::parse(request.as_bytes(), &HeadLimits::default()).unwrap();
    let Verdict::WebSocket(offer) = judge(&request, &Policy::default()).unwrap() else {
        panic!("plain")
    };
    assert_eq!(offer.extensions.len(), 2);
    assert_eq!((&*offer.extensions[0].name, &*offer.extensions[1].name), ("a", "d"));
    assert_eq!(offer.extensions[0].params, [("b".into(), Some("10".into())), ("c".into(), None)]);
}
