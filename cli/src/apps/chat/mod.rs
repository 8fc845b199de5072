//! The chat.

use std::sync::Arc;

use stickler::Incoming;

/// The rooms of this server.
#[derive(Default)]
pub(crate) struct Rooms;

/// Serves one member.
pub(crate) async fn chat(incoming: Incoming, _rooms: Arc<Rooms>) -> stickler::Result<()> {
    super::echo::echo(incoming).await
}
