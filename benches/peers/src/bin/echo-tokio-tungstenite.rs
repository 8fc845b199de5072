//! tokio-tungstenite: `accept_async`, then `next` and `send`; with `--batch`, `feed` and `flush`, which is what
//! the `forward` of its own example amounts to. With `--tls-cert=FILE` and `--tls-key=FILE` it is over tokio-rustls.

use std::io;

use futures_util::{SinkExt, StreamExt};
use stickler_peers::echo::{self, Form, Received};
use stickler_peers::tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Result};

fn main() -> io::Result<()> {
    let form = Form::asked();
    let Some(acceptor) = tls::acceptor()? else {
        return echo::each_connection(move |stream| serve(stream, form));
    };
    echo::each_connection(move |stream| {
        let accept = acceptor.accept(stream);
        async move { serve(accept.await?, form).await }
    })
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, form: Form) -> Result<()> {
    let socket = tokio_tungstenite::accept_async(stream).await?;
    match form {
        Form::Plain => echo_each(socket).await,
        Form::Batch => {
            echo::echo_in_batches(socket, classify).await;
            Ok(())
        }
    }
}

async fn echo_each(mut socket: WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>) -> Result<()> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

fn classify(item: Result<Message>) -> Received<Message> {
    match item {
        Ok(message @ (Message::Text(_) | Message::Binary(_))) => Received::Data(message),
        Ok(Message::Close(_)) | Err(_) => Received::End,
        Ok(_) => Received::Control,
    }
}
