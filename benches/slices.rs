//! How long others wait at worst: one piece of each kind of work that a connection does before others get
//! their turn. Prints the longest of several, in microseconds; `cargo bench --bench slices`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use stickler::MessageLimits;
use stickler::proto::deflate::budget::Budget;
use stickler::proto::deflate::{Compressor, Inflater, Level, Policy, Shape, WindowBits, negotiate};
use stickler::proto::event::{Delivery, Event};
use stickler::proto::extension::parse_offers;
use stickler::proto::inbound::Inbound;

fn main() {
    pieces_to_compress();
    inputs_without_output();
}

/// Microseconds per KiB that compressing takes, by level, for the input that takes longest.
fn pieces_to_compress() {
    let inputs = [
        ("a/b", ab(LEN)),
        ("chains", chains(LEN)),
        ("near", near(LEN)),
        ("zeros", vec![0; LEN]),
        ("json", json(LEN)),
    ];
    print!("us per KiB, and the longest call with 1 KiB:");
    inputs.iter().for_each(|(name, _)| print!(" {name}"));
    println!();
    for number in 1..=9 {
        print!("level {number}");
        for (_, input) in &inputs {
            let len = if number < 7 { LEN } else { LEN / 16 };
            let shape = Shape::of(Level::new(number).unwrap(), WindowBits::MAX, len);
            let mut compressor = Compressor::new(shape, &budget()).unwrap();
            compressor.begin(&[]);
            let (mut longest, begun) = (Duration::ZERO, now());
            let mut out = Vec::with_capacity(LEN);
            for piece in input[..len].chunks(1 << 10) {
                let call = now();
                compressor.compress_fragment(black_box(piece), false, &mut out);
                longest = longest.max(now() - call);
            }
            let per_kib = micros(now() - begun) / (len as f64 / 1024.0);
            print!("  {per_kib:8.1} {:8.1}", micros(longest));
        }
        println!();
    }
}

/// Milliseconds per MiB on the wire, and the longest call, of payloads that inflate to little.
fn inputs_without_output() {
    let empty_stored: &[u8] = &[0, 0, 0, 0xff, 0xff];
    for (name, unit, history) in [
        ("03 00", &[3, 0][..], 0),
        ("03 00 behind 32 KiB", &[3, 0], 32 << 10),
        ("02 .. (not final fixed)", &[2, 0x08, 0x20, 0x80, 0x00], 0),
        ("dynamic, only its end", &dynamic(0), 0),
        ("dynamic, then 258 bytes", &dynamic(1), 1),
        ("empty stored", empty_stored, 0),
        ("empty stored behind 32 KiB", empty_stored, 32 << 10),
    ] {
        let mut payload = Vec::new();
        if history > 0 {
            let [low, high] = (history as u16 - u16::from(history > 1)).to_le_bytes();
            payload.extend([0, low, high, !low, !high]);
            payload.extend(vec![7; history - usize::from(history > 1)]);
        }
        while payload.len() < 1 << 20 {
            payload.extend(unit);
        }
        let (all, longest, turns) = receive(&frame(0xc2, &payload));
        println!(
            "{name:32} {:8.1} ms/MiB, longest {:8.1} us, {turns} pauses",
            micros(all) / 1000.0,
            micros(longest)
        );
    }
    println!("a dynamic block takes {} bytes", dynamic(0).len());
    // 32 KiB of a stored block, then a stored block of one byte after the other, a byte a frame.
    let mut fragments = frame(0x42, &[&[0, 0xff, 0x7f, 0x00, 0x80][..], &[7; 0x7fff]].concat());
    let one = [0, 1, 0, 0xfe, 0xff, 7];
    (0..60_000).for_each(|i| fragments.extend(frame(0x00, &[one[i % 6]])));
    let (all, longest, turns) = receive(&fragments);
    println!(
        "{:32} {:8.1} ms/{} bytes, longest {:8.1} us, {turns} pauses",
        "fragments of 1 byte",
        micros(all) / 1000.0,
        fragments.len(),
        micros(longest)
    );
}

