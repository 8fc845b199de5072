//! Frames as a client writes and reads them: what differs from [`frame`](super::frame) is the mask
//! (RFC 6455 §5.1, §5.3).

use core::fmt;

use super::{
    frame::{FrameHeader, FrameLimits, HeaderContext, Opcode},
    mask::Mask,
    violation::Violation,
};

/// Appends a whole frame to `out`, masked with this key.
///
/// The key comes from a strong source of randomness, new for each frame (RFC 6455 §5.3), unless there is
/// nobody between the two ends.
pub fn encode_masked(first: u8, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.push(first);
    // RFC 6455 §5.1: a client masks each of its frames.
    let mask_bit = 0x80;
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..126), _) => out.push(mask_bit | len),
        (_, Ok(len)) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    Mask::new(key).apply(out.get_mut(start..).unwrap_or_default());
}

/// The header of a frame from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFrame {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// Whether RSV1 is set, which permessage-deflate gives its meaning (RFC 7692 §6).
    pub compressed: bool,
    /// The length of the payload, in bytes.
    pub payload_len: u64,
    /// How many bytes the header itself took: 2, 4 or 10.
    pub header_len: usize,
}

/// What is known of a connection when the header of a frame is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerContext {
    /// Whether a fragmented message is unfinished.
    pub message_unfinished: bool,
    /// Whether permessage-deflate was agreed on.
    pub compression: bool,
}

impl ServerFrame {
    /// Judges the beginning of a frame, as far as it is there, as [`FrameHeader::parse`] does. `None` while
    /// the header is not whole. No length is too long: bounds are the caller's.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(
        bytes: &[u8],
        context: ServerContext,
    ) -> Result<Option<ServerFrame>, ServerFrameFault> {
        let context = context.as_server_would();
        FrameHeader::parse(bytes.get(..1).unwrap_or_default(), &context)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        // RFC 6455 §5.1: a client goes no further at a masked frame.
        if second & 0x80 != 0 {
            return Err(ServerFrameFault::Masked);
        }
        // With a mask bit and a key it is a frame from a client, and all other rules are the same.
        let header_len = match second {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let mut masked = [0; 14];
        let here = bytes.len().min(header_len);
        for (to, from) in masked.iter_mut().zip(bytes.iter().take(here)) {
            *to = *from;
        }
        if let Some(second) = masked.get_mut(1) {
            *second |= 0x80;
        }
        let len = if here == header_len { header_len + 4 } else { here };
        let header = FrameHeader::parse(masked.get(..len).unwrap_or_default(), &context)?;
        Ok(header.map(|header| ServerFrame {
            fin: header.fin,
            opcode: header.opcode,
            compressed: header.compressed,
            payload_len: header.payload_len,
            header_len,
        }))
    }
}

impl ServerContext {
    fn as_server_would(self) -> HeaderContext {
        let size = FrameLimits { max_frame_size: u64::MAX, max_rest: u64::MAX };
        HeaderContext {
            message_unfinished: self.message_unfinished,
            size,
            compressed_size: self.compression.then_some(size),
            fragment_allowed: true,
            empty_end_allowed: true,
        }
    }
}

/// Why a client fails the connection over a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerFrameFault {
    /// RFC 6455 5.1: the server masked a frame.
    Masked,
    /// A rule that binds both ends.
    Rule(Violation),
}

impl ServerFrameFault {
    /// The clause, such as `RFC 6455 5.1`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Masked => "RFC 6455 5.1",
            Self::Rule(violation) => violation.section(),
        }
    }

    /// What the server did, in one short sentence of fixed words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Masked => "frame from the server is masked",
            Self::Rule(violation) => violation.sentence(),
        }
    }
}

impl From<Violation> for ServerFrameFault {
    fn from(violation: Violation) -> Self {
        Self::Rule(violation)
    }
}

impl fmt::Display for ServerFrameFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.section(), self.sentence())
    }
}

impl core::error::Error for ServerFrameFault {}
