//! Unmasking (RFC 6455 §5.3), beside the naive loop and beside copying the same bytes, which
//! shows what the memory allows.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use stickler::proto::mask::Mask;

use support::{Case, KEY, Kind, LENGTHS};

mod support;

fn main() {
    divan::main();
}

#[divan::bench(args = LENGTHS)]
fn unmask(bencher: Bencher<'_, '_>, len: usize) {
    let mut payload = Case::new(Kind::Binary, len).payload();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        Mask::new(black_box(KEY)).apply(black_box(&mut payload));
    });
}

#[divan::bench(args = LENGTHS)]
fn naive(bencher: Bencher<'_, '_>, len: usize) {
    let mut payload = Case::new(Kind::Binary, len).payload();
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        let key = black_box(KEY);
        for (i, byte) in black_box(&mut payload).iter_mut().enumerate() {
            *byte ^= key[i % 4];
        }
    });
}

#[divan::bench(args = LENGTHS)]
fn memcpy(bencher: Bencher<'_, '_>, len: usize) {
    let payload = Case::new(Kind::Binary, len).payload();
    let mut copy = vec![0; len];
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        black_box(&mut copy).copy_from_slice(black_box(&payload));
    });
}
