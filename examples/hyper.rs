//! Beside pages on one port: hyper reads the request head, and hands over after its 101.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use stickler::{Config, Endpoint, WebSocket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let endpoint = Endpoint::new(Config::default());
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let endpoint = endpoint.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer); // for the log
            std::future::ready(Ok::<_, Infallible>(answer(request, &endpoint)))
        });
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::spawn(connection);
    }
}

fn answer(mut request: Request<Incoming>, endpoint: &Endpoint) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/ws" => stickler::hyper::upgrade(endpoint, &mut request, echo),
        _ => Response::new(Full::from("WebSockets are at /ws\n")),
    }
}

async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}
