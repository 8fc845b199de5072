//! stickler sending what anyone says to everyone, as its example `broadcast` does: a `Topic`, one worker.

use stickler::{Incoming, Message, Prepared, Server, Topic};

fn main() -> std::io::Result<()> {
    let everyone = Topic::new();
    let server = Server::bind("127.0.0.1:0")?.workers(1);
    println!("listening on {}", server.local_addrs()[0]);
    server.serve(move |incoming| join(incoming, everyone.clone()))
}

async fn join(incoming: Incoming, everyone: Topic) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let _subscription = everyone.subscribe(&sender);
    while let Some(message) = receiver.recv().await? {
        everyone.publish(match &message {
            Message::Text(text) => Prepared::text(&**text),
            Message::Binary(binary) => Prepared::binary(&**binary),
        });
    }
    Ok(())
}
