//! Compressing messages (RFC 7692 §7.2.1).

use std::sync::Arc;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status, Strategy};

use super::TAIL;
use super::budget::{Budget, Charge};
use super::negotiation::WindowBits;

/// Compresses one message after the other; each begins with the history that it is given.
///
/// It is lent for one message, so a few serve any number of connections.
pub struct Compressor {
    deflate: Deflate,
    shape: Shape,
    _charge: Charge,
}

/// How hard a compressor tries: 1 to 9, from fast to small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// The level with this number, if it is from 1 to 9.
    pub const fn new(number: u8) -> Option<Level> {
        if matches!(number, 1..=9) { Some(Level(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Level {
    /// 3: JSON of 1 KiB comes out 1 % larger than with 6, and large messages in half the time.
    fn default() -> Level {
        Level(3)
    }
}

/// What compressors are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    level: Level,
    window: WindowBits,
    /// Whether its tables are made for short messages.
    is_small: bool,
}

impl Shape {
    /// The shape for a message of `message_len` bytes (the first piece of it, if there will be
    /// more) that may refer back as far as `window` allows.
    pub fn of(level: Level, window: WindowBits, message_len: usize) -> Shape {
        Shape { level, window, is_small: message_len <= SMALL }
    }

    /// zlib cannot bound its references to 256 bytes, so with the smallest window there are
    /// none: literals only keep what RFC 7692 §7.1.2.1 asks for.
    fn strategy(self) -> Strategy {
        if self.window.get() == 8 { Strategy::HuffmanOnly } else { Strategy::Default }
    }

    fn window_bits(self) -> u8 {
        self.window.get().max(9)
    }

    fn mem_level(self) -> u8 {
        if self.is_small { 5 } else { 8 }
    }

    /// What a compressor of this shape takes, in bytes.
    pub fn memory(self) -> usize {
        // Two windows, their chains, and seven bytes for each symbol of a block.
        (4 << self.window_bits()) + FIXED + (7 << (self.mem_level() + 6))
    }
}

/// The message does not fit into the bytes that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoesNotFit;

impl Compressor {
    /// A compressor of this shape, if the budget has room for it.
    pub fn new(shape: Shape, budget: &Arc<Budget>) -> Option<Compressor> {
        let charge = budget.charge(shape.memory())?;
        let deflate = Deflate::new_with_config(DeflateConfig {
            level: i32::from(shape.level.get()),
            window_bits: -i32::from(shape.window_bits()),
            mem_level: i32::from(shape.mem_level()),
            strategy: shape.strategy(),
            ..DeflateConfig::default()
        });
        Some(Compressor { deflate, shape, _charge: charge })
    }

    /// What it was made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Appends the payload of a whole message to `out`: all of its DEFLATE data without the
    /// tail (RFC 7692 §7.2.1). `history` is what the peer's window holds; it may be empty.
    ///
    /// # Errors
    /// [`DoesNotFit`] when the payload would have `less_than` bytes or more; `out` is as before
    /// then.
    pub fn compress(
        &mut self,
        history: &[u8],
        message: &[u8],
        less_than: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DoesNotFit> {
        let before = out.len();
        self.begin(history);
        // The tail is written before it is cut off.
        let fits = self.run(message, less_than.saturating_add(TAIL.len() - 1), out);
        if fits.is_err() {
            out.truncate(before);
        } else {
            end_payload(before, out);
        }
        fits
    }

    /// Begins a message that comes in fragments.
    pub fn begin(&mut self, history: &[u8]) {
        self.deflate.reset();
        if !history.is_empty() && self.shape.window.get() > 8 {
            let newest = history.len().saturating_sub(self.shape.window.size());
            let primed = self.deflate.set_dictionary(history.get(newest..).unwrap_or_default());
            debug_assert!(primed.is_ok());
        }
    }

    /// Appends the payload of the next fragment to `out`; what was given so far can be inflated
    /// from it. The last one goes without the tail.
    pub fn compress_fragment(&mut self, piece: &[u8], fin: bool, out: &mut Vec<u8>) {
        let before = out.len();
        let fits = self.run(piece, usize::MAX, out);
        debug_assert!(fits.is_ok());
        if fin {
            end_payload(before, out);
        }
    }

    /// Compresses and flushes, into at most `at_most` bytes.
    fn run(
        &mut self,
        mut input: &[u8],
        at_most: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DoesNotFit> {
        let mut left = at_most;
        loop {
            let start = out.len();
            // More than may be used: zlib repeats a flush that ends just where its room does.
            let room = left.min(STEP).min(input.len()) + SLACK;
            out.resize(start + room, 0);
            let (total_in, total_out) = (self.deflate.total_in(), self.deflate.total_out());
            let spare = out.get_mut(start..).unwrap_or_default();
            let status = self.deflate.compress(input, spare, DeflateFlush::SyncFlush);
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
            let taken = advanced(total_in, self.deflate.total_in());
            let produced = advanced(total_out, self.deflate.total_out());
            out.truncate(start + produced);
            input = input.get(taken..).unwrap_or_default();
            left = left.checked_sub(produced).ok_or(DoesNotFit)?;
            // Room to spare says that all is flushed; no progress, that there was nothing more.
            if produced < room && (input.is_empty() || taken + produced == 0) {
                return Ok(());
            }
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Cuts the tail off the payload that begins at `start`.
fn end_payload(start: usize, out: &mut Vec<u8>) {
    let payload = out.get(start..).unwrap_or_default();
    if payload.ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
    } else {
        // Nothing was left to flush. RFC 7692 §7.2.3.6: an empty block, all but its tail.
        debug_assert!(payload.is_empty());
        out.push(0);
    }
}

/// How far a count of zlib's has moved on in one call.
pub(super) fn advanced(before: u64, now: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// Up to this length messages are short, in bytes.
const SMALL: usize = 2 << 10;

/// The table of hashes and the state beside it, in bytes.
const FIXED: usize = (128 << 10) + (8 << 10);

/// Output is made room for in steps of so many bytes.
const STEP: usize = 64 << 10;

/// More than what a flush of nothing takes, in bytes.
const SLACK: usize = 64;
