//! Sends every message back, kind for kind.

use stickler::Incoming;

/// Echoes until the closing handshake.
pub(super) async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}
