//! DEFLATE (RFC 1951) and the message rule of RFC 7692 §7.2, slow and plain: a reader that takes one bit
//! after the other, and a writer that builds any legal stream and most broken ones. Nothing here is
//! shared with the server or with the crates that it uses.

mod message;
mod reader;
mod samples;
mod tokens;
mod writer;

pub use message::{BadEnd, TAIL, Window, bad_end, inflate_message, swallowed, swallowed_silently};
pub use reader::{Doubt, Fault, Inflated, Kind, inflate};
pub use samples::{hex, json, noise, samples, words};
pub use tokens::{Token, plain, tokens};
pub use writer::{Codes, Writer, deflate};

/// Code 257 + n stands for the first length and so many extra bits (RFC 1951 §3.2.5).
const LENGTHS: [(usize, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// Code n stands for the first distance and so many extra bits (RFC 1951 §3.2.5).
const DISTANCES: [(usize, u32); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// The order in which the lengths of the code length code are written (RFC 1951 §3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The fixed code's lengths (RFC 1951 §3.2.6): literals and lengths, then distances.
pub fn fixed_lengths() -> (Vec<u8>, Vec<u8>) {
    let mut literals = vec![8; 288];
    literals[144..256].fill(9);
    literals[256..280].fill(7);
    (literals, vec![5; 32])
}
