//! What goes out compressed, and what both ends remember of it (RFC 7692 §6.1, §7.1.1.1, §7.2.1).

use std::sync::Arc;

use stickler::proto::{
    assembler::MessageKind,
    close::CloseFrame,
    deflate::{
        Agreement, Compressor, Inflater, Level, Policy, Shape, budget::Budget, history::History,
        negotiate,
    },
    extension::parse_offers,
    outbound::{Outbound, SendError},
    prepared::Prepared,
};

use super::compressing::window;
use crate::claims::claims;
use crate::random::Random;
use stickler_testing::deflate::{Window, inflate_message, json, words};

fn agreement(takeover: bool, bits: u8) -> Agreement {
    let policy =
        Policy::default().server_context_takeover(takeover).server_max_window_bits(window(bits));
    let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
    negotiate(&offers, &policy).unwrap()
}

fn outbound(takeover: bool, bits: u8) -> Outbound {
    let mut outbound = Outbound::new();
    outbound.agree(&agreement(takeover, bits), None);
    outbound
}

fn compress(bits: u8, history: &[u8], message: &[u8]) -> Vec<u8> {
    let shape = Shape::of(Level::default(), window(bits), message.len());
    let mut compressor = Compressor::new(shape, &Arc::new(Budget::new(usize::MAX))).unwrap();
    let mut payload = Vec::new();
    compressor.compress(history, message, usize::MAX, &mut payload).unwrap();
    payload
}

#[test]
fn s6_1_the_bit_is_on_the_first_frame_of_a_compressed_message() {
    claims!("7692-6.1-01", "7692-6.1-02");
    let mut outbound = outbound(false, 15);
    let header = outbound.start_compressed(MessageKind::Text, 7).unwrap();
    assert_eq!(header.as_bytes(), [0xC1, 7]);
    let header = outbound.start_compressed(MessageKind::Binary, 300).unwrap();
    assert_eq!(header.as_bytes(), [0xC2, 126, 1, 44]);
    let header = outbound.start_message(MessageKind::Text, 7).unwrap();
    assert_eq!(header.as_bytes(), [0x81, 7]);
    let mut fragment = |first, fin| {
        outbound.start_fragment(first, 1, fin).map(|header| header.as_bytes().to_vec())
    };
    assert_eq!(fragment(Some(MessageKind::Text), false), Ok(vec![0x01, 1]));
    assert_eq!(fragment(None, false), Ok(vec![0x00, 1]));
    let inside = Err(SendError::MessageUnfinished);
    assert_eq!(outbound.start_compressed(MessageKind::Text, 1).map(|_| ()), inside);
    let mut batch = Vec::new();
    outbound.ping(b"p", &mut batch).unwrap();
    outbound.pong(b"p", &mut batch);
    assert_eq!(batch, [0x89, 1, b'p', 0x8A, 1, b'p']);
    outbound.start_fragment(None, 1, true).unwrap();
    outbound.close(CloseFrame { code: None, reason: "" }, &mut batch).unwrap();
    let closed = outbound.start_compressed(MessageKind::Text, 1).map(|_| ());
    assert_eq!(closed, Err(SendError::Closed));
}

