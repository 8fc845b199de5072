//! Tokens as they are kept: as their hashes, so that a comparison takes the same time, however near a token comes.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The SHA-256 of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Reads 64 hexadecimal digits.
    pub(super) fn parse(hex: &str) -> Option<Self> {
        let mut octets = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *octet = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(octets))
    }
}

impl ConstantTimeEq for TokenHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_it_is_read_and_is_that_of_one_token() {
        let hash = TokenHash::of(b"test");
        let text = hash.to_string();
        assert!(text.starts_with("9f86d081884c7d65") && text.len() == 64, "{text}");
        assert!(bool::from(TokenHash::parse(&text).unwrap().ct_eq(&hash)));
        assert!(!bool::from(TokenHash::of(b"tesT").ct_eq(&hash)));
        for wrong in ["", &text[1..], &format!("+{}", &text[1..]), &format!("{text}0")] {
            assert!(TokenHash::parse(wrong).is_none(), "{wrong}");
        }
    }
}
