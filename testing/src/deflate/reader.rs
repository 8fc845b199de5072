//! The reader: every block of a stream, one bit after the other, to be checked against RFC 1951 by eye.

use super::{DISTANCES, LENGTHS, ORDER, fixed_lengths};

/// The three kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stored,
    Fixed,
    Dynamic,
}

/// One block as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    /// BFINAL.
    pub last: bool,
    /// How many bytes it brought.
    pub len: usize,
    /// The bits of the stream that it fills; padding behind a BFINAL=1 block is not counted.
    pub bits: std::ops::Range<usize>,
}

/// What no reader can make sense of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The stream ends inside a block.
    Truncated,
    /// BTYPE 11.
    ReservedBlock,
    /// NLEN is not the complement of LEN.
    StoredLength,
    /// HLIT over 286 codes.
    TooManyLengths,
    /// A repetition with nothing before it, or over the end.
    CodeLengths,
    /// More codes of some length than there are.
    OverSubscribed,
    /// A block that has no code for its own end.
    EndlessBlock,
    /// Bits that no code begins with.
    NoSuchCode,
    /// Length code 286 or 287.
    LengthCode,
    /// Distance code 30 or 31.
    DistanceCode,
    /// A distance that reaches before the first byte.
    TooFarBack,
    /// RFC 7692 §7.2.2: the appended tail is something else than the end of an empty stored block.
    Tail,
}

/// What RFC 1951 does not allow in so many words, or only in some readings, and some readers refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Bits that are not zero between a BFINAL=1 block and the next byte (RFC 7692 §7.2.1).
    Padding,
    /// A code with unused room, but for a single one of one bit among literals or distances.
    IncompleteCode,
    /// A block that holds nothing but its end, in a code of one bit.
    SingleCode,
    /// No code for any code length.
    NoLengths,
    /// HDIST over 30 codes.
    DistanceCodes,
    /// Length 258 written as code 284 with all extra bits set.
    LongLength,
}

/// Everything a stream says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    pub output: Vec<u8>,
    /// The greatest distance of any copy, 0 without one.
    pub max_distance: usize,
    /// How many bytes of the history are needed.
    pub reach: usize,
    pub blocks: Vec<Block>,
    pub doubts: Vec<Doubt>,
    /// How many bytes of output stand before each of them.
    pub before_doubts: Vec<usize>,
}

/// Reads blocks until the input is used up. A BFINAL=1 block does not end the stream: the next block
/// begins at the next byte and may refer to everything before it.
///
/// # Errors
/// The fault, and everything up to it.
pub fn inflate(history: &[u8], bytes: &[u8]) -> Result<Inflated, (Fault, Inflated)> {
    let mut reader = Reader { history, bytes, at: 0, inflated: Inflated::default() };
    match reader.blocks() {
        Ok(()) => Ok(reader.inflated),
        Err(fault) => Err((fault, reader.inflated)),
    }
}

struct Reader<'a> {
    history: &'a [u8],
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
    inflated: Inflated,
}

