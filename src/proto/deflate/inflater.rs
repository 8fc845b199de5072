//! Inflating messages (RFC 7692 §7.2.2).

use std::sync::Arc;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::TAIL;
use super::budget::{Budget, Charge};
use super::compressor::advanced;
use super::history::{History, Left, NoMemory};
use super::negotiation::WindowBits;
use crate::proto::violation::Violation;

/// Inflates one message after the other; each begins with the history that it is given.
///
/// It is lent for one message, so a few serve any number of connections.
pub struct Inflater {
    inflate: Inflate,
    /// What the connection's messages left, before this inflater was lent to it.
    left: Option<Box<Left>>,
    /// The last 32 KiB of output since then: zlib forgets them at the end of a stream, RFC 7692
    /// does not.
    recent: History,
    /// Bytes of the message so far.
    produced: u64,
    /// Work since the last pause, in bytes of output: see [`INPUT_WORK`], [`CALL_WORK`], [`RESTART_WORK`].
    work: usize,
    is_begun: bool,
    reached: Reached,
    /// The last four bytes of the payload so far; all ones stand for those that are not there yet.
    last_four: [u8; 4],
    /// Whether the last step left output behind.
    is_full: bool,
    /// Bytes of payload, and what they came to, since somebody asked.
    passed: (u64, u64),
    charge: Charge,
}

/// How far into its blocks a payload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// Some block has begun, or ended without BFINAL=1.
    Blocks,
    /// A block with BFINAL=1 has ended, and nothing is behind it.
    EndOfFinalBlock,
}

/// What one call of zlib came to.
struct Step {
    taken: usize,
    produced: usize,
    reached: Result<Reached, Corrupt>,
}

