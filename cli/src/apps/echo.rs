//! Sends every message back, kind for kind.

use stickler::Incoming;

/// Echoes until the closing handshake.
pub(crate) async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept().await?.split();
    while let Some(message) = receiver.next().await? {
        sender.send(message)?;
    }
    Ok(())
}
