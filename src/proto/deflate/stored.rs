//! Compressed messages without a compressor: stored blocks (RFC 1951 §3.2.4, RFC 7692 §7.2.3.3).

/// Appends the next slice of a message as stored blocks to `out`; `is_last` ends the payload without
/// the tail (RFC 7692 §7.2.1). What was appended before ends at a byte.
pub fn store(slice: &[u8], is_last: bool, out: &mut Vec<u8>) {
    for block in slice.chunks(MAX_BLOCK) {
        let len = u16::try_from(block.len()).unwrap_or(u16::MAX);
        // RFC 1951 §3.2.4: BFINAL=0, BTYPE=00, then LEN and its complement.
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    if is_last {
        // RFC 7692 §7.2.1: an empty stored block ends the message, and of it LEN and NLEN are left out.
        out.push(0);
    }
}

/// The most bytes that a stored block holds.
const MAX_BLOCK: usize = 0xffff;