/// The payload is no DEFLATE data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl Inflater {
    /// An inflater, if the budget has room for it.
    pub fn new(budget: &Arc<Budget>) -> Option<Inflater> {
        Some(Inflater {
            charge: budget.charge(Inflater::MEMORY)?,
            inflate: Inflate::new(false, WindowBits::MAX.get()),
            left: None,
            recent: History::new(WindowBits::MAX),
            produced: 0,
            work: 0,
            is_begun: false,
            reached: Reached::Nothing,
            last_four: NONE_OF_FOUR,
            is_full: false,
            passed: (0, 0),
        })
    }

    /// What one takes, in bytes: its window, the recent output, tables.
    pub const MEMORY: usize = 80 << 10;

    /// Whether its memory is charged to this budget.
    pub fn is_charged_to(&self, budget: &Arc<Budget>) -> bool {
        self.charge.is_of(budget)
    }

    /// Whether a message is unfinished.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Begins the first message of a connection since the inflater was lent to it, with what
    /// earlier ones left if the context is taken over.
    pub fn begin(&mut self, left: Option<Box<Left>>) {
        self.left = left;
        self.recent.clear();
        self.begin_next(true);
    }

    /// Begins another message of the same connection, with the history that the last one left
    /// or without.
    pub fn begin_next(&mut self, keeps_history: bool) {
        if !keeps_history {
            self.left = None;
            self.recent.clear();
        }
        self.restart();
        (self.produced, self.is_begun, self.is_full) = (0, true, false);
        (self.reached, self.last_four) = (Reached::Nothing, NONE_OF_FOUR);
    }

    /// Bytes of the message so far.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    /// Bytes of payload that were inflated since the last call, and bytes that came out.
    pub fn take_passed(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.passed)
    }

    /// Whether there may be output that had no room yet, whatever becomes of the input.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Inflates from the front of `input`, appends at most `room` bytes to `out`, and gives the
    /// bytes taken from the input.
    ///
    /// # Errors
    /// [`Corrupt`] at the first byte that proves it; what stands before it is in `out`.
    pub fn inflate(
        &mut self,
        input: &[u8],
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Corrupt> {
        let start = out.len();
        out.resize(start + room, 0);
        let (mut taken, mut produced) = (0, 0);
        // A payload of many short final blocks is inflated in one call, up to the share.
        let corrupt = loop {
            let rest = input.get(taken..).unwrap_or_default();
            let spare = out.get_mut(start + produced..).unwrap_or_default();
            let step = self.step(rest, spare);
            taken += step.taken;
            produced += step.produced;
            let is_over = taken == input.len() || produced == room || self.share_left() == 0;
            match step.reached {
                Err(corrupt) => break Err(corrupt),
                Ok(Reached::EndOfFinalBlock) if !is_over => {}
                Ok(_) => break Ok(()),
            }
        };
        out.truncate(start + produced);
        self.is_full = produced == room;
        corrupt.map(|()| taken)
    }

    /// Inflates up to the end of a final block, of the input, or of the room.
    fn step(&mut self, input: &[u8], room: &mut [u8]) -> Step {
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, room, InflateFlush::NoFlush);
        let taken = advanced(total_in, self.inflate.total_in());
        let produced = advanced(total_out, self.inflate.total_out());
        self.recent.extend(room.get(..produced).unwrap_or_default());
        self.produced += produced as u64;
        self.passed.0 += taken as u64;
        self.passed.1 += produced as u64;
        self.work += produced.max(taken * INPUT_WORK) + CALL_WORK;
        self.note(input.get(..taken).unwrap_or_default());
        let reached = match status {
            // RFC 7692 §7.2.1: a final block inside a message ends nothing but the block.
            Ok(Status::StreamEnd) => {
                self.work += self.restart_work();
                self.reached = Reached::EndOfFinalBlock;
                self.restart();
                Ok(Reached::EndOfFinalBlock)
            }
            Ok(Status::Ok | Status::BufError) => Ok(Reached::Blocks),
            Err(_) => Err(Corrupt),
        };
        Step { taken, produced, reached }
    }

    /// Ends the message: the tail that the peer left out must be the end of an empty stored block,
    /// its LEN and NLEN (RFC 7692 §7.2.1, §7.2.2).
    ///
    /// # Errors
    /// What is wrong with the end of the payload, when the tail would be anything else.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.is_begun = false;
        // zlib would take the tail for whatever it waits for, and say nothing. So it gets four
        // bytes that only LEN and NLEN cannot be; the next message resets it anyway.
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let three = self.inflate.decompress(&[0; 3], &mut [0; 16], InflateFlush::NoFlush);
        let is_quiet =
            self.inflate.total_in() == total_in + 3 && self.inflate.total_out() == total_out;
        // RFC 7692 §7.2.2: zlib takes in three octets of the tail, and no data comes out.
        if !matches!(three, Ok(Status::Ok)) || !is_quiet {
            return Err(self.bad_end());
        }
        let fourth = self.inflate.decompress(&[0], &mut [0; 16], InflateFlush::NoFlush);
        let awaited = self.inflate.error_message() == Some(LEN_IS_NOT_NLEN);
        // RFC 7692 §7.2.2: what zlib waited for is LEN and NLEN, as the tail has them.
        if fourth.is_err() && awaited { Ok(()) } else { Err(self.bad_end()) }
    }

    /// Takes note of payload that was inflated, which may be nothing.
    fn note(&mut self, taken: &[u8]) {
        match taken.last_chunk() {
            Some(four) => self.last_four = *four,
            None => {
                self.last_four.rotate_left(taken.len());
                let kept = self.last_four.len() - taken.len();
                let (_, new) = self.last_four.split_at_mut(kept);
                new.copy_from_slice(taken);
            }
        }
        if !taken.is_empty() {
            self.reached = Reached::Blocks;
        }
    }

    /// What the peer did to a payload that the tail does not complete.
    #[cold]
    fn bad_end(&self) -> Violation {
        match self.reached {
            Reached::Nothing => Violation::DeflateEmpty,
            // RFC 7692 §7.2.1: what comes before the tail has a zero bit in its last octet.
            _ if self.last_four == TAIL => Violation::DeflateTailNotRemoved,
            Reached::EndOfFinalBlock => Violation::DeflateEndsWithFinalBlock,
            Reached::Blocks => Violation::DeflateCutOff,
        }
    }

    /// What the finished message leaves to the next one: its last bytes, and of those before it
    /// what the window holds. `charge` is asked for the memory that this takes more than before.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn take_left(
        &mut self,
        window: WindowBits,
        charge: impl FnOnce(&Arc<Budget>, usize) -> Option<Charge>,
    ) -> Result<Option<Box<Left>>, NoMemory> {
        let mut left = self.left.take();
        if !self.recent.bytes().is_empty() {
            let budget = self.charge.budget();
            let grown = left.get_or_insert_with(|| Box::new(Left::new(window)));
            grown.extend(self.recent.bytes(), |growth| charge(budget, growth))?;
            self.recent.clear();
        }
        Ok(left)
    }

    /// What may still be put out before a pause, in bytes.
    pub fn share_left(&self) -> usize {
        SHARE.saturating_sub(self.work)
    }

    /// What may still be taken in before a pause, in bytes: one at least, while there is a share.
    pub fn input_left(&self) -> usize {
        self.share_left().div_ceil(INPUT_WORK)
    }

    /// Others had their turn: there is another share.
    pub fn begin_share(&mut self) {
        self.work = 0;
    }

    /// What a restart costs, in bytes of output: the history is copied.
    fn restart_work(&self) -> usize {
        RESTART_WORK + self.recent.bytes().len() / 32
    }

    fn restart(&mut self) {
        self.inflate.reset(false);
        let recent = self.recent.bytes();
        let left = self.left.as_ref().map_or(&[][..], |left| left.bytes());
        // Of what was left only the end is still within reach.
        let reach = WindowBits::MAX.size().saturating_sub(recent.len());
        let left = left.get(left.len().saturating_sub(reach)..).unwrap_or_default();
        for history in [left, recent].into_iter().filter(|history| !history.is_empty()) {
            let primed = self.inflate.set_dictionary(history);
            debug_assert!(primed.is_ok());
        }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("produced", &self.produced).finish_non_exhaustive()
    }
}

