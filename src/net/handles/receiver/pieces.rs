//! Messages that are received piece by piece, as they arrive.

use super::Receiver;
use super::search::search;
use crate::net::error::{Error, Result};
use crate::net::handles::message::Message;
use crate::proto::assembler::MessageKind;
use crate::proto::event::Delivery;

/// A message that is received piece by piece, as it arrives.
#[derive(Debug)]
pub struct Fragments<'a> {
    kind: MessageKind,
    is_first: bool,
    is_over: bool,
    receiver: &'a mut Receiver,
}

impl<'a> Fragments<'a> {
    /// A message of which the Receiver has found the first piece.
    pub(super) fn new(kind: MessageKind, receiver: &'a mut Receiver) -> Fragments<'a> {
        Fragments { kind, is_first: true, is_over: false, receiver }
    }

    /// The kind of the message.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Waits for the next piece and lends it until the next call; `None` after the last.
    ///
    /// Pieces are what has arrived, not the peer's fragments: those have no meaning
    /// (RFC 6455 §5.4). Pieces of text end on character boundaries.
    ///
    /// # Errors
    /// As [`Receiver::recv`]. A Close or the transport's end inside the message is one, so
    /// that what there is of it is not taken for the whole.
    ///
    /// # Cancel safety
    /// As [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Piece<'_>>> {
        let is_found = std::mem::take(&mut self.is_first)
            || !self.is_over
                && search(self.receiver, |this, cx| this.poll_found(cx, Delivery::Pieces)).await?;
        if !is_found {
            return if std::mem::replace(&mut self.is_over, true) {
                Ok(None)
            } else {
                Err(Error::CloseInsideMessage)
            };
        }
        let last = self.receiver.found.last;
        self.is_over = last;
        Ok(Some(Piece { last, data: self.receiver.lend() }))
    }
}

/// A piece of a message.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Whether the message ends with this piece.
    pub last: bool,
    /// The payload, of the message's kind; may be empty.
    pub data: Message<'a>,
}
