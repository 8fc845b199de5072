//! Frame headers (RFC 6455 §5.2): judged byte by byte on the way in, encoded on the way out.

use super::violation::Violation;

/// What a frame carries (RFC 6455 §5.2, §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the unfinished message.
    Continuation = 0x0,
    /// A text message, or the first fragment of one.
    Text = 0x1,
    /// A binary message, or the first fragment of one.
    Binary = 0x2,
    /// The Close control frame.
    Close = 0x8,
    /// The Ping control frame.
    Ping = 0x9,
    /// The Pong control frame.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode with this number, if one is defined.
    pub const fn from_nibble(nibble: u8) -> Option<Opcode> {
        match nibble {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xA => Some(Opcode::Pong),
            _ => None,
        }
    }

    /// Whether this is a control frame's opcode (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The first reserved bit, which says that a message is compressed (RFC 7692 §6).
const RSV1: u8 = 0x40;

/// The longest header of a masked frame, in bytes.
pub const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame, in bytes.
pub const MAX_CONTROL_LEN: usize = 125;

/// The header of a frame from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this frame is the last of its message.
    pub fin: bool,
    /// What it carries.
    pub opcode: Opcode,
    /// Whether it begins a compressed message (RFC 7692 §6.1): RSV1.
    pub compressed: bool,
    /// The masking key.
    pub key: [u8; 4],
    /// The length of the payload, in bytes.
    pub payload_len: u64,
    /// How many bytes the header itself took: 6, 8 or 14.
    pub header_len: usize,
}

/// What the rules for a header depend on besides its own bytes.
#[derive(Clone, Copy, Debug)]
pub struct HeaderContext {
    /// Whether a fragmented message is unfinished.
    pub message_unfinished: bool,
    /// How long a frame of the unfinished message may be, or of a new one that is not
    /// compressed.
    pub size: FrameLimits,
    /// How long a frame that begins a compressed message may be; `None` unless
    /// permessage-deflate was agreed.
    pub compressed_size: Option<FrameLimits>,
    /// Whether a further fragment of the unfinished message is within the limit.
    pub fragment_allowed: bool,
    /// Whether an empty last fragment is within the limit although others are not.
    pub empty_end_allowed: bool,
}

/// How long a data frame may be, on the wire.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// The most bytes that it may have.
    pub max_frame_size: u64,
    /// The most bytes that it may have for its message to stay within the limit.
    pub max_rest: u64,
}

impl FrameHeader {
    /// Judges the beginning of a frame, as far as it is there, in the order of its bytes.
    ///
    /// Gives the header once it is complete, `None` while it is not. A fault that the
    /// bytes prove is found however few they are, so any split gives the same verdict.
    ///
    /// # Errors
    /// The first rule broken.
    #[inline]
    pub fn parse(bytes: &[u8], context: &HeaderContext) -> Result<Option<FrameHeader>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return match bytes.first() {
                Some(&first) => judge_first_byte(first, context).map(|_| None),
                None => Ok(None),
            };
        };
        let opcode = judge_first_byte(first, context)?;
        let length_code = judge_second_byte(second, opcode)?;
        let (bounds, rest) = match length_code {
            126 => LengthBounds::of_16_bits(rest)?,
            127 => LengthBounds::of_64_bits(rest)?,
            exact => (LengthBounds::exact(u64::from(exact)), Some(rest)),
        };
        let compressed = first & RSV1 != 0;
        if !opcode.is_control() {
            // Without the extension the first byte was judged already.
            let limits = context.compressed_size.filter(|_| compressed).unwrap_or(context.size);
            // RFC 6455 §10.4: the length alone is judged, before any payload is here.
            judge_size(bounds.at_least, limits)?;
        }
        let Some(rest) = rest else { return Ok(None) };
        // Only now the length is known to be minimal, and framing outranks a limit.
        let only_ends = first & 0x80 != 0 && bounds.at_least == 0;
        let is_allowed = context.fragment_allowed || only_ends && context.empty_end_allowed;
        // RFC 6455 §10.4: the number of fragments has a limit too.
        if opcode == Opcode::Continuation && !is_allowed {
            return Err(Violation::TooManyFragments);
        }
        let Some((key, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        Ok(Some(FrameHeader {
            fin: first & 0x80 != 0,
            opcode,
            compressed,
            key: *key,
            payload_len: bounds.at_least,
            header_len: bytes.len() - rest.len(),
        }))
    }
}

