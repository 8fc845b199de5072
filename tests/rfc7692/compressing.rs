//! What this server sends compressed (RFC 7692 §7.1, §7.2.1), read by the slow reader.

use std::sync::Arc;

use stickler::proto::deflate::{Compressor, DoesNotFit, Level, Shape, WindowBits, budget::Budget};

use crate::claims::claims;
use crate::random::Random;
use stickler_testing::deflate::{Inflated, TAIL, inflate, inflate_message, json, noise, words};

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(usize::MAX))
}

pub(crate) fn window(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

fn level(number: u8) -> Level {
    Level::new(number).unwrap()
}

fn random_bytes(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    (0..len).map(|_| random.next() as u8).collect()
}

/// Text in which everything comes again 600 bytes later, and numbers that do not.
fn far_repeats(len: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    let unit = random_bytes(600);
    let units = std::iter::repeat_with(|| {
        let stamp = format!("#{}", random.next());
        [stamp.as_bytes(), &unit].concat()
    });
    units.flatten().take(len).collect()
}

fn messages() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"a".to_vec(),
        json(),
        words(),
        noise(),
        vec![b'a'; 1500],
        random_bytes(700),
        far_repeats(2300),
    ]
}

/// What a peer with a window of this size makes of a payload.
fn read(window: WindowBits, history: &[u8], payload: &[u8], message: &[u8]) -> Inflated {
    assert!(!payload.ends_with(&TAIL), "the tail was left on");
    let inflated = inflate_message(history, payload).map_err(|(fault, _)| fault).unwrap();
    assert!(inflated.output == message);
    assert_eq!(inflated.doubts, []);
    assert!(inflated.max_distance <= window.size(), "{} back", inflated.max_distance);
    assert!(window.get() > 8 || inflated.max_distance == 0);
    inflated
}

#[test]
fn s7_2_1_every_window_and_level_keeps_to_what_was_agreed() {
    claims!("7692-5-07", "7692-7.2.1-01", "7692-7.2.1-09", "7692-7.2.1-10", "7692-7.1.2.1-05");
    let history = far_repeats(3000);
    for bits in 8..=15 {
        for number in 1..=9 {
            for message in messages() {
                let shape = Shape::of(level(number), window(bits), message.len());
                let mut compressor = Compressor::new(shape, &budget()).unwrap();
                assert_eq!(compressor.shape(), shape);
                // Alone, behind a history, and alone again: nothing of it is left.
                let mut first = None;
                for history in [&[][..], &history, &[]] {
                    let mut out = b"before".to_vec();
                    compressor.compress(history, &message, usize::MAX, &mut out).unwrap();
                    let payload = out.strip_prefix(b"before").unwrap();
                    let inflated = read(window(bits), history, payload, &message);
                    if history.is_empty() {
                        assert_eq!(inflated.reach, 0);
                        let first = first.get_or_insert_with(|| payload.to_vec());
                        assert!(first == payload);
                    }
                }
            }
        }
    }
}

/// Repetitions just within the window and far behind it, in long messages.
#[test]
fn s7_2_1_long_messages_refer_no_further_than_the_window() {
    claims!("7692-7.2.1-10");
    for bits in 8..=15 {
        let message = far_repeats(3 << bits);
        let kept = far_repeats(1 << bits);
        for number in if bits < 13 { 1..=9 } else { 3..=3 } {
            let shape = Shape::of(level(number), window(bits), message.len());
            let mut compressor = Compressor::new(shape, &budget()).unwrap();
            let mut payload = Vec::new();
            compressor.compress(&kept, &message, usize::MAX, &mut payload).unwrap();
            let inflated = read(window(bits), &kept, &payload, &message);
            // The test would show nothing if there were no copies where they can be.
            assert!(bits <= 10 || inflated.max_distance > 600, "{}", inflated.max_distance);
        }
    }
}

/// A history longer than the window: what a receiver with the small one has forgotten is not
/// referred to.
#[test]
fn s7_2_1_of_a_long_history_only_the_window_is_used() {
    let history = far_repeats(20_000);
    for bits in 8..=13 {
        let shape = Shape::of(level(6), window(bits), 600);
        let mut compressor = Compressor::new(shape, &budget()).unwrap();
        let mut payload = Vec::new();
        let message = &history[history.len() - 400..];
        compressor.compress(&history, message, usize::MAX, &mut payload).unwrap();
        let kept = &history[history.len() - (1 << bits)..];
        let inflated = read(window(bits), kept, &payload, message);
        assert!(bits <= 9 || inflated.reach > 0);
    }
}

