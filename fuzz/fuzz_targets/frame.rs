//! Frame headers: every prefix is judged alike, and a header that passes has one encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::frame::{FrameHeader, FrameLimits, HeaderBytes, HeaderContext};

fuzz_target!(|data: &[u8]| {
    let Some((&setting, bytes)) = data.split_first() else { return };
    let context = HeaderContext {
        message_unfinished: setting & 1 != 0,
        size: FrameLimits {
            max_frame_size: if setting & 2 != 0 { 1000 } else { u64::MAX },
            max_rest: if setting & 4 != 0 { 700 } else { u64::MAX },
        },
        compressed_size: (setting & 16 != 0).then_some(FrameLimits {
            max_frame_size: if setting & 2 != 0 { 2000 } else { u64::MAX },
            max_rest: if setting & 32 != 0 { 3000 } else { u64::MAX },
        }),
        fragment_allowed: setting & 8 == 0,
        empty_end_allowed: setting & 8 == 0,
    };
    let mut first = None;
    for end in 0..=bytes.len() {
        let judged = FrameHeader::parse(&bytes[..end], &context);
        match first {
            // What the first bytes prove, more bytes do not change.
            Some(known) => assert_eq!(judged, known),
            None if judged == Ok(None) => assert!(end < 14),
            None => first = Some(judged),
        }
        if let Ok(Some(header)) = judged {
            assert!(header.header_len <= end);
            let len = usize::try_from(header.payload_len).unwrap();
            let plain = HeaderBytes::encode(header.opcode, header.fin, len);
            let encoded = if header.compressed { plain.compressed() } else { plain };
            let mut twin = encoded.as_bytes().to_vec();
            twin[1] |= 0x80;
            twin.extend(header.key);
            assert_eq!(twin, bytes[..header.header_len]);
        }
    }
});
