//! A proxy: each client gets a connection of its own to another WebSocket server.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use stickler::{BoxError, CloseCode, Incoming, OwnedMessage, SendError, Server};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001")?.serve(|incoming| proxy(incoming, "127.0.0.1:9002"))
}

async fn proxy(incoming: Incoming, upstream: &'static str) -> Result<(), BoxError> {
    // An error before `accept` answers the client with 500.
    let tcp = TcpStream::connect(upstream).await?;
    let (upstream, _) = client_async(format!("ws://{upstream}{}", incoming.path()), tcp).await?;
    let (mut to_upstream, mut from_upstream) = upstream.split();
    let (mut receiver, sender) = incoming.accept()?.split();
    receiver.read_while_full(true); // what comes down is no reply that has to leave first
    let up = async {
        while let Some(message) = receiver.recv().await? {
            let message = match message.into_owned() {
                OwnedMessage::Text(text) => Message::text(&*text),
                OwnedMessage::Binary(bytes) => Message::Binary(bytes),
            };
            to_upstream.send(message).await?; // while upstream takes no more, the client is not read
        }
        let close = sender.peer_close().await.and_then(|close| {
            Some(CloseFrame { code: close.code?.get().into(), reason: (&*close.reason).into() })
        });
        to_upstream.send(Message::Close(close)).await?;
        tokio::time::sleep(Duration::from_secs(5)).await; // for upstream's Close, which ends `down`
        Ok(())
    };
    let down = async {
        while let Some(message) = from_upstream.next().await {
            let sent = match message? {
                // These wait while the client takes no more, and upstream is not read meanwhile.
                Message::Text(text) => sender.send_ready(text.as_str()).await,
                Message::Binary(bytes) => sender.send_ready(bytes).await,
                Message::Close(Some(end)) => sender.close(u16::from(end.code).into(), &end.reason),
                Message::Close(None) => sender.close_without_code(),
                _ => Ok(()), // each library answers the Pings of its own side
            };
            // After the client's Close only upstream's is waited for.
            if sent.is_err_and(|error| error != SendError::Closed) {
                sent?;
            }
        }
        Ok::<(), BoxError>(())
    };
    let result = tokio::select! { result = up => result, result = down => result };
    // Nothing happens here where a Close has been sent or received.
    let _ = result.is_err() && sender.close(CloseCode::BAD_GATEWAY, "upstream is lost").is_ok();
    result
}
