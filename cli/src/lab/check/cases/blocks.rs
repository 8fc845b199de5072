//! Writes DEFLATE data bit by bit (RFC 1951 §3.2), so that a case says itself which blocks it sends. What
//! is written is always well-formed; what is not, the cases write in hex.

/// What a block holds, piece by piece.
pub(super) enum Part<'a> {
    Bytes(&'a [u8]),
    /// So many bytes, 3 to 258, from so far back, 1 to 32,768.
    Copy(usize, usize),
}

/// DEFLATE data under construction.
#[derive(Default)]
pub(super) struct Blocks {
    bytes: Vec<u8>,
    /// How many bits of the last byte are taken; 0 at a byte border.
    taken: u32,
}

/// Whether BFINAL is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Final {
    No,
    Yes,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks::default()
    }

    /// A number of so many bits, the lowest first.
    pub(super) fn bits(mut self, number: usize, count: u32) -> Blocks {
        for place in 0..count {
            self.push(number >> place & 1 == 1);
        }
        self
    }

    fn push(&mut self, bit: bool) {
        if self.taken == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << self.taken;
        }
        self.taken = (self.taken + 1) % 8;
    }

    fn header(self, last: Final, kind: usize) -> Blocks {
        self.bits(usize::from(last == Final::Yes), 1).bits(kind, 2)
    }

    /// RFC 7692 §7.2.1: a final block is padded with zeros.
    fn ended(mut self, last: Final) -> Blocks {
        if last == Final::Yes {
            self.taken = 0;
        }
        self
    }

    /// Stored blocks of at most 65,535 bytes, or one empty block.
    pub(super) fn stored(mut self, last: Final, bytes: &[u8]) -> Blocks {
        let mut rest = bytes;
        loop {
            let (now, later) = rest.split_at(rest.len().min(LONGEST_STORED));
            let is_last = if later.is_empty() { last } else { Final::No };
            self = self.header(is_last, 0);
            self.taken = 0;
            let length = now.len() as u16;
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(&(!length).to_le_bytes());
            self.bytes.extend_from_slice(now);
            if later.is_empty() {
                return self;
            }
            rest = later;
        }
    }

    /// A block in the fixed code.
    pub(super) fn fixed(self, last: Final, parts: &[Part<'_>]) -> Blocks {
        let mut literals = [8; 288];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        self.header(last, 1).parts(parts, &literals, &[5; 30]).ended(last)
    }

    /// A block in a code of its own: where few symbols are needed, with codes of every length up to 15.
    /// There are two codes for distances at least, so that nobody takes them for incomplete.
    pub(super) fn dynamic(self, last: Final, parts: &[Part<'_>]) -> Blocks {
        let (literals, mut distances) = used(parts);
        for spare in [0, 1] {
            if distances.iter().filter(|used| **used).count() < 2 {
                distances[spare] = true;
            }
        }
        self.coded(last, parts, &lengths(&literals), &lengths(&distances))
    }

    /// The same with no more codes for distances than are used: where it is one, it has one bit (RFC 1951
    /// §3.2.7).
    pub(super) fn dynamic_without_spare(self, last: Final, parts: &[Part<'_>]) -> Blocks {
        let (literals, distances) = used(parts);
        self.coded(last, parts, &lengths(&literals), &lengths(&distances))
    }

    fn coded(self, last: Final, parts: &[Part<'_>], literals: &[u8], distances: &[u8]) -> Blocks {
        let all = [literals, distances].concat();
        let mut block = self.header(last, 2).bits(286 - 257, 5).bits(30 - 1, 5).bits(19 - 4, 4);
        for place in ORDER {
            block = block.bits(usize::from(OF_LENGTHS[place]), 3);
        }
        for (symbol, extra, count) in runs(&all) {
            block.code(codes(&OF_LENGTHS)[symbol]);
            block = block.bits(extra, count);
        }
        block.parts(parts, literals, distances).ended(last)
    }

    fn parts(mut self, parts: &[Part<'_>], literals: &[u8], distances: &[u8]) -> Blocks {
        let (literals, distances) = (codes(literals), codes(distances));
        for part in parts {
            match part {
                Part::Bytes(bytes) => {
                    for byte in *bytes {
                        self.code(literals[usize::from(*byte)]);
                    }
                }
                Part::Copy(length, distance) => {
                    let (symbol, extra, count) = length_code(*length);
                    self.code(literals[257 + symbol]);
                    self = self.bits(extra, count);
                    let (symbol, extra, count) = distance_code(*distance);
                    self.code(distances[symbol]);
                    self = self.bits(extra, count);
                }
            }
        }
        self.code(literals[256]);
        self
    }

    /// A Huffman code, its highest bit first.
    fn code(&mut self, (code, length): (usize, u8)) {
        for place in (0..length).rev() {
            self.push(code >> place & 1 == 1);
        }
    }

    /// The bytes as they are.
    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The payload of a message: the first byte of an empty stored block stands behind it, and the rest of
    /// that block is left out (RFC 7692 §7.2.1).
    pub(super) fn message(self) -> Vec<u8> {
        self.bits(0, 3).bytes
    }
}

const LONGEST_STORED: usize = 65_535;

/// RFC 1951 §3.2.7: in this order stand the lengths of the code of lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// A complete code for all nineteen of them.
const OF_LENGTHS: [u8; 19] = [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5];

/// Which symbols these parts need, of the literals and of the distances.
fn used(parts: &[Part<'_>]) -> ([bool; 286], [bool; 30]) {
    let (mut literals, mut distances) = ([false; 286], [false; 30]);
    literals[256] = true;
    for part in parts {
        match part {
            Part::Bytes(bytes) => bytes.iter().for_each(|byte| literals[*byte as usize] = true),
            Part::Copy(length, distance) => {
                literals[257 + length_code(*length).0] = true;
                distances[distance_code(*distance).0] = true;
            }
        }
    }
    // Of literals there are two at least.
    literals[0] |= !literals[..256].contains(&true);
    (literals, distances)
}

/// The lengths of a complete code over the used symbols: steep where they are few, else flat.
fn lengths(used: &[bool]) -> Vec<u8> {
    let count = used.iter().filter(|used| **used).count();
    let longest = usize::BITS - count.saturating_sub(1).leading_zeros();
    let shorter = (1_usize << longest) - count;
    let mut at = 0;
    let length = |used: &bool| {
        if !used {
            return 0;
        }
        at += 1;
        match count {
            0..=16 => at.min(count - 1).max(1) as u8,
            _ if at <= shorter => longest as u8 - 1,
            _ => longest as u8,
        }
    };
    used.iter().map(length).collect()
}

/// RFC 1951 §3.2.2: each symbol's code and its length.
fn codes(lengths: &[u8]) -> Vec<(usize, u8)> {
    let mut all = vec![(0, 0); lengths.len()];
    let mut code = 0;
    for length in 1..16 {
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, one)| **one == length) {
            all[symbol] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    all
}

/// The lengths as symbols of the code of lengths, repetitions by 16, 17 and 18; with extra bits.
fn runs(lengths: &[u8]) -> Vec<(usize, usize, u32)> {
    let mut all = Vec::new();
    let mut rest = lengths;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|length| *length == first).count();
        let taken = match (first, run) {
            (0, 11..) => {
                let run = run.min(138);
                all.push((18, run - 11, 7));
                run
            }
            (0, 3..) => {
                all.push((17, run - 3, 3));
                run
            }
            (_, 4..) if *first != 0 => {
                let again = (run - 1).min(6);
                all.extend([(usize::from(*first), 0, 0), (16, again - 3, 2)]);
                again + 1
            }
            _ => {
                all.push((usize::from(*first), 0, 0));
                1
            }
        };
        rest = &rest[taken..];
    }
    all
}

/// The code of a length, its extra bits and how many (RFC 1951 §3.2.5).
fn length_code(length: usize) -> (usize, usize, u32) {
    let base = |code: usize| match code {
        0..8 => (code + 3, 0),
        28 => (258, 0),
        _ => (3 + ((4 + code % 4) << (code / 4 - 1)), code as u32 / 4 - 1),
    };
    nearest(29, length, base)
}

/// The same of a distance.
fn distance_code(distance: usize) -> (usize, usize, u32) {
    let base = |code: usize| match code {
        0..4 => (code + 1, 0),
        _ => (1 + ((2 + code % 2) << (code / 2 - 1)), code as u32 / 2 - 1),
    };
    nearest(30, distance, base)
}

fn nearest(
    codes: usize,
    value: usize,
    base: impl Fn(usize) -> (usize, u32),
) -> (usize, usize, u32) {
    let code = (0..codes).rev().find(|code| base(*code).0 <= value).unwrap_or(0);
    let (base, count) = base(code);
    (code, value.saturating_sub(base), count)
}

/// Letters that hardly repeat, always the same.
pub(super) fn letters(count: usize) -> Vec<u8> {
    let mut number = 1_u32;
    let mut letter = || {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        b'a' + (number >> 16) as u8 % 26
    };
    (0..count).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use stickler_testing::deflate::inflate_message;
    use stickler_testing::random::Random;

    use super::{Blocks, Final, Part};

    /// What another reader makes of it, without a doubt.
    fn read(blocks: Blocks) -> Vec<u8> {
        let read = inflate_message(b"", &blocks.message()).unwrap_or_else(|why| panic!("{why:?}"));
        assert_eq!(read.doubts, []);
        read.output
    }

    #[test]
    fn blocks_of_each_kind_are_read_as_they_were_written() {
        let mut random = Random::new(3);
        let last = [Final::No, Final::Yes];
        for turn in 0..60 {
            let (length, spread) = (random.below(600), 1 + random.below(255));
            let bytes: Vec<u8> = (0..length).map(|_| random.below(spread) as u8).collect();
            let mut output = bytes.clone();
            let mut parts = vec![Part::Bytes(&bytes)];
            for _ in 0..random.below(9).min(length) {
                let (count, distance) = (3 + random.below(256), 1 + random.below(output.len()));
                (0..count).for_each(|_| output.push(output[output.len() - distance]));
                parts.push(Part::Copy(count, distance));
            }
            let (last, again) = (last[turn % 2], last[turn / 2 % 2]);
            assert_eq!(read(Blocks::new().stored(last, &output)), output);
            assert_eq!(read(Blocks::new().fixed(last, &parts)), output);
            assert_eq!(read(Blocks::new().dynamic(last, &parts)), output);
            let both = Blocks::new().stored(again, &bytes).dynamic(last, &parts).fixed(again, &[]);
            assert_eq!(read(both), [bytes, output].concat());
        }
    }

    #[test]
    fn every_length_and_distance_has_its_code() {
        let far = super::letters(32_768);
        for distance in (1..=32_768).step_by(997).chain([2, 3, 4, 5, 32_767, 32_768]) {
            let length = 3 + distance % 256;
            let blocks = Blocks::new().stored(Final::No, &far);
            let output = read(blocks.fixed(Final::No, &[Part::Copy(length, distance)]));
            assert_eq!(output.len(), 32_768 + length);
            assert_eq!(output[32_768], far[32_768 - distance]);
        }
    }
}