/// What is known of a payload length from the bytes of it that have arrived.
struct LengthBounds {
    at_least: u64,
}

impl LengthBounds {
    fn exact(length: u64) -> LengthBounds {
        LengthBounds { at_least: length }
    }

    /// The bounds, and the bytes behind the length once it is complete.
    fn of_16_bits(bytes: &[u8]) -> Result<(LengthBounds, Option<&[u8]>), Violation> {
        let (arrived, behind) = arrived_of::<2>(bytes);
        let at_least = u64::from(u16::from_be_bytes(arrived));
        let complete = behind.is_some();
        // RFC 6455 §5.2: lengths of 16 bits begin at 126.
        if complete && at_least < 126 {
            return Err(Violation::LengthNotMinimal);
        }
        Ok((LengthBounds { at_least }, behind))
    }

    fn of_64_bits(bytes: &[u8]) -> Result<(LengthBounds, Option<&[u8]>), Violation> {
        let (arrived, behind) = arrived_of::<8>(bytes);
        let at_least = u64::from_be_bytes(arrived);
        // RFC 6455 §5.2: the most significant bit is 0; known from the first byte.
        if at_least >> 63 != 0 {
            return Err(Violation::LengthHighBit);
        }
        // RFC 6455 §5.2: lengths of 64 bits begin at 65536; behind six zero bytes it is less.
        if bytes.len() >= 6 && at_least < 0x1_0000 {
            return Err(Violation::LengthNotMinimal);
        }
        Ok((LengthBounds { at_least }, behind))
    }
}

/// The first N bytes, zeros for those that have not arrived, and what is behind all N.
fn arrived_of<const N: usize>(bytes: &[u8]) -> ([u8; N], Option<&[u8]>) {
    if let Some((whole, behind)) = bytes.split_first_chunk::<N>() {
        return (*whole, Some(behind));
    }
    let mut arrived = [0; N];
    for (slot, byte) in arrived.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    (arrived, None)
}

#[inline]
fn judge_first_byte(first: u8, context: &HeaderContext) -> Result<Opcode, Violation> {
    // RFC 6455 §5.2: RSV1 to RSV3 are 0 as long as no extension defines them.
    if first & 0x70 != 0 && (first & 0x30 != 0 || context.compressed_size.is_none()) {
        return Err(Violation::ReservedBit);
    }
    // RFC 6455 §5.2: opcodes 3 to 7 and 11 to 15 are reserved.
    let opcode = Opcode::from_nibble(first & 0x0F).ok_or(Violation::ReservedOpcode)?;
    match opcode {
        // RFC 7692 §6.1: RSV1 stands on the first frame of a data message.
        Opcode::Text | Opcode::Binary if context.message_unfinished => {
            Err(Violation::MessageUnfinished)
        }
        Opcode::Text | Opcode::Binary => Ok(opcode),
        _ if first & RSV1 != 0 => Err(Violation::CompressedBitMisplaced),
        // RFC 6455 §5.5: control frames are not fragmented.
        Opcode::Close | Opcode::Ping | Opcode::Pong if first & 0x80 == 0 => {
            Err(Violation::ControlFragmented)
        }
        // RFC 6455 §5.4: fragments of one message follow each other.
        Opcode::Continuation if !context.message_unfinished => Err(Violation::NothingToContinue),
        _ => Ok(opcode),
    }
}

#[inline]
fn judge_second_byte(second: u8, opcode: Opcode) -> Result<u8, Violation> {
    // RFC 6455 §5.1: every frame from a client is masked.
    if second & 0x80 == 0 {
        return Err(Violation::UnmaskedFrame);
    }
    let length_code = second & 0x7F;
    // RFC 6455 §5.5: a control frame has at most 125 bytes, so no extended length.
    if opcode.is_control() && length_code > 125 {
        return Err(Violation::ControlTooLong);
    }
    // RFC 6455 §5.5.1: a Close body is empty or begins with a status code of two bytes.
    if opcode == Opcode::Close && length_code == 1 {
        return Err(Violation::CloseBodyTooShort);
    }
    Ok(length_code)
}

