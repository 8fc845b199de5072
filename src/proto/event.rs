//! What the peer sent, as [`Inbound`](super::inbound::Inbound) tells it: events carry
//! positions, not borrows.

use std::ops::Range;

use super::assembler::MessageKind;
use super::close::CloseCode;
use super::utf8::Checked;

/// How data is delivered: decided anew with every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Whole messages.
    Message,
    /// Pieces of a message as they arrive; text in whole characters.
    Pieces,
}

/// What one call of [`Inbound::receive`](super::inbound::Inbound::receive) did.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes taken from the front of the input.
    pub consumed: usize,
    /// What they amounted to; `None` when the input is used up.
    pub event: Option<Event>,
}

/// What the peer sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message(Data),
    /// A piece of a message.
    Piece {
        /// The piece; may be empty when it is the last.
        data: Data,
        /// Whether the message ends with it.
        last: bool,
    },
    /// A Ping, to be answered by a Pong with the same payload (RFC 6455 §5.5.2).
    Ping(Payload),
    /// A Pong.
    Pong(Payload),
    /// Payload of a compressed message is there: lend an inflater with
    /// [`Inbound::lend_inflater`](super::inbound::Inbound::lend_inflater), or fail the
    /// connection. Only once permessage-deflate was agreed.
    NoInflater,
    /// A share of inflating is done and there is more: let others run, then call again. Only
    /// once permessage-deflate was agreed.
    Paused,
    /// The first Close, to be answered unless ours was sent (RFC 6455 §5.5.1).
    Close(ReceivedClose),
}

/// Payload of a message, and what it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Data {
    /// Where the payload is.
    pub payload: Payload,
    /// Witness that it is UTF-8: present exactly for text.
    pub text: Option<Checked>,
}

impl Data {
    /// The kind of the message.
    pub const fn kind(&self) -> MessageKind {
        if self.text.is_some() { MessageKind::Text } else { MessageKind::Binary }
    }
}

/// Where a payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Here in the input of this call.
    Input(Range<usize>),
    /// In the assembler: taken with [`Inbound::take_assembled`](super::inbound::Inbound::take_assembled) before the next call.
    Assembled,
    /// In the buffer for control frames: read with
    /// [`Inbound::control_payload`](super::inbound::Inbound::control_payload) before the next call.
    Control,
}

/// The body of the first Close received (RFC 6455 §7.1.5, §7.1.6).
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedClose {
    /// The status code; `None` for an empty body, which applications see as 1005.
    pub code: Option<CloseCode>,
    /// The reason; the peer's own words.
    pub reason: Box<str>,
}

impl std::fmt::Debug for ReceivedClose {
    /// Of the reason, which is the peer's own words, only the length.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedClose")
            .field("code", &self.code)
            .field("reason_len", &self.reason.len())
            .finish()
    }
}

impl Event {
    /// The event with positions relative to an input that begins `start` bytes earlier.
    #[inline]
    pub(crate) fn moved_by(mut self, start: usize) -> Event {
        if let Event::Message(Data { payload, .. })
        | Event::Piece { data: Data { payload, .. }, .. }
        | Event::Ping(payload)
        | Event::Pong(payload) = &mut self
            && let Payload::Input(range) = payload
        {
            range.start += start;
            range.end += start;
        }
        self
    }
}
