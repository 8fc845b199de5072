//! What hostile peers send, made once and sent often.

use stickler_testing::deflate::{Codes, Token, Writer, plain};
use stickler_testing::random::Random;

pub(crate) use stickler_testing::frame::{binary, frame};

/// The offer that every server of the default settings takes.
pub(crate) const DEFLATE: &str = "permessage-deflate";

/// 258 zeros for every two bits.
fn zeros_of_two_bits() -> Codes {
    let mut literals = vec![0; 286];
    (literals[285], literals[0], literals[256]) = (1, 2, 2);
    Codes { literals, distances: vec![1] }
}

const COPY: Token = Token::Copy { length: 258, distance: 1 };

/// A whole message that inflates to about so many zeros.
pub(crate) fn bomb(size: usize) -> Vec<u8> {
    let tokens = [plain([0]), vec![COPY; size / 258]].concat();
    Writer::new().dynamic_with(false, &tokens, &zeros_of_two_bits()).message()
}

/// The same without its end.
pub(crate) fn open_bomb(size: usize) -> Vec<u8> {
    let begin = [plain([0]), vec![COPY; 8]].concat();
    let begin = Writer::new().dynamic_open(false, &begin, &zeros_of_two_bits()).finish();
    // Two bits that are 0 are 258 zeros more.
    [begin, vec![0; size / 258 / 4 - 16]].concat()
}

/// The first byte of a compressed message that needs an inflater and has no output: 7 bytes in all.
pub(crate) fn half_compressed() -> Vec<u8> {
    frame(0x42, [0x4a])
}

/// Text in which each place has many earlier ones that it resembles: the search for matches is long.
pub(crate) fn hash_chains(size: usize) -> Vec<u8> {
    let mut random = Random::new(18);
    (0..size).map(|_| b"ab"[random.below(2)]).collect()
}

/// Blocks without content, each with a mark that says it is the last: work without output.
pub(crate) fn empty_blocks(size: usize) -> Vec<u8> {
    [0x03, 0x00].repeat(size / 2)
}

/// The header of a first fragment that promises so much and does not end the message.
pub(crate) fn unfinished(size: usize) -> Vec<u8> {
    frame(0x02, vec![0x55; size])
}

/// Pings of four bytes.
pub(crate) fn pings(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| frame(0x89, number.to_be_bytes())).collect()
}
