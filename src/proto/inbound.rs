//! Bytes from the peer become events (RFC 6455 §5, §6.2, §7).
//!
//! Four promises hold here. Input is swallowed until an event or its end; any split of the
//! same bytes gives the same events, replies and failure; a step never looks past its event;
//! a rule is checked at the first byte that proves it broken, and after that no byte is read
//! as protocol.

use super::assembler::{Assembler, MessageKind, MessageLimits};
use super::close::{CloseFrame, judge_body_prefix};
use super::deflate::receiving::{Received, Receiving};
use super::deflate::{Agreement, Inflater};
pub use super::event::{Data, Delivery, Event, Payload, ReceivedClose, Step};
use super::frame::{
    FrameHeader, FrameLimits, HeaderContext, MAX_CONTROL_LEN, MAX_HEADER_LEN, Opcode,
};
use super::mask::Mask;
use super::outbound::Outbound;
use super::utf8::{self, Checked};
use super::violation::Violation;

/// The receiving half of a connection.
#[derive(Debug, Default)]
pub struct Inbound {
    assembler: Assembler,
    /// Payload of a control frame that did not come in one piece, unmasked.
    control: Option<Box<ControlBuffer>>,
    /// Payload bytes of the current frame that have not arrived.
    remaining: u64,
    mask: Mask,
    deflate: Receiving,
    /// The beginning of a header that is not complete.
    header: [u8; MAX_HEADER_LEN],
    /// 0 <= header_len < MAX_HEADER_LEN
    header_len: u8,
    stage: Stage,
    /// Whether the current frame is the last of its message.
    fin: bool,
    /// Whether data is validated as framing only and thrown away (after our own Close).
    discarding: bool,
}

/// Room for the payload of one control frame (RFC 6455 §5.5).
#[derive(Debug)]
struct ControlBuffer {
    bytes: [u8; MAX_CONTROL_LEN],
    /// 0 <= len <= MAX_CONTROL_LEN
    len: u8,
}

impl Default for ControlBuffer {
    fn default() -> ControlBuffer {
        ControlBuffer { bytes: [0; MAX_CONTROL_LEN], len: 0 }
    }
}

impl ControlBuffer {
    /// Appends; the length was judged with the header.
    fn extend(&mut self, payload: &[u8]) {
        for byte in payload {
            if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
                *slot = *byte;
                self.len += 1;
            }
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Between frames, or inside a header.
    #[default]
    Header,
    /// Inside the payload of a data frame.
    Data,
    /// Inside the payload of a control frame.
    Control(Opcode),
    /// A Close was received or the connection failed: nothing is read any more.
    Ended,
}

impl Inbound {
    /// A connection in which nothing was received.
    pub fn new() -> Inbound {
        Inbound::default()
    }

    /// From now on messages may be compressed (RFC 7692 §6).
    pub fn agree(&mut self, agreement: &Agreement) {
        self.deflate.agree(agreement);
    }

    /// Lends an inflater, after [`Event::NoInflater`]. It comes back by
    /// [`Inbound::reclaim_inflater`], or is dropped when the connection ends. What messages may
    /// refer to is kept in `outbound` between them.
    pub fn lend_inflater(&mut self, inflater: Box<Inflater>, outbound: &mut Outbound) {
        let history = outbound.kept().and_then(|kept| kept.received.take());
        self.deflate.lend(inflater, history);
    }

    /// Takes the inflater back, if one was lent and no message needs it at present.
    #[inline]
    pub fn reclaim_inflater(&mut self, outbound: &mut Outbound) -> Option<Box<Inflater>> {
        let (inflater, history) = self.deflate.reclaim()?;
        if history.is_some() {
            outbound.keep().received = history;
        }
        Some(inflater)
    }

