//! Inflates messages with miniz_oxide, which shares nothing with the server's inflater.

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{DecompressorOxide, decompress, inflate_flags},
};

/// The message of this payload behind this history; `None` when it is none, or longer than `most`.
pub(crate) fn inflate_message(history: &[u8], payload: &[u8], most: usize) -> Option<Vec<u8>> {
    const FLAGS: u32 = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let stream = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = history.to_vec();
    out.resize(history.len() + most, 0);
    let (mut at, mut input) = (history.len(), &stream[..]);
    let mut inflater = DecompressorOxide::new();
    while !input.is_empty() {
        let more = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        let (status, taken, put) = decompress(&mut inflater, input, &mut out, at, FLAGS | more);
        at += put;
        input = &input[taken..];
        match status {
            // A block with BFINAL=1 ends nothing but the block (RFC 7692 §7.2.1).
            TINFLStatus::Done => inflater = DecompressorOxide::new(),
            TINFLStatus::NeedsMoreInput if input.is_empty() => {}
            _ => return None,
        }
    }
    Some(out[history.len()..at].to_vec())
}
