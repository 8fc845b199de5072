//! Messages that inflate to very much, or take very much work (RFC 7692 §8).

use stickler::proto::{
    event::{Delivery, Event},
    violation::Violation,
};

use super::delivery::Hand;
use crate::claims::claims;
use stickler_testing::deflate::{Codes, Token, Writer};

/// Bytes that a call may put out before others get their turn.
const SHARE: usize = 256 << 10;

/// A payload of about a thousandth of what it holds: zeros, so many bytes.
fn zeros(len: usize) -> Vec<u8> {
    // Both codes have one bit: 258 bytes in two, the best that DEFLATE can do.
    let copy = Token::Copy { length: 258, distance: 1 };
    let tokens = [Token::Literal(0), copy];
    let mut codes = Codes::of(&tokens);
    codes.literals = vec![0; 286];
    (codes.literals[0], codes.literals[256], codes.literals[285]) = (2, 2, 1);
    codes.distances = vec![1];
    let open = |begin: Writer| begin.dynamic_open(false, &tokens[..1], &codes);
    let mut open = match open(Writer::new()) {
        even if even.taken() % 2 == 0 => even,
        // A block of 19 bits before it.
        _ => open(Writer::new().fixed(false, &[Token::Literal(200)])),
    };
    // 4 copies for each byte, once the writer stands at one.
    let mut copies = 0;
    while open.taken() != 0 {
        open = open.tokens(&tokens[1..], &codes);
        copies += 1;
    }
    let end = Writer::new().symbol(256, &codes.literals).message();
    let more = (len - 1 - 258 * copies) / (4 * 258);
    [open.finish(), vec![0; more], end].concat()
}

