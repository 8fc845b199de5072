//! What one connection says after the 101: frames come in, replies go out (RFC 6455 §5, §6, §7).

use super::closing::Over;
use super::deflate::Inflater;
use super::header::{Failure, Frame};
use super::messages::Message;
use super::negotiation::Agreement;
use super::output::Output;
use super::{Fault, Shared};

pub(super) struct Session<'a> {
    pub(super) shared: &'a Shared,
    /// The frame that is coming.
    frame: Frame,
    /// The message that is in fragments.
    pub(super) partial: Option<Message>,
    /// A text that a binary message interrupted, which only a fault allows.
    pub(super) set_aside: Option<Message>,
    pub(super) inflater: Option<Inflater>,
    pub(super) output: Output,
    /// What was said, in pieces; which of them are messages.
    pub(super) said: Vec<(Vec<u8>, bool)>,
    /// Frames, messages, messages in fragments, texts and Pings that came before.
    pub(super) frames: usize,
    pub(super) messages: usize,
    pub(super) fragmented: usize,
    pub(super) texts: usize,
    pub(super) compressed: usize,
    pub(super) pings: usize,
    pub(super) first_key: Option<[u8; 4]>,
    pub(super) first_ping: Option<Vec<u8>>,
    pub(super) last_fragmented: Vec<u8>,
    pub(super) over: Option<Over>,
}

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared, agreement: Option<Agreement>) -> Session<'a> {
        Session {
            shared,
            frame: Frame::default(),
            partial: None,
            set_aside: None,
            inflater: agreement.map(|agreed| Inflater::new(agreed.client_no_context_takeover)),
            output: Output::new(agreement),
            said: Vec::new(),
            frames: 0,
            messages: 0,
            fragmented: 0,
            texts: 0,
            compressed: 0,
            pings: 0,
            first_key: None,
            first_ping: None,
            last_fragmented: Vec::new(),
            over: None,
        }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.shared.has(fault)
    }

    pub(super) fn is_inside(&self) -> bool {
        self.partial.is_some()
    }

    pub(super) fn is_inside_text(&self) -> bool {
        self.partial.as_ref().is_some_and(|message| message.opcode == 1)
    }

    pub(super) fn is_compressing(&self) -> bool {
        self.inflater.is_some()
    }

    /// Bytes of the message that a frame with this opcode goes on with.
    pub(super) fn message_len(&self, opcode: u8) -> u64 {
        match &self.partial {
            Some(message) if opcode == 0 => message.payload.len() as u64,
            _ => 0,
        }
    }

    /// What came in one read; whether the connection is over.
    pub(super) fn receive(&mut self, segment: &[u8]) -> bool {
        let mut rest = segment;
        let before = self.frames;
        while !rest.is_empty() && self.is_reading() {
            if self.has(Fault::SegmentOfMany) && self.frames - before >= 150 {
                self.frame = Frame::default();
                break;
            }
            if let Err(failure) = self.step(&mut rest) {
                self.fail(failure);
            }
        }
        if self.is_reading()
            && let Err(failure) = self.cut()
        {
            self.fail(failure);
        }
        self.over.is_some()
    }

    fn is_reading(&self) -> bool {
        match self.over {
            None => true,
            Some(Over::Closed) => self.has(Fault::ReadsAfterClose),
            Some(Over::Failed) => self.has(Fault::ReadsAfterFailure),
        }
    }

    /// One octet of a header, or as much of a payload as is there.
    fn step(&mut self, rest: &mut &[u8]) -> Result<(), Failure> {
        let mut frame = std::mem::take(&mut self.frame);
        if frame.header.len() < frame.header_len() {
            let (octet, behind) = rest.split_first().unwrap();
            *rest = behind;
            let judged = frame.push(self, *octet);
            // The frame that is wrong goes by, where a fault reads on behind it.
            let goes_on = self.has(Fault::FailureIgnored) || self.has(Fault::ReadsAfterFailure);
            frame.is_skipped |= judged.is_err() && goes_on;
            let is_whole = frame.header.len() >= 2 && frame.header.len() == frame.header_len();
            self.frame = frame;
            judged?;
            if is_whole {
                self.begin()?;
                if self.frame.len == 0 {
                    return self.finish_frame();
                }
            }
            return Ok(());
        }
        let missing = usize::try_from(frame.len).unwrap() - frame.payload.len();
        let (come, behind) = rest.split_at(missing.min(rest.len()));
        *rest = behind;
        self.unmask(&mut frame, come);
        let chunk_len = come.len();
        self.frame = frame;
        self.check_chunk(chunk_len)?;
        if self.frame.payload.len() as u64 == self.frame.len {
            return self.finish_frame();
        }
        Ok(())
    }

    fn unmask(&self, frame: &mut Frame, come: &[u8]) {
        let before = frame.payload.len();
        for (at, octet) in come.iter().enumerate() {
            let mut phase = before + at;
            if self.has(Fault::KeyPhaseAtCut) {
                phase = at;
            }
            if self.has(Fault::KeyPhaseLong) && before + at >= 1 << 16 {
                phase += 1;
            }
            frame.payload.push(octet ^ frame.key[phase % 4]);
        }
    }

    /// The header is there.
    fn begin(&mut self) -> Result<(), Failure> {
        self.first_key.get_or_insert(self.frame.key);
        let is_cut_apart = self.frame.cuts.iter().any(|(header, _)| *header == 1);
        self.frame.is_skipped |= is_cut_apart && self.has(Fault::HeaderCut);
        if self.frame.is_skipped || self.frame.is_control() {
            return Ok(());
        }
        let frame = self.frame.clone();
        self.begin_fragment(&frame)
    }

    /// The newest bytes of a payload.
    fn check_chunk(&mut self, len: usize) -> Result<(), Failure> {
        if self.frame.is_skipped || self.frame.is_control() {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame);
        let from = frame.payload.len() - len;
        let checked = self.check_text(&frame, from);
        self.frame = frame;
        checked
    }

    /// A frame is whole.
    fn finish_frame(&mut self) -> Result<(), Failure> {
        let frame = std::mem::take(&mut self.frame);
        self.frames += 1;
        if frame.is_skipped {
            return Ok(());
        }
        let payload = &frame.payload;
        match frame.opcode {
            8 => self.close(payload),
            9 | 10 => self.ping_or_pong(&frame),
            _ => self.finish_fragment(&frame),
        }
    }

    /// A segment ended inside a frame.
    fn cut(&mut self) -> Result<(), Failure> {
        if self.frame.header.is_empty() {
            return Ok(());
        }
        let (header, payload) = (self.frame.header.len(), self.frame.payload.len());
        self.frame.cuts.push((header, payload));
        if self.frame.opcode == 8 && payload > 0 && self.has(Fault::CloseCut) {
            self.over = Some(Over::Closed);
            return Ok(());
        }
        self.check_cut_text(payload > 0)
    }

    /// Whether TCP stays open although frames are over.
    pub(super) fn keeps_tcp(&self) -> bool {
        match self.over {
            Some(Over::Closed) => self.has(Fault::CloseNotEnded),
            Some(Over::Failed) => self.has(Fault::FailureNotEnded),
            None => false,
        }
    }

    /// What is to be written now.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        let mut said = std::mem::take(&mut self.said);
        if self.has(Fault::SwapsPairs) {
            let mut at = 1;
            while at < said.len() {
                if said[at - 1].1 && said[at].1 {
                    said.swap(at - 1, at);
                    at += 1;
                }
                at += 1;
            }
        }
        said.into_iter().flat_map(|(bytes, _)| bytes).collect()
    }

    /// Ping and Pong (RFC 6455 §5.5.2, §5.5.3).
    fn ping_or_pong(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.disturb()?;
        let mut payload = frame.payload.clone();
        payload.truncate(125);
        if frame.opcode == 10 {
            if self.has(Fault::PongRefused) {
                return super::header::fail(1002, "a Pong that nobody asked for");
            }
            if self.has(Fault::PongIsMessage) {
                self.say_message(2, payload, 1);
            }
            return Ok(());
        }
        self.pings += 1;
        let is_cut = frame.before_cut().is_some();
        if self.has(Fault::PingUnanswered)
            || self.has(Fault::PingEmptyUnanswered) && payload.is_empty()
            || self.has(Fault::PingOf125Unanswered) && payload.len() == 125
            || self.has(Fault::PingTenthUnanswered) && self.pings.is_multiple_of(10)
            || self.has(Fault::Ping200thUnanswered) && self.pings >= 200
            || self.has(Fault::PingInsideUnanswered) && self.is_inside()
            || self.has(Fault::ControlCut) && is_cut
        {
            return Ok(());
        }
        let first = self.first_ping.get_or_insert_with(|| payload.clone()).clone();
        if self.has(Fault::PongOfFirst) {
            payload = first;
        }
        if self.has(Fault::PongEmpty) {
            payload.clear();
        }
        if self.has(Fault::PongCutAtNul) {
            let end = payload.iter().position(|byte| *byte == 0);
            payload.truncate(end.unwrap_or(payload.len()));
        }
        if self.has(Fault::PongTooLong) && payload.len() == 125 {
            payload.extend([0; 5]);
        }
        let pong = self.output.pong(self.shared, &payload);
        self.said.push((pong, false));
        Ok(())
    }
}
