//! Programs as the documentation of axum and of tokio-tungstenite writes them, with what had to be
//! changed marked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use stickler::{Config, Endpoint};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message as ClientMessage;

use crate::support::{Client, close_of, open, to_axum};

/// A chat after axum's example: rooms, names, a task for each direction.
mod chat {
    use axum::Router;
    use axum::extract::State;
    use axum::response::IntoResponse;
    use axum::routing::any;
    use futures_util::{SinkExt, StreamExt};
    // Changed: was axum::extract::ws.
    use stickler::axum::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
    use tokio::sync::broadcast;

    use super::{Arc, HashMap, Mutex};

    pub(super) struct Chat {
        users: Mutex<HashMap<String, ()>>,
        lines: broadcast::Sender<String>,
    }

    pub(super) fn app() -> Router {
        let chat = Chat { users: Mutex::default(), lines: broadcast::channel(100).0 };
        Router::new().route("/websocket", any(websocket_handler)).with_state(Arc::new(chat))
    }

    async fn websocket_handler(
        ws: WebSocketUpgrade,
        State(state): State<Arc<Chat>>,
    ) -> impl IntoResponse {
        ws.on_upgrade(|socket| websocket(socket, state))
    }

    async fn websocket(stream: WebSocket, state: Arc<Chat>) {
        let (mut sender, mut receiver) = stream.split();
        let mut username = String::new();
        while let Some(Ok(message)) = receiver.next().await {
            if let Message::Text(name) = message {
                if state.users.lock().unwrap().insert(name.to_string(), ()).is_none() {
                    username = name.to_string();
                    break;
                }
                let taken = Utf8Bytes::from_static("Username already taken.");
                let _ = sender.send(Message::Text(taken)).await;
                return;
            }
        }
        let mut lines = state.lines.subscribe();
        let _ = state.lines.send(format!("{username} joined."));
        let mut send_task = tokio::spawn(async move {
            while let Ok(line) = lines.recv().await {
                if sender.send(Message::text(line)).await.is_err() {
                    break;
                }
            }
        });
        let told = state.lines.clone();
        let name = username.clone();
        let mut recv_task = tokio::spawn(async move {
            while let Some(Ok(Message::Text(text))) = receiver.next().await {
                let _ = told.send(format!("{name}: {text}"));
            }
        });
        tokio::select! {
            _ = &mut send_task => recv_task.abort(),
            _ = &mut recv_task => send_task.abort(),
        }
        let _ = state.lines.send(format!("{username} left."));
        state.users.lock().unwrap().remove(&username);
    }
}

async fn next(client: &mut Client) -> String {
    client.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn the_chat_of_axum_is_an_import_away() {
    let app = chat::app();
    let (mut ann, _) = open(to_axum(app.clone()), "/websocket").await;
    ann.send("ann".into()).await.unwrap();
    assert_eq!(next(&mut ann).await, "ann joined.");
    let (mut impostor, _) = open(to_axum(app.clone()), "/websocket").await;
    impostor.send("ann".into()).await.unwrap();
    assert_eq!(next(&mut impostor).await, "Username already taken.");
    assert_eq!(u16::from(close_of(&mut impostor).await.code), 1000);
    let (mut bob, _) = open(to_axum(app), "/websocket").await;
    bob.send("bob".into()).await.unwrap();
    assert_eq!(next(&mut bob).await, "bob joined.");
    assert_eq!(next(&mut ann).await, "bob joined.");
    bob.send("hello".into()).await.unwrap();
    assert_eq!(next(&mut ann).await, "bob: hello");
    bob.close(None).await.unwrap();
    while bob.next().await.is_some() {}
    assert_eq!(next(&mut ann).await, "bob left.");
}

/// All messages by kind, as axum's other example looks at them.
#[tokio::test]
async fn a_program_that_matches_every_kind_of_message_compiles() {
    use std::ops::ControlFlow;

    use stickler::axum::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};

    fn process_message(msg: Message, seen: &mut Vec<String>) -> ControlFlow<(), ()> {
        match msg {
            Message::Text(t) => seen.push(format!("text {t}")),
            Message::Binary(d) => seen.push(format!("{} bytes", d.len())),
            Message::Close(c) => {
                if let Some(cf) = c {
                    seen.push(format!("close {} {}", cf.code, cf.reason));
                }
                return ControlFlow::Break(());
            }
            Message::Pong(v) => seen.push(format!("pong {v:?}")),
            Message::Ping(v) => seen.push(format!("ping {v:?}")),
        }
        ControlFlow::Continue(())
    }

    async fn handle_socket(mut socket: WebSocket) -> Vec<String> {
        let mut seen = Vec::new();
        if socket.send(Message::Ping(vec![1, 2, 3].into())).await.is_err() {
            return seen;
        }
        while let Some(Ok(msg)) = socket.recv().await {
            if process_message(msg, &mut seen).is_break() {
                break;
            }
        }
        let goodbye = CloseFrame { code: close_code::NORMAL, reason: "Goodbye".into() };
        let _ = socket.send(Message::Close(Some(goodbye))).await;
        seen
    }

    let (told, mut heard) = tokio::sync::mpsc::channel(1);
    let route = axum::routing::any(async move |ws: WebSocketUpgrade| {
        ws.on_failed_upgrade(|error: axum::Error| panic!("{error}")).on_upgrade(
            async move |socket: WebSocket| told.send(handle_socket(socket).await).await.unwrap(),
        )
    });
    let (mut client, _) = open(to_axum(axum::Router::new().route("/", route)), "/").await;
    client.send("one".into()).await.unwrap();
    client.send(ClientMessage::binary(vec![0; 2])).await.unwrap();
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    assert_eq!(heard.recv().await.unwrap(), ["text one", "2 bytes"]);
}

/// The echo server of tokio-tungstenite.
async fn accept_connection(stream: DuplexStream, endpoint: Endpoint) -> stickler::Result<()> {
    // Changed: was accept_async(stream).
    let mut ws_stream = endpoint.accept(stream, None).await?;
    // Changed: was `while let Some(msg) = ws_stream.next().await { let msg = msg?;`
    while let Some(msg) = ws_stream.recv().await? {
        // Changed: was `if msg.is_text() || msg.is_binary() { ws_stream.send(msg).await?; }`
        ws_stream.send(msg)?;
    }
    Ok(())
}

/// The other echo server of tokio-tungstenite.
async fn forward(stream: DuplexStream, endpoint: Endpoint) -> stickler::Result<()> {
    // Changed: was accept_async(stream).
    let ws_stream = endpoint.accept(stream, None).await?.into_stream();
    let (write, read) = ws_stream.split();
    // Changed: was read.try_filter(|msg| future::ready(msg.is_text() || msg.is_binary())).forward(..)
    read.forward(write).await
}

#[tokio::test]
async fn the_forwarding_echo_of_tokio_tungstenite_is_ported_in_two_lines() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(forward(ours, Endpoint::new(Config::default())));
    let (mut client, _) = open(theirs, "/").await;
    client.send("hello".into()).await.unwrap();
    assert_eq!(next(&mut client).await, "hello");
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    drop(client);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_echo_of_tokio_tungstenite_is_ported_in_three_lines() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(accept_connection(ours, Endpoint::new(Config::default())));
    let (mut client, _) = open(theirs, "/").await;
    client.send("hello".into()).await.unwrap();
    assert_eq!(next(&mut client).await, "hello");
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    serving.await.unwrap().unwrap();
}
