//! Messages compressed at any parameters are what the slow reader and miniz_oxide make of them,
//! and refer to nothing but what the peer still has.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stickler::proto::deflate::{
    Compressor, Level, Shape, WindowBits, budget::Budget, history::History,
};
use stickler_testing::{deflate, random};

#[path = "../independent.rs"]
mod independent;

fuzz_target!(|data: &[u8]| {
    let &[setting, level, seed, ref bytes @ ..] = data else { return };
    let bytes = &bytes[..bytes.len().min(6000)];
    let window = WindowBits::new(8 + (setting & 7)).unwrap();
    let takeover = setting & 8 != 0;
    let level = Level::new(1 + level % 9).unwrap();
    let budget = Arc::new(Budget::new(usize::MAX));
    let mut random = random::Random::new(seed.into());

    let mut history = History::new(window);
    let mut ends = random.cuts(bytes.len(), usize::from(setting >> 4));
    ends.push(bytes.len());
    let mut at = 0;
    let mut compressor: Option<Compressor> = None;
    for end in ends {
        // Some are said again and again, so that there is something far back to refer to.
        let message = bytes[at..end].repeat([1, 1, 2, 9][random.below(4)]);
        at = end;
        let shape = Shape::of(level, window, message.len());
        let fitting = compressor.take().filter(|one| one.shape() == shape);
        let mut one = fitting.unwrap_or_else(|| Compressor::new(shape, &budget).unwrap());
        let payload = compress(&mut one, history.bytes(), &message, &mut random);
        compressor = Some(one);

        assert!(!payload.ends_with(&deflate::TAIL));
        let kept = history.bytes();
        let inflated =
            deflate::inflate_message(kept, &payload).map_err(|(fault, _)| fault).unwrap();
        assert!(inflated.output == message);
        assert_eq!(inflated.doubts, []);
        assert!(inflated.max_distance <= window.size());
        assert!(window.get() > 8 || inflated.max_distance == 0);
        let other = independent::inflate_message(kept, &payload, message.len() + 1);
        assert!(other.as_ref() == Some(&message));
        if takeover {
            history.extend(&message);
            assert!(history.bytes().len() <= window.size());
        }
    }
});

/// In one piece, or in fragments.
fn compress(
    compressor: &mut Compressor,
    history: &[u8],
    message: &[u8],
    random: &mut random::Random,
) -> Vec<u8> {
    let mut payload = Vec::new();
    if random.below(2) == 0 {
        compressor.compress(history, message, usize::MAX, &mut payload).unwrap();
        let mut out = vec![7];
        let less_than = payload.len().saturating_sub(1) + random.below(3);
        let fits = compressor.compress(history, message, less_than, &mut out);
        // What a compressor did before may change its choices, but never what they come to.
        let again = out.split_off(1);
        if fits.is_ok() {
            assert!(again.len() < less_than);
            payload = again;
        } else {
            assert!(again.is_empty());
        }
    } else {
        compressor.begin(history);
        let count = random.below(4);
        let mut at = 0;
        for end in random.cuts(message.len(), count) {
            compressor.compress_fragment(&message[at..end], false, &mut payload);
            at = end;
        }
        compressor.compress_fragment(&message[at..], true, &mut payload);
    }
    payload
}
