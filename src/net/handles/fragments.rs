//! A message that is sent fragment by fragment (RFC 6455 §5.4).

use super::compressing::Fragments;
use super::outgoing::{Choice, Outgoing, Parts};
use super::sender::Sender;
use super::sending::{Bound, Turn, append};
use crate::net::config::WhenFull;
use crate::net::ending::Initiator;
use crate::proto::assembler::MessageKind;
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// A message that is sent fragment by fragment.
///
/// Dropped unfinished it fails the connection with 1011: the peer must not take what it has
/// for the whole message.
///
/// With [`WhenFull::Drop`](crate::WhenFull::Drop) the whole of it is dropped if the queue had no room
/// when it began: its fragments are taken, and nothing of them is sent.
#[derive(Debug)]
pub struct FragmentedMessage<'a> {
    sender: &'a Sender,
    kind: MessageKind,
    /// What compresses it; `None` if it goes uncompressed.
    compressed: Option<Fragments>,
    is_first: bool,
    is_finished: bool,
    /// Whether nothing of it is sent: there was no room when it began.
    is_dropped: bool,
}

impl<'a> FragmentedMessage<'a> {
    /// Reserves the connection for it.
    pub(super) fn start(
        sender: &'a Sender,
        kind: MessageKind,
        choice: Choice,
    ) -> Result<FragmentedMessage<'a>, SendError> {
        let (compressed, is_dropped) = match Turn::for_message(&sender.shared, Bound::Holds) {
            Ok(mut turn) => {
                let compressed = sender.begin_compressed(choice, &turn);
                turn.queue.reserve(true);
                (compressed, false)
            }
            Err(SendError::QueueFull) => {
                sender.find_full(sender.when_full())?;
                (None, true)
            }
            Err(error) => return Err(error),
        };
        let (is_first, is_finished) = (true, false);
        Ok(FragmentedMessage { sender, kind, compressed, is_first, is_finished, is_dropped })
    }

    /// Queues a fragment. Text is given as text, so that the message stays UTF-8.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] where there is no room for it, and with
    /// [`WhenFull::Close`](crate::WhenFull::Close) the connection closes then; `MessageUnfinished` when
    /// the fragment is of the other kind, or the message is finished; else as [`Sender::send`].
    pub fn send(&mut self, fragment: impl Outgoing) -> Result<(), SendError> {
        fragment.queue(|parts| self.queue(parts, false))
    }

    /// Queues the last fragment; nothing more can be sent of this message then.
    ///
    /// # Errors
    /// As [`FragmentedMessage::send`]; after `QueueFull` it may be tried again.
    pub fn finish(&mut self, fragment: impl Outgoing) -> Result<(), SendError> {
        fragment.queue(|parts| self.queue(parts, true))
    }

    fn queue(&mut self, parts: Parts<'_>, fin: bool) -> Result<(), SendError> {
        if self.is_finished {
            return Err(SendError::MessageUnfinished);
        }
        if self.is_dropped {
            self.check_kind(&parts)?;
            self.is_finished = fin;
            return Ok(());
        }
        let mut turn = match Turn::for_data(&self.sender.shared) {
            // The peer must not miss a part of a message, so with `Drop` this one waits for room.
            Err(SendError::QueueFull) if self.sender.when_full() == WhenFull::Close => {
                return self.sender.find_full(WhenFull::Close);
            }
            turn => turn?,
        };
        self.check_kind(&parts)?;
        let first = self.is_first.then_some(self.kind);
        if let Some(compressed) = &mut self.compressed {
            let deflated = compressed.queue(&mut turn, first, parts.bytes(), fin)?;
            turn.queue.count_piece(self.kind, parts.bytes().len(), fin);
            self.sender.shared.context.tally.deflated(parts.bytes().len(), deflated);
            self.passed(turn, fin);
            return Ok(());
        }
        let header = turn.queue.outbound_mut().start_fragment(first, parts.bytes().len(), fin)?;
        let len = parts.bytes().len();
        let copied = append(&mut turn, Some(&header), parts);
        turn.queue.count_piece(self.kind, len, fin);
        self.passed(turn, fin);
        drop(copied);
        Ok(())
    }

    fn check_kind(&self, parts: &Parts<'_>) -> Result<(), SendError> {
        match parts {
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..)
                if *kind == self.kind =>
            {
                Ok(())
            }
            // A prepared message is a whole frame, never a fragment.
            _ => Err(SendError::MessageUnfinished),
        }
    }

    /// A fragment was queued.
    fn passed(&mut self, mut turn: Turn<'_>, fin: bool) {
        self.is_first = false;
        self.is_finished = fin;
        turn.queue.reserve(!fin);
        turn.wake_task();
        drop(turn);
        if fin {
            self.compressed = None;
        }
    }
}

impl Drop for FragmentedMessage<'_> {
    fn drop(&mut self) {
        if self.is_finished || self.is_dropped {
            return;
        }
        let mut state = self.sender.shared.lock_for_sending();
        state.queue.reserve(false);
        if self.is_first {
            // Nothing is written, so nobody else tells those who wait to send a whole message.
            state.offer_room();
            return;
        }
        state.close(Initiator::Application, CloseCode::INTERNAL_ERROR, UNFINISHED);
        state.wake_task();
    }
}

const UNFINISHED: &str = "RFC 6455 5.4: the server did not finish a message";
