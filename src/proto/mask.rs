//! Masking (RFC 6455 §5.3): payload byte i is combined with key byte i mod 4.
//!
//! This file may lift `unsafe_code`: it asks the processor for its wide instructions.

/// A masking key at some phase: the key of one frame, and where in it the next byte falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// The key, rotated so that its first byte is for the next payload byte.
    key: [u8; 4],
}

impl Mask {
    /// The mask at the first payload byte of a frame with this masking key.
    pub const fn new(key: [u8; 4]) -> Mask {
        Mask { key }
    }

    /// Unmasks (or masks) the next bytes of the payload in place and moves on behind them.
    #[inline]
    pub fn apply(&mut self, payload: &mut [u8]) {
        self.apply_whole(payload);
        self.skip(payload.len());
    }

    /// As [`Mask::apply`], for a whole payload: there is nothing to move on to.
    #[inline]
    pub(super) fn apply_whole(self, payload: &mut [u8]) {
        if payload.len() < WIDE_FROM || !apply_wide(self, payload) {
            self.apply_short(payload);
        }
    }

    /// As [`Mask::apply_whole`], for one that is mostly short. It is apart from `combine`, which is
    /// inlined in whoever calls it, so that the callers of this one stay small.
    #[inline]
    pub(super) fn apply_short(self, payload: &mut [u8]) {
        self.combine(payload);
    }

    /// The loop, built for whoever calls it.
    #[inline(always)]
    fn combine(self, payload: &mut [u8]) {
        let half = u64::from(u32::from_ne_bytes(self.key));
        let word = half | (half << 32);
        let (words, tail) = payload.as_chunks_mut::<8>();
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        // RFC 6455 §5.3: byte i is combined with byte i modulo 4 of the key.
        for (byte, key) in tail.iter_mut().zip(&word.to_ne_bytes()) {
            *byte ^= key;
        }
    }

    /// Moves on behind `len` bytes without touching them.
    #[inline]
    pub fn skip(&mut self, len: usize) {
        self.key.rotate_left(len % 4);
    }
}

/// With the wide instructions of the processor, if it has them; `false`, with nothing done, if not.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "what the processor can do is known at run time only")]
fn apply_wide(mask: Mask, payload: &mut [u8]) -> bool {
    use std::arch::x86_64::__m256i;

    #[target_feature(enable = "avx2")]
    fn apply(mut mask: Mask, payload: &mut [u8]) {
        // A write across two lines of the cache takes twice as long.
        let aligned = match payload.len() {
            ..ALIGNED_FROM => 0,
            len => payload.as_ptr().align_offset(size_of::<__m256i>()).min(len),
        };
        let (head, rest) = payload.split_at_mut(aligned);
        mask.combine(head);
        mask.skip(head.len());
        mask.combine(rest);
    }
    if !std::arch::is_x86_feature_detected!("avx2") {
        return false;
    }
    // SAFETY: the processor has AVX2, which is all that `apply` asks for.
    unsafe { apply(mask, payload) };
    true
}

#[cfg(not(target_arch = "x86_64"))]
fn apply_wide(_: Mask, _: &mut [u8]) -> bool {
    false
}

/// From this length on it pays to ask for the wide instructions, in bytes.
const WIDE_FROM: usize = 512;

/// From this length on it pays to look where a wide write begins, in bytes.
#[cfg(any(target_arch = "x86_64", test))]
const ALIGNED_FROM: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_3_agrees_with_the_naive_loop_at_every_length_alignment_and_phase() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let wide = WIDE_FROM - 3..WIDE_FROM + 140;
        for len in (0..130).chain(wide).chain(ALIGNED_FROM - 1..ALIGNED_FROM + 20) {
            for start in (0..8).chain([17, 30]) {
                for cut in
                    [0, 1, 2, 3, 4, 5, 7, 8, 13, 515, len].into_iter().filter(|cut| *cut <= len)
                {
                    let plain: Vec<u8> = (0..start + len).map(|i| (i * 7) as u8).collect();
                    let mut naive = plain.clone();
                    for (i, byte) in naive[start..].iter_mut().enumerate() {
                        *byte ^= key[i % 4];
                    }
                    let mut ours = plain.clone();
                    let mut mask = Mask::new(key);
                    let (first, second) = ours[start..].split_at_mut(cut);
                    mask.apply(first);
                    mask.apply(second);
                    assert_eq!(ours, naive, "len {len}, start {start}, cut {cut}");
                }
            }
        }
    }
}
