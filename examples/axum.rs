//! One route of an axum application: axum reads the request head, and hands over after its 101.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Version;
use axum::response::Response;
use axum::routing::any;
use hyper_util::rt::TokioIo;
use stickler::{Config, Endpoint, Negotiated, Refusal, Rejection, WebSocket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/", any(async || "WebSockets are at /ws\n"))
        // Any method: the library refuses those that open no WebSocket.
        .route("/ws", any(upgrade))
        .with_state(Endpoint::new(Config::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
    axum::serve(listener, app).await
}

async fn upgrade(State(endpoint): State<Endpoint>, mut request: Request) -> Response {
    let negotiated = match judge(&request, &endpoint) {
        Ok(negotiated) => negotiated,
        Err(refusal) => return refuse(refusal),
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
    response.body(Body::empty()).expect("fields that were just encoded")
}

/// Judges the head as strictly as if it had been read here (RFC 6455 §4.2.1).
fn judge(request: &Request, endpoint: &Endpoint) -> Result<Negotiated, Refusal> {
    if request.version() != Version::HTTP_11 {
        return Err(Rejection::HttpVersionTooLow.into());
    }
    let fields = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let target = request.uri().to_string();
    let request = stickler::Request::from_parts(request.method().as_str(), &target, fields)?;
    endpoint.negotiate(&request)
}

fn refuse(refusal: Refusal) -> Response {
    let answer = stickler::Response::from(refusal);
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.all_fields() {
        response = response.header(name, value);
    }
    let body = Body::from(answer.body().to_vec());
    response.body(body).expect("fields that were judged before")
}

async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
    let sender = socket.sender().clone();
    while let Some(message) = socket.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
