//! RFC 7692 §7.2.2: the payload and four more bytes are a stream that ends with an empty stored block.

use super::ORDER;
use super::reader::{Fault, Inflated, Kind, inflate};
use super::tokens::plain;
use super::writer::{Codes, Writer};

/// What the sender takes off and the receiver puts back (RFC 7692 §7.2.1).
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Inflates the joined payload of a compressed message.
///
/// # Errors
/// The fault, and everything up to it. The tail must be LEN and NLEN of an empty stored block and the
/// end of the stream; read as anything else it proves that the payload was cut.
pub fn inflate_message(history: &[u8], payload: &[u8]) -> Result<Inflated, (Fault, Inflated)> {
    let inflated = inflate(history, &[payload, &TAIL].concat())?;
    match inflated.blocks.last() {
        Some(block) if block.kind == Kind::Stored && block.len == 0 => Ok(inflated),
        _ => Err((Fault::Tail, inflated)),
    }
}

/// What can be wrong with a payload whose blocks are good as far as they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadEnd {
    /// There is no byte of it.
    Empty,
    /// Its last four bytes are the tail, which the sender takes off.
    TailNotRemoved,
    /// Its last block has BFINAL=1, and nothing follows.
    FinalBlock,
    /// It ends before the header of an empty stored block is complete, or behind it.
    CutOff,
}

/// What is wrong with the end of a payload that [`inflate_message`] refuses; nothing if the fault is elsewhere.
pub fn bad_end(history: &[u8], payload: &[u8]) -> Option<BadEnd> {
    match inflate(history, payload) {
        _ if payload.is_empty() => Some(BadEnd::Empty),
        Err((fault, _)) if fault != Fault::Truncated => None,
        _ if payload.ends_with(&TAIL) => Some(BadEnd::TailNotRemoved),
        Ok(inflated) if inflated.blocks.last().is_some_and(|block| block.last) => {
            Some(BadEnd::FinalBlock)
        }
        _ => Some(BadEnd::CutOff),
    }
}

/// The history of one direction: the last 32 KiB of its compressed messages, or nothing.
#[derive(Clone, Debug)]
pub struct Window {
    bytes: Vec<u8>,
    /// Whether messages may refer to those before them.
    takeover: bool,
}

impl Window {
    pub fn new(takeover: bool) -> Window {
        Window { bytes: Vec::new(), takeover }
    }

    /// What the next message may refer to.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a message.
    pub fn slide(&mut self, message: &[u8]) {
        if self.takeover {
            self.bytes.extend_from_slice(message);
            let old = self.bytes.len().saturating_sub(32 << 10);
            self.bytes.drain(..old);
        }
    }
}

/// A payload whose dynamic block takes in the tail bit for bit and ends just where it ends: whoever asks
/// only whether all input was used finds nothing wrong.
pub fn swallowed() -> Vec<u8> {
    // a is 00, x is 01, then 10, 110, 1110 and so on; the end of the block is fifteen ones.
    let mut literals = vec![0; 257];
    literals[usize::from(b'a')] = 2;
    literals[usize::from(b'x')] = 2;
    for (at, length) in (2..=15).enumerate() {
        literals[usize::from(b'y') + at] = length;
    }
    literals[256] = 15;
    let codes = Codes { literals, distances: vec![0] };
    let end = [plain("aaaaaaaa"), plain("x")].concat();
    let streams = (0..16).map(|more: usize| {
        let begin = [plain("a".repeat(more / 2)), plain("z".repeat(more % 2))].concat();
        let open = Writer::new().dynamic_open(false, &[begin, end.clone()].concat(), &codes);
        open.symbol(256, &codes.literals).finish()
    });
    let stream = streams.into_iter().find(|stream| stream.ends_with(&TAIL)).unwrap();
    stream[..stream.len() - 4].to_vec()
}

/// The same without a byte of output from the tail: 16 zeros are two runs of distance lengths, 7 ones the
/// last of these lengths, 9 ones the end of the block.
pub fn swallowed_silently(last: bool) -> Vec<u8> {
    // 18 is 0, then 100, 101, 1100 and so on; 0 is 1111110, 1 is 1111111.
    const LENGTHS: [u8; 19] = [7, 7, 3, 3, 4, 4, 4, 6, 6, 6, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let zeros = |writer: Writer, count: usize| writer.symbol(18, &LENGTHS).bits(count - 11, 7);
    let streams = (0..8).map(|more| {
        // 19 bits each, so that the tail begins a byte.
        let begin = (0..more).fold(Writer::new(), |w, _| w.fixed(false, &plain([0xff])));
        // 257 lengths of literals, 23 of distances, 19 of the code for both.
        let header = begin.bits(usize::from(last), 1).bits(2, 2).bits(0, 5).bits(22, 5).bits(15, 4);
        let header = ORDER.iter().fold(header, |w, at| w.bits(usize::from(LENGTHS[*at]), 3));
        let letters = (1..=9).fold(zeros(header, 97), |w, length| w.symbol(length, &LENGTHS));
        zeros(zeros(letters, 138), 12).symbol(9, &LENGTHS)
    });
    let payload = streams.into_iter().find(|writer| writer.taken() == 0).unwrap();
    payload.finish()
}
