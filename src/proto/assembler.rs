//! The message being received: its kind, how much of it there is, its UTF-8 state, and the
//! payload that did not come in one piece (RFC 6455 §5.4, §10.4).

use super::utf8::{Checked, Utf8Validator};
use super::violation::Violation;

/// The kind of a message (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// How much a peer may send. All bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageLimits {
    /// The most bytes that one message may have.
    pub max_message_size: usize,
    /// The most bytes that one frame may have.
    pub max_frame_size: usize,
    /// The most fragments that one message may have, the first and the last included; an
    /// empty last one does not count when the others carried something.
    pub max_fragments: u32,
}

impl Default for MessageLimits {
    /// 16 MiB for a message and a frame, 65,536 fragments.
    fn default() -> MessageLimits {
        MessageLimits::new()
    }
}

impl MessageLimits {
    /// The default, where a constant is needed.
    pub const fn new() -> MessageLimits {
        MessageLimits {
            max_message_size: 16 << 20,
            max_frame_size: 16 << 20,
            max_fragments: 65_536,
        }
    }

    /// Sets the field `max_message_size`.
    #[must_use]
    pub const fn max_message_size(mut self, max_message_size: usize) -> MessageLimits {
        self.max_message_size = max_message_size;
        self
    }

    /// Sets the field `max_frame_size`.
    #[must_use]
    pub const fn max_frame_size(mut self, max_frame_size: usize) -> MessageLimits {
        self.max_frame_size = max_frame_size;
        self
    }

    /// Sets the field `max_fragments`.
    #[must_use]
    pub const fn max_fragments(mut self, max_fragments: u32) -> MessageLimits {
        self.max_fragments = max_fragments;
        self
    }
}

/// The unfinished message.
#[derive(Default)]
pub(in crate::proto) struct Assembler {
    /// Payload that has arrived and was not delivered; empty between messages.
    buffer: Vec<u8>,
    validator: Utf8Validator,
    /// Whether the unfinished message is compressed (RFC 7692 §6).
    is_compressed: bool,
    /// Fragments begun; 0 when no message is unfinished.
    fragments: u32,
    /// Bytes of the message in the frames begun so far, as they are on the wire.
    promised: u64,
    /// Bytes at the end of `buffer` that are not delivered yet: a cut character.
    /// 0 <= held_back <= 3, held_back <= buffer.len()
    held_back: u8,
    kind: Option<MessageKind>,
}

