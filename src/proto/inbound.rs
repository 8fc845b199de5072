//! Bytes from the peer become events (RFC 6455 §5, §6.2, §7).
//!
//! Four promises hold here. Input is swallowed until an event or its end; any split of the
//! same bytes gives the same events and failure; a step never looks past its event;
//! a rule is checked at the first byte that proves it broken, and after that no byte is read
//! as protocol.

mod control;
mod data;
pub(crate) mod short;

use std::sync::Arc;

use self::control::ControlBuffer;
use super::assembler::{Assembler, MessageKind, MessageLimits};
use super::deflate::budget::{Budget, Charge};
use super::deflate::receiving::Receiving;
use super::deflate::{Agreement, Inflater};
use super::event::{Delivery, Payload, Step};
use super::frame::{FrameHeader, FrameLimits, HeaderContext, MAX_HEADER_LEN, Opcode};
use super::mask::Mask;
use super::violation::Violation;

/// The receiving half of a connection.
#[derive(Default)]
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

/// How far an unfinished message has come, to be compared with another look at it. Control frames that
/// stand inside it change nothing.
#[cfg(feature = "net")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Payload that has arrived.
    bytes: u64,
    fragments: u32,
    /// Bytes of a header that is not complete.
    header: u8,
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

impl std::fmt::Debug for Inbound {
    /// Leaves out what the peer has sent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound")
            .field("stage", &self.stage)
            .field("assembler", &self.assembler)
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
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

    /// Lends an inflater, after [`Event::NoInflater`](super::event::Event::NoInflater). It comes back by
    /// [`Inbound::reclaim_inflater`], or is dropped when the connection ends. What later messages
    /// may refer to stays here between them.
    pub fn lend_inflater(&mut self, inflater: Box<Inflater>) {
        self.deflate.lend(inflater);
    }

    /// Whether the message that wants an inflater may refer to earlier ones that are not there: there
    /// was no memory for them. Then no inflater is of use, and the connection fails.
    pub fn has_lost_context(&self) -> bool {
        self.deflate.has_lost_context()
    }

    /// Takes the inflater back, if one was lent and no message needs it at present. `charge` is asked
    /// for the memory by which what later messages may refer to grows, in bytes: by
    /// [`Budget::charge_history`], or after room was made for it.
    #[inline]
    pub fn reclaim_inflater(
        &mut self,
        charge: impl FnOnce(&Arc<Budget>, usize) -> Option<Charge>,
    ) -> Option<Box<Inflater>> {
        self.deflate.reclaim(charge)
    }

    /// Takes bytes from the front of `input`, unmasks them in place and stops after one event.
    ///
    /// An event says what the core wants answered: a Ping by [`Outbound::pong`], a Close by
    /// [`Outbound::answer_close`]. Call again with the rest of the input, until the event is
    /// `None`; an empty input may still give an event.
    ///
    /// # Errors
    /// The rule that the peer broke, for [`Outbound::fail`]. Whatever follows is swallowed
    /// unread.
    ///
    /// [`Outbound::pong`]: super::outbound::Outbound::pong
    /// [`Outbound::answer_close`]: super::outbound::Outbound::answer_close
    /// [`Outbound::fail`]: super::outbound::Outbound::fail
    #[inline]
    pub fn receive(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
        if self.is_between_messages()
            && let Some(step) = short::receive_short(input, delivery, limits)
        {
            return Ok(step);
        }
        // RFC 6455 §10.7: input that breaks a rule is not skipped.
        self.receive_any(input, delivery, limits).inspect_err(|_| self.fail())
    }

    /// Takes the assembled payload of the last event; `replacement` serves the next message.
    pub fn take_assembled(&mut self, replacement: Vec<u8>) -> Vec<u8> {
        self.assembler.take(replacement)
    }

    /// The payload of the control frame of the last event.
    pub fn control(&self) -> &[u8] {
        self.control.as_deref().map_or(&[], ControlBuffer::as_slice)
    }

    /// The payload of a Ping or Pong, given its place and the input of the step that gave it.
    pub fn control_payload<'a>(&'a self, at: &Payload, input: &'a [u8]) -> &'a [u8] {
        match at {
            Payload::Input(range) => input.get(range.clone()).unwrap_or_default(),
            Payload::Assembled | Payload::Control => self.control(),
        }
    }

