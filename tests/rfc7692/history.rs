//! What a message may refer back to (RFC 7692 §7.1.1, §7.2.1, §7.2.2).

use stickler::proto::{assembler::MessageLimits, violation::Violation::DeflateCorrupt};

use super::messages::{alone, taken_over};
use stickler_testing::deflate::{Token, Writer, noise, plain};

use super::twin::{self};
use crate::{
    claims::claims,
    drive::{Connection, Deflate, Seen, Start, Way},
    table::{
        Expect::{Binary, Fail, Ping, Text},
        Row, run,
    },
};

pub(crate) const ROWS: &[Row] = &[
    taken_over(
        "7692-7.2.1-11",
        "c1 87 00000000 f248cdc9c90700 c1 85 00000000 f200110000 c1 85 00000000 f200110000",
        &[Text("Hello"), Text("Hello"), Text("Hello")],
    ),
    // What came in between and was not compressed is not part of the history.
    taken_over(
        "7692-7.2.3.2-01",
        "c1 87 00000000 f248cdc9c90700 81 83 00000000 7a7a7a 89 81 00000000 7a \
         01 81 00000000 7a 80 81 00000000 7a c1 85 00000000 f200110000",
        &[Text("Hello"), Text("zzz"), Ping("7a"), Text("zz"), Text("Hello")],
    ),
    // An empty message leaves it as it was.
    taken_over(
        "7692-7.2.2-02",
        "c1 87 00000000 f248cdc9c90700 c1 81 00000000 00 c2 85 00000000 f200110000",
        &[Text("Hello"), Text(""), Binary("48656c6c6f")],
    ),
    // Nothing before the first message.
    taken_over("7692-7.2.2-06", "c1 85 00000000 f20011", &[Fail(DeflateCorrupt)]),
    // Without context takeover there is nothing before any.
    alone(
        "7692-7.2.2-04",
        "c1 87 00000000 f248cdc9c90700 c1 85 00000000 f20011",
        &[Text("Hello"), Fail(DeflateCorrupt)],
    ),
    alone(
        "7692-7.2.2-04",
        "c1 87 00000000 f248cdc9c90700 c1 87 00000000 f248cdc9c90700",
        &[Text("Hello"), Text("Hello")],
    ),
    // One byte further than there is, in a message by itself: 3 bytes, 4 back.
    alone("7692-7.2.2-06", "c1 89 00000000 4a4c4a06620000", &[Fail(DeflateCorrupt)]),
];

#[test]
fn s7_2_2_history() {
    run(ROWS);
}

const LIMITS: MessageLimits =
    MessageLimits::new().max_message_size(1 << 20).max_frame_size(1 << 20).max_fragments(1000);

/// A whole compressed binary message as a frame, the masking key all zeros.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xC2];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..126) => frame.push(0x80 | len as u8),
        Ok(len) => {
            frame.push(0xFE);
            frame.extend(len.to_be_bytes());
        }
        Err(_) => {
            frame.push(0xFF);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// All that is seen of these messages.
pub(crate) fn seen(agreed: Deflate, payloads: &[Vec<u8>]) -> Vec<Seen> {
    let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
    let expect = twin::deflated(agreed, Start::Open, LIMITS, &bytes);
    for way in Way::ALL {
        for cuts in [vec![], (0..bytes.len()).step_by(997).collect()] {
            let connection = Connection::deflated(agreed, (Start::Open, LIMITS, way));
            assert!(connection.feed(&bytes, cuts) == expect, "{way:?}");
        }
    }
    expect
}

/// A message of stored bytes, and one that copies from so far back.
fn copying(stored: usize, distance: usize) -> Vec<Seen> {
    let bytes: Vec<u8> = noise().into_iter().cycle().take(stored).collect();
    let mut writer = Writer::new();
    for piece in bytes.chunks(60_000) {
        writer = writer.stored(false, piece);
    }
    let copy = Writer::new().fixed(false, &[Token::Copy { length: 9, distance }]);
    seen(Deflate::ContextTakeover, &[writer.message(), copy.message()])
}

#[test]
fn s7_2_2_a_message_reaches_exactly_to_the_beginning_of_its_history() {
    const WINDOW: usize = 32 << 10;
    for stored in [1, 2, 3, 100, 4096, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 70_001] {
        let reach = stored.min(WINDOW);
        let Some(Seen::Binary(message)) = copying(stored, reach).pop() else { panic!("{stored}") };
        assert_eq!(message.len(), 9);
        if reach < WINDOW {
            let end = copying(stored, reach + 1).pop();
            assert_eq!(end, Some(Seen::Failed(DeflateCorrupt)), "{stored}");
        }
    }
}

/// The history goes over the ends of messages and of BFINAL=1 blocks.
#[test]
fn s7_2_1_the_history_is_of_what_came_out_whatever_it_came_in() {
    claims!("7692-7.2.1-05");
    let copy = |distance| [Token::Copy { length: 5, distance }];
    let payloads = [
        Writer::new().stored(true, b"abcde").fixed(true, &copy(5)).message(),
        Writer::new().fixed(true, &copy(10)).dynamic(true, &copy(15)).message(),
        Writer::new().dynamic(false, &copy(20)).stored(true, b"fgh").message(),
        Writer::new().fixed(false, &copy(28)).fixed(true, &copy(33)).message(),
    ];
    for split in 0..3 {
        let expect = [&b"abcdeabcde"[..], b"abcdeabcde", b"abcdefgh", b"abcdeabcde"];
        let seen = seen(Deflate::ContextTakeover, &payloads[..=split]);
        let expect = expect[..=split].iter().map(|bytes| Seen::Binary(bytes.to_vec()));
        assert_eq!(seen, expect.collect::<Vec<_>>());
    }
    let far = Writer::new().fixed(false, &copy(29)).message();
    let seen = seen(Deflate::ContextTakeover, &[&payloads[..3], &[far]].concat());
    assert_eq!(seen.last(), Some(&Seen::Failed(DeflateCorrupt)));
}

#[test]
fn s7_2_2_many_messages_refer_to_each_other() {
    let mut payloads = vec![Writer::new().fixed(false, &plain("the first")).message()];
    for round in 1..200 {
        let copy = Token::Copy { length: 9, distance: 9 + 10 * (round % 7).min(round - 1) };
        let last = round % 3 == 0;
        let literal = plain([round as u8]);
        payloads.push(Writer::new().fixed(last, &[&[copy], &literal[..]].concat()).message());
    }
    let seen = seen(Deflate::ContextTakeover, &payloads);
    assert_eq!(seen.len(), 200);
    assert!(seen.iter().all(|seen| matches!(seen, Seen::Binary(_))));
}
