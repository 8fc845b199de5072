//! What compressors and inflaters take, by the allocator: no more than the budget is charged
//! (RFC 7692 §8), whatever the peer sends.
#![cfg(feature = "deflate")]

use std::sync::Arc;

use stickler::proto::{
    assembler::MessageLimits,
    deflate::{Compressor, Inflater, Level, Policy, Shape, WindowBits, budget::Budget, negotiate},
    event::{Delivery, Event},
    extension::parse_offers,
    inbound::Inbound,
    violation::Violation,
};
use stickler_testing::{allocator, claims};

use allocator::most;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn unlimited() -> Arc<Budget> {
    Arc::new(Budget::new(usize::MAX))
}

#[test]
fn a_compressor_takes_what_it_is_charged_for() {
    let budget = unlimited();
    let text = "{\"id\":1,\"name\":\"user\"},".repeat(3000).into_bytes();
    for bits in 8..=15 {
        for level in 1..=9 {
            for len in [100, text.len()] {
                let window = WindowBits::new(bits).unwrap();
                let shape = Shape::of(Level::new(level).unwrap(), window, len);
                let mut out = Vec::with_capacity(2 * text.len());
                let ((), taken) = most(|| {
                    let mut compressor = Compressor::new(shape, &budget).unwrap();
                    compressor.compress(&text, &text[..len], usize::MAX, &mut out).unwrap();
                });
                let charged = shape.memory();
                assert!(taken <= charged, "{shape:?}: {taken} of {charged}");
                assert!(charged <= taken + (16 << 10), "{shape:?}: {taken} of {charged}");
            }
        }
    }
}

#[test]
fn an_inflater_takes_what_it_is_charged_for() {
    let budget = unlimited();
    let (payload, mut out) = (zeros(10 << 20), Vec::with_capacity(70 << 10));
    let ((), taken) = most(|| {
        let mut inflater = Inflater::new(&budget).unwrap();
        inflater.begin(None);
        let mut rest = &payload[..];
        while !rest.is_empty() {
            out.clear();
            rest = &rest[inflater.inflate(rest, 64 << 10, &mut out).unwrap()..];
        }
    });
    assert!(taken <= Inflater::MEMORY, "{taken}");
    assert!(Inflater::MEMORY <= taken + (8 << 10), "{taken}");
}

/// A bomb takes no more than a message of as many bytes as are allowed.
#[test]
fn s8_a_bomb_takes_no_more_than_the_limit_says() {
    claims!("7692-8-02");
    const LIMIT: usize = 2 << 20;
    let payload = zeros(256 << 20);
    let mut frame = vec![0xC2, 0xFF];
    frame.extend((payload.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(&payload);
    let limits = MessageLimits::default().max_message_size(LIMIT);
    let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
    let agreement = negotiate(&offers, &Policy::default()).unwrap();
    let budget = unlimited();
    let (ended, taken) = most(|| {
        let mut inbound = Inbound::new();
        inbound.agree(&agreement);
        let mut at = 0;
        loop {
            let input = &mut frame[at..];
            let delivery = Delivery::Message;
            match inbound.receive(input, delivery, &limits) {
                Ok(step) => {
                    at += step.consumed;
                    if step.event == Some(Event::NoInflater) {
                        let inflater = Box::new(Inflater::new(&budget).unwrap());
                        inbound.lend_inflater(inflater);
                    }
                }
                Err(violation) => return violation,
            }
        }
    });
    assert_eq!((ended, budget.used()), (Violation::MessageTooBig, 0));
    assert!(taken <= 2 * LIMIT + Inflater::MEMORY + (64 << 10), "{taken}");
}

/// A payload of about a thousandth of these zeros.
fn zeros(len: usize) -> Vec<u8> {
    let shape = Shape::of(Level::default(), WindowBits::MAX, len);
    let mut compressor = Compressor::new(shape, &unlimited()).unwrap();
    let (piece, mut payload) = (vec![0; 1 << 20], Vec::new());
    compressor.begin(&[]);
    for _ in 0..len >> 20 {
        compressor.compress_fragment(&piece, false, &mut payload);
    }
    compressor.compress_fragment(&[], true, &mut payload);
    payload
}
