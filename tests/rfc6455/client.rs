//! What a client of ours makes of a server's frames, and how it writes its own (RFC 6455 §5.1, §5.3).

use stickler::Violation;
use stickler::proto::client_frame::{ServerContext, ServerFrame, ServerFrameFault, encode_masked};
use stickler::proto::frame::{FrameHeader, FrameLimits, HeaderContext, Opcode};
use stickler::proto::mask::Mask;
use stickler_testing::claims;
use stickler_testing::hex::hex;

use ServerFrameFault::{Masked, Rule};

#[test]
fn s5_1_a_frame_of_a_server_is_judged_at_every_cut() {
    claims!("6455-5.1-08");
    let plain = ServerContext::default();
    let inside = ServerContext { message_unfinished: true, ..plain };
    let deflate = ServerContext { compression: true, ..plain };
    for (bytes, context, expect) in [
        ("81 01", plain, Ok((Opcode::Text, 1, 2))),
        ("82 7e 0080", plain, Ok((Opcode::Binary, 128, 4))),
        ("82 7f 0000000000010000", plain, Ok((Opcode::Binary, 65536, 10))),
        ("88 02", plain, Ok((Opcode::Close, 2, 2))),
        ("80 00", inside, Ok((Opcode::Continuation, 0, 2))),
        ("c1 05", deflate, Ok((Opcode::Text, 5, 2))),
        ("81 81 00000000", plain, Err(Masked)),
        ("88 80 00000000", plain, Err(Masked)),
        ("82 fe 0080", plain, Err(Masked)),
        ("c1 05", plain, Err(Rule(Violation::ReservedBit))),
        ("83 81", plain, Err(Rule(Violation::ReservedOpcode))),
        ("80 00", plain, Err(Rule(Violation::NothingToContinue))),
        ("81 00", inside, Err(Rule(Violation::MessageUnfinished))),
        ("82 7e 007d", plain, Err(Rule(Violation::LengthNotMinimal))),
        ("82 7f 8000000000000000", plain, Err(Rule(Violation::LengthHighBit))),
        ("08 00", plain, Err(Rule(Violation::ControlFragmented))),
        ("89 7e 007e", plain, Err(Rule(Violation::ControlTooLong))),
    ] {
        let bytes = hex(bytes);
        let followed = [&bytes[..], &[0xff; 20]].concat();
        let parse = |bytes: &[u8]| {
            let header = ServerFrame::parse(bytes, context)?;
            Ok(header.map(|header| (header.opcode, header.payload_len, header.header_len)))
        };
        assert_eq!(parse(&followed), expect.map(Some), "{bytes:02x?}");
        let first =
            (0..=bytes.len()).map(|at| parse(&bytes[..at])).find(|found| *found != Ok(None));
        assert_eq!(first, Some(expect.map(Some)), "{bytes:02x?} octet by octet");
    }
    assert_eq!(Masked.to_string(), "RFC 6455 5.1: frame from the server is masked");
}

#[test]
fn s5_1_every_frame_of_a_client_is_masked() {
    claims!("6455-5.1-07");
    let size = FrameLimits { max_frame_size: u64::MAX, max_rest: u64::MAX };
    let context = HeaderContext {
        message_unfinished: false,
        size,
        compressed_size: None,
        fragment_allowed: true,
        empty_end_allowed: true,
    };
    for len in [0, 1, 125, 126, 65_535, 65_536] {
        let (payload, key) = (vec![b'x'; len], [0x37, 0xfa, 0x21, 0x3d]);
        let mut frame = b"before".to_vec();
        encode_masked(0x82, &payload, key, &mut frame);
        let frame = frame.strip_prefix(b"before").unwrap();
        assert_eq!(frame[1] & 0x80, 0x80);
        let header = FrameHeader::parse(frame, &context).unwrap().unwrap();
        assert_eq!((header.key, header.payload_len), (key, len as u64));
        let mut masked = frame[header.header_len..].to_vec();
        assert!(len == 0 || masked != payload);
        Mask::new(key).apply(&mut masked);
        assert_eq!(masked, payload);
    }
}
