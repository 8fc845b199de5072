//! Requests that look unusual and are good (RFC 6455 §4.2.1, RFC 9110 §7, RFC 9112 §3.2).

use stickler::Config;

use crate::claims::claims;
use crate::{Running, echo, frame, line, replace, with};

fn accepted() -> Vec<(&'static str, String)> {
    vec![
        ("6455-3-02", line("GET /chat?room=1 HTTP/1.1")),
        ("6455-4.2.1-12", line("GET http://server.example.com/chat HTTP/1.1")),
        ("9112-3.2.2-01", line("GET http://server.example.com HTTP/1.1")),
        ("6455-4.2.1-07", line("GET / HTTP/1.2")),
        ("6455-4.2.1-17", replace("Upgrade", "Upgrade: WebSocket")),
        ("6455-4.2.1-18", replace("Upgrade", "Upgrade: foo/1, websocket")),
        ("6455-4.2.1-22", replace("Connection", "Connection: keep-alive, Upgrade")),
        ("6455-4.2.1-23", replace("Connection", "Connection: upgrade")),
        ("6455-4.2.1-26", replace("Connection", "Connection: close, Upgrade")),
        ("6455-4.2.1-36", with("X-No-Origin: 1")),
        ("6455-10.2-01", with("Origin: https://example.com")),
        ("9110-5.5-04", replace("Host", "Host: \t server.example.com \t")),
        ("9110-7.6.1-01", replace("Connection", "Connection: UPGRADE")),
        ("9110-7.8-06", replace("Upgrade", "Upgrade: WEBSOCKET")),
        ("9112-2.2-04", format!("\r\n{}", line("GET / HTTP/1.1"))),
        ("9112-6.3-03", with("Content-Length: 0")),
        ("6455-8.1-05", with("Cookie: \u{e9}").replace("GET / ", "GET /%ff ")),
    ]
}

#[test]
fn s4_2_1_unusual_requests_are_accepted() {
    let mut config = Config::default();
    config.policy.own_hosts = vec!["server.example.com".parse().unwrap()];
    config.policy.origins = vec!["https://example.com".parse().unwrap()];
    let server = Running::new(config, echo);
    for (id, request) in accepted() {
        claims!(id);
        let mut client = server.connect();
        client.send(&request);
        let head = client.head();
        assert_eq!(head.status(), 101, "{request}");
        assert_eq!(head.field("upgrade"), Some("websocket"), "{request}");
        client.send(frame(0x81, "works"));
        assert_eq!(client.frame(), (0x81, b"works".to_vec()), "{request}");
    }
    server.stop();
}
