//! Messages up to the limit in little memory: received piece by piece, answered in fragments.

use stickler::{Incoming, MessageKind, Server};

fn main() -> std::io::Result<()> {
    Server::bind("127.0.0.1:9001")?.serve(shout)
}

/// Sends each text back in capitals while it is still arriving.
async fn shout(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(mut fragments) = receiver.recv_fragments().await? {
        if fragments.kind() == MessageKind::Binary {
            continue;
        }
        let mut reply = sender.start_message(MessageKind::Text)?;
        // Pieces of text end between characters, wherever the peer's fragments end.
        while let Some(piece) = fragments.recv().await? {
            reply.send(piece.data.as_text().unwrap_or_default().to_uppercase())?;
        }
        sender.ready().await;
        reply.finish("")?;
    }
    Ok(())
}
