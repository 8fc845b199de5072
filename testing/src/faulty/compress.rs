//! The server's messages, compressed: LZ77 over a window that is kept to, in one block with the fixed code, or
//! stored where that is shorter (RFC 1951 §3.2.4, §3.2.6; RFC 7692 §7.2.1).

/// The payload of a message, its tail taken off. Copies reach at most `window` bytes back, also into `history`.
pub(super) fn compress(history: &[u8], payload: &[u8], window: usize) -> Vec<u8> {
    if payload.is_empty() {
        // RFC 7692 §7.2.3.6: the header of an empty stored block.
        return vec![0];
    }
    let stored_len = payload.len() + 5 * payload.len().div_ceil(LONGEST_STORED) + 1;
    let fixed = fixed(history, payload, window);
    if fixed.len() < stored_len { fixed } else { stored(payload) }
}

fn stored(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in payload.chunks(LONGEST_STORED) {
        let len = u16::try_from(block.len()).unwrap();
        bytes.push(0);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&(!len).to_le_bytes());
        bytes.extend_from_slice(block);
    }
    bytes.push(0);
    bytes
}

fn fixed(history: &[u8], payload: &[u8], window: usize) -> Vec<u8> {
    let all = [history, payload].concat();
    let mut writer = Bits::default();
    // BFINAL 0, BTYPE 01.
    writer.put(0b010, 3);
    // Where three bytes that hash so stood last, one added.
    let mut last = vec![0; 1 << HASH_BITS];
    let mut note = |at: usize| -> Option<usize> {
        let three = all.get(at..at + 3)?;
        let number = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        let hash = (number.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize;
        let before: usize = std::mem::replace(&mut last[hash], at + 1);
        before.checked_sub(1)
    };
    for at in 0..history.len() {
        note(at);
    }
    let mut at = history.len();
    while at < all.len() {
        let before = note(at).filter(|from| at - from <= window);
        let length = before.map_or(0, |from| alike(&all[from..], &all[at..]));
        match before {
            Some(from) if length >= 3 => {
                writer.copy(length, at - from);
                (at + 1..at + length).for_each(|next| {
                    note(next);
                });
                at += length;
            }
            _ => {
                writer.literal(usize::from(all[at]));
                at += 1;
            }
        }
    }
    writer.literal(256);
    // The header of an empty stored block, and zeros up to the next byte.
    writer.put(0, 3);
    writer.finish()
}

/// How many bytes are alike, up to the longest copy.
fn alike(one: &[u8], two: &[u8]) -> usize {
    one.iter().zip(two).take(258).take_while(|(a, b)| a == b).count()
}

/// Bits, the lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: usize, count: u32) {
        self.pending |= (bits as u64) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push((self.pending & 0xff) as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// A code, whose bits go the other way round.
    fn code(&mut self, code: u32, count: u32) {
        self.put((code.reverse_bits() >> (32 - count)) as usize, count);
    }

    /// A literal, the end of the block, or the code of a length (RFC 1951 §3.2.6).
    fn literal(&mut self, symbol: usize) {
        let number = symbol as u32;
        match symbol {
            0..144 => self.code(0x30 + number, 8),
            144..256 => self.code(0x190 + number - 144, 9),
            256..280 => self.code(number - 256, 7),
            _ => self.code(0xc0 + number - 280, 8),
        }
    }

    /// RFC 1951 §3.2.5.
    fn copy(&mut self, length: usize, distance: usize) {
        if length == 258 {
            self.literal(285);
        } else {
            // Four lengths share each number of extra bits.
            let at = length - 3;
            let extra = if at < 8 { 0 } else { at.ilog2() - 2 };
            self.literal(257 + 4 * extra as usize + (at >> extra));
            self.put(at & ((1 << extra) - 1), extra);
        }
        // Two distances share each number of extra bits.
        let at = distance - 1;
        let extra = if at < 4 { 0 } else { at.ilog2() - 1 };
        self.code(2 * extra + (at >> extra) as u32, 5);
        self.put(at & ((1 << extra) - 1), extra);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.bytes
    }
}

const HASH_BITS: u32 = 15;
/// Bytes of a stored block.
const LONGEST_STORED: usize = 0xffff;
