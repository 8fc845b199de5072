//! A message that waits to be compressed: the connection task does so slice by slice, with others' turns
//! between, when it is the next to be written (RFC 7692 §7.2.1). A prepared message is compressed by a task
//! of its own, once for all; the connection task waits for that.
//!
//! | the message | goes |
//! |---|---|
//! | gets shorter | as one frame, compressed |
//! | does not, or there is no compressor, or a Close is queued | as it is; in stored blocks if it is owed |
//!
//! With context takeover later messages may have been compressed behind it, which refer to it: then a
//! compressed message is *owed*, and stored blocks stand for one.

use std::fmt;
use std::task::{Poll, Waker};

use super::outbox::Large;
use super::slicing::{Effort, Slicing, Step};
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::{Compressor, Shape, WindowBits};
use crate::proto::frame::HeaderBytes;
use crate::proto::outbound::message_header;
use crate::proto::prepared::Prepared;

/// A message in the queue that is not compressed yet.
pub(in crate::net) struct Uncompressed {
    kind: MessageKind,
    payload: Large,
    /// Where the message begins in `payload`: behind the header of a prepared frame.
    header_len: usize,
    /// What the message may refer back to.
    history: Box<[u8]>,
    /// Whether it goes compressed in any case: later messages may refer to it, or all are to be compressed.
    is_owed: bool,
    /// The prepared message, as long as another task compresses it.
    awaited: Option<Awaited>,
    slicing: Slicing,
}

/// A prepared message that another task compresses.
struct Awaited {
    message: Prepared,
    window: WindowBits,
    /// Whom that task wakes.
    waker: Option<Waker>,
}

/// What a slice came to.
pub(in crate::net) enum Sliced {
    /// There is more to compress.
    NotYet,
    /// Another task compresses it, and wakes this one then.
    Awaited,
    /// The header, if the payload does not begin with it, and the payload, compressed.
    Compressed(Option<HeaderBytes>, Large),
    /// The same of a message that goes as it is.
    Plain(Option<HeaderBytes>, Large),
}

impl fmt::Debug for Uncompressed {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncompressed")
            .field("len", &self.len())
            .field("taken", &self.slicing.taken())
            .finish_non_exhaustive()
    }
}

impl Uncompressed {
    /// A message to compress in this shape, with what it may refer back to.
    pub(in crate::net) fn new(
        kind: MessageKind,
        mut payload: Large,
        shape: Shape,
        history: Box<[u8]>,
        is_owed: bool,
    ) -> Uncompressed {
        // A thread lends only so many read buffers.
        payload.release_buffer();
        let (header_len, awaited, slicing) = (0, None, Slicing::new(shape));
        Uncompressed { kind, payload, header_len, history, is_owed, awaited, slicing }
    }

    /// A prepared message that another task compresses for windows of this size.
    pub(in crate::net) fn prepared(
        message: Prepared,
        window: WindowBits,
        shape: Shape,
        is_owed: bool,
    ) -> Uncompressed {
        let payload = Large::Shared(message.frame().clone());
        let header_len = message.frame().len() - message.payload().len();
        let (kind, history, slicing) = (message.kind(), Box::default(), Slicing::new(shape));
        let awaited = Some(Awaited { message, window, waker: None });
        Uncompressed { kind, payload, header_len, history, is_owed, awaited, slicing }
    }

    /// Bytes of the message, as it was sent.
    pub(in crate::net) fn len(&self) -> usize {
        self.payload.bytes().len() - self.header_len
    }

    /// Bytes that it keeps, without those of the compressor, which another budget has.
    pub(super) fn memory(&self) -> usize {
        self.payload.memory() + self.history.len() + self.slicing.memory()
    }

    /// Compresses what is left of a slice after `spent` thousandths of it, and counts that in. Behind it
    /// a Close waits if the connection `is_closing`: then it takes no time to make it shorter. `lend`
    /// gives compressors; whoever compresses it else wakes `waker`.
    pub(in crate::net) fn slice(
        &mut self,
        is_closing: bool,
        spent: &mut u32,
        lend: &dyn Fn(Shape) -> Option<Compressor>,
        waker: &Waker,
    ) -> Sliced {
        if let Some(awaited) = &mut self.awaited {
            let Awaited { message, window, waker: registered } = awaited;
            match message.poll_compressed(*window, registered, waker) {
                Poll::Ready(Some(frame)) => {
                    return Sliced::Compressed(None, Large::Shared(frame.clone()));
                }
                Poll::Pending if !is_closing => return Sliced::Awaited,
                Poll::Ready(None) | Poll::Pending => return self.store_or_plain(),
            }
        }
        if is_closing && !self.is_owed {
            return self.plain();
        } else if is_closing {
            self.slicing.begin_storing();
        }
        let effort = if self.is_owed { Effort::Always } else { Effort::WhileItShrinks };
        let message = self.payload.bytes().get(self.header_len..).unwrap_or_default();
        match self.slicing.slice(message, &self.history, effort, spent, lend) {
            Step::NotYet => Sliced::NotYet,
            Step::Compressed(payload) => {
                let header = message_header(self.kind, payload.len()).compressed();
                Sliced::Compressed(Some(header), Large::Owned(payload))
            }
            Step::DoesNotShrink | Step::NoCompressor => self.store_or_plain(),
        }
    }

    /// It does not get shorter.
    fn store_or_plain(&mut self) -> Sliced {
        if !self.is_owed {
            return self.plain();
        }
        self.awaited = None;
        self.slicing.begin_storing();
        Sliced::NotYet
    }

    /// It goes as it is.
    fn plain(&mut self) -> Sliced {
        let header = (self.header_len == 0).then(|| message_header(self.kind, self.len()));
        Sliced::Plain(header, std::mem::take(&mut self.payload))
    }
}
