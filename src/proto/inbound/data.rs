//! Payload of data frames: delivered where it lies, assembled, inflated, or read straight into
//! its message (RFC 6455 §5.4, §6.2, §8.1, RFC 7692 §7.2.2).

use super::{Inbound, Stage};
use crate::proto::assembler::{MessageKind, MessageLimits};
use crate::proto::deflate::receiving::Received;
use crate::proto::event::{Data, Delivery, Event, Payload, Step};
use crate::proto::utf8::{self, Checked};
use crate::proto::violation::Violation;

impl Inbound {
    /// Reads payload of a data frame.
    #[inline]
    pub(super) fn receive_data(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
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
            Delivery::Message => self.assemble(payload, message_ends, limits.max_message_size),
            Delivery::Pieces => self.deliver_piece(payload, message_ends),
        }
    }

    #[inline]
    fn unmask_whole(&mut self, payload: &mut [u8]) -> Result<Option<Checked>, Violation> {
        let is_text = self.assembler.kind() == Some(MessageKind::Text);
        // RFC 6455 §6.2: the application gets the payload unmasked.
        self.mask.apply(payload);
        self.assembler.finish_whole();
        if !is_text {
            return Ok(None);
        }
        // RFC 6455 §8.1: a text in one frame is validated as a whole.
        utf8::check(payload).map(Some).map_err(|_| Violation::TextNotUtf8)
    }

    fn assemble(
        &mut self,
        payload: &mut [u8],
        message_ends: bool,
        at_most: usize,
    ) -> Result<Step, Violation> {
        // The header of the last frame has said how long the message is.
        let promised = usize::try_from(self.assembler.promised()).unwrap_or(at_most);
        let at_most = if self.fin { promised.min(at_most) } else { at_most };
        let consumed = payload.len();
        self.assembler.make_room(consumed, at_most);
        for piece in payload.chunks_mut(CACHE_PIECE) {
            self.mask.apply(piece);
            self.assembler.validate(piece)?;
            self.assembler.keep(piece, at_most);
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
        if self.assembler.buffered() > 0 || self.assembler.cut_len() > 0 {
            // A cut character and what follows it: delivered at once.
            self.assembler.keep(payload, 0);
            let event = self.buffered_piece(message_ends)?;
            return Ok(Step { consumed, event });
        }
        if consumed == 0 && !message_ends {
            return Ok(Step { consumed, event: None });
        }
        let text = self.text_of_piece(message_ends)?;
        let data = Data { payload: Payload::Input(0..consumed), text };
        Ok(Step { consumed, event: Some(Event::Piece { data, last: message_ends }) })
    }

    /// Reads payload of a data frame of a compressed message.
    pub(super) fn receive_compressed(
        &mut self,
        input: &mut [u8],
        delivery: Delivery,
        limits: &MessageLimits,
    ) -> Result<Step, Violation> {
        let len = usize::try_from(self.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = input.get_mut(..len).unwrap_or_default();
        let (mask, assembler) = (&mut self.mask, &mut self.assembler);
        let (consumed, received) =
            self.deflate.receive(payload, mask, assembler, limits.max_message_size)?;
        self.remaining -= consumed as u64;
        let frame_ends = self.remaining == 0 && received == Received::All;
        if frame_ends {
            self.stage = Stage::Header;
        }
        let message_ends = frame_ends && self.fin;
        // RFC 7692 §6.2: the payloads of all fragments are one piece of DEFLATE data.
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

    /// What is buffered as a piece. Text goes out up to the last whole character; the cut one
    /// waits for its end.
    fn buffered_piece(&mut self, message_ends: bool) -> Result<Option<Event>, Violation> {
        let cut_len = self.assembler.cut_len();
        let text = self.text_of_piece(message_ends)?;
        // It is less while the buffer is lent for reading straight into it.
        if self.assembler.buffered() <= cut_len && !message_ends {
            return Ok(None);
        }
        self.assembler.hold_back(cut_len);
        let data = Data { payload: Payload::Assembled, text };
        Ok(Some(Event::Piece { data, last: message_ends }))
    }

    /// The witness for a piece of text; with the last piece the message ends.
    fn text_of_piece(&mut self, message_ends: bool) -> Result<Option<Checked>, Violation> {
        if message_ends {
            return self.assembler.finish().map(|(_, text)| text);
        }
        let is_text = self.assembler.kind() == Some(MessageKind::Text);
        Ok(is_text.then(|| self.assembler.checked_so_far()))
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
        judged.inspect_err(|_| self.fail())
    }
}

/// Payload is unmasked and validated in pieces that stay in the first-level cache, in bytes.
const CACHE_PIECE: usize = 16 << 10;
