//! Validation of text (RFC 6455 §8.1), in one piece and in pieces, beside the standard library,
//! a naive loop, and copying the same bytes.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use stickler::proto::utf8::{self, Utf8Validator};

use support::{Case, texts};

mod support;

fn main() {
    divan::main();
}

#[divan::bench(args = texts())]
fn check(bencher: Bencher<'_, '_>, case: Case) {
    let text = case.payload();
    bencher
        .counter(BytesCount::new(case.len))
        .bench_local(|| utf8::check(black_box(&text)).is_ok());
}

/// As text arrives that does not come in one read: 1,460 bytes at a time.
#[divan::bench(args = texts())]
fn feed(bencher: Bencher<'_, '_>, case: Case) {
    let text = case.payload();
    bencher.counter(BytesCount::new(case.len)).bench_local(|| {
        let mut validator = Utf8Validator::new();
        let fed = black_box(&text).chunks(1460).all(|piece| validator.feed(piece).is_ok());
        fed && validator.finish().is_ok()
    });
}

#[divan::bench(args = texts())]
fn std_from_utf8(bencher: Bencher<'_, '_>, case: Case) {
    let text = case.payload();
    bencher
        .counter(BytesCount::new(case.len))
        .bench_local(|| std::str::from_utf8(black_box(&text)).is_ok());
}

#[divan::bench(args = texts())]
fn naive(bencher: Bencher<'_, '_>, case: Case) {
    let text = case.payload();
    assert!(is_utf8(&text));
    bencher.counter(BytesCount::new(case.len)).bench_local(|| is_utf8(black_box(&text)));
}

#[divan::bench(args = texts())]
fn memcpy(bencher: Bencher<'_, '_>, case: Case) {
    let text = case.payload();
    let mut copy = vec![0; case.len];
    bencher.counter(BytesCount::new(case.len)).bench_local(|| {
        black_box(&mut copy).copy_from_slice(black_box(&text));
    });
}

/// The grammar of RFC 3629 §4, character by character.
fn is_utf8(mut text: &[u8]) -> bool {
    loop {
        text = match *text {
            [] => return true,
            [0..=0x7F, ref rest @ ..] => rest,
            [0xC2..=0xDF, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xE0, 0xA0..=0xBF, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xE1..=0xEC | 0xEE..=0xEF, 0x80..=0xBF, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xED, 0x80..=0x9F, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xF0, 0x90..=0xBF, 0x80..=0xBF, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xF1..=0xF3, 0x80..=0xBF, 0x80..=0xBF, 0x80..=0xBF, ref rest @ ..] => rest,
            [0xF4, 0x80..=0x8F, 0x80..=0xBF, 0x80..=0xBF, ref rest @ ..] => rest,
            _ => return false,
        };
    }
}