    /// Takes bytes from the front of `input`, unmasks them in place and stops after one event.
    ///
    /// Replies are appended to `batch`. Call again with the rest of the input, until the
    /// event is `None`; an empty input may still give an event.
    ///
    /// # Errors
    /// The rule that the peer broke. The Close frame that fails the connection is in `batch`
    /// then, unless one had been sent, and whatever follows is swallowed unread.
    #[inline]
    pub fn receive(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
        outbound: &mut Outbound,
        batch: &mut Vec<u8>,
    ) -> Result<Step, Violation> {
        match self.advance(input, delivery, limits, outbound, batch) {
            Ok(step) => Ok(step),
            Err(violation) => {
                self.fail();
                outbound.fail(violation, batch);
                Err(violation)
            }
        }
    }

    /// Takes the assembled payload of the last event; `replacement` serves the next message.
    pub fn take_assembled(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        self.assembler.take(replacement)
    }

    /// The payload of the control frame of the last event.
    pub fn control(&self) -> &[u8] {
        self.control.as_deref().map_or(&[], ControlBuffer::as_slice)
    }

    /// From now on data is validated as framing and thrown away (RFC 6455 §5.5.1: after our
    /// own Close nothing needs to be processed but the peer's).
    pub fn discard(&mut self) {
        if !self.discarding {
            self.discarding = true;
            self.assembler.forget();
            self.deflate.forget();
        }
    }

    /// Stops reading: what follows is swallowed unread (RFC 6455 §7.1.7).
    pub fn fail(&mut self) {
        self.stage = Stage::Ended;
        self.remaining = 0;
        self.control = None;
        self.assembler.forget();
        self.deflate.forget();
    }

    /// Whether a Close was received or the connection failed.
    pub fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Whether a message or a frame is unfinished.
    pub fn is_mid_message(&self) -> bool {
        self.header_len > 0 || self.stage != Stage::Header || self.assembler.kind().is_some()
    }

    /// Bytes of the unfinished message that are kept.
    pub fn buffered(&self) -> usize {
        self.assembler.buffered()
    }

    /// The buffer for reading the rest of a large frame straight into it, and how many bytes
    /// may be appended at most; `None` when there is less to come than `threshold`.
    ///
    /// Give the buffer back with [`Inbound::restore_direct`].
    pub fn take_direct(&mut self, threshold: usize) -> Option<(Vec<u8>, usize)> {
        let remaining = usize::try_from(self.remaining).ok()?;
        let is_plain = self.stage == Stage::Data && !self.assembler.is_compressed();
        if !is_plain || self.discarding || remaining < threshold {
            return None;
        }
        Some((std::mem::take(self.assembler.buffer_mut()), remaining))
    }

    /// Takes the buffer back, to which `appended` masked bytes of payload were appended.
    ///
    /// # Errors
    /// As [`Inbound::receive`]. An event shows at the next call of it.
    pub fn restore_direct(
        &mut self,
        mut buffer: Vec<u8>,
        appended: usize,
        outbound: &mut Outbound,
        batch: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        if self.discarding || self.stage != Stage::Data {
            // A Close was sent, or the connection failed, while the buffer was lent.
            self.remaining = self.remaining.saturating_sub(appended as u64);
            self.mask.skip(appended);
            return Ok(());
        }
        let start = buffer.len().saturating_sub(appended);
        let mut judged = Ok(());
        if let Some(arrived) = buffer.get_mut(start..) {
            self.remaining = self.remaining.saturating_sub(arrived.len() as u64);
            for piece in arrived.chunks_mut(CACHE_PIECE) {
                self.mask.apply(piece);
                judged = judged.and_then(|()| self.assembler.validate(piece));
            }
        }
        *self.assembler.buffer_mut() = buffer;
        judged.inspect_err(|violation| {
            self.fail();
            outbound.fail(*violation, batch);
        })
    }

