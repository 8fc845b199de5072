//! What the receiving half of a connection knows of permessage-deflate.

use std::sync::Arc;

use super::Inflater;
use super::budget::{Budget, Charge};
use super::history::{Left, NoMemory};
use super::negotiation::{Agreement, WindowBits};
use crate::proto::assembler::Assembler;
use crate::proto::mask::Mask;
use crate::proto::violation::Violation;

/// The receiving side of the extension. Every connection has one, so it is small.
#[derive(Debug, Default)]
pub(in crate::proto) struct Receiving {
    /// Lent by the caller.
    inflater: Option<Box<Inflater>>,
    /// What the last message left to the next one; with the inflater while one is lent.
    left: Option<Box<Left>>,
    agreed: Agreed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Agreed {
    /// The extension is not in use.
    #[default]
    Nothing,
    /// A message refers to itself only (RFC 7692 §7.1.1.2).
    NoContextTakeover,
    /// A message may refer to earlier ones, so far back.
    ContextTakeover(WindowBits),
    /// The same, but there was no memory for what it may refer to: no message can be inflated.
    ContextLost,
}

// Every connection has one.
const _: () = assert!(size_of::<Agreed>() == 1);

/// What receiving payload of a compressed message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Received {
    /// All of it was inflated.
    All,
    /// There is more to do; others get their turn first.
    Paused,
    /// An inflater is needed.
    NoInflater,
}

impl Receiving {
    pub(in crate::proto) fn agree(&mut self, agreement: &Agreement) {
        self.agreed = if agreement.client_no_context_takeover() {
            Agreed::NoContextTakeover
        } else {
            Agreed::ContextTakeover(agreement.client_max_window_bits())
        };
    }

    /// Whether messages may be compressed.
    #[inline]
    pub(in crate::proto) fn is_agreed(&self) -> bool {
        self.agreed != Agreed::Nothing
    }

    /// Whether an inflater is lent.
    pub(in crate::proto) fn has_inflater(&self) -> bool {
        self.inflater.is_some()
    }

    /// Whether a message may refer to bytes for which there was no memory.
    pub(in crate::proto) fn has_lost_context(&self) -> bool {
        self.agreed == Agreed::ContextLost
    }

    /// Begins a message with an inflater that the caller lends, and what the last one left.
    pub(in crate::proto) fn lend(&mut self, mut inflater: Box<Inflater>) {
        inflater.begin(self.left.take());
        self.inflater = Some(inflater);
    }

    /// Gives the inflater back, unless a message is unfinished. What the next message may refer
    /// to stays; `charge` is asked for the memory that this takes more than before.
    #[inline]
    pub(in crate::proto) fn reclaim(
        &mut self,
        charge: impl FnOnce(&Arc<Budget>, usize) -> Option<Charge>,
    ) -> Option<Box<Inflater>> {
        let mut inflater = self.inflater.take_if(|inflater| !inflater.is_begun())?;
        // RFC 7692 §7.2.2: with context takeover the next message may refer to this one.
        if let Agreed::ContextTakeover(window) = self.agreed {
            match inflater.take_left(window, charge) {
                Ok(left) => self.left = left,
                Err(NoMemory) => self.agreed = Agreed::ContextLost,
            }
        }
        Some(inflater)
    }

    /// Lets go of the inflater and the history: nothing will be inflated any more. What was
    /// agreed stays.
    pub(in crate::proto) fn forget(&mut self) {
        (self.inflater, self.left) = (None, None);
    }

    /// Inflates payload of the current frame into the assembler, unmasking what it takes from
    /// `payload`. Gives the bytes taken too.
    pub(in crate::proto) fn receive(
        &mut self,
        payload: &mut [u8],
        mask: &mut Mask,
        assembler: &mut Assembler,
        max_message_size: usize,
    ) -> Result<(usize, Received), Violation> {
        let Some(inflater) = &mut self.inflater else {
            // A header alone takes no inflater.
            let received = if payload.is_empty() { Received::All } else { Received::NoInflater };
            return Ok((0, received));
        };
        if !inflater.is_begun() {
            inflater.begin_next(matches!(self.agreed, Agreed::ContextTakeover(_)));
        }
        let mut taken = 0;
        loop {
            let rest = payload.get_mut(taken..).unwrap_or_default();
            if rest.is_empty() && !inflater.is_full() {
                return Ok((taken, Received::All));
            }
            let share = inflater.share_left();
            if share == 0 {
                return Ok((taken, Received::Paused));
            }
            let piece_len = rest.len().min(PIECE);
            let piece = rest.get_mut(..piece_len).unwrap_or_default();
            let allowed = left_of(max_message_size, inflater.produced());
            // One byte more than allowed is enough to know.
            let room = share.min(allowed.saturating_add(1)).min(room_for(piece_len));
            let masked = *mask;
            mask.apply(piece);
            let before = assembler.buffered();
            // One byte more than allowed is not kept, but has to have room.
            assembler.make_room(room, max_message_size.saturating_add(1));
            let inflated = inflater.inflate(piece, room, assembler.buffer_mut());
            // What came out counts before the fault behind it.
            assembler.validate_buffered(before, allowed)?;
            let consumed = inflated.map_err(|_| Violation::DeflateCorrupt)?;
            taken += consumed;
            // What was not taken comes again, masked as it was.
            let mut behind = masked;
            behind.skip(consumed);
            *mask = behind;
            behind.apply(piece.get_mut(consumed..).unwrap_or_default());
        }
    }

    /// Others get their turn before the next call of [`Receiving::receive`].
    pub(in crate::proto) fn pause(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.begin_share();
        }
    }

    /// Ends the message, of which all frames were received.
    pub(in crate::proto) fn finish(&mut self) -> Result<(), Violation> {
        // Without an inflater nothing was received of it.
        let inflater = self.inflater.as_mut().ok_or(Violation::DeflateEmpty)?;
        inflater.finish()
    }
}

/// How many more bytes the message may have.
fn left_of(max_message_size: usize, produced: u64) -> usize {
    let left = (max_message_size as u64).saturating_sub(produced);
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// Output to make room for at once: what payload of this length usually needs.
fn room_for(piece_len: usize) -> usize {
    piece_len.saturating_mul(4).clamp(MIN_ROOM, MAX_ROOM)
}

/// Payload is unmasked and inflated in pieces, in bytes.
const PIECE: usize = 16 << 10;

const MIN_ROOM: usize = 1 << 10;
const MAX_ROOM: usize = 64 << 10;