#[test]
fn s7_2_1_both_ends_stay_in_step() {
    claims!("7692-7.2.1-09", "7692-7.2.1-11");
    for bits in [8, 9, 12, 15] {
        for takeover in [false, true] {
            let mut random = Random::new(bits.into());
            let mut outbound = outbound(takeover, bits);
            let mut peer = Window::new(takeover);
            for round in 0..100 {
                let text = format!("{{\"round\":{round},\"n\":{}}}", random.next());
                let message = match random.below(4) {
                    0 => [text.as_bytes(), &json()].concat(),
                    1 => [&words(), text.as_bytes()].concat(),
                    2 => text.repeat(1 + random.below(40)).into_bytes(),
                    _ => Vec::new(),
                };
                let payload = match random.below(4) {
                    // Plain ones pass the history by.
                    0 => {
                        outbound.start_message(MessageKind::Binary, message.len()).unwrap();
                        continue;
                    }
                    // Prepared ones refer to nothing before them, but later ones may refer to them.
                    1 => {
                        let prepared = Prepared::binary(&message);
                        let frame = prepared.compressed(window(bits), |payload| {
                            assert_eq!(payload, message);
                            Some(compress(bits, &[], payload))
                        });
                        outbound.start_prepared().unwrap();
                        let frame = frame.unwrap();
                        assert_eq!(frame[0], 0xC2);
                        let header_len = if frame[1] == 126 { 4 } else { 2 };
                        frame[header_len..].to_vec()
                    }
                    2 => fragments(&mut outbound, bits, &message),
                    _ => {
                        let payload = compress(bits, outbound.history(), &message);
                        outbound.start_compressed(MessageKind::Binary, payload.len()).unwrap();
                        payload
                    }
                };
                outbound.remember(&message);
                let kept = peer.bytes().len().saturating_sub(1 << bits);
                let inflated = inflate_message(&peer.bytes()[kept..], &payload).unwrap();
                assert!(inflated.output == message, "{bits} {takeover} {round}");
                assert!(inflated.max_distance <= 1 << bits);
                peer.slide(&message);
                let kept = peer.bytes().len().saturating_sub(1 << bits);
                assert!(outbound.history() == &peer.bytes()[kept..], "{bits} {takeover} {round}");
            }
            assert_eq!(outbound.history().is_empty(), !takeover);
            outbound.shut();
            assert!(outbound.history().is_empty());
        }
    }
}

/// The payload of a message sent in two fragments.
fn fragments(outbound: &mut Outbound, bits: u8, message: &[u8]) -> Vec<u8> {
    let shape = Shape::of(Level::default(), window(bits), usize::MAX);
    let mut compressor = Compressor::new(shape, &Arc::new(Budget::new(usize::MAX))).unwrap();
    compressor.begin(outbound.history());
    let (front, back) = message.split_at(message.len() / 2);
    let mut payload = Vec::new();
    compressor.compress_fragment(front, false, &mut payload);
    outbound.start_fragment(Some(MessageKind::Binary), payload.len(), false).unwrap();
    compressor.compress_fragment(back, true, &mut payload);
    outbound.start_fragment(None, payload.len(), true).unwrap();
    payload
}

#[test]
fn a_prepared_message_is_compressed_once_for_each_window() {
    let prepared = Prepared::text(words_text());
    let clone = prepared.clone();
    let mut asked = 0;
    for bits in 8..=15 {
        for prepared in [&prepared, &clone, &prepared] {
            let frame = prepared.compressed(window(bits), |payload| {
                asked += 1;
                (bits != 9).then(|| compress(bits, &[], payload))
            });
            // What was decided once is decided for all.
            assert_eq!(frame.is_none(), bits == 9);
            assert!(frame.is_none_or(|frame| frame[0] == 0xC1));
        }
    }
    assert_eq!(asked, 8);
    assert_eq!(prepared.payload(), words_text().as_bytes());
    assert_eq!(prepared.frame()[0], 0x81);
    for len in [0, 125, 126, 65_535, 65_536] {
        assert_eq!(Prepared::binary(vec![7; len]).payload(), vec![7; len]);
    }
}

fn words_text() -> String {
    String::from_utf8(words()).unwrap()
}

#[test]
fn s7_2_a_history_is_the_end_of_what_went_through() {
    for bits in [8, 11, 15] {
        let mut random = Random::new(bits.into());
        let (mut history, mut naive) = (History::new(window(bits)), Vec::new());
        for _ in 0..200 {
            let len = [3, 200, 5000, 40_000][random.below(4)];
            let passed: Vec<u8> = (0..random.below(len)).map(|_| random.next() as u8).collect();
            history.extend(&passed);
            naive.extend(passed);
            naive.drain(..naive.len().saturating_sub(1 << bits));
            assert!(history.bytes() == naive);
            if random.below(50) == 0 {
                history.clear();
                naive.clear();
            }
        }
    }
}

