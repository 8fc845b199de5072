//! The sending side: what may be sent when, and how it looks (RFC 6455 §5.1, §5.2, §5.4 to
//! §5.6, §6.1, §7.1.2, §7.1.7, §7.4).

use stickler::proto::{
    assembler::MessageKind::{Binary, Text},
    close::{CloseCode, CloseFrame},
    frame::{HeaderBytes, Opcode},
    outbound::{Outbound, SendError},
    prepared::Prepared,
    violation::Violation,
};

use crate::{claims::claims, hex::hex, table::server_frame};

fn close(code: u16, reason: &str) -> CloseFrame<'_> {
    CloseFrame { code: Some(CloseCode::new(code)), reason }
}

#[test]
fn s5_2_headers_are_unmasked_and_minimal() {
    claims!("6455-5.1-04", "6455-5.2-08", "6455-5.2-09", "6455-5.2-10");
    for (len, header) in [
        (0, "82 00"),
        (1, "82 01"),
        (125, "82 7d"),
        (126, "82 7e 007e"),
        (127, "82 7e 007f"),
        (65_535, "82 7e ffff"),
        (65_536, "82 7f 0000000000010000"),
        (1 << 40, "82 7f 0000010000000000"),
    ] {
        let sent = Outbound::new().start_message(Binary, len).unwrap();
        assert_eq!(sent.as_bytes(), hex(header), "{len}");
        if len < 1 << 20 {
            // Appended, it makes room for the payload too, and for hardly more.
            let mut batch = Vec::new();
            sent.append_to(&mut batch, len);
            assert_eq!(batch, hex(header), "{len}");
            assert!((len + 14..len + 64).contains(&batch.capacity()), "{len}");
        }
    }
    for len in 0..70_000 {
        let header = HeaderBytes::encode(Opcode::Text, true, len);
        let bytes = header.as_bytes();
        let (length, form) = match (bytes[1], &bytes[2..]) {
            (short, []) => (u64::from(short), 0..126),
            (126, &[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 126..65_536),
            (127, rest) => (u64::from_be_bytes(rest.try_into().unwrap()), 65_536..u64::MAX),
            _ => panic!("{bytes:x?}"),
        };
        assert!(length == len as u64 && form.contains(&length), "{len}: {bytes:x?}");
    }
}

#[test]
fn s5_6_the_kind_is_the_opcode() {
    claims!("6455-5.6-06", "6455-5.7-01");
    let mut outbound = Outbound::new();
    assert_eq!(outbound.start_message(Text, 5).unwrap().as_bytes(), [0x81, 5]);
    assert_eq!(outbound.start_message(Binary, 5).unwrap().as_bytes(), [0x82, 5]);
    assert_eq!(Prepared::text("Hello").frame()[..], hex("81 05 48656c6c6f"));
    assert_eq!(Prepared::binary([0xFF]).frame()[..], hex("82 01 ff"));
    let long = Prepared::binary(vec![0; 65_536]);
    assert_eq!(long.frame()[..10], hex("82 7f 0000000000010000"));
    assert_eq!((long.frame().len(), long.kind()), (65_546, Binary));
    assert_eq!(outbound.start_prepared(), Ok(()));
}

#[test]
fn s5_4_fragments_are_one_message_and_not_interleaved() {
    claims!("6455-5.4-10", "6455-5.4-11", "6455-5.4-12", "6455-6.1-02");
    let mut outbound = Outbound::new();
    let mut fragment = |kind, len, fin| {
        outbound.start_fragment(kind, len, fin).map(|header| header.as_bytes().to_vec())
    };
    assert_eq!(fragment(None, 1, true), Err(SendError::MessageUnfinished));
    assert_eq!(fragment(Some(Text), 3, false), Ok(vec![0x01, 3]));
    assert_eq!(fragment(Some(Binary), 1, true), Err(SendError::MessageUnfinished));
    assert_eq!(fragment(None, 0, false), Ok(vec![0x00, 0]));
    assert_eq!(outbound.start_message(Text, 1).err(), Some(SendError::MessageUnfinished));
    assert_eq!(outbound.start_prepared(), Err(SendError::MessageUnfinished));
    let mut batch = Vec::new();
    outbound.ping(b"p", &mut batch).unwrap();
    outbound.pong(b"q", &mut batch);
    assert_eq!(batch, hex("89 01 70 8a 01 71"));
    let last = outbound.start_fragment(None, 126, true).unwrap();
    assert_eq!(last.as_bytes(), hex("80 7e 007e"));
    assert_eq!(outbound.start_fragment(None, 1, true).err(), Some(SendError::MessageUnfinished));
    assert_eq!(outbound.start_message(Text, 1).unwrap().as_bytes(), [0x81, 1]);
    let only = outbound.start_fragment(Some(Binary), 2, true).unwrap();
    assert_eq!(only.as_bytes(), [0x82, 2]);
    assert!(outbound.start_prepared().is_ok());
}

#[test]
fn s5_5_control_frames_of_the_server_obey_the_limits() {
    claims!("6455-5.5-04");
    let mut outbound = Outbound::new();
    let mut batch = Vec::new();
    assert_eq!(outbound.ping(&[7; 126], &mut batch), Err(SendError::ControlTooLong));
    let reason = "r".repeat(124);
    assert_eq!(outbound.close(close(1000, &reason), &mut batch), Err(SendError::ReasonTooLong));
    assert!(batch.is_empty() && outbound.is_open());
    outbound.ping(&[7; 125], &mut batch).unwrap();
    assert_eq!(batch, server_frame(0x89, &[7; 125]));
    batch.clear();
    outbound.close(close(1000, &reason[1..]), &mut batch).unwrap();
    assert_eq!(batch, server_frame(0x88, &[&[3, 0xE8], &reason.as_bytes()[1..]].concat()));
}

#[test]
fn s7_1_2_a_close_carries_the_code_and_reason_given() {
    claims!("6455-7.1.2-01", "6455-7.4-01");
    let mut batch = Vec::new();
    let mut outbound = Outbound::new();
    outbound.close(close(4001, "bye"), &mut batch).unwrap();
    assert_eq!(batch, hex("88 05 0fa1 627965"));
    assert_eq!(outbound.sent_code(), Some(CloseCode::new(4001)));
    batch.clear();
    let mut outbound = Outbound::new();
    outbound.close(CloseFrame { code: None, reason: "" }, &mut batch).unwrap();
    assert_eq!(batch, hex("88 00"));
    assert!(outbound.has_sent_close() && outbound.sent_code().is_none());
}

/// The rows of §7.4.1: codes that a server may originate.
#[test]
fn s7_4_codes_that_the_server_may_send() {
    claims!("6455-7.4.2-06");
    for code in 0..=u16::MAX {
        let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
        let sent = outbound.close(close(code, ""), &mut batch);
        if matches!(code, 1000..=1003 | 1007..=1009 | 1011..=1014 | 3000..=4999) {
            assert_eq!((sent, batch), (Ok(()), server_frame(0x88, &code.to_be_bytes())));
        } else {
            assert_eq!(sent, Err(SendError::CloseCodeNotSendable), "{code}");
            assert!(batch.is_empty() && outbound.is_open(), "{code}");
        }
    }
}

/// After a Close, whoever sent it.
#[test]
fn s5_5_1_nothing_is_sent_after_a_close() {
    claims!("6455-5.5.1-08", "6455-5.5.1-13", "6455-6.1-01", "6455-7.1.3-01");
    let by_us = |outbound: &mut Outbound, batch: &mut Vec<u8>| {
        outbound.close(close(1000, ""), batch).unwrap();
    };
    let by_peer = |outbound: &mut Outbound, batch: &mut Vec<u8>| {
        outbound.answer_close(Some(CloseCode::NORMAL), batch);
    };
    let by_fault = |outbound: &mut Outbound, batch: &mut Vec<u8>| {
        outbound.fail(Violation::UnmaskedFrame, batch);
    };
    let by_end = |outbound: &mut Outbound, _: &mut Vec<u8>| outbound.shut();
    type End<'a> = &'a dyn Fn(&mut Outbound, &mut Vec<u8>);
    let ends: [End<'_>; 4] = [&by_us, &by_peer, &by_fault, &by_end];
    for (index, end) in ends.into_iter().enumerate() {
        let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
        end(&mut outbound, &mut batch);
        assert!(!outbound.is_open());
        batch.clear();
        assert_eq!(outbound.start_message(Text, 0).err(), Some(SendError::Closed), "{index}");
        assert_eq!(outbound.start_prepared(), Err(SendError::Closed));
        let fragment = outbound.start_fragment(Some(Text), 0, true);
        assert_eq!(fragment.err(), Some(SendError::Closed));
        assert_eq!(outbound.ping(b"", &mut batch), Err(SendError::Closed));
        assert_eq!(outbound.close(close(1000, ""), &mut batch), Err(SendError::Closed));
        outbound.fail(Violation::UnmaskedFrame, &mut batch);
        outbound.fail_with(CloseCode::INTERNAL_ERROR, "late", &mut batch);
        assert!(batch.is_empty(), "{index}: {batch:x?}");
    }
}

/// Of an unfinished streamed message the rest is dropped.
#[test]
fn s5_5_1_a_close_ends_an_unfinished_message_of_ours() {
    claims!("6455-5.5.1-12");
    let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
    outbound.start_fragment(Some(Text), 3, false).unwrap();
    outbound.answer_close(Some(CloseCode::NORMAL), &mut batch);
    assert_eq!(batch, hex("88 02 03e8"));
    assert_eq!(outbound.start_fragment(None, 3, true).err(), Some(SendError::Closed));
}

#[test]
fn s5_5_1_the_answer_has_the_code_and_no_reason_and_is_the_only_close() {
    claims!("6455-5.5.1-10", "6455-5.5.1-13", "6455-5.5.1-17");
    let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
    assert!(!outbound.has_sent_close() && !outbound.has_received_close());
    outbound.answer_close(Some(CloseCode::new(1010)), &mut batch);
    outbound.answer_close(Some(CloseCode::NORMAL), &mut batch);
    assert_eq!(batch, hex("88 02 03f2"));
    batch.clear();
    let mut outbound = Outbound::new();
    outbound.close(close(1001, "going"), &mut batch).unwrap();
    batch.clear();
    outbound.answer_close(Some(CloseCode::NORMAL), &mut batch);
    assert!(batch.is_empty() && outbound.has_received_close());
    assert_eq!(outbound.sent_code(), Some(CloseCode::GOING_AWAY));
}

/// The newest Pong only, while the peer does not read.
#[test]
fn s5_5_3_only_the_newest_pong_waits_under_back_pressure() {
    claims!("6455-5.5.3-02");
    let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
    outbound.set_congested(true);
    for data in [b"a", b"b", b"c"] {
        outbound.pong(data, &mut batch);
    }
    assert!(batch.is_empty() && outbound.has_waiting_pong());
    assert!(outbound.release_pong(&mut batch));
    assert!(!outbound.release_pong(&mut batch) && !outbound.has_waiting_pong());
    assert_eq!(batch, hex("8a 01 63"));
    // One that still waits goes before a later one.
    batch.clear();
    outbound.pong(b"d", &mut batch);
    outbound.set_congested(false);
    outbound.pong(b"e", &mut batch);
    assert_eq!(batch, hex("8a 01 64 8a 01 65"));
    assert!(!outbound.release_pong(&mut batch));
}

/// A Ping that came before what ends the connection is answered before our Close.
#[test]
fn s5_5_2_a_pong_that_waits_goes_before_the_close_that_ends_the_connection() {
    claims!("6455-5.5.2-02", "6455-7.1.7-03");
    type End = fn(&mut Outbound, &mut Vec<u8>);
    let ends: [(End, &str); 3] = [
        (|outbound, batch| outbound.answer_close(None, batch), "8a 01 77 88 00"),
        (|outbound, batch| outbound.fail_with(CloseCode::NORMAL, "", batch), "8a 01 77 88 02 03e8"),
        (
            |outbound, batch| {
                outbound.close(close(1000, ""), batch).unwrap();
                outbound.answer_close(None, batch);
            },
            "88 02 03e8 8a 01 77",
        ),
    ];
    for (end, expected) in ends {
        let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
        outbound.set_congested(true);
        outbound.pong(b"older", &mut batch);
        outbound.pong(b"w", &mut batch);
        end(&mut outbound, &mut batch);
        assert_eq!(batch, hex(expected));
        assert!(!outbound.has_waiting_pong());
    }
}

/// When the duty to answer ends.
#[test]
fn s5_5_2_pongs_end_with_a_received_close_and_with_a_failure() {
    claims!("6455-5.5.2-02", "6455-5.5.2-04", "6455-7.1.7-04");
    let waiting = || {
        let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
        outbound.set_congested(true);
        outbound.pong(b"w", &mut batch);
        outbound.set_congested(false);
        outbound
    };
    let mut batch = Vec::new();
    let mut outbound = waiting();
    outbound.close(close(1000, ""), &mut batch).unwrap();
    assert!(outbound.release_pong(&mut batch));
    outbound.pong(b"x", &mut batch);
    assert_eq!(batch, hex("88 02 03e8 8a 01 77 8a 01 78"));

    let mut outbound = waiting();
    outbound.answer_close(None, &mut batch);
    batch.clear();
    assert!(!outbound.release_pong(&mut batch));
    outbound.pong(b"x", &mut batch);
    assert!(batch.is_empty());

    let mut outbound = waiting();
    outbound.fail(Violation::ReservedBit, &mut batch);
    batch.clear();
    assert!(!outbound.release_pong(&mut batch));
    outbound.pong(b"x", &mut batch);
    assert!(batch.is_empty());

    let mut outbound = waiting();
    outbound.shut();
    assert!(!outbound.release_pong(&mut batch));
    assert!(batch.is_empty());
}

/// Code, clause and sentence of the row.
#[test]
fn s7_1_7_the_close_that_fails_a_connection_names_the_clause() {
    claims!("6455-7.1.7-02");
    for violation in Violation::ALL {
        let (mut outbound, mut batch) = (Outbound::new(), Vec::new());
        outbound.fail(*violation, &mut batch);
        let reason = format!("{}: {}", violation.section(), violation.sentence());
        let code = violation.close_code().get().to_be_bytes();
        assert_eq!(batch, server_frame(0x88, &[&code, reason.as_bytes()].concat()));
        assert_eq!(outbound.sent_code(), Some(violation.close_code()));
        assert_eq!(violation.to_string(), reason);
    }
}

#[test]
fn s7_4_each_violation_has_the_code_of_the_decisions() {
    claims!("6455-10.7-03");
    use Violation::*;
    for violation in Violation::ALL {
        let code = match violation {
            TextNotUtf8
            | CloseReasonNotUtf8
            | DeflateCorrupt
            | DeflateCutOff
            | DeflateEmpty
            | DeflateEndsWithFinalBlock
            | DeflateTailNotRemoved => 1007,
            FrameTooBig | MessageTooBig => 1009,
            TooManyFragments | TooManyPings | TooManyMessages => 1008,
            _ => 1002,
        };
        assert_eq!(violation.close_code().get(), code, "{violation:?}");
    }
}

#[test]
fn codes_and_errors_are_shown() {
    assert_eq!(format!("{} {:?}", CloseCode::NORMAL, CloseCode::new(4999)), "1000 4999");
    let errors = [
        SendError::Closed,
        SendError::QueueFull,
        SendError::MessageUnfinished,
        SendError::ControlTooLong,
        SendError::CloseCodeNotSendable,
        SendError::ReasonTooLong,
    ];
    let mut shown: Vec<String> = errors.iter().map(SendError::to_string).collect();
    assert!(shown.iter().all(|text| !text.is_empty()));
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), errors.len());
}
