//! The checksum of a header of version 2: CRC32c, with its own four bytes taken for zero.

/// The checksum of a header whose TLVs begin at `tlvs`; `None` where no TLV has one.
pub(super) fn of(header: &[u8], tlvs: usize) -> Option<u32> {
    let value = value_at(header, tlvs)?;
    let octets = header.iter().enumerate().map(|(at, &octet)| {
        let is_own = (value..value + 4).contains(&at);
        if is_own { 0 } else { octet }
    });
    Some(crc32c(octets))
}

/// Where the value of the checksum stands.
fn value_at(header: &[u8], tlvs: usize) -> Option<usize> {
    let mut at = tlvs;
    loop {
        let &[kind, high, low] = header.get(at..)?.first_chunk()?;
        if kind == KIND {
            return Some(at + 3);
        }
        at += 3 + usize::from(u16::from_be_bytes([high, low]));
    }
}

/// RFC 4960 appendix B: bit by bit, since a header is short.
fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    !octets.fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc: u32, _| {
            (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}

/// PP2_TYPE_CRC32C.
const KIND: u8 = 0x03;

/// Castagnoli's, reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32c_is_right() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
    }
}