/// What zlib says when the four bytes before a stored block's content contradict each other.
const LEN_IS_NOT_NLEN: &str = "invalid stored block lengths";

/// No four bytes of a payload yet; it shares no beginning with the tail.
const NONE_OF_FOUR: [u8; 4] = [0xff; 4];

/// Work after which others get their turn, in bytes of output: two milliseconds of the input that takes
/// longest (`benches/slices.rs`).
const SHARE: usize = 256 << 10;

/// What a restart costs beside the copy of the history, in bytes of output.
const RESTART_WORK: usize = 256;

/// What one call costs whatever it puts out, in bytes of output: the history moves.
const CALL_WORK: usize = 256;

/// What a byte of input costs at most, in bytes of output: the headers of blocks that hold nothing.
const INPUT_WORK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of this, again and again, until the share is used up.
    fn taken_in_a_share(inflater: &mut Inflater, unit: &[u8]) -> usize {
        let payload = unit.repeat((1 << 20) / unit.len());
        inflater.begin_next(true);
        inflater.begin_share();
        let mut taken = 0;
        while inflater.share_left() > 0 {
            let piece = payload[taken..].len().min(inflater.input_left());
            let room = inflater.share_left();
            taken += inflater.inflate(&payload[taken..][..piece], room, &mut Vec::new()).unwrap();
        }
        taken
    }

    #[test]
    fn what_yields_nothing_is_charged_too() {
        let mut inflater = Inflater::new(&Arc::new(Budget::new(usize::MAX))).unwrap();
        inflater.begin(None);
        let empty_stored = [0, 0, 0, 0xff, 0xff];
        let within = |share: usize, work: usize| share / work - 2..=share / work + 2;
        // Empty final blocks: each is a call and a restart.
        let taken = taken_in_a_share(&mut inflater, &[3, 0]);
        let each = 2 * INPUT_WORK + CALL_WORK + RESTART_WORK;
        assert!(within(SHARE, each).contains(&(taken / 2)), "{taken}");
        // Empty blocks: what they take in counts.
        let taken = taken_in_a_share(&mut inflater, &empty_stored);
        assert!(taken <= SHARE / INPUT_WORK && taken > SHARE / INPUT_WORK / 2, "{taken}");
        // A restart behind a full history copies that.
        inflater.begin_next(true);
        let full =
            [&[0, 0xff, 0x7f, 0, 0x80][..], &[7; 0x7fff], &[0, 1, 0, 0xfe, 0xff, 7]].concat();
        inflater.inflate(&full, 1 << 16, &mut Vec::new()).unwrap();
        let taken = taken_in_a_share(&mut inflater, &[3, 0]);
        assert!(within(SHARE, each + (32 << 10) / 32).contains(&(taken / 2)), "{taken}");
    }

    #[test]
    fn its_debug_says_how_far_it_came_and_none_of_what_it_saw() {
        let mut inflater = Inflater::new(&Arc::new(Budget::new(usize::MAX))).unwrap();
        inflater.begin(None);
        inflater.inflate(b"\x00\x02\x00\xFD\xFFhi", 9, &mut Vec::new()).unwrap();
        assert_eq!(format!("{inflater:?}"), "Inflater { produced: 2, .. }");
    }
}
