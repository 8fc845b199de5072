//! Request heads: any split is scanned alike, and what passes is parsed, judged and answered.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::handshake::{HeadLimits, HeadScanner, Refusal, Request};
use stickler_testing::random;

#[path = "../answer.rs"]
mod answer;
#[path = "../policy.rs"]
mod policy;

fuzz_target!(|data: &[u8]| {
    let &[setting, ref bytes @ ..] = data else { return };
    let limits = if setting & 1 != 0 {
        HeadLimits::new().max_head_size(256).max_fields(4)
    } else {
        HeadLimits::default()
    };
    let whole = scan(bytes, [bytes.len()], &limits);
    assert_eq!(scan(bytes, 0..=bytes.len(), &limits), whole, "byte by byte");
    let mut random = random::Random::new(setting.into());
    let mut cuts = random.cuts(bytes.len(), 5);
    cuts.push(bytes.len());
    assert_eq!(scan(bytes, cuts.iter().copied(), &limits), whole, "cut at {cuts:?}");
    match whole {
        Ok(None) => {}
        Ok(Some(len)) => match Request::parse(&bytes[..len], &limits) {
            Ok(request) => drop(answer::judge_all(&request)),
            Err(refusal) => answer::check_refusal(&refusal),
        },
        Err(refusal) => answer::check_refusal(&refusal),
    }
});

/// What a scanner says when the bytes arrive up to each of these positions.
fn scan(
    bytes: &[u8],
    ends: impl IntoIterator<Item = usize>,
    limits: &HeadLimits,
) -> Result<Option<usize>, Refusal> {
    let mut scanner = HeadScanner::new();
    for end in ends {
        match scanner.scan(&bytes[..end], limits) {
            Ok(None) => {}
            decided => return decided,
        }
    }
    Ok(None)
}
