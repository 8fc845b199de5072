//! The 101, and every refusal (RFC 6455 §4.2.2, RFC 9110 §15, RFC 9112 §6.3, §9).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::Config;
use stickler::proto::handshake::Policy;

use crate::claims::claims;
use crate::{Client, REQUEST, Running, echo, frame, line, replace, with};

#[test]
fn s4_2_2_the_101_octet_by_octet() {
    claims!("6455-4.1-02", "6455-4.2.2-07", "6455-4.2.2-20", "6455-4.2.2-21", "6455-4.2.2-22");
    claims!("6455-4.2.2-23", "6455-4.2.2-25", "6455-4.2.2-27", "9110-7.8-02", "9110-7.8-03");
    claims!("6455-11.3.3-01", "9112-6.1-01", "9112-6.3-04");
    let server = Running::echo();
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="),
    ] {
        let mut client = server.connect();
        let request = replace("Sec-WebSocket-Key", &format!("Sec-WebSocket-Key: {key} \t"));
        // What comes early belongs to the connection.
        client.send([request.as_bytes(), &frame(0x89, "early")].concat());
        let head = client.head();
        assert_eq!(head.status_line, "HTTP/1.1 101 Switching Protocols");
        assert_eq!(head.field("upgrade"), Some("websocket"));
        assert_eq!(head.field("connection"), Some("Upgrade"));
        assert_eq!(head.field("sec-websocket-accept"), Some(accept));
        assert_eq!(head.fields.len(), 3, "{:?}", head.fields);
        // Nothing stands between the head and the first frame, and no second head follows.
        assert_eq!(client.frame(), (0x8a, b"early".to_vec()));
        client.send(crate::close(1000, ""));
        assert_eq!(client.rest(), [0x88, 2, 3, 0xe8]);
    }
    server.stop();
}

#[test]
fn s4_2_2_what_was_not_asked_for_is_not_answered() {
    claims!("6455-4.2.1-37", "6455-4.2.2-11", "6455-4.2.2-12", "6455-4.2.2-18", "6455-9-02");
    claims!("6455-4.2.2-10", "6455-4.2.2-14", "6455-4.3-09", "6455-11.3.4-02");
    let mut config = Config::default();
    config.policy.subprotocols = vec!["chat".parse().unwrap(), "superchat".parse().unwrap()];
    let server = Running::new(config, echo);
    let protocol = |names: &str| with(&format!("Sec-WebSocket-Protocol: {names}"));
    for (request, subprotocol) in [
        (REQUEST.to_owned(), None),
        (protocol("superchat, chat"), Some("superchat")),
        (protocol("other,chat"), Some("chat")),
        (protocol("other"), None),
        (protocol("CHAT"), None),
    ] {
        let mut client = server.connect();
        client.send(&request);
        let head = client.head();
        assert_eq!(head.field("sec-websocket-protocol"), subprotocol, "{request}");
        assert_eq!(head.field("sec-websocket-extensions"), None);
    }
    server.stop();
}

