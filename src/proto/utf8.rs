//! UTF-8: incremental validation, and text that is known to be valid (RFC 3629, RFC 6455 §8.1).
//!
//! The bulk goes through simdutf8; only a character cut by the end of what has arrived
//! is looked at byte by byte, so that a fault is known at the byte that proves it.
//! This file may lift `unsafe_code`: it turns bytes that were validated into `&str`.

/// The bytes fed so far cannot be the beginning of any UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8;

/// Witness that a run of bytes was validated to its end; made only in this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked(());

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
        simdutf8::basic::from_utf8(whole).map_err(|_| InvalidUtf8)?;
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
    match simdutf8::basic::from_utf8(text) {
        Ok(_) => Ok(Checked(())),
        Err(_) => Err(InvalidUtf8),
    }
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
    // SAFETY: a `Checked` is made only where a validation in this file succeeded, and the
    // crate passes it on only together with the bytes that were validated: `inbound.rs`
    // pairs them in one event, `message.rs` keeps them in one value that is never written.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The naive twin: is there any continuation that makes these bytes valid?
    fn is_valid_prefix(bytes: &[u8]) -> bool {
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        }
    }

    #[test]
    fn s8_1_every_sequence_of_up_to_four_bytes_agrees_with_the_standard_library() {
        // Bytes on both sides of each boundary of the grammar.
        let interesting = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
            0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        let mut sequence = Vec::new();
        for &a in &interesting {
            for &b in &interesting {
                for &c in &interesting {
                    for &d in &interesting {
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
}
