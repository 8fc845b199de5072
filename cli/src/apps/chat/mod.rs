//! The chat: rooms, in which everybody sees the same messages in the same order.
//!
//! Its messages are in docs/chat.md. What carries them between nodes is a `Broker` of the library; who
//! has which nickname is in [`names`].

mod claim;
mod member;
pub(crate) mod names;
mod naming;
mod pace;
mod past;
mod reply;
mod request;
mod room;
mod rooms;

use std::sync::Arc;

use stickler::Incoming;
use stickler::http::Response;

pub(crate) use self::rooms::Rooms;

/// Serves one connection of the chat until its end.
///
/// # Errors
/// How the connection ended, where that was not by a closing handshake.
///
/// # Cancel safety
/// Dropped, the member leaves its room.
pub(crate) async fn chat(mut incoming: Incoming, rooms: Arc<Rooms>) -> stickler::Result<()> {
    if incoming.subprotocol(SUBPROTOCOL).is_err() {
        let sentence = format!("The chat speaks the subprotocol {SUBPROTOCOL}: offer it.\n");
        let response = Response::builder().status(400).header("content-type", "text/plain");
        return Ok(incoming.reject(response.body(sentence)?)?);
    }
    let (receiver, sender) = incoming.accept()?.split();
    member::serve(receiver, sender, rooms).await
}

/// The subprotocol of the chat, with its version.
pub(crate) const SUBPROTOCOL: &str = "stickler.chat.v1";