    #[inline]
    fn advance(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
        outbound: &mut Outbound,
        batch: &mut Vec<u8>,
    ) -> Result<Step, Violation> {
        let mut consumed = 0;
        loop {
            let rest = input.get_mut(consumed..).unwrap_or_default();
            let step = match self.stage {
                Stage::Header => {
                    if rest.is_empty() {
                        return Ok(Step { consumed, event: None });
                    }
                    match self.receive_header(rest, limits)? {
                        Some(used) => {
                            consumed += used;
                            continue;
                        }
                        None => return Ok(Step { consumed: input.len(), event: None }),
                    }
                }
                Stage::Data if self.assembler.is_compressed() && !self.discarding => {
                    self.receive_compressed(rest, delivery, limits)?
                }
                Stage::Data => self.receive_data(rest, delivery)?,
                Stage::Control(opcode) => self.receive_control(rest, opcode, outbound, batch)?,
                Stage::Ended => return Ok(Step { consumed: input.len(), event: None }),
            };
            let start = consumed;
            consumed += step.consumed;
            match step.event {
                Some(event) => {
                    return Ok(Step { consumed, event: Some(event.moved_by(start)) });
                }
                None if consumed == input.len() => return Ok(Step { consumed, event: None }),
                None => {}
            }
        }
    }

    /// Reads a header; gives the bytes used when it is complete, `None` when all were kept.
    #[inline]
    fn receive_header(
        &mut self,
        input: &[u8],
        limits: &MessageLimits,
    ) -> Result<Option<usize>, Violation> {
        let context = self.header_context(limits);
        let parsed = if self.header_len == 0 {
            FrameHeader::parse(input, &context)?
        } else {
            self.parse_kept_header(input, &context)?
        };
        let Some(header) = parsed else {
            self.keep_header(input);
            return Ok(None);
        };
        let used = header.header_len.saturating_sub(usize::from(self.header_len));
        self.header_len = 0;
        self.remaining = header.payload_len;
        self.mask = Mask::new(header.key);
        self.fin = header.fin;
        if header.opcode.is_control() {
            self.control = None;
            self.stage = Stage::Control(header.opcode);
        } else {
            let kind = match header.opcode {
                Opcode::Text => Some(MessageKind::Text),
                Opcode::Binary => Some(MessageKind::Binary),
                _ => None,
            };
            self.assembler.start_frame(kind, header.compressed, header.payload_len);
            self.stage = Stage::Data;
        }
        Ok(Some(used))
    }

    fn header_context(&self, limits: &MessageLimits) -> HeaderContext {
        let message_unfinished = self.assembler.kind().is_some();
        let mut size = FrameLimits {
            max_frame_size: limits.max_frame_size as u64,
            max_rest: limits.max_message_size as u64,
        };
        let compressed_size = self.deflate.is_agreed().then(|| compressed_limits(limits));
        if message_unfinished && self.assembler.is_compressed() {
            size = compressed_size.unwrap_or(size);
        }
        size.max_rest = size.max_rest.saturating_sub(self.assembler.promised());
        HeaderContext {
            message_unfinished,
            size,
            compressed_size,
            fragment_allowed: self.assembler.fragments() < limits.max_fragments,
            // An empty last fragment behind full ones only says that there are no more:
            // Autobahn 9.3.1 ends its 65,536 with one. Behind empty ones it counts.
            empty_end_allowed: self.assembler.promised() >= u64::from(self.assembler.fragments()),
        }
    }

    #[cold]
    fn parse_kept_header(
        &self,
        input: &[u8],
        context: &HeaderContext,
    ) -> Result<Option<FrameHeader>, Violation> {
        let mut bytes = self.header;
        let kept = usize::from(self.header_len);
        let room = bytes.get_mut(kept..).unwrap_or_default();
        let added = room.len().min(input.len());
        for (slot, byte) in room.iter_mut().zip(input) {
            *slot = *byte;
        }
        FrameHeader::parse(bytes.get(..kept + added).unwrap_or_default(), context)
    }

    /// Keeps an incomplete header; it was judged and is shorter than the longest one.
    #[cold]
    fn keep_header(&mut self, input: &[u8]) {
        for byte in input {
            if let Some(slot) = self.header.get_mut(usize::from(self.header_len)) {
                *slot = *byte;
                self.header_len += 1;
            }
        }
        debug_assert!(usize::from(self.header_len) < MAX_HEADER_LEN);
    }

