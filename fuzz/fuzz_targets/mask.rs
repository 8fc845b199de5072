//! Unmasking against the naive loop, at any length, alignment and phase.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stickler::proto::mask::Mask;

fuzz_target!(|data: &[u8]| {
    let &[a, b, c, d, start, skip, stride, ref payload @ ..] = data else { return };
    let (key, start) = ([a, b, c, d], usize::from(start) % 16);
    let skip = usize::from(skip).min(payload.len());
    let mut naive = payload.to_vec();
    for (index, byte) in naive.iter_mut().enumerate().skip(skip) {
        *byte ^= key[index % 4];
    }
    // The bytes around the payload stay as they are.
    let mut ours = vec![0xA5; start];
    ours.extend(payload);
    ours.push(0xA5);
    let end = ours.len() - 1;
    let mut mask = Mask::new(key);
    mask.skip(skip);
    for piece in ours[start + skip..end].chunks_mut(usize::from(stride).max(1)) {
        mask.apply(piece);
    }
    assert_eq!(ours[start..end], naive);
    assert!(ours[..start].iter().chain(&ours[end..]).all(|byte| *byte == 0xA5));
});