impl core::fmt::Debug for Assembler {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Assembler")
            .field("kind", &self.kind)
            .field("fragments", &self.fragments)
            .field("len", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl Assembler {
    /// The kind of the unfinished message.
    #[inline]
    pub(super) const fn kind(&self) -> Option<MessageKind> {
        self.kind
    }

    pub(super) const fn fragments(&self) -> u32 {
        self.fragments
    }

    pub(super) const fn promised(&self) -> u64 {
        self.promised
    }

    pub(super) const fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Begins a frame of this message; what the message is comes with its first frame.
    pub(super) fn start_frame(
        &mut self,
        kind: Option<MessageKind>,
        is_compressed: bool,
        payload_len: u64,
    ) {
        if kind.is_some() {
            (self.kind, self.is_compressed) = (kind, is_compressed);
        }
        self.fragments = self.fragments.saturating_add(1);
        self.promised = self.promised.saturating_add(payload_len);
    }

    /// Validates further payload, if it is text, without keeping it.
    pub(super) fn validate(&mut self, payload: &[u8]) -> Result<(), Violation> {
        match self.kind {
            Some(MessageKind::Text) => {
                // RFC 6455 §8.1: text that comes in pieces is validated piece by piece.
                self.validator.feed(payload).map_err(|_| Violation::TextNotUtf8)
            }
            _ => Ok(()),
        }
    }

    /// Validates what was appended to the buffer behind its first `from` bytes; only
    /// `allowed` bytes of it are within the limit.
    pub(super) fn validate_buffered(
        &mut self,
        from: usize,
        allowed: usize,
    ) -> Result<(), Violation> {
        let appended = self.buffer.get(from..).unwrap_or_default();
        if self.kind == Some(MessageKind::Text) {
            let within = appended.get(..allowed).unwrap_or(appended);
            self.validator.feed(within).map_err(|_| Violation::TextNotUtf8)?;
        }
        if appended.len() > allowed { Err(Violation::MessageTooBig) } else { Ok(()) }
    }

    /// Makes room for `more` bytes of a message that may have `at_most` in all.
    pub(super) fn make_room(&mut self, more: usize, at_most: usize) {
        make_room(&mut self.buffer, more, at_most);
    }

    /// Keeps payload that was validated, of a message that may have `at_most` bytes.
    pub(super) fn keep(&mut self, payload: &[u8], at_most: usize) {
        self.make_room(payload.len(), at_most);
        // RFC 6455 §5.4: fragments are joined in the order they came in.
        self.buffer.extend_from_slice(payload);
    }

    pub(super) const fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(super) const fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Whether no memory is held.
    pub(super) const fn has_no_buffer(&self) -> bool {
        self.buffer.capacity() == 0
    }

    pub(super) const fn cut_len(&self) -> usize {
        self.validator.cut_len()
    }

    pub(super) const fn checked_so_far(&self) -> Checked {
        self.validator.checked_so_far()
    }

    /// Ends the message; what is buffered of it stays until it is taken.
    pub(super) fn finish(&mut self) -> Result<(MessageKind, Option<Checked>), Violation> {
        self.fragments = 0;
        self.promised = 0;
        match self.kind.take() {
            Some(MessageKind::Text) => {
                // RFC 6455 §5.6: the whole message is UTF-8, so its end cuts no character.
                let checked = self.validator.finish().map_err(|_| Violation::TextNotUtf8)?;
                Ok((MessageKind::Text, Some(checked)))
            }
            _ => Ok((MessageKind::Binary, None)),
        }
    }

    /// Ends a message that was validated elsewhere and never buffered.
    #[inline]
    pub(super) fn finish_whole(&mut self) {
        self.fragments = 0;
        self.promised = 0;
        // RFC 6455 §6.2: this frame was the last of its message.
        self.kind = None;
    }

    /// Keeps the last bytes, 0 to 3, back from the next [`Assembler::take`].
    pub(super) fn hold_back(&mut self, cut_len: usize) {
        debug_assert!(cut_len <= 3 && cut_len <= self.buffer.len());
        self.held_back = u8::try_from(cut_len).unwrap_or(3);
    }

    /// Takes the buffered payload and leaves `replacement` in its place, emptied save for
    /// what is held back.
    pub(super) fn take(&mut self, mut replacement: Vec<u8>) -> Vec<u8> {
        replacement.clear();
        let whole = self.buffer.len().saturating_sub(usize::from(self.held_back));
        self.held_back = 0;
        replacement.extend_from_slice(self.buffer.get(whole..).unwrap_or_default());
        self.buffer.truncate(whole);
        std::mem::replace(&mut self.buffer, replacement)
    }

    /// Bytes of memory that the buffer takes.
    pub(super) const fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Forgets the payload that was buffered.
    pub(super) fn forget(&mut self) {
        self.buffer = Vec::new();
        self.held_back = 0;
    }
}

/// Makes room in the buffer of a message for `more` bytes that have arrived, or that are about to be read.
/// The buffer then takes half as much again as it held, if that is more, but no more than `at_most`, the
/// longest that the message may be. A `Vec` left to itself would double.
pub(crate) fn make_room(buffer: &mut Vec<u8>, more: usize, at_most: usize) {
    let needed = buffer.len().saturating_add(more);
    if needed > buffer.capacity() {
        let half_more = buffer.len().saturating_add(buffer.len() / 2);
        let size = half_more.min(at_most).max(needed);
        buffer.reserve_exact(size - buffer.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_4_a_buffer_takes_half_as_much_again_as_has_arrived_and_never_more_than_the_limit() {
        let limit = 1 << 20;
        for step in [1, 7, 1000, 65_536] {
            let (mut assembler, mut growths) = (Assembler::default(), 0);
            for arrived in (step..=limit).step_by(step) {
                let before = assembler.memory();
                assembler.keep(&vec![0; step], limit);
                growths += u32::from(assembler.memory() != before);
                assert!(assembler.memory() <= limit.min(arrived + arrived / 2), "{arrived}");
            }
            // Every growth is by half, so there are few.
            assert!(growths <= 36, "{growths}");
        }
    }

    #[test]
    fn what_has_arrived_always_has_room() {
        let mut buffer = vec![0; 10];
        make_room(&mut buffer, 5, 3);
        assert_eq!(buffer.capacity(), 15);
    }
}
