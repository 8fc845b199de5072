//! tokio-websockets, as its README has it: `ServerBuilder`, `next`, `send`; with `--batch`, `feed` and `flush`.

use std::io;

use futures_util::{SinkExt, StreamExt};
use stickler_peers::echo::{self, Form, Received};
use tokio::net::TcpStream;
use tokio_websockets::{Error, Message, ServerBuilder, WebSocketStream};

fn main() -> io::Result<()> {
    let form = Form::asked();
    echo::each_connection(move |stream| async move {
        let (_request, socket) = ServerBuilder::new().accept(stream).await?;
        match form {
            Form::Plain => echo_each(socket).await,
            Form::Batch => {
                echo::echo_in_batches(socket, classify).await;
                Ok(())
            }
        }
    })
}

async fn echo_each(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

fn classify(item: Result<Message, Error>) -> Received<Message> {
    match item {
        Ok(message) if message.is_text() || message.is_binary() => Received::Data(message),
        Ok(message) if message.is_close() => Received::End,
        Ok(_) => Received::Control,
        Err(_) => Received::End,
    }
}
