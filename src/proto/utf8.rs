//! UTF-8: incremental validation, and text that is known to be valid (RFC 3629, RFC 6455 §8.1).
//!
//! The bulk goes through simdutf8, or, where the processor has registers of 64 bytes, through a
//! validator of our own; only a character cut by the end of what has arrived is looked at byte by
//! byte, so that a fault is known at the byte that proves it.
//! This file may lift `unsafe_code`: it turns bytes that were validated into `&str`, and it asks
//! the processor for its wide instructions.

/// The bytes fed so far cannot be the beginning of any UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8;

/// Witness that a run of bytes was validated to its end; made only in this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked(());

impl Checked {
    /// The witness of the bytes of a text that is one by its type.
    #[cfg_attr(not(feature = "net"), allow(dead_code, reason = "net makes texts of texts"))]
    pub(crate) const fn of(_text: &str) -> Checked {
        Checked(())
    }
}

/// Validates text that arrives in pieces; keeps at most three bytes of a cut character.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Validator {
    /// The first bytes of a character whose end has not arrived.
    cut: [u8; 3],
    /// 0 <= cut_len <= 3
    cut_len: u8,
}

impl Utf8Validator {
    /// A validator at the beginning of a text.
    pub const fn new() -> Utf8Validator {
        Utf8Validator { cut: [0; 3], cut_len: 0 }
    }

    /// Takes the next bytes of the text.
    ///
    /// # Errors
    /// [`InvalidUtf8`] as soon as a byte fed proves that the text is not UTF-8.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        while self.cut_len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.push(byte)?;
            bytes = rest;
        }
        let (whole, cut) = split_cut_character(bytes);
        if !is_utf8(whole) {
            return Err(InvalidUtf8);
        }
        for &byte in cut {
            self.push(byte)?;
        }
        Ok(())
    }

    /// Ends the text and starts anew.
    ///
    /// # Errors
    /// [`InvalidUtf8`] when the text ends inside a character.
    pub fn finish(&mut self) -> Result<Checked, InvalidUtf8> {
        if std::mem::take(&mut self.cut_len) == 0 { Ok(Checked(())) } else { Err(InvalidUtf8) }
    }

    /// How many bytes of a cut character are held: 0 to 3.
    pub const fn cut_len(&self) -> usize {
        self.cut_len as usize
    }

    /// Witness that all bytes fed, save the cut character, are whole characters.
    pub(crate) const fn checked_so_far(&self) -> Checked {
        Checked(())
    }

    /// Takes one byte of a character that is not in one piece.
    fn push(&mut self, byte: u8) -> Result<(), InvalidUtf8> {
        let held = self.cut_len as usize;
        let Some(slot) = self.cut.get_mut(held) else {
            // Three bytes are held, so this is the fourth and last.
            self.cut_len = 0;
            return if is_continuation(byte) { Ok(()) } else { Err(InvalidUtf8) };
        };
        *slot = byte;
        let [lead, second, _] = self.cut;
        let fits = match held {
            // RFC 3629 §4: what may follow depends on the lead byte.
            0 => character_len(byte) > 0,
            1 => second_byte_fits(lead, second),
            _ => is_continuation(byte),
        };
        if !fits {
            return Err(InvalidUtf8);
        }
        self.cut_len = if held + 1 == character_len(lead) { 0 } else { self.cut_len + 1 };
        Ok(())
    }
}

/// Validates a whole text in one piece.
///
/// # Errors
/// [`InvalidUtf8`] when the text is not UTF-8 or ends inside a character.
pub fn check(text: &[u8]) -> Result<Checked, InvalidUtf8> {
    // RFC 6455 §5.6: the text is UTF-8 from end to end.
    if is_utf8(text) { Ok(Checked(())) } else { Err(InvalidUtf8) }
}

#[inline]
fn is_utf8(text: &[u8]) -> bool {
    if text.len() >= WIDE_FROM
        && let Some(verdict) = wide::is_utf8(text)
    {
        return verdict;
    }
    simdutf8::basic::from_utf8(text).is_ok()
}

/// As [`check`], for text of few bytes, which mostly is ASCII.
#[inline]
pub(super) fn check_short(text: &[u8]) -> Result<Checked, InvalidUtf8> {
    if text.is_ascii() { Ok(Checked(())) } else { check(text) }
}

