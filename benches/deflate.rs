//! permessage-deflate (RFC 7692): 1 KiB of JSON compressed and inflated, without context
//! takeover and with the history of one message like it.

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use stickler::proto::deflate::budget::Budget;
use stickler::proto::deflate::{Compressor, Inflater, Level, Shape, WindowBits};

fn main() {
    divan::main();
}

const LEN: usize = 1 << 10;

#[divan::bench(args = [1, 6, 9])]
fn compress(bencher: Bencher<'_, '_>, level: u8) {
    let (mut compressor, message, mut out) = (compressor(level), json(0), Vec::with_capacity(LEN));
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        out.clear();
        compressor.compress(&[], black_box(&message), usize::MAX, &mut out).unwrap();
        black_box(&out).len()
    });
}

#[divan::bench(args = [1, 6, 9])]
fn compress_with_takeover(bencher: Bencher<'_, '_>, level: u8) {
    let (mut compressor, message, mut out) = (compressor(level), json(0), Vec::with_capacity(LEN));
    let history = json(1);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        out.clear();
        compressor
            .compress(black_box(&history), black_box(&message), usize::MAX, &mut out)
            .unwrap();
        black_box(&out).len()
    });
}

#[divan::bench]
fn inflate(bencher: Bencher<'_, '_>) {
    let (message, mut payload) = (json(0), Vec::new());
    compressor(6).compress(&[], &message, usize::MAX, &mut payload).unwrap();
    let mut inflater = Inflater::new(&budget()).unwrap();
    let mut out = Vec::with_capacity(4 * LEN);
    bencher.counter(BytesCount::new(LEN)).bench_local(|| {
        out.clear();
        inflater.begin(None);
        inflater.inflate(black_box(&payload), 4 * LEN, &mut out).unwrap();
        inflater.finish().unwrap();
        black_box(&out).len()
    });
    assert_eq!(out, message);
}

fn compressor(level: u8) -> Compressor {
    let shape = Shape::of(Level::new(level).unwrap(), WindowBits::MAX, LEN);
    Compressor::new(shape, &budget()).unwrap()
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(usize::MAX))
}

/// Records as an API sends them, with numbers that differ.
fn json(seed: u64) -> Vec<u8> {
    let (mut text, mut number) = (String::from("["), seed);
    while text.len() < LEN {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (id, price) = (number >> 44, number >> 50);
        write!(text, r#"{{"id":{id},"symbol":"EURUSD","price":{price}.5,"side":"buy"}},"#).unwrap();
    }
    text.truncate(LEN);
    text.into_bytes()
}
