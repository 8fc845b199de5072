//! The client's bytes: payloads, frames, masking keys.

use std::ops::Range;

use clap::ValueEnum;

/// What a payload is made of, and so which opcode its frame has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// All byte values, in a Binary frame.
    Binary,
    /// One byte per character, in a Text frame.
    Ascii,
    /// One to four bytes per character, in a Text frame.
    MultiByte,
}

const ASCII: &str = "The quick brown fox jumps over the lazy dog. ";
const MULTI_BYTE: &str = "κόσμε, héllo wörld ñ, 漢字かな交じり文, 🦀 и ещё 😀 ";

impl Kind {
    /// FIN and the opcode.
    pub(crate) fn first_byte(self) -> u8 {
        match self {
            Self::Binary => 0x82,
            Self::Ascii | Self::MultiByte => 0x81,
        }
    }

    /// A payload of `size` bytes.
    pub(crate) fn payload(self, size: usize) -> Vec<u8> {
        match self {
            Self::Binary => (0..size).map(|index| index as u8).collect(),
            Self::Ascii => text(ASCII, size),
            Self::MultiByte => text(MULTI_BYTE, size),
        }
    }
}

/// Whole characters of `sample`, again and again, and as many `x` as fill `size` bytes.
fn text(sample: &str, size: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(size);
    for character in sample.chars().cycle() {
        if payload.len() + character.len_utf8() > size {
            break;
        }
        payload.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    payload.resize(size, b'x');
    payload
}

/// A frame; without a masking key, as a server sends it.
pub(crate) fn frame(first_byte: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![first_byte];
    match payload.len() {
        len @ 0..126 => frame.push(mask_bit | len as u8),
        len @ 126..65_536 => {
            frame.push(mask_bit | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(mask_bit | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = key.inspect(|key| frame.extend(key)).unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The first byte of the frame that begins `bytes`, and where its payload is, if it is whole.
pub(crate) fn server_frame(bytes: &[u8]) -> Option<(u8, Range<usize>)> {
    let (&first_byte, &len) = (bytes.first()?, bytes.get(1)?);
    let (start, len): (usize, u64) = match len {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        len => (2, len.into()),
    };
    let payload = start..start.checked_add(usize::try_from(len).ok()?)?;
    (payload.end <= bytes.len()).then_some((first_byte, payload))
}

/// Numbers that look random, the same in every run, so that every server gets the same bytes. For keys and masks
/// RFC 6455 §4.1 and §5.3 want a strong source instead; nothing is kept from anybody here, and nobody is between
/// the two ends (§10.3).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    /// The next one (splitmix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A masking key without a zero in it, so that no byte is left as it is.
    pub(crate) fn masking_key(&mut self) -> [u8; 4] {
        let random = self.next().to_le_bytes();
        [0, 1, 2, 3].map(|index| random[index].max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_text_is_utf8() {
        for size in [0, 1, 16, 125, 1024, 16 << 10] {
            for kind in [Kind::Binary, Kind::Ascii, Kind::MultiByte] {
                let payload = kind.payload(size);
                assert_eq!(payload.len(), size);
                assert!(kind == Kind::Binary || str::from_utf8(&payload).is_ok());
            }
        }
    }

    #[test]
    fn a_masked_hello_is_the_one_of_rfc6455() {
        let expected = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(0x81, b"Hello", Some([0x37, 0xfa, 0x21, 0x3d])), expected);
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut frame = frame(0x82, &vec![0; len], None);
            assert_eq!(frame.len(), header + len);
            assert_eq!(server_frame(&frame), Some((0x82, header..header + len)));
            frame.pop();
            assert_eq!(server_frame(&frame), None);
        }
    }
}
