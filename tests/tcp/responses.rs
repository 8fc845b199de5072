//! The 101, and what the application answers (RFC 6455 §4.2.2).

use stickler::proto::handshake::Response;
use stickler::{Config, Incoming};

use crate::claims::claims;
use crate::{REQUEST, Running, echo, frame, line, replace, with};

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

#[test]
fn s4_2_2_the_application_greets_at_once_or_sends_away() {
    let server = Running::new(Config::default(), |incoming: Incoming| async move {
        let refusal = match incoming.path() {
            "/login" => (401, "WWW-Authenticate", "Basic realm=\"x\""),
            "/moved" => (302, "Location", "https://example.com/"),
            _ => {
                // Fields of the application go out, unless they would split the answer.
                assert_eq!(incoming.request().field("cookie"), Some(&b"a=b"[..]));
                let incoming = incoming.field("X-Room", "blue").unwrap();
                assert!(Response::new(403).unwrap().insert("X", "a\r\nY: b").is_err());
                let socket = incoming.accept()?;
                socket.send("welcome")?;
                return Ok(());
            }
        };
        let response = Response::new(refusal.0).unwrap().with_field(refusal.1, refusal.2).unwrap();
        incoming.reject(&response);
        Ok(())
    });
    for (id, path, status, field) in [
        ("6455-4.2.2-03", "/login", 401, ("www-authenticate", "Basic realm=\"x\"")),
        ("6455-4.2.2-04", "/moved", 302, ("location", "https://example.com/")),
    ] {
        claims!(id);
        let mut client = server.connect();
        client
            .send([line(&format!("GET {path} HTTP/1.1")).as_bytes(), &frame(0x81, "no")].concat());
        let head = client.head();
        assert_eq!((head.status(), head.field(field.0)), (status, Some(field.1)));
        assert_eq!(head.field("sec-websocket-accept"), None);
        assert!(client.rest().is_empty());
    }
    claims!("6455-4.2.2-26", "6455-4.2.2-29", "6455-10.5-01");
    let mut client = server.connect();
    client.send(with("Cookie: a=b"));
    let head = client.head();
    assert_eq!((head.status(), head.field("x-room")), (101, Some("blue")));
    // Not a byte has come from the client since.
    assert_eq!(client.frame(), (0x81, b"welcome".to_vec()));
    assert_eq!(client.frame(), (0x88, vec![3, 0xe8]));
    server.stop();
}
