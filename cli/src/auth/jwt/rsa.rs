//! Public keys for RS256: their two numbers, and which of them can verify anything (RFC 7518 §3.3, RFC 8017).
//!
//! `ring` looks at a key only when it verifies by it. A key that it refuses has to end the start: otherwise the server
//! runs, and no token is good.

use jsonwebtoken::DecodingKey;

/// The key with this modulus and this public exponent, as big-endian octets.
///
/// # Errors
/// `ring` would verify nothing by it, or it is too short.
pub(super) fn key(n: &[u8], e: &[u8]) -> Result<DecodingKey, String> {
    let bits = bits(n);
    if bits < FEWEST_BITS {
        return Err(format!("a key for RS256 has {FEWEST_BITS} bits at least (RFC 7518 3.3)"));
    }
    if bits > MOST_BITS {
        return Err(format!("a key for RS256 has {MOST_BITS} bits at most here"));
    }
    // RFC 7518 §2: as few octets as the number takes.
    if [n, e].iter().any(|number| number.first() == Some(&0)) {
        return Err("its n or its e begins with a zero octet (RFC 7518 2)".into());
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if !is_odd(n) || !is_odd(e) || e == [1] || self::bits(e) > MOST_BITS_OF_EXPONENT {
        return Err("this is no RSA key: n and e are odd, and e is from 3 to 2^33".into());
    }
    Ok(DecodingKey::from_rsa_raw_components(n, e))
}

/// The modulus and the public exponent of an `RSAPublicKey` in DER (RFC 8017 §A.1.1).
pub(super) fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (numbers, []) = element(der, SEQUENCE)? else { return None };
    let (n, rest) = element(numbers, INTEGER)?;
    let (e, []) = element(rest, INTEGER)? else { return None };
    Some((positive(n)?, positive(e)?))
}

/// The content of the first element, which has this tag, and what stands behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let der = der.strip_prefix(&[tag])?;
    let (len, rest) = match der {
        [0x82, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        [0x81, len, rest @ ..] => (u16::from(*len), rest),
        [len, rest @ ..] if *len < 0x80 => (u16::from(*len), rest),
        _ => return None,
    };
    rest.split_at_checked(len.into())
}

/// A positive integer without the octet that holds its sign alone.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
        [first, ..] if (1..0x80).contains(first) => Some(integer),
        _ => None,
    }
}

/// How many bits the number has.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let significant = number.get(zeros..).unwrap_or_default();
    let first = significant.first().map_or(0, |first| first.leading_zeros() as usize);
    significant.len() * 8 - first
}

/// RFC 7518 §3.3.
const FEWEST_BITS: usize = 2048;

/// Of `ring`, as those below.
const MOST_BITS: usize = 8192;

const MOST_BITS_OF_EXPONENT: usize = 33;

const SEQUENCE: u8 = 0x30;

const INTEGER: u8 = 0x02;