#[test]
fn a_budget_is_kept_by_many_threads() {
    let budget = Arc::new(Budget::new(10_000));
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let budget = budget.clone();
            std::thread::spawn(move || {
                let mut random = Random::new(seed);
                let mut held = Vec::new();
                for _ in 0..20_000 {
                    held.extend(budget.charge(random.below(1500)));
                    assert!(budget.used() <= budget.limit());
                    if random.below(3) == 0 || held.len() > 20 {
                        held.clear();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(budget.used(), 0);
}

#[test]
fn codecs_are_charged_as_long_as_they_live() {
    use stickler::proto::deflate::Inflater;
    let shape = Shape::of(Level::default(), window(15), 100);
    let budget = Arc::new(Budget::new(shape.memory() + Inflater::MEMORY));
    let compressor = Compressor::new(shape, &budget).unwrap();
    let inflater = Inflater::new(&budget).unwrap();
    assert!(Compressor::new(shape, &budget).is_none() && Inflater::new(&budget).is_none());
    drop(compressor);
    assert_eq!(budget.used(), Inflater::MEMORY);
    drop(inflater);
    assert_eq!(budget.used(), 0);
}

#[test]
fn s7_1_1_what_is_kept_between_messages_is_charged_until_the_end() {
    for (server, client) in [(false, false), (false, true), (true, false), (true, true)] {
        let policy =
            Policy::default().server_context_takeover(server).client_context_takeover(client);
        let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
        let agreement = negotiate(&offers, &policy).unwrap();
        let budget = Arc::new(Budget::new(100));
        let mut outbound = Outbound::new();
        outbound.agree(&agreement, budget.charge(60).map(Arc::new));
        // What comes from the client is charged as it is kept.
        assert_eq!(budget.used(), if server { 60 } else { 0 }, "{server} {client}");
        outbound.shut();
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn engines_know_the_budget_that_they_are_charged_to() {
    let (ours, other) = (Arc::new(Budget::new(1 << 20)), Arc::new(Budget::new(1 << 20)));
    let inflater = Inflater::new(&ours).unwrap();
    assert!(inflater.is_charged_to(&ours) && !inflater.is_charged_to(&other));
    let shape = Shape::of(Level::default(), window(15), 100);
    let compressor = Compressor::new(shape, &ours).unwrap();
    assert!(compressor.is_charged_to(&ours) && !compressor.is_charged_to(&other));
}

#[test]
fn a_prepared_message_is_settled_once_for_each_window() {
    let prepared = Prepared::text("Hello");
    assert!(!prepared.is_settled(window(15)));
    assert!(prepared.compressed(window(15), |_| None::<Vec<u8>>).is_none());
    assert!(prepared.is_settled(window(15)) && !prepared.is_settled(window(14)));
}

/// What is charged is two windows with their chains, the tables, and the symbols of a block.
#[test]
fn a_compressor_for_short_messages_is_smaller() {
    for number in 1..=9 {
        let level = Level::new(number).unwrap();
        assert_eq!(level.get(), number);
        let memory = |bits, message_len| Shape::of(level, window(bits), message_len).memory();
        assert_eq!((memory(15, 0), memory(15, 2048)), (284_672, 284_672));
        assert_eq!((memory(15, 2049), memory(15, usize::MAX)), (385_024, 385_024));
        // zlib has no window of 256 bytes.
        assert_eq!((memory(8, 100), memory(9, 100), memory(10, 100)), (155_648, 155_648, 157_696));
    }
}

#[test]
fn messages_go_plain_unless_compression_is_agreed_or_one_is_unfinished() {
    let mut outbound = Outbound::new();
    assert!(outbound.is_plain());
    outbound.start_fragment(Some(MessageKind::Text), 1, false).unwrap();
    assert!(!outbound.is_plain());
    outbound.start_fragment(None, 1, true).unwrap();
    assert!(outbound.is_plain());
    outbound.agree(&agreement(false, 15), None);
    assert!(!outbound.is_plain());
    outbound.start_fragment(Some(MessageKind::Text), 1, false).unwrap();
    assert!(!outbound.is_plain());
}
