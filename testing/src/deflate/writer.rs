//! The writer: blocks of any kind, of given tokens and codes, bit by bit.

use super::tokens::{Token, tokens};
use super::{DISTANCES, LENGTHS, ORDER, fixed_lengths};

/// The lengths of a dynamic block's two codes, symbol by symbol.
#[derive(Clone, Debug)]
pub struct Codes {
    /// 257 to 286 of them.
    pub literals: Vec<u8>,
    /// 1 to 30 of them.
    pub distances: Vec<u8>,
}

impl Codes {
    /// Complete codes in which everything these tokens need has about the same length.
    pub fn of(tokens: &[Token]) -> Codes {
        let mut literals = vec![false; 286];
        let mut distances = vec![false; 30];
        literals[256] = true;
        for token in tokens {
            match *token {
                Token::Literal(byte) => literals[usize::from(byte)] = true,
                Token::Copy { length, distance } => {
                    literals[length_code(length).0] = true;
                    distances[distance_code(distance).0] = true;
                }
            }
        }
        // RFC 1951 §3.2.7: a single code has one bit; among literals there are always two here.
        if literals.iter().filter(|used| **used).count() == 1 {
            literals[0] = true;
        }
        Codes { literals: balanced(&literals), distances: balanced(&distances) }
    }
}

/// Lengths of a complete code over the used symbols, none differing from another by more than one.
fn balanced(used: &[bool]) -> Vec<u8> {
    let count = used.iter().filter(|used| **used).count();
    let longest = usize::BITS - count.saturating_sub(1).leading_zeros();
    let mut shorter = (1 << longest) - count;
    let length = |used: &bool| match (used, longest) {
        (false, _) => 0,
        (true, 0) => 1,
        (true, _) if shorter > 0 => {
            shorter -= 1;
            u8::try_from(longest - 1).unwrap()
        }
        (true, _) => u8::try_from(longest).unwrap(),
    };
    let mut lengths: Vec<u8> = used.iter().map(length).collect();
    let needed = if lengths.len() > 256 { 257 } else { 1 };
    while lengths.len() > needed && lengths.last() == Some(&0) {
        lengths.pop();
    }
    lengths
}

/// A DEFLATE stream under construction.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// How many bits of the last byte are taken; 0 at a byte border.
    taken: u32,
}

impl Writer {
    pub fn new() -> Writer {
        Writer::default()
    }

    /// A number of so many bits, the lowest first.
    pub fn bits(mut self, number: usize, count: u32) -> Writer {
        for place in 0..count {
            self.push(number >> place & 1 == 1);
        }
        self
    }

