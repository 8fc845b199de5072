//! A listener and a runtime of one's own, with each connection as a task among others.

use std::time::Duration;

use stickler::{Config, Endpoint, Incoming};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut config = Config::default();
    config.limits.message.max_message_size = 64 << 10;
    config.timeouts.keepalive_interval = Some(Duration::from_secs(10));
    let endpoint = Endpoint::new(config);
    let listener = TcpListener::bind("127.0.0.1:9001").await?;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
        };
        stream.set_nodelay(true)?;
        let connection = endpoint.serve(stream, Some(peer), echo);
        tokio::spawn(async move {
            let ending = connection.await;
            println!("{peer}: {} (clean: {})", ending.code(), ending.is_clean());
        });
    }
    endpoint.shutdown();
    endpoint.emptied().await;
    Ok(())
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
