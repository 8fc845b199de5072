//! Hostile streams straight into the inflater, in any slices and any room: the same output and
//! verdict as the slow reader has, and as miniz_oxide has where there is no doubt; never more
//! memory than is charged.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stickler::proto::deflate::{Inflater, WindowBits, budget::Budget, history::Left};
use stickler_testing::{allocator, deflate, random};

use deflate::{Doubt, Fault, Inflated};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

#[path = "../independent.rs"]
mod independent;

/// The slow reader is not stopped by a limit.
const MOST: usize = 2000;

fuzz_target!(|data: &[u8]| {
    let &[setting, seed, ref payload @ ..] = data else { return };
    let payload = &payload[..payload.len().min(MOST)];
    let text =
        b"What was sent before may be copied: Hello, {\"id\":1,\"name\":\"user\"}. ".repeat(5);
    let history = if setting & 1 != 0 { &text[..] } else { &[] };

    // Histories have at most half of it; what was charged is compared with what was taken.
    let most = Inflater::MEMORY + history.len().next_power_of_two();
    let budget = Arc::new(Budget::new(2 * most));
    let mut out = Vec::with_capacity(2100 * MOST);
    let mut random = random::Random::new(seed.into());
    let (ours, taken) =
        allocator::most(|| inflate(&budget, history, payload, &mut random, setting, &mut out));
    assert_eq!(budget.used(), 0);
    assert!(taken <= most, "{taken} bytes taken");

    // What comes out up to the end, or up to the fault.
    let (slow, fault) = read(deflate::inflate(history, payload));
    assert!(slow == out, "{} bytes, {} by the slow reader, {fault:?}", out.len(), slow.len());
    // The tail is only looked at.
    let message = deflate::inflate_message(history, payload);
    let is_without_doubt = message.as_ref().is_ok_and(|message| message.doubts.is_empty());
    let (_, fault) = read(message);
    assert_eq!(ours, fault.is_none(), "{fault:?}");
    if is_without_doubt {
        let other = independent::inflate_message(history, payload, out.len() + 1);
        assert!(other.as_ref() == Some(&out));
    }
});

/// What comes out, and what stops it: doubtful codes do that too.
fn read(inflated: Result<Inflated, (Fault, Inflated)>) -> (Vec<u8>, Option<String>) {
    let (mut inflated, fault) = match inflated {
        Ok(inflated) => (inflated, None),
        Err((fault, inflated)) => (inflated, Some(format!("{fault:?}"))),
    };
    // RFC 1951 leaves no room for these.
    let broken = [Doubt::IncompleteCode, Doubt::DistanceCodes];
    let Some(at) = inflated.doubts.iter().position(|doubt| broken.contains(doubt)) else {
        return (inflated.output, fault);
    };
    inflated.output.truncate(inflated.before_doubts[at]);
    (inflated.output, Some(format!("{:?}", inflated.doubts[at])))
}

/// Whether this is a message; what comes out is appended.
fn inflate(
    budget: &Arc<Budget>,
    history: &[u8],
    payload: &[u8],
    random: &mut random::Random,
    setting: u8,
    out: &mut Vec<u8>,
) -> bool {
    let mut inflater = Inflater::new(budget).unwrap();
    if setting & 2 != 0 {
        // Another message before it, whole or not, leaves nothing behind.
        inflater.begin(None);
        let mut sink = Vec::with_capacity(64);
        let _ = inflater.inflate(&payload[payload.len() / 2..], 16, &mut sink);
    }
    let kept = (!history.is_empty()).then(|| {
        let mut kept = Box::new(Left::new(WindowBits::MAX));
        kept.extend(history, |growth| budget.charge_history(growth)).unwrap();
        kept
    });
    inflater.begin(kept);
    let mut rest = payload;
    while !rest.is_empty() || inflater.is_full() {
        let most = [1, 3, 50, MOST][usize::from(setting >> 2 & 3)];
        let (slice, _) = rest.split_at(random.below(most + 1).min(rest.len()));
        let room = 1 + random.below([1, 10, 300, 70_000][usize::from(setting >> 4 & 3)]);
        let before = out.len();
        let Ok(taken) = inflater.inflate(slice, room, out) else { return false };
        assert!(out.len() - before <= room);
        assert!(taken <= slice.len());
        rest = &rest[taken..];
    }
    assert_eq!(inflater.produced(), out.len() as u64);
    inflater.finish().is_ok()
}
