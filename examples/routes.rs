//! Pages by an axum router and WebSockets by stickler, on one port.

use axum::Router;
use axum::routing::get;
use stickler::{Incoming, Server};

fn main() -> std::io::Result<()> {
    let router = Router::new().route("/", get("WebSockets are at /ws\n"));
    Server::bind("127.0.0.1:9001")?.http_service(router).serve(echo)
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
