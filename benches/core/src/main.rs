//! An echo in memory of 100,000 small messages, through our core and other people's crates.
//!
//!     cargo run --release --manifest-path benches/core/Cargo.toml [rounds]
//!
//! Each crate reads the same masked frames from a transport in memory that never waits, and
//! writes its answers to one. Rounds are interleaved; the table has the median of each, and the
//! median of its ratios to our core within a round.

use std::hint::black_box;
use std::time::{Duration, Instant};

use memory::Memory;

mod memory;
mod peers;

const MESSAGES: usize = 100_000;

/// Bytes of a message.
const LEN: usize = 14;

/// Rounds, unless the command line says how many.
const ROUNDS: usize = 15;

/// Runs one of them over its input; the answer.
macro_rules! contender {
    ($name:literal, $run:path) => {
        Contender {
            name: $name,
            run: |runtime, input, output| runtime.block_on($run(Memory::new(input, output))),
        }
    };
}

struct Contender {
    name: &'static str,
    run: fn(&tokio::runtime::Runtime, &[u8], &mut Vec<u8>),
}

const CONTENDERS: [Contender; 10] = [
    // The first is what the others are compared with.
    contender!("stickler, core", peers::stickler_core),
    contender!("copy, no WebSocket", peers::copy),
    contender!("stickler, a whole connection", peers::stickler_server),
    contender!("sockudo-ws, core", peers::sockudo_core),
    contender!("sockudo-ws, feed and flush", peers::sockudo_batch),
    contender!("sockudo-ws, send", peers::sockudo),
    contender!("web-socket, send", peers::web_socket),
    contender!("fastwebsockets, write_frame", peers::fastwebsockets),
    contender!("tokio-websockets, feed and flush", peers::tokio_websockets_batch),
    contender!("tokio-websockets, send", peers::tokio_websockets),
];

fn main() {
    let rounds = std::env::args().nth(1).map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    for (kind, first) in [("binary", 0x82), ("text", 0x81)] {
        compare(kind, first, rounds);
    }
}

fn compare(kind: &str, first: u8, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let input = frames(first);
    let with_request = [peers::REQUEST, &input].concat();
    let mut output = Vec::with_capacity(input.len() + 1024);
    let mut times = vec![Vec::new(); CONTENDERS.len()];
    // The first round warms up and is checked.
    for round in 0..=rounds {
        for (contender, times) in CONTENDERS.iter().zip(&mut times) {
            let has_opening = contender.name == "stickler, a whole connection";
            let input = if has_opening { &with_request } else { &input };
            output.clear();
            let began = Instant::now();
            (contender.run)(&runtime, black_box(input), &mut output);
            let took = began.elapsed();
            match round {
                0 => check(contender.name, first, input, &output),
                _ => times.push(took),
            }
        }
    }
    println!("\n{MESSAGES} {kind} messages of {LEN} B, {rounds} rounds");
    println!("{:<34} {:>9} {:>9} {:>9} {:>7}", "", "ms", "least", "ns each", "ratio");
    for (contender, own) in CONTENDERS.iter().zip(&times) {
        let ratios = own.iter().zip(&times[0]).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64());
        let median_ms = median(own.iter().map(Duration::as_secs_f64)) * 1e3;
        let least_ms = own.iter().min().unwrap().as_secs_f64() * 1e3;
        let each = median_ms * 1e6 / MESSAGES as f64;
        let name = contender.name;
        println!("{name:<34} {median_ms:>9.2} {least_ms:>9.2} {each:>9.1} {:>7.2}", median(ratios));
    }
}

/// Masked frames, each with a key of its own.
fn frames(first: u8) -> Vec<u8> {
    let mut frames = Vec::new();
    for number in 0..MESSAGES as u32 {
        let key = number.wrapping_mul(0x9E37_79B1).wrapping_add(0x0102_0304).to_be_bytes();
        frames.extend_from_slice(&[first, 0x80 | LEN as u8]);
        frames.extend_from_slice(&key);
        let payload = payload(number);
        frames.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    frames
}

fn payload(number: u32) -> [u8; LEN] {
    let mut payload = *b"message 000000";
    payload[8..].copy_from_slice(format!("{number:06}").as_bytes());
    payload
}

/// Every message was answered with itself.
fn check(name: &str, first: u8, input: &[u8], output: &[u8]) {
    if name == "copy, no WebSocket" {
        assert_eq!(input, output);
        return;
    }
    let answers = &output[output.len() - MESSAGES * (2 + LEN)..];
    for (number, answer) in (0..).zip(answers.chunks(2 + LEN)) {
        assert_eq!(answer[1..2], [LEN as u8], "{name}");
        assert_eq!(answer[2..], payload(number), "{name}");
        // web-socket is given bytes to send, whatever it received.
        assert!(answer[0] == first || name.starts_with("web-socket"), "{name}");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
