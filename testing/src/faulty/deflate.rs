//! The client's compressed messages, inflated by the slow reader of `deflate/` (RFC 7692 §7.2.2).

use super::header::{Failure, fail};
use super::session::Session;
use super::{Fault, Shared};
use crate::deflate::{Fault as Broken, Inflated, Kind, inflate_message};

/// What is known of the messages before.
pub(super) struct Inflater {
    /// Up to the last 32 KiB.
    history: Vec<u8>,
    /// Each message stands alone.
    is_fresh: bool,
    /// No message can be read any more, which only a fault brings about.
    is_broken: bool,
}

const WINDOW: usize = 32 << 10;
const CORRUPT: &str = "data that does not inflate (RFC 7692 7.2.2)";

impl Inflater {
    pub(super) fn new(is_fresh: bool) -> Inflater {
        Inflater { history: Vec::new(), is_fresh, is_broken: false }
    }

    /// Bytes that later messages may refer to.
    pub(super) fn remember(&mut self, shared: &Shared, bytes: &[u8]) {
        self.history.extend_from_slice(bytes);
        if shared.has(Fault::ContextSlides) {
            self.history.truncate(WINDOW);
        }
        let old = self.history.len().saturating_sub(WINDOW);
        self.history.drain(..old);
        if self.is_fresh || shared.has(Fault::ContextLost) {
            self.history.clear();
        }
    }

    fn inflate(&mut self, shared: &Shared, payload: &[u8]) -> Result<Vec<u8>, Failure> {
        if self.is_broken || payload == [0] && shared.has(Fault::EmptyRefused) {
            return fail(1007, CORRUPT);
        }
        let read = read(shared, &self.history, payload)?;
        let is_dynamic = read.blocks.iter().any(|block| block.kind == Kind::Dynamic);
        let is_stored = read.blocks.iter().any(|block| block.kind == Kind::Stored && block.len > 0);
        if is_dynamic && shared.has(Fault::DynamicRefused)
            || is_stored && shared.has(Fault::StoredRefused)
        {
            return fail(1007, CORRUPT);
        }
        let mut output = read.output;
        if let Some(last) = read.blocks.iter().position(|block| block.last) {
            self.is_broken = shared.has(Fault::FinalEndsStream);
            if shared.has(Fault::BehindFinalLost) {
                output.truncate(read.blocks[..=last].iter().map(|block| block.len).sum());
            }
        }
        self.remember(shared, &output);
        if shared.has(Fault::FarDistances) && read.max_distance > 8 << 10
            || shared.has(Fault::FarDistances16Kib) && read.max_distance > 16 << 10
        {
            *output.last_mut().unwrap() = 0;
        }
        if shared.has(Fault::InflatedBeyond64Kib) {
            output.truncate(1 << 16);
        }
        Ok(output)
    }
}

fn read(shared: &Shared, history: &[u8], payload: &[u8]) -> Result<Inflated, Failure> {
    match inflate_message(history, payload) {
        Ok(inflated) => Ok(inflated),
        Err((Broken::ReservedBlock, so_far)) if shared.has(Fault::ReservedBlock) => Ok(so_far),
        Err((Broken::TooFarBack, _)) if shared.has(Fault::NothingThere) => {
            let zeros = [vec![0; WINDOW], history.to_vec()].concat();
            inflate_message(&zeros, payload).or(fail(1007, CORRUPT))
        }
        Err((Broken::StoredLength, so_far)) if shared.has(Fault::StoredUnchecked) => {
            // LEN begins at the first octet behind the header of the block, which has 3 bits.
            let header = so_far.blocks.last().map_or(0, |block| block.bits.end);
            let at = (header + 3).div_ceil(8);
            let mut mended = payload.to_vec();
            if let Some([low, high, not_low, not_high]) =
                mended.get_mut(at..at + 4).and_then(|four| <&mut [u8; 4]>::try_from(four).ok())
            {
                (*not_low, *not_high) = (!*low, !*high);
            }
            inflate_message(history, &mended).or(fail(1007, CORRUPT))
        }
        Err(_) => fail(1007, CORRUPT),
    }
}

impl Session<'_> {
    /// Inflates a message, or a part of one where a fault asks for it.
    pub(super) fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, Failure> {
        match &mut self.inflater {
            Some(inflater) => inflater.inflate(self.shared, payload),
            None => Inflater::new(true).inflate(self.shared, payload),
        }
    }
}
