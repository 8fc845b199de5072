//! A message that waits to be compressed: the connection task does so slice by slice, with others' turns
//! between, when it is the next to be written (RFC 7692 §7.2.1).
//!
//! ```text
//!  Waiting --a compressor--> Compressing --the end--> one frame, compressed
//!     |                          |
//!     +--none is left, it does not shrink, a Close is queued--> as it is; or Storing, if it is owed
//! ```
//!
//! With context takeover later messages may have been compressed behind it, which refer to it: then a
//! compressed message is *owed*, and stored blocks stand for one.

use std::fmt;
use std::sync::Arc;

use super::engines::{return_compressor, take_compressor};
use super::outbox::Large;
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::budget::Budget;
use crate::proto::deflate::{Compressor, Shape, store};
use crate::proto::frame::HeaderBytes;
use crate::proto::outbound::message_header;

/// A message in the queue that is not compressed yet.
pub(in crate::net) struct Uncompressed {
    kind: MessageKind,
    payload: Large,
    shape: Shape,
    budget: Arc<Budget>,
    /// What the message may refer back to.
    history: Box<[u8]>,
    /// Whether later messages may refer to it, so that it goes compressed in any case.
    is_owed: bool,
    stage: Stage,
    /// Bytes of the payload that were compressed: 0 <= taken <= payload.len()
    taken: usize,
    /// What they were compressed to.
    out: Vec<u8>,
}

/// How far it has come; see the top.
enum Stage {
    Waiting,
    Compressing(Compressor),
    Storing,
}

/// What a slice came to.
pub(in crate::net) enum Sliced {
    /// There is more to compress.
    NotYet,
    /// The header and the payload.
    Whole(HeaderBytes, Large),
}

impl fmt::Debug for Uncompressed {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncompressed")
            .field("len", &self.len())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Uncompressed {
    /// A message to compress in this shape, with what it may refer back to.
    pub(in crate::net) fn new(
        kind: MessageKind,
        mut payload: Large,
        shape: Shape,
        budget: Arc<Budget>,
        history: Box<[u8]>,
        is_owed: bool,
    ) -> Uncompressed {
        // A thread lends only so many read buffers.
        payload.release_buffer();
        Uncompressed {
            kind,
            payload,
            shape,
            budget,
            history,
            is_owed,
            stage: Stage::Waiting,
            taken: 0,
            out: Vec::new(),
        }
    }

    /// Bytes of the payload, as it was sent.
    pub(in crate::net) fn len(&self) -> usize {
        self.payload.bytes().len()
    }

    /// Bytes that it keeps, without those of the compressor, which another budget has.
    pub(super) fn memory(&self) -> usize {
        self.payload.memory() + self.history.len() + self.out.capacity()
    }

    /// Part of a slice that a piece of work of so many bytes is, in thousandths.
    fn cost(&self, len: usize) -> u32 {
        u32::try_from(len * WHOLE_SLICE as usize / self.shape.slice()).unwrap_or(WHOLE_SLICE).max(1)
    }

    /// Compresses what is left of a slice after `spent` thousandths of it, and counts that in. Behind it
    /// a Close waits if the connection `is_closing`: then it takes no time to make it shorter.
    pub(in crate::net) fn slice(&mut self, is_closing: bool, spent: &mut u32) -> Sliced {
        if is_closing && !matches!(self.stage, Stage::Storing) {
            if !self.is_owed {
                return self.plain();
            }
            self.begin_storing();
        }
        if let Stage::Waiting = self.stage {
            match take_compressor(self.shape, &self.budget) {
                Some(mut compressor) => {
                    compressor.begin(&self.history);
                    self.stage = Stage::Compressing(compressor);
                }
                None if self.is_owed => self.begin_storing(),
                None => return self.plain(),
            }
        }
        self.take_slice(spent);
        let (len, left) = (self.len(), self.len() - self.taken);
        let has_shrunk = if left == 0 {
            self.out.len() < len
        } else {
            left < WORTH_GIVING_UP || self.taken >= self.out.len() + self.out.len() / 16
        };
        if !has_shrunk && !self.is_owed {
            self.plain()
        } else if left == 0 {
            self.compressed()
        } else {
            Sliced::NotYet
        }
    }

    fn take_slice(&mut self, spent: &mut u32) {
        let left = WHOLE_SLICE.saturating_sub(*spent) as usize;
        let most = (self.shape.slice() * left / WHOLE_SLICE as usize).max(1);
        let rest = self.payload.bytes().get(self.taken..).unwrap_or_default();
        let slice = rest.get(..most).unwrap_or(rest);
        let is_last = slice.len() == rest.len();
        // It grows by half: what comes out of one slice is more than went in at times.
        if self.out.capacity() - self.out.len() < slice.len() + SLACK {
            self.out.reserve_exact((slice.len() + SLACK).max(self.out.len() / 2));
        }
        let out = &mut self.out;
        match &mut self.stage {
            Stage::Compressing(compressor) => compressor.compress_slice(slice, is_last, out),
            Stage::Storing | Stage::Waiting => store(slice, is_last, out),
        }
        let taken = slice.len();
        self.taken += taken;
        *spent = spent.saturating_add(self.cost(taken));
    }

    /// Begins again, without a compressor.
    fn begin_storing(&mut self) {
        (self.stage, self.taken) = (Stage::Storing, 0);
        self.out.clear();
    }

    fn compressed(&mut self) -> Sliced {
        if let Stage::Compressing(compressor) = std::mem::replace(&mut self.stage, Stage::Waiting) {
            return_compressor(compressor);
        }
        let header = message_header(self.kind, self.out.len()).compressed();
        Sliced::Whole(header, Large::Owned(std::mem::take(&mut self.out)))
    }

    /// It goes as it is. A compressor with output inside is of no use to others.
    fn plain(&mut self) -> Sliced {
        let header = message_header(self.kind, self.len());
        Sliced::Whole(header, std::mem::take(&mut self.payload))
    }
}

/// What a slice is divided into.
pub(in crate::net) const WHOLE_SLICE: u32 = 1000;

/// With less than so many bytes left a message is compressed to its end.
const WORTH_GIVING_UP: usize = 66 << 10;

/// What comes out of a slice at most beside as many bytes, most of the time, in bytes.
const SLACK: usize = 1 << 10;
