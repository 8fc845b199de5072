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
    /// Whether a message was given up with output left inside. zlib-rs 0.6.8 loses room for
    /// good when it is reset then, and panics when none is left.
    is_spent: bool,
    charge: Charge,
}

/// How hard a compressor tries: 1 to 9, from fast to small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(u8);

impl Level {
    /// 1.
    pub const FASTEST: Level = Level(1);

    /// The level with this number, if it is from 1 to 9.
    pub const fn new(number: u8) -> Option<Level> {
        if matches!(number, 1..=9) { Some(Level(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Bytes of a message that are compressed before others get their turn: two milliseconds of the
    /// input that takes longest (`benches/slices.rs`).
    pub const fn slice(self) -> usize {
        match self.0 {
            1 => 2 * STEP,
            2..=4 => STEP,
            5 => 48 << 10,
            6 | 7 => 16 << 10,
            8 => 4 << 10,
            _ => 1 << 10,
        }
    }
}

impl Default for Level {
    /// 4: JSON comes out at most 5 % larger than with zlib's 6, of 1 KiB as of 128 KiB, and large
    /// messages take two thirds of the time.
    fn default() -> Level {
        Level(4)
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
    /// Bytes of a message that are compressed before others get their turn: see [`Level::slice`].
    pub fn slice(self) -> usize {
        self.level.slice()
    }

    /// The shape for a message of `message_len` bytes (the first piece of it, if there will be
    /// more) that may refer back as far as `window` allows.
    pub fn of(level: Level, window: WindowBits, message_len: usize) -> Shape {
        Shape { level, window, is_small: message_len <= SMALL }
    }

    /// zlib cannot bound its references to 256 bytes, so with the smallest window there are
    /// none: literals only keep what RFC 7692 §7.1.2.1 asks for.
    fn strategy(self) -> Strategy {
        // RFC 7692 §7.1.2.1: nothing refers further back than the window.
        if self.window.get() == 8 { Strategy::HuffmanOnly } else { Strategy::Default }
    }

    fn window_bits(self) -> u8 {
        // RFC 7692 §7.2.1: no reference leaves the window that was agreed on.
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

/// The message does not fit into the bytes that it was given, or plainly will not.
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
        Some(Compressor { deflate, shape, is_spent: false, charge })
    }

    /// Whether it cannot compress any more: drop it and make another.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Whether its memory is charged to this budget.
    pub fn is_charged_to(&self, budget: &Arc<Budget>) -> bool {
        self.charge.is_of(budget)
    }

    /// What it was made for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Appends the payload of a whole message to `out`: all of its DEFLATE data without the
    /// tail (RFC 7692 §7.2.1). `history` is what the peer's window holds; it may be empty.
    ///
    /// # Errors
    /// [`DoesNotFit`] when the payload would have `less_than` bytes or more, or when that of the
    /// first 66 KiB or more is hardly shorter than they are; `out` is as before then.
    pub fn compress(
        &mut self,
        history: &[u8],
        message: &[u8],
        less_than: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DoesNotFit> {
        let before = out.len();
        self.begin(history);
        // Once begun it is compressed to its end, so that no output is left inside.
        let fits = self
            .run(message, Effort::WhileItShrinks, DeflateFlush::SyncFlush, out)
            .and_then(|()| {
                end_payload(before, out);
                let payload_len = out.len().saturating_sub(before);
                if payload_len < less_than { Ok(()) } else { Err(DoesNotFit) }
            });
        if fits.is_err() {
            out.truncate(before);
        }
        fits
    }

    /// Begins a message that comes in fragments.
    pub fn begin(&mut self, history: &[u8]) {
        debug_assert!(!self.is_spent);
        // RFC 7692 §7.2.1: a message refers to earlier ones only where that was agreed on.
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
        let fits = self.run(piece, Effort::Always, DeflateFlush::SyncFlush, out);
        debug_assert!(fits.is_ok());
        // RFC 7692 §7.2.1: the tail is taken off the last fragment alone.
        if fin {
            end_payload(before, out);
        }
    }

    /// Appends what is there of the payload of a message after its next slice to `out`. The last one
    /// goes without the tail (RFC 7692 §7.2.1), and may not be empty.
    pub fn compress_slice(&mut self, slice: &[u8], is_last: bool, out: &mut Vec<u8>) {
        let before = out.len();
        let flush = if is_last { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        let fits = self.run(slice, Effort::Always, flush, out);
        debug_assert!(fits.is_ok());
        if is_last {
            end_payload(before, out);
        }
    }

    /// Compresses, and ends with this flush.
    fn run(
        &mut self,
        mut input: &[u8],
        effort: Effort,
        last: DeflateFlush,
        out: &mut Vec<u8>,
    ) -> Result<(), DoesNotFit> {
        let (begun, input_len) = (out.len(), input.len());
        loop {
            let start = out.len();
            let piece = input.get(..STEP).unwrap_or(input);
            let is_last = piece.len() == input.len();
            let flush = if is_last { last } else { DeflateFlush::NoFlush };
            let room = piece.len() + SLACK;
            out.resize(start + room, 0);
            let (total_in, total_out) = (self.deflate.total_in(), self.deflate.total_out());
            let spare = out.get_mut(start..).unwrap_or_default();
            let status = self.deflate.compress(piece, spare, flush);
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
            let taken = advanced(total_in, self.deflate.total_in());
            let produced = advanced(total_out, self.deflate.total_out());
            out.truncate(start + produced);
            input = input.get(taken..).unwrap_or_default();
            // Room to spare says that the piece is taken, and all is put out that is due.
            if produced < room && is_last {
                debug_assert!(input.is_empty());
                return Ok(());
            }
            let taken_so_far = input_len.saturating_sub(input.len());
            let produced_so_far = out.len().saturating_sub(begun);
            let is_shrinking = taken_so_far >= produced_so_far + produced_so_far / 16;
            if effort == Effort::WhileItShrinks && input.len() >= STEP && !is_shrinking {
                self.is_spent = true;
                return Err(DoesNotFit);
            }
        }
    }
}

/// How long to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// To the end.
    Always,
    /// As long as the output is shorter than the input.
    WhileItShrinks,
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

/// Input is given in steps of so many bytes: four blocks of literals and a little more, so that
/// what came out after a step says how much the step shrank.
const STEP: usize = 66 << 10;

/// More than what a flush of nothing takes, in bytes.
const SLACK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (state >> 16) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_compressor_outlives_any_number_of_messages_that_do_not_shrink() {
        let budget = Arc::new(Budget::new(usize::MAX));
        // What is left is not worth giving up for if it is less than a step.
        for (len, rounds, is_spent) in [
            (1, 100, false),
            (300, 1000, false),
            (2 * STEP - 1, 3, false),
            (2 * STEP, 1, true),
            (400_000, 1, true),
        ] {
            let shape = Shape::of(Level::default(), WindowBits::MAX, len);
            let mut compressor = Compressor::new(shape, &budget).unwrap();
            let message = noise(len);
            for _ in 0..rounds {
                let mut out = b"before".to_vec();
                assert_eq!(compressor.compress(&[], &message, len, &mut out), Err(DoesNotFit));
                assert_eq!((&out[..], compressor.is_spent()), (&b"before"[..], is_spent));
            }
        }
    }

    #[test]
    fn its_debug_says_what_it_was_made_for_and_none_of_what_it_saw() {
        let shape = Shape::of(Level::default(), WindowBits::MAX, 9);
        let mut compressor = Compressor::new(shape, &Arc::new(Budget::new(usize::MAX))).unwrap();
        compressor.compress(&[], b"a secret", usize::MAX, &mut Vec::new()).unwrap();
        assert_eq!(format!("{compressor:?}"), format!("Compressor {{ shape: {shape:?}, .. }}"));
    }
}