impl Reader<'_> {
    fn blocks(&mut self) -> Result<(), Fault> {
        while self.at < 8 * self.bytes.len() {
            let (begin, before) = (self.at, self.inflated.output.len());
            let last = self.bit()? == 1;
            let kind = match self.bits(2)? {
                0 => Kind::Stored,
                1 => Kind::Fixed,
                2 => Kind::Dynamic,
                _ => return Err(Fault::ReservedBlock),
            };
            match kind {
                Kind::Stored => self.stored()?,
                Kind::Fixed => {
                    let (literals, distances) = fixed_lengths();
                    self.compressed(&Code::new(&literals)?, &Code::new(&distances)?)?;
                }
                Kind::Dynamic => {
                    let (literals, distances) = self.codes()?;
                    self.compressed(&literals, &distances)?;
                }
            }
            let len = self.inflated.output.len() - before;
            self.inflated.blocks.push(Block { kind, last, len, bits: begin..self.at });
            if last {
                while !self.at.is_multiple_of(8) {
                    if self.bit()? == 1 {
                        self.doubt(Doubt::Padding);
                    }
                }
            }
        }
        Ok(())
    }

    fn bit(&mut self) -> Result<usize, Fault> {
        let byte = self.bytes.get(self.at / 8).ok_or(Fault::Truncated)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(usize::from(bit))
    }

    /// A number of so many bits, the lowest first.
    fn bits(&mut self, count: u32) -> Result<usize, Fault> {
        let mut number = 0;
        for place in 0..count {
            number |= self.bit()? << place;
        }
        Ok(number)
    }

    /// RFC 1951 §3.2.4.
    fn stored(&mut self) -> Result<(), Fault> {
        // What is skipped before LEN has no meaning and need not be zero.
        self.at = self.at.next_multiple_of(8);
        let (len, complement) = (self.bits(16)?, self.bits(16)?);
        if complement != len ^ 0xffff {
            return Err(Fault::StoredLength);
        }
        for _ in 0..len {
            let byte = self.bits(8)?;
            self.inflated.output.push(u8::try_from(byte).unwrap());
        }
        Ok(())
    }

    /// RFC 1951 §3.2.7.
    fn codes(&mut self) -> Result<(Code, Code), Fault> {
        let (literals, distances) = (257 + self.bits(5)?, 1 + self.bits(5)?);
        let count = 4 + self.bits(4)?;
        if literals > 286 {
            return Err(Fault::TooManyLengths);
        }
        if distances > 30 {
            self.doubt(Doubt::DistanceCodes);
        }
        let mut lengths = [0; 19];
        for symbol in &ORDER[..count] {
            lengths[*symbol] = u8::try_from(self.bits(3)?).unwrap();
        }
        let code = Code::new(&lengths)?;
        if code.lengths.is_empty() {
            // Some readers take one bit for each length, which is 0, and then miss the end's.
            self.doubt(Doubt::NoLengths);
            for _ in 0..literals + distances {
                self.bit()?;
            }
            return Err(Fault::EndlessBlock);
        }
        self.check(&code);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match self.symbol(&code)? {
                16 => {
                    let times = 3 + self.bits(2)?;
                    (*lengths.last().ok_or(Fault::CodeLengths)?, times)
                }
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (u8::try_from(length).unwrap(), 1),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        if lengths.len() > literals + distances {
            return Err(Fault::CodeLengths);
        }
        if lengths[256] == 0 {
            return Err(Fault::EndlessBlock);
        }
        let (literals, distances) = lengths.split_at(literals);
        let (literals, distances) = (Code::new(literals)?, Code::new(distances)?);
        if literals.lengths == [1] {
            self.doubt(Doubt::SingleCode);
        } else {
            self.check(&literals);
        }
        // RFC 1951 §3.2.7: no distance code at all, or a single one of one bit, is as it should be.
        if !matches!(distances.lengths[..], [] | [1]) {
            self.check(&distances);
        }
        Ok((literals, distances))
    }

    /// Literals and copies up to the end of the block (RFC 1951 §3.2.5).
    fn compressed(&mut self, literals: &Code, distances: &Code) -> Result<(), Fault> {
        loop {
            match self.symbol(literals)? {
                literal @ 0..256 => {
                    self.inflated.output.push(u8::try_from(literal).unwrap());
                }
                256 => return Ok(()),
                symbol => {
                    let (first, extra) = *LENGTHS.get(symbol - 257).ok_or(Fault::LengthCode)?;
                    let length = first + self.bits(extra)?;
                    if symbol == 284 && length == 258 {
                        self.doubt(Doubt::LongLength);
                    }
                    let symbol = self.symbol(distances)?;
                    let (first, extra) = *DISTANCES.get(symbol).ok_or(Fault::DistanceCode)?;
                    let distance = first + self.bits(extra)?;
                    self.copy(length, distance)?;
                }
            }
        }
    }

    fn copy(&mut self, length: usize, distance: usize) -> Result<(), Fault> {
        let here = self.inflated.output.len();
        if distance > here + self.history.len() {
            return Err(Fault::TooFarBack);
        }
        self.inflated.max_distance = self.inflated.max_distance.max(distance);
        self.inflated.reach = self.inflated.reach.max(distance.saturating_sub(here));
        for _ in 0..length {
            let here = self.inflated.output.len();
            let byte = match here.checked_sub(distance) {
                Some(at) => self.inflated.output[at],
                None => self.history[self.history.len() + here - distance],
            };
            self.inflated.output.push(byte);
        }
        Ok(())
    }

    fn symbol(&mut self, code: &Code) -> Result<usize, Fault> {
        let mut bits = 0;
        // Behind the longest code nothing is to be hoped for; without any, behind one bit.
        let longest = usize::from(code.lengths.iter().copied().max().unwrap_or(1));
        for (first, symbols) in &code.symbols[1..=longest] {
            bits = bits << 1 | self.bit()?;
            if let Some(symbol) = bits.checked_sub(*first).and_then(|at| symbols.get(at)) {
                return Ok(*symbol);
            }
        }
        Err(Fault::NoSuchCode)
    }

    fn check(&mut self, code: &Code) {
        if !code.is_complete {
            self.doubt(Doubt::IncompleteCode);
        }
    }

    fn doubt(&mut self, doubt: Doubt) {
        self.inflated.doubts.push(doubt);
        self.inflated.before_doubts.push(self.inflated.output.len());
    }
}

/// A prefix code.
struct Code {
    /// For each length in bits the first number, and the symbols with it and the numbers behind it.
    symbols: [(usize, Vec<usize>); 16],
    /// The lengths that are not 0.
    lengths: Vec<u8>,
    is_complete: bool,
}

impl Code {
    /// Consecutive numbers for the symbols of each length, shorter ones first (RFC 1951 §3.2.2).
    fn new(lengths: &[u8]) -> Result<Code, Fault> {
        let mut symbols: [(usize, Vec<usize>); 16] = Default::default();
        let mut next = 0_usize;
        for (length, entry) in symbols.iter_mut().enumerate().skip(1) {
            next <<= 1;
            let of_it = lengths.iter().enumerate().filter(|(_, l)| usize::from(**l) == length);
            *entry = (next, of_it.map(|(symbol, _)| symbol).collect());
            next += entry.1.len();
            if next > 1 << length {
                return Err(Fault::OverSubscribed);
            }
        }
        let lengths = lengths.iter().copied().filter(|length| *length > 0).collect();
        Ok(Code { symbols, lengths, is_complete: next == 1 << 15 })
    }
}