    fn push(&mut self, bit: bool) {
        if self.taken == 0 {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= u8::from(bit) << self.taken;
        self.taken = (self.taken + 1) % 8;
    }

    /// How many bits of the last byte are taken; 0 at a byte border.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Bits up to the next byte: all 0, or all 1.
    pub fn align(mut self, bit: bool) -> Writer {
        while self.taken != 0 {
            self.push(bit);
        }
        self
    }

    /// BFINAL and BTYPE.
    fn header(self, last: bool, kind: usize) -> Writer {
        self.bits(usize::from(last), 1).bits(kind, 2)
    }

    /// A stored block of at most 65,535 bytes.
    pub fn stored(self, last: bool, bytes: &[u8]) -> Writer {
        self.header(last, 0).align(false).stored_rest(bytes)
    }

    /// The same with the bits that nobody reads set.
    pub fn stored_after_ones(self, last: bool, bytes: &[u8]) -> Writer {
        self.header(last, 0).align(true).stored_rest(bytes)
    }

    fn stored_rest(mut self, bytes: &[u8]) -> Writer {
        let len = u16::try_from(bytes.len()).unwrap();
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(&(!len).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// A block in the fixed code; one with BFINAL=1 is padded with zeros.
    pub fn fixed(self, last: bool, tokens: &[Token]) -> Writer {
        let block = self.fixed_open(last, tokens).symbol(256, &fixed_lengths().0);
        if last { block.align(false) } else { block }
    }

    /// The same without its end.
    pub fn fixed_open(self, last: bool, tokens: &[Token]) -> Writer {
        let (literals, distances) = fixed_lengths();
        self.header(last, 1).tokens(tokens, &Codes { literals, distances })
    }

    /// A block in a code of its own; one with BFINAL=1 is padded with zeros.
    pub fn dynamic(self, last: bool, tokens: &[Token]) -> Writer {
        self.dynamic_with(last, tokens, &Codes::of(tokens))
    }

    /// The same in these codes.
    pub fn dynamic_with(self, last: bool, tokens: &[Token], codes: &Codes) -> Writer {
        let block = self.dynamic_open(last, tokens, codes).symbol(256, &codes.literals);
        if last { block.align(false) } else { block }
    }

    /// The same without its end.
    pub fn dynamic_open(self, last: bool, tokens: &[Token], codes: &Codes) -> Writer {
        let lengths = [&codes.literals[..], &codes.distances].concat();
        let runs = runs(&lengths);
        let mut used = [false; 19];
        for (symbol, _, _) in &runs {
            used[*symbol] = true;
        }
        if used.iter().filter(|used| **used).count() == 1 {
            used[if used[0] { 1 } else { 0 }] = true;
        }
        let mut code = balanced(&used);
        code.resize(19, 0);
        let mut writer = self
            .header(last, 2)
            .bits(codes.literals.len() - 257, 5)
            .bits(codes.distances.len() - 1, 5)
            .bits(19 - 4, 4);
        for symbol in ORDER {
            writer = writer.bits(usize::from(code[symbol]), 3);
        }
        for (symbol, extra, count) in runs {
            writer = writer.symbol(symbol, &code).bits(extra, count);
        }
        writer.tokens(tokens, codes)
    }

    /// Tokens in these codes, in whatever block is open.
    pub fn tokens(mut self, tokens: &[Token], codes: &Codes) -> Writer {
        for token in tokens {
            self = match *token {
                Token::Literal(byte) => self.symbol(usize::from(byte), &codes.literals),
                Token::Copy { length, distance } => {
                    let (code, extra, count) = length_code(length);
                    let writer = self.symbol(code, &codes.literals).bits(extra, count);
                    let (code, extra, count) = distance_code(distance);
                    writer.symbol(code, &codes.distances).bits(extra, count)
                }
            };
        }
        self
    }

    /// One symbol of a code with these lengths, the highest bit first (RFC 1951 §3.1.1).
    pub fn symbol(mut self, symbol: usize, lengths: &[u8]) -> Writer {
        let length = lengths[symbol];
        assert!(length > 0, "symbol {symbol} has no code");
        let mut code = 0_usize;
        for shorter in 1..=length {
            let before = |(at, l): (usize, &u8)| *l == shorter && (shorter < length || at < symbol);
            code = (code << 1) + lengths.iter().enumerate().filter(|one| before(*one)).count();
        }
        for place in (0..length).rev() {
            self.push(code >> place & 1 == 1);
        }
        self
    }

    /// The payload of a message of these blocks: the header of an empty stored block behind them,
    /// without LEN and NLEN (RFC 7692 §7.2.1).
    pub fn message(self) -> Vec<u8> {
        self.header(false, 0).align(false).bytes
    }

    /// What was written so far, up to the next byte.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A message in one fixed block, with copies from its history and from itself.
pub fn deflate(history: &[u8], bytes: &[u8]) -> Vec<u8> {
    Writer::new().fixed(false, &tokens(history, bytes, 32 << 10)).message()
}

/// Code lengths as symbols of the code length code, with extra bits (RFC 1951 §3.2.7).
fn runs(lengths: &[u8]) -> Vec<(usize, usize, u32)> {
    let mut runs = Vec::new();
    let mut rest = lengths;
    while let [first, ..] = rest {
        let run = rest.iter().take_while(|length| *length == first).count();
        let again = runs.last().is_some_and(|(symbol, _, _)| *symbol == usize::from(*first));
        let (entry, taken) = match (first, run) {
            (0, 11..) => ((18, run.min(138) - 11, 7), run.min(138)),
            (0, 3..) => ((17, run - 3, 3), run),
            (1.., 3..) if again => ((16, run.min(6) - 3, 2), run.min(6)),
            _ => ((usize::from(*first), 0, 0), 1),
        };
        runs.push(entry);
        rest = &rest[taken..];
    }
    runs
}

/// The code of a length, its extra bits and how many.
fn length_code(length: usize) -> (usize, usize, u32) {
    assert!((3..=258).contains(&length), "no copy has {length} bytes");
    let at = LENGTHS.iter().rposition(|(first, _)| *first <= length).unwrap();
    (257 + at, length - LENGTHS[at].0, LENGTHS[at].1)
}

/// The code of a distance, its extra bits and how many.
fn distance_code(distance: usize) -> (usize, usize, u32) {
    assert!((1..=32 << 10).contains(&distance), "no copy comes from {distance} bytes back");
    let at = DISTANCES.iter().rposition(|(first, _)| *first <= distance).unwrap();
    (at, distance - DISTANCES[at].0, DISTANCES[at].1)
}
