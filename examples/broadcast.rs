//! Every message goes to everyone, encoded once.

use stickler::{Incoming, Message, Prepared, Server, Topic};

fn main() -> std::io::Result<()> {
    let everyone = Topic::new();
    Server::bind("127.0.0.1:9001")?.serve(move |incoming| join(incoming, everyone.clone()))
}

async fn join(incoming: Incoming, everyone: Topic) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    // Ends with the handler.
    let _subscription = everyone.subscribe(&sender);
    while let Some(message) = receiver.recv().await? {
        // Who does not keep up misses messages; nobody waits for them.
        everyone.publish(match &message {
            Message::Text(text) => Prepared::text(&**text),
            Message::Binary(binary) => Prepared::binary(&**binary),
        });
    }
    Ok(())
}
