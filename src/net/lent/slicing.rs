//! Compressing one message slice by slice, with others' turns between (RFC 7692 §7.2.1).
//!
//! ```text
//!  Waiting --a compressor--> Compressing --the end--> the payload, compressed
//!     |                          |
//!     +--begin_storing-----------+--> Storing --the end--> the payload, in stored blocks
//! ```

use super::engines::return_compressor;
use crate::proto::deflate::{Compressor, Shape, store};

/// How far a message has come. The message and the history are given with each call.
pub(in crate::net) struct Slicing {
    shape: Shape,
    stage: Stage,
    /// Bytes of the message that were compressed: 0 <= taken <= message.len()
    taken: usize,
    /// What they were compressed to.
    out: Vec<u8>,
}

/// See the top.
enum Stage {
    Waiting,
    Compressing(Compressor),
    Storing,
}

/// What a slice came to.
pub(in crate::net) enum Step {
    /// There is more to compress.
    NotYet,
    /// The payload.
    Compressed(Vec<u8>),
    /// It does not get shorter.
    DoesNotShrink,
    /// There is no memory for a compressor.
    NoCompressor,
}

/// Whether the message may go as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Effort {
    /// To the end.
    Always,
    /// As long as the output is shorter than the input.
    WhileItShrinks,
}

impl Slicing {
    pub(in crate::net) fn new(shape: Shape) -> Slicing {
        Slicing { shape, stage: Stage::Waiting, taken: 0, out: Vec::new() }
    }

    /// Bytes of the message that were compressed.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Bytes that it keeps, without those of the compressor, which another budget has.
    pub(super) fn memory(&self) -> usize {
        self.out.capacity()
    }

    /// Begins again, without a compressor.
    pub(super) fn begin_storing(&mut self) {
        if !matches!(self.stage, Stage::Storing) {
            (self.stage, self.taken) = (Stage::Storing, 0);
            self.out.clear();
        }
    }

    /// Compresses what is left of a slice of the message after `spent` thousandths of it, and counts that
    /// in. The message may refer back to the history. A message is not empty.
    pub(in crate::net) fn slice(
        &mut self,
        message: &[u8],
        history: &[u8],
        effort: Effort,
        spent: &mut u32,
        lend: &dyn Fn(Shape) -> Option<Compressor>,
    ) -> Step {
        if let Stage::Waiting = self.stage {
            let Some(mut compressor) = lend(self.shape) else { return Step::NoCompressor };
            compressor.begin(history);
            self.stage = Stage::Compressing(compressor);
        }
        self.take_slice(message, spent);
        let left = message.len() - self.taken;
        let has_shrunk = if left == 0 {
            self.out.len() < message.len()
        } else {
            left < WORTH_GIVING_UP || self.taken >= self.out.len() + self.out.len() / 16
        };
        if left == 0 && (has_shrunk || effort == Effort::Always) {
            self.end()
        } else if !has_shrunk && effort == Effort::WhileItShrinks {
            // A compressor with output inside is of no use to others.
            Step::DoesNotShrink
        } else {
            Step::NotYet
        }
    }

    fn take_slice(&mut self, message: &[u8], spent: &mut u32) {
        let left = WHOLE_SLICE.saturating_sub(*spent) as usize;
        let most = (self.shape.slice() * left / WHOLE_SLICE as usize).max(1);
        let rest = message.get(self.taken..).unwrap_or_default();
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

    /// Part of a slice that a piece of work of so many bytes is, in thousandths.
    fn cost(&self, len: usize) -> u32 {
        u32::try_from(len * WHOLE_SLICE as usize / self.shape.slice()).unwrap_or(WHOLE_SLICE).max(1)
    }

    fn end(&mut self) -> Step {
        if let Stage::Compressing(compressor) = std::mem::replace(&mut self.stage, Stage::Waiting) {
            return_compressor(compressor);
        }
        Step::Compressed(std::mem::take(&mut self.out))
    }
}

/// What a slice is divided into.
pub(in crate::net) const WHOLE_SLICE: u32 = 1000;

/// With less than so many bytes left a message is compressed to its end.
const WORTH_GIVING_UP: usize = 66 << 10;

/// What comes out of a slice at most beside as many bytes, most of the time, in bytes.
const SLACK: usize = 1 << 10;
