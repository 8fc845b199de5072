//! Every message goes to everyone, encoded once.

use std::sync::{Arc, Mutex};

use stickler::{Incoming, Message, Prepared, Sender, Server};

fn main() -> std::io::Result<()> {
    let everyone = Arc::new(Mutex::new(Vec::new()));
    Server::bind("127.0.0.1:9001")?.serve(move |incoming| join(incoming, everyone.clone()))
}

async fn join(incoming: Incoming, everyone: Arc<Mutex<Vec<Sender>>>) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept().await?.split();
    everyone.lock().unwrap().push(sender);
    while let Some(message) = receiver.next().await? {
        let prepared = match &message {
            Message::Text(text) => Prepared::text(&**text),
            Message::Binary(binary) => Prepared::binary(&**binary),
        };
        let mut everyone = everyone.lock().unwrap();
        everyone.retain(Sender::is_open);
        for sender in everyone.iter() {
            // Who does not keep up misses messages; nobody waits for them.
            let _ = sender.send(&prepared);
        }
    }
    Ok(())
}