    /// Whether this input, not empty, begins with data: payload of a data frame, or its header.
    /// A control frame that stands before the data can be received without the data.
    #[inline]
    pub fn begins_with_data(&self, input: &[u8]) -> bool {
        match self.stage {
            // Of a header that was begun.
            Stage::Header if self.header_len > 0 => {
                self.header.first().is_some_and(|first| begins_data(*first))
            }
            Stage::Header => input.first().is_some_and(|first| begins_data(*first)),
            Stage::Data => true,
            Stage::Control(_) | Stage::Ended => false,
        }
    }

    /// Whether the payload of the current data frame has arrived as a whole, and something of it is
    /// yet to be given: [`Inbound::receive`] gives it without further input.
    #[inline]
    pub fn has_data_due(&self) -> bool {
        self.stage == Stage::Data && self.remaining == 0 && !self.discarding
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

    /// Lets go of the payload of the last control frame, which was looked at.
    pub fn forget_control(&mut self) {
        if self.stage == Stage::Header {
            self.control = None;
        }
    }

    /// Whether nothing is known that a new one would not know: no frame or message is begun, nothing is
    /// kept, no compression was agreed, and our Close was not sent.
    pub fn is_as_new(&self) -> bool {
        self.is_between_messages()
            && self.control.is_none()
            && !self.deflate.is_agreed()
            && self.assembler.has_no_buffer()
    }

    /// Whether data is thrown away, after our own Close.
    pub fn is_discarding(&self) -> bool {
        self.discarding
    }

    /// Stops reading: what follows is swallowed unread (RFC 6455 §7.1.7).
    pub fn fail(&mut self) {
        // RFC 6455 §7.1.7: no further frame is read.
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

    /// How far what is unfinished has come: the message, or where none is begun the control frame.
    #[cfg(feature = "net")]
    pub(crate) fn progress(&self) -> Progress {
        let begins_data = self.header.first().is_some_and(|first| begins_data(*first));
        let header = if begins_data { self.header_len } else { 0 };
        if self.assembler.kind().is_none() && header == 0 {
            let control = u64::from(self.header_len).saturating_add(self.control().len() as u64);
            return Progress { bytes: control, ..Progress::default() };
        }
        let bytes = self.arrived();
        Progress { bytes, fragments: self.assembler.fragments(), header }
    }

    /// Bytes of the unfinished message that are kept.
    pub fn buffered(&self) -> usize {
        self.assembler.buffered()
    }

    /// Bytes of memory that the unfinished message takes, without an inflater.
    pub fn memory(&self) -> usize {
        self.assembler.memory()
    }

    /// Bytes of the unfinished message that have arrived, as they are on the wire, whatever control frame is
    /// being received; 0 between messages.
    pub fn arrived(&self) -> u64 {
        self.assembler.promised().saturating_sub(self.missing())
    }

    /// Bytes of the current data frame that have not arrived.
    fn missing(&self) -> u64 {
        if self.stage == Stage::Data { self.remaining } else { 0 }
    }

    /// Whether an inflater is lent to the unfinished message.
    pub fn has_inflater(&self) -> bool {
        self.deflate.has_inflater()
    }

    /// Receives what is not a short message that is here as a whole.
    #[inline(never)]
    fn receive_any(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
        if self.is_between_messages()
            && let Some(step) = short::receive_medium(input, delivery, limits)
        {
            return Ok(step);
        }
        self.advance(input, delivery, limits)
    }

    #[inline]
    fn advance(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
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
                Stage::Data => self.receive_data(rest, delivery, limits)?,
                Stage::Control(opcode) => self.receive_control(rest, opcode)?,
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
        // RFC 6455 §5.3: every frame brings its own key, and any key will do.
        self.mask = Mask::new(header.key);
        self.fin = header.fin;
        if header.opcode.is_control() {
            self.control = None;
            self.stage = Stage::Control(header.opcode);
        } else {
            let kind = match header.opcode {
                Opcode::Text => Some(MessageKind::Text),
                Opcode::Binary => Some(MessageKind::Binary),
                // RFC 6455 §5.4: a continuation has the kind of its message.
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
        // RFC 6455 §9.1: an extension is in use only where it was agreed on.
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
}

/// Whether a frame that begins with this byte is no control frame (RFC 6455 §5.2). An opcode that is
/// reserved for data counts as data.
#[inline]
pub(crate) const fn begins_data(first: u8) -> bool {
    first & 0x08 == 0
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
