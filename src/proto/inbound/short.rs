//! The way of most messages: one frame, not long, here as a whole, between others. It needs no
//! state and decides nothing of its own. What it does not recognise, and what breaks a rule,
//! goes the general way; that the two agree is for `tests/chunking/` to show.

use super::{Inbound, Stage};
use crate::proto::assembler::MessageLimits;
use crate::proto::event::{Data, Delivery, Event, Payload, Step};
use crate::proto::mask::Mask;
use crate::proto::utf8::{self, Checked};

impl Inbound {
    /// Whether a header is to begin here, and the message behind it will be looked at.
    #[inline]
    pub(crate) fn is_between_messages(&self) -> bool {
        self.stage == Stage::Header
            && self.header_len == 0
            && self.assembler.kind().is_none()
            && !self.discarding
    }
}

/// Receives a message that is here as one frame with a length of 7 bits; `None`, with nothing
/// done, for whatever else the input begins with. Only for who
/// [is between messages](Inbound::is_between_messages), as he is after it again.
#[inline(always)]
pub(crate) fn receive_short(
    input: &mut [u8],
    delivery: Delivery,
    limits: &MessageLimits,
) -> Option<Step> {
    let (&mut [first, second, a, b, c, d], rest) = input.split_first_chunk_mut::<6>()?;
    // Of an unmasked frame, or with a longer length, it is above 125.
    let len = usize::from(second.wrapping_sub(0x80));
    if len > 125 || !may_begin(first, len, limits) {
        return None;
    }
    let payload = rest.get_mut(..len)?;
    let mask = Mask::new([a, b, c, d]);
    // RFC 6455 §6.2: the payload is unmasked where it lies.
    mask.apply_short(payload);
    let text = if first == WHOLE_TEXT {
        let Ok(checked) = utf8::check_short(payload) else {
            mask.apply_short(payload);
            return None;
        };
        Some(checked)
    } else {
        None
    };
    Some(whole(6, len, text, delivery))
}

/// As [`receive_short`], for a length of 16 bits.
#[inline]
pub(crate) fn receive_medium(
    input: &mut [u8],
    delivery: Delivery,
    limits: &MessageLimits,
) -> Option<Step> {
    let (&mut [first, second, high, low, a, b, c, d], rest) = input.split_first_chunk_mut::<8>()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    // RFC 6455 §5.2: a length takes the shortest form that holds it.
    let is_medium = second == 0xFE && len > 125;
    if !is_medium || !may_begin(first, len, limits) {
        return None;
    }
    let payload = rest.get_mut(..len)?;
    let key = [a, b, c, d];
    Mask::new(key).apply_whole(payload);
    let text = if first == WHOLE_TEXT {
        let Ok(checked) = utf8::check(payload) else {
            Mask::new(key).apply_whole(payload);
            return None;
        };
        Some(checked)
    } else {
        None
    };
    Some(whole(8, len, text, delivery))
}

/// Whether a message that is one frame may begin with this byte and have this length.
#[inline]
fn may_begin(first: u8, len: usize, limits: &MessageLimits) -> bool {
    (first == WHOLE_TEXT || first == WHOLE_BINARY)
        && len <= limits.max_message_size
        && len <= limits.max_frame_size
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
