//! The same head gets the same answer, whoever has read it.

use axum::Router;
use axum::routing::any;
use stickler::axum::{WebSocketLayer, WebSocketUpgrade};
use stickler::{Config, Endpoint};

use crate::support::{ask, echo, to_axum, to_hyper, to_own};

const FIELDS: [&str; 5] = [
    "Host: test",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// A head with one field of [`FIELDS`] left out, or replaced, or one more.
struct Head {
    line: &'static str,
    without: &'static str,
    with: &'static [&'static str],
    status: u16,
}

const fn head(status: u16, without: &'static str, with: &'static [&'static str]) -> Head {
    Head { line: "GET /ws HTTP/1.1", without, with, status }
}

const HEADS: [Head; 33] = [
    head(101, "", &[]),
    head(101, "", &["Sec-WebSocket-Protocol: other, chat"]),
    head(101, "", &["Sec-WebSocket-Protocol: other"]),
    head(101, "", &["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]),
    head(101, "", &["Origin: http://test"]),
    head(400, "Host", &[]),
    head(400, "", &["Host: test"]),
    head(400, "Host", &["Host: te st"]),
    head(426, "Upgrade", &[]),
    head(426, "Upgrade", &["Upgrade: h2c"]),
    head(400, "Upgrade", &["Upgrade: websocket/"]),
    head(400, "Connection", &[]),
    head(400, "Connection", &["Connection: keep-alive"]),
    head(400, "Connection", &["Connection: Upgrade, a b"]),
    head(400, "Sec-WebSocket-Key", &[]),
    head(400, "Sec-WebSocket-Key", &["Sec-WebSocket-Key: c2hvcnQ="]),
    head(400, "", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
    head(400, "Sec-WebSocket-Version", &[]),
    head(426, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 12"]),
    head(400, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 013"]),
    head(400, "", &["Sec-WebSocket-Version: 13"]),
    head(400, "", &["Sec-WebSocket-Protocol: chat, chat"]),
    head(400, "", &["Sec-WebSocket-Protocol: a b"]),
    head(400, "", &["Sec-WebSocket-Extensions: x; ="]),
    head(403, "", &["Origin: http://evil.example"]),
    head(400, "", &["Origin: http://test", "Origin: http://test"]),
    head(400, "", &["Content-Length: 5"]),
    head(417, "", &["Expect: 200-ok"]),
    Head { line: "POST /ws HTTP/1.1", ..head(405, "", &[]) },
    Head { line: "HEAD /ws HTTP/1.1", ..head(405, "", &[]) },
    Head { line: "BREW /ws HTTP/1.1", ..head(501, "", &[]) },
    Head { line: "GET /ws?%zz HTTP/1.1", ..head(400, "", &[]) },
    Head { line: "GET http://test/ws HTTP/1.1", ..head(101, "", &[]) },
];

impl Head {
    fn text(&self) -> String {
        let kept = FIELDS.iter().filter(|field| {
            let name = field.split(':').next().unwrap();
            name != self.without
        });
        let fields: Vec<&str> = kept.chain(self.with).copied().collect();
        format!("{}\r\n{}\r\n\r\n", self.line, fields.join("\r\n"))
    }
}

fn endpoint() -> Endpoint {
    let mut config = Config::default();
    config.policy.subprotocols = vec!["chat".parse().unwrap()];
    Endpoint::new(config)
}

fn app(endpoint: &Endpoint) -> Router {
    let route = any(async |ws: WebSocketUpgrade| ws.serve(echo));
    Router::new().route("/ws", route).layer(WebSocketLayer::new(endpoint.clone()))
}

#[tokio::test]
async fn s6455_4_2_one_head_gets_one_answer_whoever_has_read_it() {
    let endpoint = endpoint();
    for head in &HEADS {
        let text = head.text();
        let own = ask(to_own(&endpoint), &text).await;
        assert_eq!(own.status, head.status, "{text}");
        let by_hyper = ask(to_hyper(&endpoint), &text).await;
        assert_eq!(by_hyper, own, "hyper: {text}");
        let by_axum = ask(to_axum(app(&endpoint)), &text).await;
        assert_eq!(by_axum, own, "axum: {text}");
    }
}

#[tokio::test]
async fn s6455_4_2_1_http_1_0_is_refused() {
    let endpoint = endpoint();
    let head = Head { line: "GET /ws HTTP/1.0", ..head(400, "", &[]) };
    let own = ask(to_own(&endpoint), &head.text()).await;
    for io in [to_hyper(&endpoint), to_axum(app(&endpoint))] {
        let answer = ask(io, &head.text()).await;
        assert_eq!((answer.status, &answer.body), (own.status, &own.body));
    }
}

/// A smuggled `Sec-WebSocket-Version: 12, 13` is no number, and the answer says what is spoken.
#[tokio::test]
async fn s6455_4_4_the_versions_spoken_here_are_listed() {
    let head = head(426, "Sec-WebSocket-Version", &["Sec-WebSocket-Version: 8"]);
    for io in [to_hyper(&endpoint()), to_axum(app(&endpoint()))] {
        let answer = ask(io, &head.text()).await;
        assert_eq!(answer.fields["sec-websocket-version"], "13");
        assert_eq!(answer.fields["upgrade"], "websocket");
        assert!(answer.body.starts_with("RFC 6455 4.2.2: "), "{answer:?}");
    }
}

#[tokio::test]
async fn s9110_15_6_4_during_shutdown_handshakes_get_503() {
    let endpoint = endpoint();
    endpoint.shutdown();
    for io in [to_hyper(&endpoint), to_axum(app(&endpoint))] {
        let answer = ask(io, &head(503, "", &[]).text()).await;
        assert_eq!((answer.status, answer.fields["retry-after"].as_str()), (503, "1"));
    }
}

#[tokio::test]
async fn refusals_are_logged_once_as_those_of_our_own_listener() {
    let endpoint = endpoint();
    let (lines, _guard) = stickler_testing::logs::listen(|| {});
    ask(to_own(&endpoint), &head(400, "Host", &[]).text()).await;
    ask(to_hyper(&endpoint), &head(400, "Host", &[]).text()).await;
    ask(to_axum(app(&endpoint)), &head(400, "Host", &[]).text()).await;
    // A plain request is none.
    ask(to_axum(app(&endpoint)), &head(426, "Upgrade", &[]).text()).await;
    let mut told = lines.at("INFO");
    assert_eq!(told.len(), 3, "{told:#?}");
    // Behind another HTTP server there is no connection of ours yet, and so no id.
    let id = told[0].split(' ').find(|field| field.starts_with("id=")).unwrap().to_owned();
    told[0] = told[0].replace(&format!(" {id}"), "");
    assert!(told.iter().all(|line| line == &told[0] && line.contains("HostMissing")), "{told:#?}");
}
