//! The frames of one direction, read passively: whatever the bytes are, they are described and never judged
//! (RFC 6455 §5.2). Only which rule a header breaks is asked of the core.

use std::time::SystemTime;

use super::inflating::Inflating;
use super::{Direction, Inspect, Inspected, InspectedFrame};
use crate::proto::frame::{
    FrameHeader, FrameLimits, HeaderContext, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode,
};
use crate::proto::violation::Violation;

/// Who is shown frames, whose, and when.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) inspect: &'a dyn Inspect,
    pub(super) connection: &'a Inspected,
    pub(super) time: SystemTime,
}

/// What is known of the bytes that went one way.
pub(super) struct Frames {
    direction: Direction,
    /// How long a frame from the peer may be.
    max_frame_size: u64,
    /// Whether messages may be compressed.
    is_deflate_agreed: bool,
    inflating: Inflating,
    /// Payload bytes to keep of each frame.
    payload_limit: usize,
    header: [u8; MAX_HEADER_LEN],
    /// 0 <= `header_len` <= `MAX_HEADER_LEN`
    header_len: usize,
    /// The frame whose header is whole.
    frame: Option<Frame>,
    /// The first bytes of its payload, unmasked; kept for the next one.
    payload: Vec<u8>,
    /// The message of which a last frame is still to come.
    unfinished: Option<Encoding>,
    /// Whether nothing more is a frame.
    is_over: bool,
}

/// A frame whose header is whole.
#[derive(Clone, Copy)]
struct Frame {
    payload_len: u64,
    passed_len: u64,
    mask_key: Option<[u8; 4]>,
    /// Payload bytes to keep.
    kept_len: usize,
    /// The message that it belongs to is compressed.
    is_compressed: bool,
    violation: Option<Violation>,
}

/// How the payload of a message is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Compressed,
}

impl Frames {
    pub(super) fn new(
        direction: Direction,
        payload_limit: usize,
        max_frame_size: usize,
        inflating: Option<Inflating>,
    ) -> Frames {
        Frames {
            direction,
            max_frame_size: max_frame_size as u64,
            is_deflate_agreed: inflating.is_some(),
            inflating: inflating.unwrap_or_default(),
            payload_limit,
            header: [0; MAX_HEADER_LEN],
            header_len: 0,
            frame: None,
            payload: Vec::new(),
            unfinished: None,
            is_over: false,
        }
    }

    /// These bytes went over the wire. Shows the frames that end in them.
    pub(super) fn pass(&mut self, mut bytes: &[u8], view: View<'_>) {
        while !self.is_over {
            let Some(mut frame) = self.frame else {
                if !self.read_header(&mut bytes) {
                    return;
                }
                continue;
            };
            let left = frame.payload_len - frame.passed_len;
            let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (payload, rest) = bytes.split_at(here);
            self.read_payload(&mut frame, payload);
            self.frame = Some(frame);
            bytes = rest;
            // Behind a header that breaks a rule nothing is read as protocol (RFC 6455 §7.1.7).
            if frame.passed_len < frame.payload_len && frame.violation.is_none() {
                return;
            }
            self.finish(frame, view);
        }
    }

    /// Nothing more is a frame. Shows what there is of an unfinished one.
    pub(super) fn end(&mut self, view: View<'_>) {
        if !self.is_over && self.header_len > 0 {
            match self.frame {
                Some(frame) => self.show(Some(&frame), None, view),
                None => self.show(None, None, view),
            }
        }
        self.is_over = true;
    }

    /// Takes bytes of a header; says whether it is whole.
    fn read_header(&mut self, bytes: &mut &[u8]) -> bool {
        while self.header_len < header_len(self.header_bytes()) {
            let Some((byte, rest)) = bytes.split_first() else { return false };
            if let Some(slot) = self.header.get_mut(self.header_len) {
                *slot = *byte;
            }
            self.header_len += 1;
            *bytes = rest;
        }
        self.begin();
        true
    }

    fn header_bytes(&self) -> &[u8] {
        self.header.get(..self.header_len).unwrap_or(&self.header)
    }

    /// The header is whole.
    fn begin(&mut self) {
        let header = self.header_bytes();
        let violation = self.judge(header);
        let (first, second) = (header.first().copied(), header.get(1).copied());
        let opcode = first.map_or(0, |first| first & 0x0F);
        let payload_len = payload_len(header).unwrap_or(0);
        let is_masked = second.is_some_and(|second| second & 0x80 != 0);
        let mask_key = header.last_chunk().copied().filter(|_| is_masked);
        let is_short = payload_len <= MAX_CONTROL_LEN as u64;
        // What a Close says is decoded, however little is shown of payloads.
        let is_close = opcode == Opcode::Close as u8 && is_short;
        let kept_len = self.payload_limit.max(if is_close { MAX_CONTROL_LEN } else { 0 });
        if opcode == Opcode::Text as u8 || opcode == Opcode::Binary as u8 {
            // RFC 7692 §6.1: RSV1 of the first frame stands for all of the message.
            if self.is_deflate_agreed && first.is_some_and(|first| first & 0x40 != 0) {
                self.unfinished = Some(Encoding::Compressed);
                self.inflating.begin();
            } else {
                self.unfinished = Some(Encoding::Plain);
            }
        }
        let is_compressed = opcode < 8 && self.unfinished == Some(Encoding::Compressed);
        self.frame = Some(Frame {
            payload_len,
            passed_len: 0,
            mask_key,
            kept_len,
            is_compressed,
            violation,
        });
        self.payload.clear();
    }

