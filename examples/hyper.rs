//! Beside pages on one port: hyper reads the request head, and hands over after its 101.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use stickler::{Config, Endpoint, Negotiated, Refusal, WebSocket};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let endpoint = Endpoint::new(Config::default());
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let endpoint = endpoint.clone();
        let service = service_fn(move |request| answer(request, endpoint.clone()));
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
        tokio::spawn(connection);
    }
}

async fn answer(
    mut request: Request<Incoming>,
    endpoint: Endpoint,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/ws" {
        return Ok(Response::new(Full::from("WebSockets are at /ws\n")));
    }
    let negotiated = match judge(&request, &endpoint) {
        Ok(negotiated) => negotiated,
        Err(refusal) => return Ok(refuse(refusal)),
    };
    let mut response = Response::builder().status(101);
    for (name, value) in negotiated.fields() {
        response = response.header(name, value);
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(io) = upgrade.await {
            endpoint.serve_upgraded(TokioIo::new(io), None, negotiated, echo).await;
        }
    });
    Ok(response.body(Full::default()).expect("fields that were just encoded"))
}

/// Judges the head as strictly as if it had been read here (RFC 6455 §4.2.1), and agrees on
/// compression (RFC 7692 §7).
fn judge(request: &Request<Incoming>, endpoint: &Endpoint) -> Result<Negotiated, Refusal> {
    if request.version() != Version::HTTP_11 {
        return Err(stickler::Rejection::HttpVersionTooLow.into());
    }
    let fields = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let target = request.uri().to_string();
    let request = stickler::Request::from_parts(request.method().as_str(), &target, fields)?;
    endpoint.negotiate(&request)
}

fn refuse(refusal: Refusal) -> Response<Full<Bytes>> {
    let answer = stickler::Response::from(refusal);
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.all_fields() {
        response = response.header(name, value);
    }
    let body = Full::from(answer.body().to_vec());
    response.body(body).expect("fields that were judged before")
}

async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
    let sender = socket.sender().clone();
    while let Some(message) = socket.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
