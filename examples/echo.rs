//! The whole of an echo server.

use stickler::{Incoming, Server};

fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001")?.serve(echo)
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