/// Receives all of it as a connection does, 128 KiB at a time: the time, the longest call, and the pauses.
fn receive(wire: &[u8]) -> (Duration, Duration, u32) {
    let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
    let agreement = negotiate(&offers, &Policy::default()).unwrap();
    let mut inbound = Inbound::new();
    inbound.agree(&agreement);
    let limits = MessageLimits::default();
    let (mut all, mut longest, mut pauses) = (Duration::ZERO, Duration::ZERO, 0);
    for read in wire.chunks(128 << 10) {
        let mut read = read.to_vec();
        let mut at = 0;
        loop {
            let call = now();
            let step = inbound.receive(&mut read[at..], Delivery::Message, &limits);
            let took = now() - call;
            all += took;
            longest = longest.max(took);
            let Ok(step) = step else { return (all, longest, pauses) };
            at += step.consumed;
            match step.event {
                Some(Event::NoInflater) => {
                    inbound.lend_inflater(Box::new(Inflater::new(&budget()).unwrap()));
                }
                Some(Event::Paused) => pauses += 1,
                Some(_) => {}
                None => break,
            }
        }
    }
    (all, longest, pauses)
}

/// A block whose header has all code lengths, in as few bits as these take, `matches` of 258 bytes, its end,
/// and what is needed to end at a byte.
fn dynamic(matches: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = Vec::new();
    let mut put = |value: u32, len: u32| bits.extend((0..len).map(|at| (value >> at & 1) as u8));
    // BFINAL=0, BTYPE=10, 286 literal codes, 30 distance codes, 19 code length codes.
    [(0, 1), (2, 2), (29, 5), (29, 5), (15, 4)].iter().for_each(|(v, l)| put(*v, *l));
    // 16 has one bit; 4, 5, 8, 9 have three: 16 is 0, 4 is 100, 5 is 101, 8 is 110, 9 is 111.
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
        put(
            match symbol {
                16 => 1,
                4 | 5 | 8 | 9 => 3,
                _ => 0,
            },
            3,
        );
    }
    // 226 literals of 8 bits, 60 of 9; 2 distances of 4 bits, 28 of 5.
    for (code, count) in [(0b011, 226), (0b111, 60), (0b001, 2), (0b101, 28)] {
        put(code, 3);
        let mut left = count - 1;
        while left >= 3 {
            let run = if left == 7 || left == 8 { 4 } else { left.min(6) };
            put(0, 1);
            put(run - 3, 2);
            left -= run;
        }
        (0..left).for_each(|_| put(code, 3));
    }
    let mut symbol = |code: u32, len: u32| (0..len).rev().for_each(|at| put(code >> at & 1, 1));
    // Symbols 226 to 285 have codes of 9 bits from 452 on; distance 1 is 0 in 4 bits.
    for _ in 0..matches {
        symbol(452 + 285 - 226, 9);
        symbol(0, 4);
    }
    symbol(452 + 256 - 226, 9);
    // An empty fixed block fills ten bits, an empty stored one ends at a byte.
    bits.extend([0, 0, 0]);
    while !bits.len().is_multiple_of(8) {
        bits.push(0);
    }
    let mut bytes: Vec<u8> = bits
        .chunks(8)
        .map(|eight| eight.iter().rev().fold(0, |byte, bit| byte << 1 | bit))
        .collect();
    bytes.extend([0, 0, 0xff, 0xff]);
    bytes
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(usize::MAX))
}

/// Time that this thread has run.
#[cfg(unix)]
fn now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Time that has passed, where that of a thread is not to be had.
#[cfg(not(unix))]
fn now() -> Duration {
    static BEGAN: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn numbers() -> impl FnMut() -> u64 {
    let mut state = 1_u64;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

/// Text of two letters.
fn ab(len: usize) -> Vec<u8> {
    let mut next = numbers();
    (0..len).map(|_| if next() & 1 == 0 { b'a' } else { b'b' }).collect()
}

/// The same few words everywhere, each time followed by something else: the hash chains are long.
fn chains(len: usize) -> Vec<u8> {
    let mut next = numbers();
    let mut text = Vec::with_capacity(len + 8);
    while text.len() < len {
        text.extend(b"abcd");
        text.push(b'0' + (next() % 60) as u8);
    }
    text.truncate(len);
    text
}

/// Runs of one letter, cut at random.
fn near(len: usize) -> Vec<u8> {
    let mut next = numbers();
    let mut text = Vec::with_capacity(len + 256);
    while text.len() < len {
        text.extend(std::iter::repeat_n(b'a', (next() % 200) as usize));
        text.push(b'b' + (next() % 20) as u8);
    }
    text.truncate(len);
    text
}

fn json(len: usize) -> Vec<u8> {
    let mut next = numbers();
    let mut text = Vec::with_capacity(len + 128);
    while text.len() < len {
        text.extend(
            format!(
                r#"{{"id":{},"symbol":"EURUSD","price":{}.5}},"#,
                next() % 99_999,
                next() % 9999
            )
            .bytes(),
        );
    }
    text.truncate(len);
    text
}

const LEN: usize = 1 << 20;