#[test]
fn s7_2_1_a_payload_fits_or_nothing_is_left_of_it() {
    for message in messages().into_iter().chain([random_bytes(70_000), vec![b'a'; 200_000]]) {
        let shape = Shape::of(Level::default(), WindowBits::MAX, message.len());
        let mut compressor = Compressor::new(shape, &budget()).unwrap();
        let mut payload = Vec::new();
        compressor.compress(&[], &message, usize::MAX, &mut payload).unwrap();
        let len = payload.len();
        let limits = [0, 1, 2, 3, len / 2, len.saturating_sub(1), len, len + 1, len + 2, len + 9];
        for less_than in limits.into_iter().chain([usize::MAX - 1]) {
            let mut out = vec![1, 2, 3];
            let fits = compressor.compress(&[], &message, less_than, &mut out);
            assert_eq!(fits.is_ok(), len < less_than, "{len} bytes in less than {less_than}");
            let expect = if fits.is_ok() { &payload[..] } else { &[] };
            assert!(out == [&[1, 2, 3], expect].concat(), "{len} bytes in less than {less_than}");
        }
    }
}

#[test]
fn s7_2_1_fragments_are_one_stream() {
    claims!("7692-7.2.1-06", "7692-7.2.1-07", "7692-7.2.3.6-01");
    let history = words();
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let bits = 8 + random.below(8) as u8;
        let pieces: Vec<Vec<u8>> = (0..1 + random.below(6))
            .map(|_| match random.below(5) {
                0 => Vec::new(),
                1 => random_bytes(random.below(300)),
                2 => words()[..random.below(200)].to_vec(),
                3 => vec![b'z'; random.below(2000)],
                _ => json(),
            })
            .collect();
        let shape = Shape::of(level(1 + random.below(9) as u8), window(bits), pieces[0].len());
        let mut compressor = Compressor::new(shape, &budget()).unwrap();
        for history in [&[][..], &history] {
            compressor.begin(history);
            let (mut payload, mut message) = (Vec::new(), Vec::new());
            for (index, piece) in pieces.iter().enumerate() {
                let last = index + 1 == pieces.len();
                let before = payload.len();
                compressor.compress_fragment(piece, last, &mut payload);
                message.extend_from_slice(piece);
                if !last {
                    // So far everything is there, up to an empty stored block or nothing new.
                    let part = inflate(history, &payload).map_err(|(fault, _)| fault).unwrap();
                    assert!(part.output == message, "seed {seed}, piece {index}");
                } else if piece.is_empty() && index > 0 {
                    assert_eq!(payload[before..], [0], "seed {seed}");
                }
            }
            read(window(bits), history, &payload, &message);
        }
    }
}

#[test]
fn s7_2_3_6_nothing_is_a_single_zero() {
    for bits in 8..=15 {
        let shape = Shape::of(Level::default(), window(bits), 0);
        let mut compressor = Compressor::new(shape, &budget()).unwrap();
        let mut out = Vec::new();
        compressor.compress(&[], &[], 2, &mut out).unwrap();
        compressor.begin(&words());
        compressor.compress_fragment(&[], false, &mut out);
        compressor.compress_fragment(&[], false, &mut out);
        compressor.compress_fragment(&[], true, &mut out);
        assert_eq!(out, [0, 0, 0, 0, 0xFF, 0xFF, 0]);
    }
}

/// Given up is only what plainly does not shrink. Bytes of so many kinds, all as frequent, come
/// out shorter by what their count says: of 64, as in base64, by a quarter.
#[test]
fn a_long_message_is_given_up_if_it_hardly_shrinks() {
    for (count, shrinks) in
        [(32, true), (64, true), (96, true), (128, true), (160, true), (216, false), (256, false)]
    {
        let message: Vec<u8> = random_bytes(700_000)
            .into_iter()
            .filter(|&byte| u32::from(byte) < count)
            .cycle()
            .take(400_000)
            .collect();
        for number in [2, 4, 9] {
            let shape = Shape::of(level(number), WindowBits::MAX, message.len());
            let mut compressor = Compressor::new(shape, &budget()).unwrap();
            // In fragments it is compressed in any case.
            let mut payload = Vec::new();
            compressor.begin(&[]);
            compressor.compress_fragment(&message, true, &mut payload);
            assert!(!compressor.is_spent());
            let is_shorter = payload.len() < message.len() / 16 * 15;
            assert_eq!(is_shorter, shrinks, "{count}, level {number}: {}", payload.len());
            let mut out = b"before".to_vec();
            let fits = compressor.compress(&[], &message, message.len(), &mut out);
            let expect = if shrinks { Ok(()) } else { Err(DoesNotFit) };
            assert_eq!(fits, expect, "{count}, level {number}");
            assert_eq!(compressor.is_spent(), !shrinks);
            let expect = if shrinks { &payload[..] } else { &[] };
            assert!(out == [b"before", expect].concat());
            if (count, number) == (96, 4) {
                read(WindowBits::MAX, &[], &payload, &message);
            }
        }
    }
}
