//! yawc: `upgrade_with_options` under hyper, `next`, `send`; with `--batch`, `feed` and `flush`, and the buffers
//! that its README names for the server of its own benchmark.
//!
//! Two options differ from its defaults, so that it does the same work: UTF-8 is checked, and messages of 1 MiB,
//! which is the first length that its default refuses, are let in. It compresses only when asked: by message with
//! the pool and the options that its documentation names for many connections, or with context takeover.

use std::io;

use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use stickler_peers::echo::{self, Deflate, Form, Received};
use yawc::{
    CompressionLevel, DeflatePool, Frame, HttpWebSocket, OpCode, Options, UpgradeFut, WebSocket,
};

fn main() -> io::Result<()> {
    let form = Form::asked();
    let options = options(form);
    echo::each_connection(move |stream| {
        let options = options.clone();
        let service = service_fn(move |request| accept(request, options.clone(), form));
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades()
    })
}

fn options(form: Form) -> Options {
    let options = Options::default().with_utf8().with_limits(2 << 20, 4 << 20);
    let deflate = Deflate::asked();
    let level = if let Deflate::Level(level) = deflate { level.into() } else { 6 };
    let level = CompressionLevel::new(level);
    match (deflate, form) {
        (Deflate::EachMessage | Deflate::Level(_), _) => options
            .with_compression_level(level)
            .server_no_context_takeover()
            .client_no_context_takeover()
            .with_deflate_pool(DeflatePool::new(64))
            .with_compression_threshold(64)
            .with_read_buffer_capacity(1024)
            .with_write_buffer_capacity(1024),
        (Deflate::Takeover, _) => options.with_compression_level(level),
        (Deflate::AsShipped, Form::Batch) => {
            options.with_read_buffer_capacity(128 << 10).with_backpressure_boundary(64 << 10)
        }
        (Deflate::AsShipped, Form::Plain) => options,
    }
}

async fn accept(
    mut request: Request<Incoming>,
    options: Options,
    form: Form,
) -> yawc::Result<Response<Empty<Bytes>>> {
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
    tokio::spawn(echo(upgraded, form));
    Ok(response)
}

async fn echo(upgraded: UpgradeFut, form: Form) -> yawc::Result<()> {
    let socket = upgraded.await?;
    match form {
        Form::Plain => echo_each(socket).await,
        Form::Batch => {
            echo::echo_in_batches(socket, classify).await;
            Ok(())
        }
    }
}

async fn echo_each(mut socket: HttpWebSocket) -> yawc::Result<()> {
    while let Some(frame) = socket.next().await {
        match frame.opcode() {
            OpCode::Text | OpCode::Binary => socket.send(frame).await?,
            OpCode::Close => break,
            _ => {}
        }
    }
    Ok(())
}

fn classify(frame: Frame) -> Received<Frame> {
    match frame.opcode() {
        OpCode::Text | OpCode::Binary => Received::Data(frame),
        OpCode::Close => Received::End,
        _ => Received::Control,
    }
}
