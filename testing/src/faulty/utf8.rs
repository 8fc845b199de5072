//! UTF-8, byte by byte (RFC 3629 §3, §4).

use super::{Fault, Shared};

/// Where in a character the text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Utf8 {
    /// How many bytes of the character are still to come.
    needed: u8,
    /// The bounds of the next of them.
    low: u8,
    high: u8,
}

impl Utf8 {
    /// Whether a character is begun.
    pub(super) fn is_inside(self) -> bool {
        self.needed > 0
    }

    /// The next byte; `false` where no character goes on so.
    pub(super) fn push(&mut self, shared: &Shared, byte: u8) -> bool {
        if self.needed > 0 {
            let is_good = (self.low..=self.high).contains(&byte)
                || byte.is_ascii() && shared.has(Fault::Utf8LeadAlone);
            let needed = if byte < 0x80 { 0 } else { self.needed - 1 };
            *self = Utf8 { needed, low: 0x80, high: 0xbf };
            return is_good;
        }
        let overlong = shared.has(Fault::Utf8Overlong);
        let (needed, low, high) = match byte {
            0..=0x7f => (0, 0, 0),
            0xc0 | 0xc1 if overlong => (1, 0x80, 0xbf),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 if !overlong => (2, 0xa0, 0xbf),
            0xed if !shared.has(Fault::Utf8Surrogates) => (2, 0x80, 0x9f),
            0xe0..=0xef => (2, 0x80, 0xbf),
            0xf0..=0xf4 if shared.has(Fault::Utf8FourBytes) => return false,
            0xf0 if !overlong => (3, 0x90, 0xbf),
            0xf4 if !shared.has(Fault::Utf8Above10ffff) => (3, 0x80, 0x8f),
            0xf0..=0xf4 => (3, 0x80, 0xbf),
            0xf5..=0xf7 if shared.has(Fault::Utf8Above10ffff) => (3, 0x80, 0xbf),
            0xf8..=0xfb if shared.has(Fault::Utf8FiveAndSix) => (4, 0x80, 0xbf),
            0xfc | 0xfd if shared.has(Fault::Utf8FiveAndSix) => (5, 0x80, 0xbf),
            0x80..=0xbf if shared.has(Fault::Utf8StrayByte) => (0, 0, 0),
            0xfe | 0xff if shared.has(Fault::Utf8FeFf) => (0, 0, 0),
            _ => return false,
        };
        *self = Utf8 { needed, low, high };
        true
    }
}

/// U+FFFE and U+FFFF, which are characters like others.
pub(super) fn has_non_character(text: &[u8]) -> bool {
    text.windows(3).any(|three| matches!(three, [0xef, 0xbf, 0xbe | 0xbf]))
}
