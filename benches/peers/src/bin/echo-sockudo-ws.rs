//! sockudo-ws, as its example `simple_echo` has it: its handshake functions, `next`, `send`; with `--batch`,
//! `feed` and `flush`. When asked it compresses, by message with its shared compressors or with context takeover.

use std::io;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::deflate::{DeflateNegotiation, negotiate_server_deflate};
use sockudo_ws::error::{Error, Result};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::stream::CompressedWebSocketStream;
use sockudo_ws::{Compression, Config, Message, WebSocketStream};
use stickler_peers::echo::{self, Deflate, Form, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() -> io::Result<()> {
    let form = Form::asked();
    let compression = match Deflate::asked() {
        Deflate::AsShipped => Compression::Disabled,
        Deflate::EachMessage => Compression::Shared,
        Deflate::Takeover => Compression::Dedicated,
        Deflate::Level(_) => return Err(io::Error::other("its level is fixed")),
    };
    echo::each_connection(move |mut stream| async move {
        if let Some(deflate) = accept(&mut stream, compression).await? {
            let config = Config::builder().compression(compression).build();
            let socket = CompressedWebSocketStream::server(stream, config, deflate.config);
            echo::echo_in_batches(socket, classify).await;
            return Ok(());
        }
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

async fn accept(
    stream: &mut TcpStream,
    compression: Compression,
) -> Result<Option<DeflateNegotiation>> {
    let policy = compression.to_deflate_config();
    let mut request = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        if let Some((parsed, _)) = parse_request(&request)? {
            let deflate = policy.as_ref().zip(parsed.extensions);
            let deflate =
                deflate.and_then(|(policy, offers)| negotiate_server_deflate(offers, policy));
            let extensions = deflate.as_ref().map(DeflateNegotiation::to_response_header);
            let accept = generate_accept_key(parsed.key);
            stream.write_all(&build_response(&accept, None, extensions.as_deref())).await?;
            return Ok(deflate);
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