/// A message in fragments of so many bytes, behind the header of the first.
fn fragments(payload: &[u8], size: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    let count = payload.len().div_ceil(size);
    for (index, piece) in payload.chunks(size).enumerate() {
        let fin = if index + 1 == count { 0x80 } else { 0 };
        frames.push(fin | if index == 0 { 0x42 } else { 0 });
        match u16::try_from(piece.len()) {
            Ok(len @ 0..126) => frames.push(0x80 | len as u8),
            Ok(len) => {
                frames.push(0xFE);
                frames.extend(len.to_be_bytes());
            }
            Err(_) => {
                frames.push(0xFF);
                frames.extend((piece.len() as u64).to_be_bytes());
            }
        }
        frames.extend([1, 2, 3, 4]);
        frames.extend(piece.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    frames
}

/// What came of feeding all of it: bytes put out, calls, the most put out in one call.
fn feed(hand: &mut Hand, bytes: &[u8], read: usize, delivery: Delivery) -> Fed {
    let mut fed = Fed::default();
    for piece in bytes.chunks(read) {
        let mut input = piece.to_vec();
        let mut rest = &mut input[..];
        loop {
            let before = hand.inbound.buffered();
            let received = hand.receive(rest, delivery);
            fed.calls += 1;
            let step = match received {
                Ok(step) => step,
                Err(violation) => {
                    fed.end = Some(violation);
                    return fed;
                }
            };
            let grown = hand.inbound.buffered() - before;
            fed.out += grown;
            fed.most = fed.most.max(grown);
            rest = &mut rest[step.consumed..];
            match step.event {
                None => break,
                Some(Event::NoInflater) => hand.lend(),
                Some(Event::Paused) => fed.pauses += 1,
                Some(Event::Message(_) | Event::Piece { .. }) => {
                    let taken = hand.inbound.take_assembled(Vec::new());
                    assert!(taken.capacity() <= 2 * hand.limits.max_message_size + (64 << 10));
                }
                Some(event) => panic!("{event:?}"),
            }
        }
    }
    fed
}

#[derive(Debug, Default)]
struct Fed {
    out: usize,
    calls: usize,
    pauses: usize,
    most: usize,
    end: Option<Violation>,
}

/// A gibibyte in a mebibyte stops at the limit.
#[test]
fn s8_a_bomb_stops_at_the_limit() {
    claims!("7692-8-02");
    let payload = zeros(1 << 30);
    assert!(payload.len() < 1_100_000, "{}", payload.len());
    for delivery in [Delivery::Message, Delivery::Pieces] {
        for (size, read) in [(usize::MAX >> 1, 64 << 10), (1000, 4096), (70_000, usize::MAX)] {
            let mut hand = Hand::new();
            hand.limits.max_message_size = 1 << 20;
            hand.limits.max_fragments = 10_000;
            let fed =
                feed(&mut hand, &fragments(&payload, size.min(payload.len())), read, delivery);
            assert_eq!(fed.end, Some(Violation::MessageTooBig), "{fed:?}");
            // The call that failed had put out less than a share.
            assert!(fed.out <= 1 << 20 && fed.out > (1 << 20) - SHARE - 1, "{fed:?}");
            assert!(fed.most <= SHARE, "{fed:?}");
            assert_eq!(hand.budget.used(), 0);
        }
    }
}

/// What is within the limit takes many turns.
#[test]
fn s8_inflating_pauses_at_least_every_share() {
    claims!("7692-8-03");
    let payload = zeros(4 << 20);
    let mut hand = Hand::new();
    let fed = feed(&mut hand, &fragments(&payload, payload.len()), usize::MAX, Delivery::Message);
    assert_eq!(fed.end, None);
    assert!(fed.most <= SHARE && fed.pauses >= (4 << 20) / SHARE - 1, "{fed:?}");
    assert!(fed.pauses < 100, "{fed:?}");
}

/// Blocks that end the stream cost work without any output.
#[test]
fn s8_many_final_blocks_take_many_turns() {
    claims!("7692-8-03");
    let mut hand = Hand::new();
    let payload = [&[0x03, 0x00].repeat(40_000)[..], &[0]].concat();
    let fed = feed(&mut hand, &fragments(&payload, payload.len()), usize::MAX, Delivery::Message);
    assert_eq!((fed.end, fed.out), (None, 0), "{fed:?}");
    // 16 KiB of input are a share, whatever comes out of them.
    assert!(fed.pauses >= payload.len() / (16 << 10), "{fed:?}");
}

/// A turn may end inside the last copy, when the bits of the message's end are in the same byte.
#[test]
fn s8_a_pause_with_all_input_taken_ends_nothing() {
    let copy = Token::Copy { length: 258, distance: 1 };
    let mut codes = Codes::of(&[Token::Literal(0), copy]);
    codes.literals.fill(0);
    (codes.literals[0], codes.literals[256], codes.literals[285]) = (2, 2, 1);
    codes.distances = vec![1];
    let mut paused_at_the_end = 0;
    // Each call has room for 1 KiB, and is charged 256 bytes beside: so many copies make a share.
    let copies = SHARE.div_ceil((1 << 10) + 256) * (1 << 10) / 258 + 1;
    for lead in 1..=8 {
        for flip in [false, true] {
            let begin = if flip {
                Writer::new().fixed(false, &[Token::Literal(200)])
            } else {
                Writer::new()
            };
            let tokens = [vec![Token::Literal(0); lead], vec![copy; copies]].concat();
            let payload = begin.dynamic_with(false, &tokens, &codes).message();
            let len = usize::from(flip) + lead + 258 * copies;
            for delivery in [Delivery::Message, Delivery::Pieces] {
                let mut hand = Hand::new();
                hand.limits.max_message_size = len;
                let mut input = fragments(&payload, payload.len());
                let (mut at, mut out, mut ended) = (0, 0, false);
                while !ended {
                    let rest = &mut input[at..];
                    let step = hand.receive(rest, delivery).unwrap();
                    at += step.consumed;
                    match step.event.unwrap() {
                        Event::NoInflater => hand.lend(),
                        Event::Paused | Event::Piece { last: false, .. } => {
                            paused_at_the_end += usize::from(at == input.len());
                        }
                        Event::Message(_) | Event::Piece { last: true, .. } => ended = true,
                        event => panic!("{event:?}"),
                    }
                    if ended || delivery == Delivery::Pieces {
                        out += hand.inbound.take_assembled(Vec::new()).len();
                    }
                }
                assert_eq!((at, out), (input.len(), len));
            }
        }
    }
    assert!(paused_at_the_end > 0);
}