    fn read_payload(&mut self, frame: &mut Frame, payload: &[u8]) {
        let key = frame.mask_key.unwrap_or_default();
        let phase = frame.passed_len;
        frame.passed_len += payload.len() as u64;
        let unmask = |bytes: &[u8], phase: u64, into: &mut Vec<u8>| {
            let skipped = (phase % 4) as usize;
            let keys = key.iter().cycle().skip(skipped);
            into.extend(bytes.iter().zip(keys).map(|(byte, key)| byte ^ key));
        };
        let room = frame.kept_len.saturating_sub(self.payload.len()).min(payload.len());
        unmask(payload.get(..room).unwrap_or_default(), phase, &mut self.payload);
        if frame.is_compressed {
            let mut piece = Vec::new();
            for (number, masked) in payload.chunks(PIECE).enumerate() {
                piece.clear();
                unmask(masked, phase + (number * PIECE) as u64, &mut piece);
                self.inflating.take(&piece);
            }
        }
    }

    /// All of the frame is here, or all that counts.
    fn finish(&mut self, frame: Frame, view: View<'_>) {
        let first = self.header.first().copied().unwrap_or_default();
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let is_last = fin && opcode < 8;
        let is_whole = frame.violation.is_none();
        let message_len =
            (is_last && is_whole && frame.is_compressed).then(|| self.inflating.end()).flatten();
        self.show(Some(&frame), message_len, view);
        if is_last {
            self.unfinished = None;
        }
        // RFC 6455 §5.5.1: nothing follows a Close.
        self.is_over = frame.violation.is_some() || opcode == Opcode::Close as u8;
        self.header_len = 0;
        self.frame = None;
        // A long one is not kept for short ones.
        self.payload.shrink_to(KEPT_CAPACITY);
    }

    fn show(&self, frame: Option<&Frame>, message_len: Option<u64>, view: View<'_>) {
        let header = self.header_bytes();
        let first = header.first().copied().unwrap_or_default();
        let opcode = first & 0x0F;
        let passed_len = frame.map_or(0, |frame| frame.passed_len);
        let payload = if frame.is_some() { self.payload.as_slice() } else { &[] };
        let is_whole = frame.is_some_and(|frame| frame.passed_len == frame.payload_len);
        let close = match payload {
            [high, low, reason @ ..] if opcode == Opcode::Close as u8 && is_whole => {
                Some((u16::from_be_bytes([*high, *low]), reason))
            }
            _ => None,
        };
        view.inspect.frame(&InspectedFrame {
            connection: view.connection,
            time: view.time,
            direction: self.direction,
            header,
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 0x07,
            opcode,
            payload_len: payload_len(header),
            mask_key: frame.and_then(|frame| frame.mask_key),
            passed_len,
            payload: payload.get(..self.payload_limit).unwrap_or(payload),
            // A Close that is longer than one may be was not kept as a whole.
            close: close.filter(|(_, reason)| reason.len() as u64 + 2 == passed_len),
            message_len,
            violation: match frame {
                Some(frame) => frame.violation,
                None => self.judge(header),
            },
        });
    }

    /// The rule that a header from the peer breaks, as far as it is here. How long messages get is not looked at.
    fn judge(&self, header: &[u8]) -> Option<Violation> {
        if self.direction == Direction::Sent {
            return None;
        }
        let size = FrameLimits { max_frame_size: self.max_frame_size, max_rest: u64::MAX };
        let context = HeaderContext {
            message_unfinished: self.unfinished.is_some(),
            size,
            compressed_size: self.is_deflate_agreed.then_some(size),
            fragment_allowed: true,
            empty_end_allowed: true,
        };
        FrameHeader::parse(header, &context).err()
    }
}

/// How long a header is that begins so, as far as these bytes tell.
fn header_len(header: &[u8]) -> usize {
    let Some(second) = header.get(1) else { return 2 };
    let length = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// The length that a header has, in whatever form, if that is here.
fn payload_len(header: &[u8]) -> Option<u64> {
    let (_, behind) = header.split_first()?;
    let (second, length) = behind.split_first()?;
    match second & 0x7F {
        126 => length.first_chunk().map(|length| u16::from_be_bytes(*length).into()),
        127 => length.first_chunk().map(|length| u64::from_be_bytes(*length)),
        exact => Some(exact.into()),
    }
}

/// Payload is unmasked and inflated in pieces, in bytes.
const PIECE: usize = 4 << 10;

/// So much of a buffer for payload is kept between frames, in bytes.
const KEPT_CAPACITY: usize = 4 << 10;
