//! Fragments to messages, text as it comes, and the echo (RFC 6455 §5.4, §5.6, §6.2, §8.1).

use super::Fault;
use super::header::{Failure, Frame, LONGEST_MESSAGE, fail};
use super::session::Session;
use super::utf8::{Utf8, has_non_character};

/// A message that is coming.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) opcode: u8,
    pub(super) is_compressed: bool,
    /// As it came, compressed or not.
    pub(super) payload: Vec<u8>,
    /// What its fragments inflate to, each for itself, which only a fault asks for.
    apart: Vec<u8>,
    /// How many fragments came, the one that is coming included.
    pub(super) fragments: usize,
    utf8: Utf8,
    /// Bytes of it were not checked, or had a Ping between them.
    is_unchecked: bool,
    pub(super) is_disturbed: bool,
}

const NOT_UTF8: &str = "text that is not UTF-8 (RFC 6455 8.1)";

impl Session<'_> {
    /// The header of a data frame is there.
    pub(super) fn begin_fragment(&mut self, frame: &Frame) -> Result<(), Failure> {
        if frame.len == 0 && self.has(Fault::EmptyFragmentRefused) {
            let is_fragment = frame.opcode == 0 || !frame.is_final();
            if is_fragment {
                return fail(1002, "an empty fragment");
            }
        }
        if frame.opcode != 0 {
            if self.is_inside_text() && self.has(Fault::BinaryInsideText) {
                self.set_aside = self.partial.take();
            }
            let is_compressed = frame.rsv1()
                && (self.is_compressing() || self.has(Fault::Rsv1NotAgreed))
                && !self.has(Fault::Rsv1Taken);
            let utf8 = match self.has(Fault::Utf8OverMessages) {
                true => self.output.unfinished,
                false => Utf8::default(),
            };
            let mut message =
                Message { opcode: frame.opcode, is_compressed, utf8, ..Message::default() };
            if self.has(Fault::SecondFragmented) && !frame.is_final() {
                message.payload.clone_from(&self.last_fragmented);
            }
            self.partial = Some(message);
        }
        if let Some(message) = &mut self.partial {
            message.fragments += 1;
        }
        Ok(())
    }

    /// The bytes from there on of a frame are new; text is judged as it comes.
    pub(super) fn check_text(&mut self, frame: &Frame, from: usize) -> Result<(), Failure> {
        let has = |fault| self.shared.has(fault);
        let Some(message) = &mut self.partial else { return Ok(()) };
        if message.is_compressed || message.opcode != 1 {
            return Ok(());
        }
        let is_whole = frame.opcode != 0 && frame.is_final();
        let is_free = has(Fault::Utf8Unchecked)
            || has(Fault::Utf8Replaced)
            || has(Fault::Utf8FirstFragment) && message.fragments > 1
            || has(Fault::Utf8FirstMessage) && self.texts > 0
            || has(Fault::Utf8WholeOnly) && !is_whole
            || has(Fault::PlainUncheckedWithCompression) && self.inflater.is_some()
            || has(Fault::Utf8AfterPing) && message.is_disturbed;
        let begins_ascii =
            has(Fault::Utf8AfterAscii) && frame.payload.iter().take(16).all(u8::is_ascii);
        for (at, byte) in frame.payload.iter().enumerate().skip(from) {
            if is_free
                || has(Fault::Utf8First4Kib) && message.payload.len() + at >= 4096
                || begins_ascii && at >= 16
            {
                message.is_unchecked = true;
                return Ok(());
            }
            if !message.utf8.push(self.shared, *byte) {
                return fail(1007, NOT_UTF8);
            }
        }
        Ok(())
    }

    /// TCP cut a frame, in its payload or before it.
    pub(super) fn check_cut_text(&self, in_payload: bool) -> Result<(), Failure> {
        match &self.partial {
            Some(message)
                if in_payload && message.utf8.is_inside() && self.has(Fault::Utf8CutBySegment) =>
            {
                fail(1007, NOT_UTF8)
            }
            _ => Ok(()),
        }
    }

    /// A control frame stands inside a message.
    pub(super) fn disturb(&mut self) -> Result<(), Failure> {
        let drops = self.has(Fault::FragmentsOverPing);
        let drops_compressed = self.has(Fault::PingInsideCompressed);
        let breaks_text = self.has(Fault::Utf8CutByPing);
        let Some(message) = &mut self.partial else { return Ok(()) };
        message.is_disturbed = true;
        if drops || drops_compressed && message.is_compressed {
            message.payload.clear();
        }
        if breaks_text && message.utf8.is_inside() {
            return fail(1007, NOT_UTF8);
        }
        Ok(())
    }

    /// A data frame is whole.
    pub(super) fn finish_fragment(&mut self, frame: &Frame) -> Result<(), Failure> {
        let Some(mut message) = self.partial.take() else { return Ok(()) };
        if message.fragments <= 300 || !self.has(Fault::FragmentsBeyond300) {
            let come = match frame.before_cut() {
                Some(cut) if message.is_compressed && self.has(Fault::CompressedCut) => cut,
                _ => frame.payload.len(),
            };
            message.payload.extend_from_slice(&frame.payload[..come]);
        }
        if message.is_compressed && self.has(Fault::FragmentsApart) {
            let inflated = self.inflate(&frame.payload)?;
            message.apart.extend(inflated);
        }
        if frame.len == 0 && self.has(Fault::EmptyFragmentIsBinary) {
            message.opcode = if message.fragments > 1 { 2 } else { message.opcode };
        }
        let ends = frame.opcode == 0 && frame.len == 0 && self.has(Fault::EmptyFragmentEnds);
        if frame.is_final() || ends {
            return self.deliver(message);
        }
        if message.utf8.is_inside() && self.has(Fault::Utf8CutByFragment) {
            return fail(1007, NOT_UTF8);
        }
        if self.has(Fault::FragmentsOneByOne) && !message.is_compressed {
            let piece = std::mem::take(&mut message.payload);
            self.say_message(message.opcode, piece, 1);
        }
        self.partial = Some(message);
        Ok(())
    }

    /// A message is whole.
    fn deliver(&mut self, message: Message) -> Result<(), Failure> {
        let payload = if message.is_compressed {
            if message.payload.len() as u64 > LONGEST_MESSAGE / 16 {
                return fail(1009, "more than 1 MiB compressed (RFC 6455 10.4)");
            }
            let payload = match self.has(Fault::FragmentsApart) {
                true => message.apart.clone(),
                false => self.inflate(&message.payload)?,
            };
            if payload.len() as u64 > LONGEST_MESSAGE {
                return fail(1009, "a message of more than 16 MiB (RFC 6455 10.4)");
            }
            self.check_inflated(&message, &payload)?;
            self.compressed += 1;
            payload
        } else {
            self.end_of_plain(&message)?
        };
        if message.fragments > 1 {
            self.fragmented += 1;
            self.last_fragmented.clone_from(&payload);
        }
        self.messages += 1;
        self.texts += usize::from(message.opcode == 1);
        let payload = self.alter(message.opcode, payload)?;
        self.partial = self.set_aside.take();
        self.say_message(message.opcode, payload, message.fragments);
        Ok(())
    }

    fn check_inflated(&self, message: &Message, payload: &[u8]) -> Result<(), Failure> {
        let is_free = message.opcode != 1
            || self.has(Fault::CompressedUnchecked)
            || self.has(Fault::CompressedFragmentsUnchecked) && message.fragments > 1
            || self.has(Fault::CompressedSecondUnchecked) && self.compressed > 0;
        let mut utf8 = Utf8::default();
        if is_free || payload.iter().all(|byte| utf8.push(self.shared, *byte)) && !utf8.is_inside()
        {
            return Ok(());
        }
        fail(1007, NOT_UTF8)
    }

    fn end_of_plain(&mut self, message: &Message) -> Result<Vec<u8>, Failure> {
        if message.utf8.is_inside() && !message.is_unchecked {
            let is_taken = self.has(Fault::Utf8CutAtEnd)
                || self.has(Fault::Utf8OverMessages)
                || self.has(Fault::Utf8CutInLastFragment) && message.fragments > 1;
            if !is_taken {
                return fail(1007, NOT_UTF8);
            }
        }
        self.output.unfinished = message.utf8;
        if self.has(Fault::PlainInflated) && self.compressed > 0 {
            return self.inflate(&message.payload);
        }
        if self.has(Fault::ContextHasPlain)
            && let Some(inflater) = &mut self.inflater
        {
            inflater.remember(self.shared, &message.payload);
        }
        Ok(message.payload.clone())
    }

    /// What the faults make of a good message.
    fn alter(&self, opcode: u8, mut payload: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if opcode == 1 {
            if self.has(Fault::Utf8NonCharacters) && has_non_character(&payload) {
                return fail(1007, NOT_UTF8);
            }
            if self.has(Fault::Utf8Bom) && payload.starts_with(&[0xef, 0xbb, 0xbf]) {
                payload.drain(..3);
            }
            if self.has(Fault::Utf8Nul) {
                let end = payload.iter().position(|byte| *byte == 0);
                payload.truncate(end.unwrap_or(payload.len()));
            }
            if self.has(Fault::Utf8Replaced) {
                payload = String::from_utf8_lossy(&payload).into_owned().into_bytes();
            }
        } else if self.has(Fault::Utf8OfBinary) && std::str::from_utf8(&payload).is_err() {
            return fail(1007, NOT_UTF8);
        }
        if self.has(Fault::SecondChanged) && self.messages == 2 {
            payload.make_ascii_uppercase();
        }
        Ok(payload)
    }

    /// The echo, unless a fault loses it.
    pub(super) fn say_message(&mut self, opcode: u8, payload: Vec<u8>, fragments: usize) {
        if self.has(Fault::EmptyNotEchoed) && payload.is_empty()
            || self.has(Fault::LosesEvery90th)
                && self.messages > 0
                && self.messages.is_multiple_of(90)
            || self.has(Fault::LosesEvery500th)
                && self.messages > 0
                && self.messages.is_multiple_of(500)
        {
            return;
        }
        let opcode = if self.has(Fault::TextAsBinary) && fragments > 1 { 2 } else { opcode };
        let said = self.output.message(self.shared, opcode, payload);
        self.said.push((said, true));
    }
}
