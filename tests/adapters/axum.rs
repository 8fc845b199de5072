//! The extractor: what a route chooses, what the layer gives, and how connections end.

use std::time::Duration;

use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use futures_util::{SinkExt, StreamExt};
use stickler::axum::{
    CloseFrame, Message, WebSocket, WebSocketLayer, WebSocketUpgrade, WebSocketUpgradeRejection,
    close_code,
};
use stickler::{Config, Endpoint, Policy, Rejection, Timeouts};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite;

use crate::support::{ask, close_of, echo, open, open_with, to_axum};

fn app<F, R>(upgrade: F) -> Router
where
    F: FnOnce(WebSocketUpgrade) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    Router::new().route("/ws", any(upgrade))
}

async fn text(client: &mut crate::support::Client) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn the_echo_of_axums_documentation_echoes() {
    let app = app(async |ws| {
        ws.on_upgrade(async |mut socket: WebSocket| {
            while let Some(msg) = socket.recv().await {
                let msg = if let Ok(msg) = msg { msg } else { return };
                if socket.send(msg).await.is_err() {
                    return;
                }
            }
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    for message in [tungstenite::Message::text("grüße"), tungstenite::Message::binary(vec![7; 9])]
    {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
}

#[tokio::test]
async fn the_close_of_the_peer_is_the_last_message() {
    let (seen, mut seen_here) = tokio::sync::mpsc::unbounded_channel();
    let app = app(async move |ws| {
        ws.on_upgrade(async move |mut socket: WebSocket| {
            while let Some(message) = socket.recv().await {
                seen.send(message.unwrap()).unwrap();
            }
            assert!(socket.recv().await.is_none());
            assert!(socket.send("too late".into()).await.is_err());
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    client.send(tungstenite::Message::Ping("unseen".into())).await.unwrap();
    client.send("text".into()).await.unwrap();
    let frame = tungstenite::protocol::CloseFrame { code: 4000.into(), reason: "bye".into() };
    client.close(Some(frame)).await.unwrap();
    while client.next().await.is_some() {}
    assert_eq!(seen_here.recv().await, Some(Message::text("text")));
    let close = CloseFrame { code: 4000, reason: "bye".into() };
    assert_eq!(seen_here.recv().await, Some(Message::Close(Some(close))));
    drop(client);
    assert_eq!(seen_here.recv().await, None);
}

#[tokio::test]
async fn control_frames_are_sent() {
    let app = app(async |ws| {
        ws.on_upgrade(async |mut socket: WebSocket| {
            socket.send(Message::Ping("ping".into())).await.unwrap();
            socket.send(Message::Pong("pong".into())).await.unwrap();
            assert!(socket.send(Message::Ping(vec![0; 126].into())).await.is_err());
            assert!(socket.send(Message::Pong(vec![0; 126].into())).await.is_err());
            let close = CloseFrame { code: close_code::POLICY, reason: "enough".into() };
            socket.send(Message::Close(Some(close))).await.unwrap();
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    let ping = client.next().await.unwrap().unwrap();
    assert_eq!(ping, tungstenite::Message::Ping("ping".into()));
    let pong = client.next().await.unwrap().unwrap();
    assert_eq!(pong, tungstenite::Message::Pong("pong".into()));
    let close = close_of(&mut client).await;
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "enough"));
}

#[tokio::test]
async fn halves_on_tasks_of_their_own_keep_the_connection_open() {
    let app = app(async |ws| {
        ws.on_upgrade(async |socket: WebSocket| {
            let (mut sink, mut stream) = socket.split();
            let (sent, mut to_send) = tokio::sync::mpsc::unbounded_channel();
            tokio::spawn(async move {
                while let Some(Ok(message)) = stream.next().await {
                    sent.send(message).unwrap();
                }
            });
            tokio::spawn(async move {
                while let Some(message) = to_send.recv().await {
                    sink.send(message).await.unwrap();
                    if matches!(to_send.try_recv(), Ok(Message::Close(_))) {
                        break;
                    }
                }
            });
            // The callback returns at once.
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    for word in ["one", "two", "three"] {
        client.send(word.into()).await.unwrap();
        assert_eq!(text(&mut client).await, word);
    }
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
}

#[tokio::test]
async fn dropped_halves_close_with_1000() {
    let app = app(async |ws| {
        ws.on_upgrade(async |socket: WebSocket| {
            let (mut sink, stream) = socket.split();
            drop(stream);
            tokio::spawn(async move { sink.send("last words".into()).await.unwrap() });
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    assert_eq!(text(&mut client).await, "last words");
    assert_eq!(u16::from(close_of(&mut client).await.code), 1000);
}

#[tokio::test]
async fn a_sink_that_is_closed_sends_a_close() {
    let app = app(async |ws| {
        ws.on_upgrade(async |mut socket: WebSocket| {
            socket.feed("one".into()).await.unwrap();
            socket.close().await.unwrap();
            assert!(socket.feed("two".into()).await.is_err());
            while let Some(Ok(_)) = socket.next().await {}
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    assert_eq!(text(&mut client).await, "one");
    assert_eq!(u16::from(close_of(&mut client).await.code), 1000);
}

#[tokio::test]
async fn a_flush_waits_for_the_transport_and_fails_with_it() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let app = app(async move |ws| {
        ws.on_upgrade(async move |mut socket: WebSocket| {
            // More than the transport in memory takes.
            socket.feed(vec![7; 200_000].into()).await.unwrap();
            told.send("fed").unwrap();
            let is_flushed = socket.flush().await.is_ok();
            told.send(if is_flushed { "flushed" } else { "lost" }).unwrap();
        })
    });
    let (mut client, _) = open(to_axum(app.clone()), "/ws").await;
    assert_eq!(heard.recv().await, Some("fed"));
    tokio::task::yield_now().await;
    assert!(heard.try_recv().is_err());
    assert_eq!(client.next().await.unwrap().unwrap().len(), 200_000);
    assert_eq!(heard.recv().await, Some("flushed"));
    let (client, _) = open(to_axum(app), "/ws").await;
    assert_eq!(heard.recv().await, Some("fed"));
    drop(client);
    assert_eq!(heard.recv().await, Some("lost"));
}

#[tokio::test]
async fn s6455_7_4_1_a_panic_is_1011_and_an_error_too() {
    let panicking = app(async |ws| ws.on_upgrade(async |_| panic!("on purpose")));
    let failing =
        app(async |ws| ws.serve(async |_| Err::<(), _>(std::io::Error::other("on purpose"))));
    for app in [panicking, failing] {
        let (mut client, _) = open(to_axum(app), "/ws").await;
        assert_eq!(u16::from(close_of(&mut client).await.code), 1011);
    }
}

#[tokio::test]
async fn s6455_7_4_1_a_shutdown_ends_the_sockets_with_1001() {
    let layered = Endpoint::new(Config::default());
    let extended = Endpoint::new(Config::default());
    let route = || app(async |ws| ws.serve(echo));
    for (endpoint, app) in [
        (&layered, route().layer(WebSocketLayer::new(layered.clone()))),
        (&extended, route().layer(Extension(extended.clone()))),
    ] {
        let (mut client, _) = open(to_axum(app), "/ws").await;
        assert_eq!(endpoint.connections(), 1);
        endpoint.shutdown();
        assert_eq!(u16::from(close_of(&mut client).await.code), 1001);
        while client.next().await.is_some() {}
        drop(client);
        endpoint.emptied().await;
    }
}

#[tokio::test]
async fn the_protocols_of_a_route_are_chosen_in_its_order() {
    let app = app(async |ws| {
        let ws = ws.protocols(["mqtt", "chat", "soap"]);
        assert_eq!(ws.selected_protocol().unwrap(), "chat");
        let requested: Vec<_> = ws.requested_protocols().cloned().collect();
        assert_eq!(requested, ["soap", "chat"]);
        ws.on_upgrade(async |mut socket: WebSocket| {
            let protocol = socket.protocol().unwrap().to_str().unwrap().to_owned();
            socket.send(protocol.into()).await.unwrap();
        })
    });
    let offer = [("Sec-WebSocket-Protocol", "soap, chat")];
    let (mut client, response) = open_with(to_axum(app), "/ws", &offer).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert_eq!(text(&mut client).await, "chat");
}

#[tokio::test]
async fn s6455_4_2_2_a_protocol_that_was_not_offered_is_not_answered() {
    let app = app(async |ws| {
        let ws = ws.protocols(["mqtt", "no token"]);
        assert_eq!(ws.selected_protocol(), None);
        match ws.protocol("mqtt") {
            Ok(ws) => ws.serve(echo),
            Err(error) => (axum::http::StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        }
    });
    let error = open_with(to_axum(app), "/ws", &[("Sec-WebSocket-Protocol", "soap")]).await;
    let Err(tungstenite::Error::Http(response)) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn s6455_7_4_1_the_message_limit_of_a_route_fails_with_1009() {
    let app = app(async |ws| {
        ws.max_message_size(10).on_upgrade(|socket| async move {
            let (sink, stream) = socket.split();
            let _ = stream.forward(sink).await;
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    client.send("0123456789".into()).await.unwrap();
    assert_eq!(text(&mut client).await, "0123456789");
    client.send("0123456789a".into()).await.unwrap();
    assert_eq!(u16::from(close_of(&mut client).await.code), 1009);
}

#[tokio::test]
async fn s6455_7_4_1_the_frame_limit_of_a_route_fails_with_1009() {
    let app = app(async |ws| ws.max_frame_size(10).serve(echo));
    let (mut client, _) = open(to_axum(app), "/ws").await;
    client.send("0123456789a".into()).await.unwrap();
    assert_eq!(u16::from(close_of(&mut client).await.code), 1009);
}

#[tokio::test]
async fn the_queue_of_a_route_is_bounded() {
    let app = app(async |ws| {
        ws.max_write_buffer_size(1000).serve(async |socket: stickler::WebSocket| {
            let (_receiver, sender) = socket.split();
            tokio::task::yield_now().await;
            let sending = tokio::spawn(async move {
                // More than the transport in memory takes.
                (0..1000).find_map(|_| sender.send(vec![0; 999]).err())
            });
            assert_eq!(sending.await.unwrap(), Some(stickler::SendError::QueueFull));
            Ok::<_, stickler::Error>(())
        })
    });
    let (mut client, _) = open(to_axum(app), "/ws").await;
    assert_eq!(u16::from(close_of(&mut client).await.code), 1000);
}

#[tokio::test(start_paused = true)]
async fn the_deadlines_of_a_route_are_its_own() {
    let mut timeouts = Timeouts::default();
    timeouts.keepalive_interval = Some(Duration::from_secs(1));
    let app = app(async move |ws| ws.timeouts(timeouts.clone()).serve(echo));
    let (mut client, _) = open(to_axum(app), "/ws").await;
    let before = tokio::time::Instant::now();
    assert!(client.next().await.unwrap().unwrap().is_ping());
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn s7692_7_compression_is_a_choice_of_the_route() {
    let agreed = app(async |ws| ws.serve(echo));
    let declined = app(async |ws| ws.deflate(None).serve(echo));
    for (app, expected) in [(agreed, true), (declined, false)] {
        let head = head("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        let answer = ask(to_axum(app), &head).await;
        assert_eq!(answer.fields.contains_key("sec-websocket-extensions"), expected);
    }
}

fn head(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn fields_are_added_to_the_101_and_injected_ones_are_not() {
    let app = app(async |ws| {
        let ws = ws.header("X-Room", "blue").unwrap();
        let request = ws.head();
        assert_eq!(request.query(), Some("a=b"));
        match ws.header("X-Room", "a\r\nSet-Cookie: b") {
            Ok(_) => "injected".into_response(),
            Err(_) => "refused".into_response(),
        }
    });
    assert_eq!(ask(to_axum(app), &head("/ws?a=b", "Connection: close\r\n")).await.body, "refused");
    let app = super::axum::app(async |ws| ws.header("X-Room", "blue").unwrap().serve(echo));
    assert_eq!(ask(to_axum(app), &head("/ws", "")).await.fields["x-room"], "blue");
}

#[tokio::test]
async fn a_nested_route_sees_the_path_that_the_client_sent() {
    let upgrade = any(async |OriginalUri(original): OriginalUri, ws: WebSocketUpgrade| {
        let judged = ws.head().path().to_owned();
        assert_eq!(original.path(), "/api/v1/ws");
        ws.serve(async move |socket| socket.send(format!("{judged} {}", socket.sender().path())))
    });
    let inner = Router::new().route("/ws", upgrade);
    let app = Router::new().nest("/api", Router::new().nest("/v1", inner));
    // Without a layer the router has changed the target before it is judged.
    let (mut client, _) = open(to_axum(app.clone()), "/api/v1/ws").await;
    assert_eq!(text(&mut client).await, "/ws /ws");
    let app = app.layer(WebSocketLayer::new(Endpoint::new(Config::default())));
    let (mut client, _) = open(to_axum(app), "/api/v1/ws").await;
    assert_eq!(text(&mut client).await, "/api/v1/ws /api/v1/ws");
}

#[tokio::test]
async fn s6455_10_2_the_policy_of_the_innermost_layer_decides_about_origins() {
    let endpoint = Endpoint::new(Config::default());
    let welcome = Policy::default().origins(["https://app.example".parse().unwrap()]);
    let layer = WebSocketLayer::new(endpoint);
    let app = Router::new()
        .route("/strict", any(async |ws: WebSocketUpgrade| ws.serve(echo)))
        .route(
            "/welcome",
            any(async |ws: WebSocketUpgrade| ws.serve(echo)).layer(layer.clone().policy(welcome)),
        )
        .layer(layer);
    for (path, origin, status) in [
        ("/strict", "http://test", 101),
        ("/strict", "https://app.example", 403),
        ("/welcome", "https://app.example", 101),
        ("/welcome", "http://test", 403),
    ] {
        let answer = ask(to_axum(app.clone()), &head(path, &format!("Origin: {origin}\r\n"))).await;
        assert_eq!(answer.status, status, "{path} {origin}");
    }
}

#[tokio::test]
async fn a_handler_may_look_at_the_rejection() {
    let route = any(async |ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
        let rejection = ws.err().unwrap();
        assert_eq!(rejection.refusal().rejection, Rejection::UpgradeRequired);
        (axum::http::StatusCode::OK, "a page")
    });
    let app = Router::new().route("/ws", route);
    let answer = ask(to_axum(app), "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.await.body, "a page");
}

#[tokio::test]
async fn the_callback_for_a_failed_upgrade_is_called() {
    let (failed, mut failed_here) = tokio::sync::mpsc::unbounded_channel();
    let app = app(async move |ws| {
        ws.on_failed_upgrade(move |error| failed.send(error.to_string()).unwrap())
            .on_upgrade(async |_| {})
    });
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let service = hyper_util::service::TowerToHyperService::new(app);
    let io = hyper_util::rt::TokioIo::new(server);
    // Not `with_upgrades`, as axum::serve does it.
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    client.write_all(head("/ws", "").as_bytes()).await.unwrap();
    assert!(failed_here.recv().await.is_some());
}

#[test]
fn a_debug_of_messages_shows_no_payload() {
    let close = CloseFrame { code: 1000, reason: "secret".into() };
    for message in
        [Message::text("secret"), Message::binary(&b"secret"[..]), Message::Close(Some(close))]
    {
        assert!(!format!("{message:?}").contains("secret"), "{message:?}");
        assert_eq!(message.to_text().unwrap(), "secret");
        assert_eq!(message.clone().into_text().unwrap(), "secret");
        assert_eq!(message.into_data(), "secret");
    }
    assert!(Message::binary(vec![0xff]).to_text().is_err());
}