    /// Reads payload of a data frame.
    #[inline]
    fn receive_data(&mut self, input: &mut [u8], delivery: Delivery) -> Result<Step, Violation> {
        let len = usize::try_from(self.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = input.get_mut(..len).unwrap_or_default();
        self.remaining -= len as u64;
        let frame_ends = self.remaining == 0;
        if self.discarding {
            self.mask.skip(len);
            if frame_ends {
                self.stage = Stage::Header;
                if self.fin {
                    // Content is discarded unseen, so an unfinished character is no fault.
                    let _ = self.assembler.finish();
                }
            }
            return Ok(Step { consumed: len, event: None });
        }
        let message_ends = frame_ends && self.fin;
        if frame_ends {
            self.stage = Stage::Header;
        }
        // A message of one frame that is here as a whole is delivered where it lies.
        let is_whole = message_ends
            && self.assembler.fragments() == 1
            && self.assembler.promised() == len as u64;
        if is_whole {
            let text = self.unmask_whole(payload)?;
            let data = Data { payload: Payload::Input(0..len), text };
            let event = match delivery {
                Delivery::Message => Event::Message(data),
                Delivery::Pieces => Event::Piece { data, last: true },
            };
            return Ok(Step { consumed: len, event: Some(event) });
        }
        match delivery {
            Delivery::Message => self.assemble(payload, message_ends),
            Delivery::Pieces => self.deliver_piece(payload, message_ends),
        }
    }

    #[inline]
    fn unmask_whole(&mut self, payload: &mut [u8]) -> Result<Option<Checked>, Violation> {
        let is_text = self.assembler.kind() == Some(MessageKind::Text);
        if payload.len() <= CACHE_PIECE {
            self.mask.apply(payload);
            self.assembler.finish_whole();
            if !is_text {
                return Ok(None);
            }
            return utf8::check(payload).map(Some).map_err(|_| Violation::TextNotUtf8);
        }
        for piece in payload.chunks_mut(CACHE_PIECE) {
            self.mask.apply(piece);
            self.assembler.validate(piece)?;
        }
        self.assembler.finish().map(|(_, text)| text)
    }

    fn assemble(&mut self, payload: &mut [u8], message_ends: bool) -> Result<Step, Violation> {
        let consumed = payload.len();
        for piece in payload.chunks_mut(CACHE_PIECE) {
            self.mask.apply(piece);
            self.assembler.validate(piece)?;
            self.assembler.keep(piece);
        }
        if !message_ends {
            return Ok(Step { consumed, event: None });
        }
        let (_, text) = self.assembler.finish()?;
        let data = Data { payload: Payload::Assembled, text };
        Ok(Step { consumed, event: Some(Event::Message(data)) })
    }

    /// Delivers what is there as a piece; a cut character waits in the assembler.
    fn deliver_piece(&mut self, payload: &mut [u8], message_ends: bool) -> Result<Step, Violation> {
        let consumed = payload.len();
        for piece in payload.chunks_mut(CACHE_PIECE) {
            self.mask.apply(piece);
            self.assembler.validate(piece)?;
        }
        let is_text = self.assembler.kind() == Some(MessageKind::Text);
        let mut text = is_text.then(|| self.assembler.checked_so_far());
        // Text goes out up to the last whole character; the cut one waits for its end.
        let cut_len = self.assembler.cut_len();
        if message_ends {
            text = self.assembler.finish()?.1;
        }
        let payload_at = if self.assembler.buffered() > 0 || cut_len > 0 {
            self.assembler.keep(payload);
            if self.assembler.buffered() == cut_len {
                return Ok(Step { consumed, event: None });
            }
            self.assembler.hold_back(cut_len);
            Payload::Assembled
        } else if consumed == 0 && !message_ends {
            return Ok(Step { consumed, event: None });
        } else {
            Payload::Input(0..consumed)
        };
        let data = Data { payload: payload_at, text };
        Ok(Step { consumed, event: Some(Event::Piece { data, last: message_ends }) })
    }

    /// Reads payload of a data frame of a compressed message.
    fn receive_compressed(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
        let len = usize::try_from(self.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = input.get_mut(..len).unwrap_or_default();
        let is_empty_fragment = self.remaining == 0 && !self.fin;
        let (consumed, received) = if is_empty_fragment {
            (0, Received::All)
        } else {
            let (mask, assembler) = (&mut self.mask, &mut self.assembler);
            self.deflate.receive(payload, mask, assembler, limits.max_message_size)?
        };
        self.remaining -= consumed as u64;
        let frame_ends = self.remaining == 0 && received == Received::All;
        if frame_ends {
            self.stage = Stage::Header;
        }
        let message_ends = frame_ends && self.fin;
        if message_ends {
            self.deflate.finish()?;
        }
        let event = match (delivery, received) {
            (_, Received::NoInflater) => Some(Event::NoInflater),
            (Delivery::Message, Received::Paused) => Some(Event::Paused),
            (Delivery::Message, Received::All) if message_ends => {
                let (_, text) = self.assembler.finish()?;
                Some(Event::Message(Data { payload: Payload::Assembled, text }))
            }
            (Delivery::Message, Received::All) => None,
            // What is there goes out first; the pause is due with the next call.
            (Delivery::Pieces, _) => match self.buffered_piece(message_ends)? {
                None if received == Received::Paused => Some(Event::Paused),
                piece => piece,
            },
        };
        if event == Some(Event::Paused) {
            self.deflate.pause();
        }
        Ok(Step { consumed, event })
    }

    /// What is buffered as a piece; a cut character waits in the assembler.
    fn buffered_piece(&mut self, message_ends: bool) -> Result<Option<Event>, Violation> {
        let is_text = self.assembler.kind() == Some(MessageKind::Text);
        let mut text = is_text.then(|| self.assembler.checked_so_far());
        let cut_len = self.assembler.cut_len();
        if message_ends {
            text = self.assembler.finish()?.1;
        } else if self.assembler.buffered() == cut_len {
            return Ok(None);
        }
        self.assembler.hold_back(cut_len);
        let data = Data { payload: Payload::Assembled, text };
        Ok(Some(Event::Piece { data, last: message_ends }))
    }

    /// Reads payload of a control frame, and answers it when it is complete.
    fn receive_control(
        &mut self,
        input: &mut [u8],
        opcode: Opcode,
        outbound: &mut Outbound,
        batch: &mut Vec<u8>,
    ) -> Result<Step, Violation> {
        let len = usize::try_from(self.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = input.get_mut(..len).unwrap_or_default();
        self.mask.apply(payload);
        self.remaining -= len as u64;
        let is_whole = self.remaining == 0 && self.control.is_none();
        if !is_whole || opcode == Opcode::Close {
            self.control.get_or_insert_default().extend(payload);
        }
        if opcode == Opcode::Close {
            let body_len = self.control().len() + usize::try_from(self.remaining).unwrap_or(0);
            judge_body_prefix(self.control(), body_len)?;
        }
        if self.remaining > 0 {
            return Ok(Step { consumed: len, event: None });
        }
        self.stage = Stage::Header;
        let at = if is_whole { Payload::Input(0..len) } else { Payload::Control };
        let body: &[u8] = if is_whole { payload } else { self.control() };
        let event = match opcode {
            Opcode::Ping => {
                outbound.pong(body, batch);
                Event::Ping(at)
            }
            Opcode::Close => {
                let close = CloseFrame::parse(self.control())?;
                let received = ReceivedClose { code: close.code, reason: close.reason.into() };
                outbound.answer_close(received.code, batch);
                self.fail();
                Event::Close(received)
            }
            _ => Event::Pong(at),
        };
        Ok(Step { consumed: len, event: Some(event) })
    }
}

/// How long the frames of a compressed message may be. The message is measured inflated; on
/// the wire it may be longer than that, as DEFLATE data can be (RFC 1951 §3.2.4), up to twice.
fn compressed_limits(limits: &MessageLimits) -> FrameLimits {
    let max_rest = (limits.max_message_size as u64).saturating_mul(2).saturating_add(1024);
    let is_frame_limit_tighter = limits.max_frame_size < limits.max_message_size;
    let max_frame_size =
        if is_frame_limit_tighter { limits.max_frame_size as u64 } else { u64::MAX };
    FrameLimits { max_frame_size, max_rest }
}

/// Payload is unmasked and validated in pieces that stay in the first-level cache, in bytes.
const CACHE_PIECE: usize = 16 << 10;