/// RFC 6455 §10.4: limits are decided from the header, at the first byte of the length that
/// proves it too long. The tighter limit is broken first, and so named, in any split.
#[inline]
fn judge_size(at_least: u64, limits: FrameLimits) -> Result<(), Violation> {
    if at_least > limits.max_rest && limits.max_rest < limits.max_frame_size {
        return Err(Violation::MessageTooBig);
    }
    if at_least > limits.max_frame_size {
        // RFC 6455 §7.4.1: 1009 stands for what is too big.
        return Err(Violation::FrameTooBig);
    }
    Ok(())
}

/// An encoded header of a frame from the server: never masked, length in its shortest form.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes {
    bytes: [u8; 10],
    len: u8,
}

impl HeaderBytes {
    /// Encodes the header of a frame with this payload length.
    #[inline]
    pub fn encode(opcode: Opcode, fin: bool, payload_len: usize) -> HeaderBytes {
        let first = (u8::from(fin) << 7) | opcode as u8;
        let mut header = HeaderBytes { bytes: [0; 10], len: 2 };
        // RFC 6455 §5.2: the length takes the first of 7, 16 and 64 bits that holds it.
        if let Ok(short @ 0..126) = u8::try_from(payload_len) {
            let [a, b, ..] = &mut header.bytes;
            // RFC 6455 §5.1: a server masks no frame, so the mask bit is 0.
            (*a, *b) = (first, short);
        } else if let Ok(medium) = u16::try_from(payload_len) {
            let [a, b, length @ ..] = &mut header.bytes;
            (*a, *b, header.len) = (first, 126, 4);
            let [high, low] = medium.to_be_bytes();
            let [c, d, ..] = length;
            (*c, *d) = (high, low);
        } else {
            let [a, b, length @ ..] = &mut header.bytes;
            (*a, *b, header.len) = (first, 127, 10);
            // RFC 6455 §5.2: the length is in network byte order.
            *length = (payload_len as u64).to_be_bytes();
        }
        header
    }

    /// The header with the bit that says that its message is compressed (RFC 7692 §6.1).
    #[must_use]
    pub fn compressed(mut self) -> HeaderBytes {
        let [first, ..] = &mut self.bytes;
        *first |= RSV1;
        self
    }

    /// Appends the bytes, and makes room for them and the payload at once.
    #[inline]
    pub fn append_to(&self, batch: &mut Vec<u8>, payload_len: usize) {
        batch.reserve(MAX_HEADER_LEN + payload_len);
        // By length: a few bytes are copied faster when it is known how many.
        let [a, b, c, d, ..] = self.bytes;
        match self.len {
            2 => batch.extend_from_slice(&[a, b]),
            4 => batch.extend_from_slice(&[a, b, c, d]),
            _ => batch.extend_from_slice(&self.bytes),
        }
    }

    /// The bytes: 2, 4 or 10 of them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY_SIZE: FrameLimits = FrameLimits { max_frame_size: u64::MAX, max_rest: u64::MAX };

    const OPEN: HeaderContext = HeaderContext {
        message_unfinished: false,
        size: ANY_SIZE,
        compressed_size: None,
        fragment_allowed: true,
        empty_end_allowed: true,
    };