/// A rule, a request that breaks it, the status, and a field that comes with it.
type Row = (&'static str, String, u16, Option<(&'static str, &'static str)>);

const VERSIONS: Option<(&str, &str)> = Some(("sec-websocket-version", "13"));
const UPGRADE: Option<(&str, &str)> = Some(("upgrade", "websocket"));
const ALLOW: Option<(&str, &str)> = Some(("allow", "GET"));

fn refusals() -> Vec<Row> {
    vec![
        ("6455-4.1-01", with("no colon"), 400, None),
        ("9112-11.2-01", with("X: a\r\n b"), 400, None),
        ("6455-4.2.1-02", line("POST / HTTP/1.1"), 405, ALLOW),
        ("9110-15.5.6-01", line("DELETE / HTTP/1.1"), 405, ALLOW),
        ("6455-4.2.1-04", line("get / HTTP/1.1"), 501, None),
        ("9110-9.1-01", line("BREW / HTTP/1.1"), 501, None),
        ("6455-4.2.1-05", line("HEAD / HTTP/1.1"), 405, ALLOW),
        ("9110-9.3.2-01", line("HEAD / HTTP/1.0"), 400, None),
        ("6455-4.2.1-06", line("GET / HTTP/1.0"), 400, None),
        ("9110-7.8-04", line("GET / HTTP/1.0"), 400, None),
        ("9110-15.6.6-01", line("GET / HTTP/2.0"), 505, None),
        ("6455-4.2.1-13", replace("Host", ""), 400, None),
        ("9112-3.2-01", replace("Host", ""), 400, None),
        ("6455-4.2.1-15", replace("Upgrade", ""), 426, UPGRADE),
        ("9110-15.5.22-01", replace("Upgrade", "Upgrade: h2c"), 426, UPGRADE),
        ("6455-4.2.1-21", replace("Connection", "Connection: keep-alive"), 400, None),
        ("6455-4.2.1-27", replace("Sec-WebSocket-Key", ""), 400, None),
        (
            "6455-4.3-07",
            replace("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-Q=="),
            400,
            None,
        ),
        (
            "4648-3.5-01",
            replace("Sec-WebSocket-Key", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="),
            400,
            None,
        ),
        ("6455-4.2.1-32", replace("Sec-WebSocket-Version", ""), 400, VERSIONS),
        (
            "6455-4.2.2-08",
            replace("Sec-WebSocket-Version", "Sec-WebSocket-Version: 14"),
            426,
            VERSIONS,
        ),
        (
            "6455-4.4-01",
            replace("Sec-WebSocket-Version", "Sec-WebSocket-Version: 25"),
            426,
            VERSIONS,
        ),
        (
            "6455-4.3-08",
            replace("Sec-WebSocket-Version", "Sec-WebSocket-Version: 0"),
            426,
            VERSIONS,
        ),
        (
            "6455-11.3.5-02",
            replace("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"),
            426,
            VERSIONS,
        ),
        (
            "6455-10.1-01",
            replace("Sec-WebSocket-Key", "Origin: https://example.com\r\nSec-WebSocket-Key: x"),
            400,
            None,
        ),
        ("6455-10.2-02", with("Origin: https://evil.example"), 403, None),
        ("6455-4.2.2-05", with("Origin: null"), 403, None),
        ("6455-4.2.2-09", line("GET /nope HTTP/1.1"), 404, None),
        ("8307-1-01", line("GET /.well-known/foo HTTP/1.1"), 404, None),
        ("9110-15.5.20-01", replace("Host", "Host: other.example"), 421, None),
        ("9110-10.1.1-01", with("Expect: something"), 417, None),
        ("9112-6.3-02", with("Content-Length: abc"), 400, None),
        ("9112-6.1-03", with("Transfer-Encoding: foo, chunked"), 501, None),
        ("9112-9.3-01", with("Content-Length: 5") + "12345", 400, None),
    ]
}

#[test]
fn s4_2_1_refusals_octet_by_octet() {
    let mut config = Config::default();
    config.policy = Policy {
        paths: Some(vec!["/".to_owned()]),
        origins: vec!["https://example.com".parse().unwrap()],
        own_hosts: vec!["server.example.com".parse().unwrap()],
        ..config.policy
    };
    let called = Arc::new(AtomicUsize::new(0));
    let calls = called.clone();
    let server = Running::new(config, move |incoming| {
        calls.fetch_add(1, Ordering::Relaxed);
        echo(incoming)
    });
    for (id, request, status, field) in refusals() {
        claims!(id);
        let mut client = server.connect();
        // A good request behind it is not answered, and neither is what looks like a frame.
        client.send([request.as_bytes(), REQUEST.as_bytes(), &frame(0x81, "no")].concat());
        is_refused(&mut client, &request, status, field);
    }
    assert_eq!(called.load(Ordering::Relaxed), 0);
    server.stop();
}

fn is_refused(client: &mut Client, request: &str, status: u16, field: Option<(&str, &str)>) {
    claims!("6455-4.2.1-01", "6455-4.2.2-24", "6455-4.2.2-28", "6455-10.7-02", "9110-6.6.1-01");
    claims!("9112-6.3-05", "9112-9.3.2-01", "9112-9.6-01", "9112-9.6-02");
    let head = client.head();
    let shown = format!("{request}: {} {:?}", head.status_line, head.fields);
    assert_eq!(head.status(), status, "{shown}");
    let connection = if status == 426 { "Upgrade, close" } else { "close" };
    assert_eq!(head.field("connection"), Some(connection), "{shown}");
    assert_eq!(head.field("sec-websocket-accept"), None, "{shown}");
    let date = head.field("date").map(httpdate::parse_http_date);
    assert!(matches!(date, Some(Ok(_))), "{shown}");
    if let Some((name, value)) = field {
        assert_eq!(head.field(name), Some(value), "{shown}");
    }
    let len: usize = head.field("content-length").unwrap().parse().unwrap();
    let body = client.rest();
    assert!(len > 0, "{shown}");
    // RFC 9110 §9.3.2: to HEAD, the length of what is not there.
    assert_eq!(body.len(), if request.starts_with("HEAD ") { 0 } else { len }, "{shown}");
}
