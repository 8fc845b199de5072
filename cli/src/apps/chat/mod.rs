//! The chat: rooms, in which everybody sees the same messages in the same order.
//!
//! Its messages are in docs/chat.md. What carries them between nodes is a `Broker` of the library; the
//! [`names`] say which connection has which nickname.

mod claim;
mod member;
pub(crate) mod names;
mod naming;
mod orders;
#[cfg(feature = "nats")]
pub(crate) mod over_nats;
mod pace;
mod past;
mod reply;
mod request;
mod room;
mod rooms;
#[cfg(test)]
mod tests;
mod unique;

use std::sync::Arc;
use std::{io, thread};

use stickler::Incoming;
use stickler::broker::InProcess;
use stickler::http::Response;
use tokio::runtime::{Builder, Handle};

use self::names::LocalNames;
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

/// Rooms of this node alone: messages go by the memory of this process.
///
/// # Errors
/// No thread can be started.
pub(crate) fn rooms_of_one_node() -> io::Result<Arc<Rooms>> {
    let runtime = background()?;
    Ok(Arc::new(Rooms::new(Arc::new(InProcess::new()), Arc::new(LocalNames::default()), runtime)))
}

/// A runtime on a thread of its own, until the process ends. The tasks of rooms run there: a room has members on
/// all workers, and goes on when one of these is gone.
///
/// # Errors
/// No thread can be started.
pub(crate) fn background() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let forever = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("chat".into()).spawn(forever)?;
    Ok(handle)
}

/// The subprotocol of the chat, with its version.
pub(crate) const SUBPROTOCOL: &str = "stickler.chat.v1";