    #[test]
    fn s5_2_encoded_lengths_are_minimal() {
        let encode = |len| HeaderBytes::encode(Opcode::Binary, true, len).as_bytes().to_vec();
        assert_eq!(encode(0), [0x82, 0]);
        assert_eq!(encode(125), [0x82, 125]);
        assert_eq!(encode(126), [0x82, 126, 0, 126]);
        assert_eq!(encode(127), [0x82, 126, 0, 127]);
        assert_eq!(encode(255), [0x82, 126, 0, 255]);
        assert_eq!(encode(65535), [0x82, 126, 255, 255]);
        assert_eq!(encode(65536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn s5_2_a_64_bit_length_is_condemned_at_its_first_or_sixth_byte() {
        let parse = |bytes: &[u8]| FrameHeader::parse(bytes, &OPEN);
        assert_eq!(parse(&[0x82, 0xFF]), Ok(None));
        assert_eq!(parse(&[0x82, 0xFF, 0x80]), Err(Violation::LengthHighBit));
        assert_eq!(parse(&[0x82, 0xFF, 0, 0, 0, 0, 0]), Ok(None));
        assert_eq!(parse(&[0x82, 0xFF, 0, 0, 0, 0, 0, 0]), Err(Violation::LengthNotMinimal));
    }

    #[test]
    fn s5_5_1_a_close_body_of_one_byte_is_condemned_by_its_length() {
        assert_eq!(FrameHeader::parse(&[0x88, 0x81], &OPEN), Err(Violation::CloseBodyTooShort));
    }

    #[test]
    fn s7692_6_1_the_first_reserved_bit_stands_on_first_frames_of_data_only() {
        let agreed = HeaderContext { compressed_size: Some(ANY_SIZE), ..OPEN };
        let unfinished = HeaderContext { message_unfinished: true, ..agreed };
        let parse = |context: &HeaderContext, first| {
            let header = FrameHeader::parse(&[first, 0x80, 1, 2, 3, 4], context);
            header.map(|header| header.is_some_and(|header| header.compressed))
        };
        for first in [0x41, 0x42, 0xC1, 0xC2] {
            assert_eq!(parse(&OPEN, first), Err(Violation::ReservedBit));
            assert_eq!(parse(&agreed, first), Ok(true));
            assert_eq!(parse(&agreed, first & 0x8F), Ok(false));
            assert_eq!(parse(&unfinished, first), Err(Violation::MessageUnfinished));
        }
        for first in [0x40, 0xC0, 0xC8, 0xC9, 0xCA, 0x49] {
            assert_eq!(parse(&OPEN, first), Err(Violation::ReservedBit));
            assert_eq!(parse(&agreed, first), Err(Violation::CompressedBitMisplaced));
            assert_eq!(parse(&unfinished, first), Err(Violation::CompressedBitMisplaced));
        }
        for first in [0xA1, 0x91, 0xE1, 0xD1, 0xF1, 0xE9, 0x60] {
            assert_eq!(parse(&agreed, first), Err(Violation::ReservedBit));
        }
        assert_eq!(parse(&agreed, 0xC3), Err(Violation::ReservedOpcode));
    }

    #[test]
    fn s10_4_framing_faults_outrank_the_limit_on_fragments_in_any_split() {
        let context = HeaderContext {
            message_unfinished: true,
            fragment_allowed: false,
            empty_end_allowed: false,
            ..OPEN
        };
        let parse = |bytes: &[u8]| FrameHeader::parse(bytes, &context);
        assert_eq!(parse(&[0x80, 0x85]), Err(Violation::TooManyFragments));
        assert_eq!(parse(&[0x80, 0xFE, 0x00]), Ok(None));
        assert_eq!(parse(&[0x80, 0xFE, 0x00, 0x05]), Err(Violation::LengthNotMinimal));
        assert_eq!(parse(&[0x80, 0xFE, 0x00, 0x7E]), Err(Violation::TooManyFragments));
    }

    #[test]
    fn s10_4_the_same_limit_is_named_in_any_split() {
        let context =
            HeaderContext { size: FrameLimits { max_frame_size: 1000, max_rest: 500 }, ..OPEN };
        let parse = |bytes: &[u8]| FrameHeader::parse(bytes, &context);
        assert_eq!(parse(&[0x82, 0xFE, 0x03]), Err(Violation::MessageTooBig));
        assert_eq!(parse(&[0x82, 0xFE, 0x03, 0xFF]), Err(Violation::MessageTooBig));
    }

    #[test]
    fn s10_4_a_length_over_the_limit_is_condemned_by_its_first_bytes() {
        let context =
            HeaderContext { size: FrameLimits { max_frame_size: 1000, ..ANY_SIZE }, ..OPEN };
        let parse = |bytes: &[u8]| FrameHeader::parse(bytes, &context);
        assert_eq!(parse(&[0x82, 0xFF, 0x7F]), Err(Violation::FrameTooBig));
        assert_eq!(parse(&[0x82, 0xFE, 0x03]), Ok(None));
        assert_eq!(parse(&[0x82, 0xFE, 0x04]), Err(Violation::FrameTooBig));
        assert_eq!(parse(&[0x82, 0xFE, 0x03, 0xE8]), Ok(None));
        assert_eq!(parse(&[0x82, 0xFE, 0x03, 0xE9]), Err(Violation::FrameTooBig));
    }
}