/// The text that these bytes hold. `Checked` witnesses that exactly these were validated.
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "text is lent by net"))]
#[allow(unsafe_code, reason = "validated text is not validated twice")]
pub(crate) fn text(bytes: &[u8], _checked: Checked) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok());
    // SAFETY: a `Checked` is made only where a validation in this file succeeded, or for a `&str`, and the
    // crate passes it on only together with the bytes that were validated: `inbound.rs`
    // pairs them in one event, `message.rs` and `owned.rs` keep them in one value that is never written.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

/// Splits off the beginning of a last character whose end has not arrived (0 to 3 bytes).
fn split_cut_character(bytes: &[u8]) -> (&[u8], &[u8]) {
    for (back, &byte) in bytes.iter().rev().take(3).enumerate() {
        if is_continuation(byte) {
            continue;
        }
        // The last lead byte: its character is cut when it wants more than is there.
        let cut_len = if character_len(byte) > back + 1 { back + 1 } else { 0 };
        return bytes.split_at_checked(bytes.len() - cut_len).unwrap_or((bytes, &[]));
    }
    (bytes, &[])
}

/// How many bytes the character with this lead byte has; 0 when it cannot lead.
const fn character_len(lead: u8) -> usize {
    match lead {
        0x00..=0x7F => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 0,
    }
}

