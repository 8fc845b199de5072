//! One route of an axum application, and the graceful end of its WebSockets.

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use stickler::axum::{WebSocketLayer, WebSocketUpgrade};
use stickler::{Config, Endpoint, WebSocket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let endpoint = Endpoint::new(Config::default());
    let app = Router::new()
        .route("/", any(async || "WebSockets are at /ws\n"))
        // Any method: the library refuses those that open no WebSocket.
        .route("/ws", any(upgrade))
        .layer(WebSocketLayer::new(endpoint.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    endpoint.shutdown();
    endpoint.emptied().await;
    Ok(())
}

async fn upgrade(ws: WebSocketUpgrade) -> Response {
    ws.serve(echo)
}

async fn echo(mut socket: WebSocket) -> stickler::Result<()> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}
