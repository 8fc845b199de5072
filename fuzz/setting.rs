//! What a byte of input says about the connection.

use stickler::proto::assembler::MessageLimits;

use super::drive::{Start, Way};

/// Bit 0: after our Close. Bits 1 and 2: the way of receiving. Bit 3: small limits.
pub(crate) fn of(byte: u8) -> (Start, MessageLimits, Way) {
    let start = if byte & 1 != 0 { Start::Closing } else { Start::Open };
    let way = Way::ALL[usize::from(byte >> 1 & 3)];
    let limits = if byte & 8 != 0 {
        MessageLimits::new().max_message_size(300).max_frame_size(200).max_fragments(3)
    } else {
        MessageLimits::new().max_message_size(1 << 20).max_frame_size(1 << 20).max_fragments(1000)
    };
    (start, limits, way)
}
