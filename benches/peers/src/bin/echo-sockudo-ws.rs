//! sockudo-ws, as its example `simple_echo` has it: its handshake functions, `next`, `send`; with `--batch`,
//! `feed` and `flush`.

use std::io;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::error::{Error, Result};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{Config, Message, WebSocketStream};
use stickler_peers::echo::{self, Form, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() -> io::Result<()> {
    let form = Form::asked();
    echo::each_connection(move |mut stream| async move {
        accept(&mut stream).await?;
        let socket = WebSocketStream::server(stream, Config::default());
        match form {
            Form::Plain => echo_each(socket).await,
            Form::Batch => {
                echo::echo_in_batches(socket, classify).await;
                Ok(())
            }
        }
    })
}

async fn accept(stream: &mut TcpStream) -> Result<()> {
    let mut request = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((parsed, _)) = parse_request(&request)? {
            let response = build_response(&generate_accept_key(parsed.key), None, None);
            stream.write_all(&response).await?;
            return Ok(());
        }
    }
}

async fn echo_each(mut socket: WebSocketStream<TcpStream>) -> Result<()> {
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Close(_) => break,
            _ => {}
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
