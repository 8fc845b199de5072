//! axum, as the documentation of `axum::extract::ws` has it: `recv` and `send`; with `--batch`, `feed` and `flush`.

use std::io;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt;
use stickler_peers::echo::{self, Form, Received};

fn main() -> io::Result<()> {
    let form = Form::asked();
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| echo(socket, form))
    };
    let router = Router::new().route("/", any(upgrade));
    echo::listen(|listener| async {
        let listener = listener.tap_io(|stream| {
            stream.set_nodelay(true).expect("a fresh socket takes TCP_NODELAY");
        });
        axum::serve(listener, router).await
    })
}

async fn echo(socket: WebSocket, form: Form) {
    match form {
        Form::Plain => echo_each(socket).await,
        Form::Batch => echo::echo_in_batches(socket, classify).await,
    }
}

async fn echo_each(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

fn classify(item: Result<Message, axum::Error>) -> Received<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Received::Data(message),
        Ok(Message::Close(_)) | Err(_) => Received::End,
        Ok(_) => Received::Control,
    }
}