/// RFC 3629 §4: the range of the second byte depends on the lead byte.
const fn second_byte_fits(lead: u8, second: u8) -> bool {
    match lead {
        // RFC 3629 §3, §4: no overlong forms, no surrogates, nothing above U+10FFFF.
        0xE0 => matches!(second, 0xA0..=0xBF),
        0xED => matches!(second, 0x80..=0x9F),
        0xF0 => matches!(second, 0x90..=0xBF),
        0xF4 => matches!(second, 0x80..=0x8F),
        _ => is_continuation(second),
    }
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// From this length on it pays to ask for the wide instructions, in bytes.
const WIDE_FROM: usize = 4096;

/// Validation of 64 bytes at a time, with AVX-512.
///
/// Each byte is judged by itself and the three in front of it. One table says what a byte is,
/// another what a byte forbids right behind it; what both name is a fault. A continuation byte
/// behind none that leads is left open by them: it is right just where one of the two bytes before
/// that leads a character long enough.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "what the processor can do is known at run time only")]
mod wide {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{
        __m512i, _mm512_alignr_epi8, _mm512_alignr_epi32, _mm512_and_si512, _mm512_loadu_si512,
        _mm512_max_epu8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutexvar_epi8,
        _mm512_set1_epi8, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_subs_epu8,
        _mm512_test_epi8_mask, _mm512_xor_si512,
    };

    /// Whether this is UTF-8; `None` where the processor lacks the instructions, or the text is
    /// shorter than they work on.
    pub(super) fn is_utf8(text: &[u8]) -> Option<bool> {
        let is_able = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi");
        // SAFETY: the processor has all that `validate` asks for.
        if is_able { unsafe { validate(text) } } else { None }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn validate(text: &[u8]) -> Option<bool> {
        let mut faults = judge_first(text.first_chunk()?);
        // It begins with the three bytes in front of those that come next.
        let mut rest = text.get(BLOCK - 3..)?;
        while let Some(blocks) = rest.first_chunk::<{ 3 + 4 * BLOCK }>() {
            rest = rest.get(4 * BLOCK..)?;
            if !is_ascii(blocks) {
                let mut blocks = blocks.as_slice();
                while let Some(block) = blocks.first_chunk() {
                    faults = _mm512_or_si512(faults, judge(block));
                    blocks = blocks.get(BLOCK..)?;
                }
            }
        }
        while let Some(block) = rest.first_chunk() {
            faults = _mm512_or_si512(faults, judge(block));
            rest = rest.get(BLOCK..)?;
        }
        // What is left is less than a block, and judged together with what is in front of it.
        faults = _mm512_or_si512(faults, judge(text.last_chunk()?));
        let is_cut = !matches!(text, [.., 0..0xF0, 0..0xE0, 0..0xC0]);
        Some(!is_cut && _mm512_test_epi8_mask(faults, faults) == 0)
    }

    /// The faults in the first bytes of a text.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn judge_first(bytes: &[u8; BLOCK]) -> __m512i {
        let bytes = load(bytes);
        let before = _mm512_alignr_epi32::<12>(bytes, _mm512_setzero_si512());
        let third = _mm512_alignr_epi8::<13>(bytes, before);
        let second = _mm512_alignr_epi8::<14>(bytes, before);
        faults(third, second, _mm512_alignr_epi8::<15>(bytes, before), bytes)
    }

    /// The faults in all but the first three of these bytes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn judge(bytes: &[u8; 3 + BLOCK]) -> __m512i {
        let [third @ .., _, _, _] = bytes;
        let [_, second @ .., _, _] = bytes;
        let [_, _, before @ .., _] = bytes;
        let [_, _, _, bytes @ ..] = bytes;
        faults(load(third), load(second), load(before), load(bytes))
    }

    /// Not zero where a byte is at fault: `before` has what stands in front of each, `second` what
    /// stands in front of that, and `third` what is before both.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn faults(third: __m512i, second: __m512i, before: __m512i, bytes: __m512i) -> __m512i {
        // The lower six bits of a place in a table count; whatever does not lead gets that of FF.
        let before = _mm512_max_epu8(before, splat(0xBF));
        let forbidden = _mm512_permutexvar_epi8(before, load(&FORBIDDEN_BEHIND));
        let class = _mm512_permutexvar_epi8(_mm512_srli_epi16::<2>(bytes), load(&CLASS));
        // The highest bit is left from E0 on, and from F0 on.
        let third_wanted = _mm512_subs_epu8(second, splat(0xE0 - OPEN));
        let fourth_wanted = _mm512_subs_epu8(third, splat(0xF0 - OPEN));
        let wanted = _mm512_and_si512(_mm512_or_si512(third_wanted, fourth_wanted), splat(OPEN));
        _mm512_xor_si512(_mm512_and_si512(forbidden, class), wanted)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn is_ascii(bytes: &[u8]) -> bool {
        let (front, blocks) = bytes.as_rchunks();
        let all = blocks
            .iter()
            .fold(_mm512_setzero_si512(), |all, block| _mm512_or_si512(all, load(block)));
        front.is_ascii() && _mm512_movepi8_mask(all) == 0
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(bytes: &[u8; BLOCK]) -> __m512i {
        // SAFETY: there are 64 bytes, and they may lie anywhere.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(byte: u8) -> __m512i {
        _mm512_set1_epi8(byte.cast_signed())
    }

    /// What each lead byte, C0 to FF, does not allow right behind it. FF, which is a fault wherever
    /// it stands, has the place of all bytes that do not lead.
    static FORBIDDEN_BEHIND: [u8; 64] = {
        let (mut table, mut lead) = ([0; 64], 0xC0);
        let mut places = table.as_mut_slice();
        while let Some((place, rest)) = places.split_first_mut() {
            *place = match lead {
                0xC2..=0xDF | 0xE1..=0xEC | 0xEE..=0xEF | 0xF1..=0xF3 => OTHER,
                0xE0 => OTHER | UPTO_8F | UPTO_9F,
                0xED => OTHER | UPTO_BF,
                0xF0 => OTHER | UPTO_8F,
                0xF4 => OTHER | UPTO_9F | UPTO_BF,
                0xC0..0xFF => OTHER | UPTO_8F | UPTO_9F | UPTO_BF,
                _ => NEVER | OPEN,
            };
            places = rest;
            lead += 1;
        }
        table
    };

    /// What four bytes at a time are, from 0 to FF.
    static CLASS: [u8; 64] = {
        let (mut table, mut first) = ([0; 64], 0);
        let mut places = table.as_mut_slice();
        while let Some((place, rest)) = places.split_first_mut() {
            *place = match first {
                0x80..=0x8F => UPTO_8F | OPEN,
                0x90..=0x9F => UPTO_9F | OPEN,
                0xA0..=0xBF => UPTO_BF | OPEN,
                0xF8..=0xFF => OTHER | NEVER,
                _ => OTHER,
            };
            places = rest;
            first += 4;
        }
        table
    };

    /// Not a continuation byte.
    const OTHER: u8 = 1;
    /// Continuation bytes, in three ranges (RFC 3629 §4).
    const UPTO_8F: u8 = 2;
    const UPTO_9F: u8 = 4;
    const UPTO_BF: u8 = 8;
    /// In no text.
    const NEVER: u8 = 16;
    /// A continuation byte behind none that leads.
    const OPEN: u8 = 0x80;

    /// Bytes judged at once.
    const BLOCK: usize = 64;
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    pub(super) fn is_utf8(_: &[u8]) -> Option<bool> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes on both sides of each boundary of the grammar.
    const INTERESTING: [u8; 25] = [
        0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
        0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ];

    /// The naive twin: is there any continuation that makes these bytes valid?
    fn is_valid_prefix(bytes: &[u8]) -> bool {
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        }
    }

    #[test]
    fn s8_1_every_sequence_of_up_to_four_bytes_agrees_with_the_standard_library() {
        let mut sequence = Vec::new();
        for a in INTERESTING {
            for b in INTERESTING {
                for c in INTERESTING {
                    for d in INTERESTING {
                        sequence.clear();
                        sequence.extend([a, b, c, d]);
                        agree(&sequence);
                    }
                }
            }
        }
    }

    fn agree(sequence: &[u8]) {
        for cut in 0..=sequence.len() {
            let mut validator = Utf8Validator::new();
            let (first, second) = sequence.split_at(cut);
            let fed = validator.feed(first).and_then(|()| validator.feed(second));
            assert_eq!(fed.is_ok(), is_valid_prefix(sequence), "{sequence:x?} at {cut}");
            let ended = fed.and_then(|()| validator.finish());
            assert_eq!(ended.is_ok(), std::str::from_utf8(sequence).is_ok(), "{sequence:x?}");
        }
        let mut validator = Utf8Validator::new();
        for (index, &byte) in sequence.iter().enumerate() {
            let fed = validator.feed(&[byte]);
            assert_eq!(fed.is_ok(), is_valid_prefix(&sequence[..=index]), "{sequence:x?}");
            if fed.is_err() {
                return;
            }
        }
    }

    /// Where the way through a text changes: its beginning, the ends of the first block and of the
    /// first four, and its end.
    #[test]
    fn s8_1_sequences_in_long_texts_agree_with_the_standard_library() {
        const LEN: usize = 64 + 2 * 256 + 2 * 64 + 7;
        for (filler, place) in
            FILLERS.into_iter().flat_map(|f| [0, 62, 318, LEN - 4].map(|place| (f, place)))
        {
            let mut text = text_around(filler, place, 4, LEN);
            for first in INTERESTING {
                for second in INTERESTING {
                    for rest in [[0x41, 0x41], [0x80, 0x41], [0x80, 0x80], [0xBF, 0xF1]] {
                        let sequence = [first, second, rest[0], rest[1]];
                        text[place..place + 4].copy_from_slice(&sequence);
                        agree_wide(&text, &sequence, place);
                    }
                }
            }
        }
    }

    #[test]
    fn s8_1_long_texts_agree_with_the_standard_library_at_every_place() {
        let sequences: [&[u8]; 13] = [
            b"\xC3\xA9",
            b"\xE2\x82\xAC",
            b"\xF0\x9F\xA6\x80",
            b"\x80",
            b"\xC1\xBF",
            b"\xC3",
            b"\xE2\x82",
            b"\xE0\x9F\xBF",
            b"\xED\xA0\x80",
            b"\xF0\x9F\xA6",
            b"\xF0\x8F\xBF\xBF",
            b"\xF4\x90\x80\x80",
            b"\xFF",
        ];
        for (len, filler) in
            [67, 68, 130, 331, 500, 650].into_iter().flat_map(|l| FILLERS.map(|f| (l, f)))
        {
            for sequence in sequences {
                for place in 0..=len - sequence.len() {
                    let mut text = text_around(filler, place, sequence.len(), len);
                    text[place..place + sequence.len()].copy_from_slice(sequence);
                    agree_wide(&text, sequence, place);
                }
            }
        }
    }

    const FILLERS: [&str; 3] = ["a", "\u{416}", "\u{1F642}"];

    /// A text of `len` bytes with room for `room` bytes at `place`.
    fn text_around(filler: &str, place: usize, room: usize, len: usize) -> Vec<u8> {
        let mut text = filler.repeat(place / filler.len()).into_bytes();
        text.resize(place + room, b'.');
        text.extend(filler.repeat((len - text.len()) / filler.len()).bytes());
        text.resize(len, b'.');
        text
    }

    /// On a processor without the instructions this has nothing to say.
    fn agree_wide(text: &[u8], sequence: &[u8], place: usize) {
        let expected = std::str::from_utf8(text).is_ok();
        let verdict = wide::is_utf8(text).unwrap_or(expected);
        assert_eq!(verdict, expected, "{sequence:x?} at {place} of {}", text.len());
    }
}
