//! The way of most messages: one frame, not long, here as a whole, between others. It decides
//! nothing of its own. What it does not recognise, and what breaks a rule of the header, goes
//! the general way; that the two agree is for `tests/chunking.rs` to show.

use super::data::CACHE_PIECE;
use super::{Inbound, Stage};
use crate::proto::assembler::MessageLimits;
use crate::proto::event::{Data, Delivery, Event, Payload, Step};
use crate::proto::mask::Mask;
use crate::proto::utf8::{self, Checked, InvalidUtf8};
use crate::proto::violation::Violation;

impl Inbound {
    /// Receives a message that is here as one frame with a length of 7 bits; `None`, with
    /// nothing done, for whatever else the input begins with.
    #[inline]
    pub(super) fn receive_short(
        &self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Option<Result<Step, Violation>> {
        let (&mut [first, second, a, b, c, d], rest) = input.split_first_chunk_mut::<6>()?;
        // Of an unmasked frame, or with a longer length, it is above 125.
        let len = usize::from(second.wrapping_sub(0x80));
        if len > 125 || !self.may_begin(first, len, limits) {
            return None;
        }
        let payload = rest.get_mut(..len)?;
        Mask::new([a, b, c, d]).apply_short(payload);
        let text = if first == WHOLE_TEXT {
            match utf8::check_short(payload) {
                Ok(checked) => Some(checked),
                Err(InvalidUtf8) => return Some(Err(Violation::TextNotUtf8)),
            }
        } else {
            None
        };
        Some(Ok(whole(6, len, text, delivery)))
    }

    /// As [`Inbound::receive_short`], for a length of 16 bits.
    #[inline]
    pub(super) fn receive_medium(
        &self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Option<Result<Step, Violation>> {
        let (&mut [first, second, high, low, a, b, c, d], rest) =
            input.split_first_chunk_mut::<8>()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        // RFC 6455 §5.2: a length takes the shortest form that holds it.
        let is_medium = second == 0xFE && (126..=CACHE_PIECE).contains(&len);
        if !is_medium || !self.may_begin(first, len, limits) {
            return None;
        }
        let payload = rest.get_mut(..len)?;
        Mask::new([a, b, c, d]).apply(payload);
        let text = if first == WHOLE_TEXT {
            match utf8::check(payload) {
                Ok(checked) => Some(checked),
                Err(InvalidUtf8) => return Some(Err(Violation::TextNotUtf8)),
            }
        } else {
            None
        };
        Some(Ok(whole(8, len, text, delivery)))
    }

    /// Whether a message may begin here that will be looked at, as one frame with this first
    /// byte and length.
    #[inline]
    fn may_begin(&self, first: u8, len: usize, limits: &MessageLimits) -> bool {
        (first == WHOLE_TEXT || first == WHOLE_BINARY)
            && self.stage == Stage::Header
            && self.header_len == 0
            && self.assembler.kind().is_none()
            && !self.discarding
            && len <= limits.max_message_size
            && len <= limits.max_frame_size
    }
}

/// The message behind a header of `start` bytes.
#[inline]
fn whole(start: usize, len: usize, text: Option<Checked>, delivery: Delivery) -> Step {
    let data = Data { payload: Payload::Input(start..start + len), text };
    let event = match delivery {
        Delivery::Message => Event::Message(data),
        Delivery::Pieces => Event::Piece { data, last: true },
    };
    Step { consumed: start + len, event: Some(event) }
}

/// First bytes with FIN, the opcode of a message, and no reserved bit (RFC 6455 §5.2).
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;
