//! Instructions per message, counted by callgrind and held against `benches/instructions.json`.
//!
//!     cargo bench --bench instructions                fails when a count has crept up
//!     cargo bench --bench instructions -- --update    writes the counts as the new ceilings
//!
//! Each case runs twice under valgrind, with different numbers of rounds; what the longer run
//! takes more is divided by the rounds that it has more, so start-up and set-up fall out.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::{env, fs};

use stickler::MessageKind;
use stickler::proto::frame::{FrameHeader, FrameLimits, HeaderContext};
use stickler::proto::outbound::Outbound;

use support::echo::{Echo, send};
use support::{Case, Kind};

mod support;

/// What runs one case that many times.
type Run = fn(u64);

/// What is counted.
const CASES: [(&str, Run); 14] = [
    ("header, 7-bit length", |rounds| parse_header(125, rounds)),
    ("header, 16-bit length", |rounds| parse_header(126, rounds)),
    ("header, 64-bit length", |rounds| parse_header(65_536, rounds)),
    ("receive, binary, 16 B", |rounds| receive(Kind::Binary, 16, rounds)),
    ("receive, ASCII text, 16 B", |rounds| receive(Kind::Ascii, 16, rounds)),
    ("receive, multi-byte text, 16 B", |rounds| receive(Kind::MultiByte, 16, rounds)),
    ("receive, binary, 1 KiB", |rounds| receive(Kind::Binary, 1024, rounds)),
    ("receive, ASCII text, 1 KiB", |rounds| receive(Kind::Ascii, 1024, rounds)),
    ("receive, multi-byte text, 1 KiB", |rounds| receive(Kind::MultiByte, 1024, rounds)),
    ("start_message and append, 16 B", |rounds| start_and_append(16, rounds)),
    ("start_message and append, 1 KiB", |rounds| start_and_append(1024, rounds)),
    ("echo, binary, 16 B, 100 in a read", |rounds| echo(Kind::Binary, 16, rounds)),
    ("echo, ASCII text, 16 B, 100 in a read", |rounds| echo(Kind::Ascii, 16, rounds)),
    ("echo, ASCII text, 1 KiB, 100 in a read", |rounds| echo(Kind::Ascii, 1024, rounds)),
];

/// Messages in the input of an echo.
const MESSAGES: u64 = 100;

/// Numbers of rounds of the two runs; an echo's are messages.
const ROUNDS: [u64; 2] = [1000, 6000];

/// By how much a count may exceed its ceiling: what compilers and machines differ by.
const TOLERANCE: f64 = 1.10;

const CEILINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");

fn main() -> ExitCode {
    // cargo adds --bench.
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => judge(&count_all()),
        ["--update"] => {
            let counts = count_all();
            let rounded: BTreeMap<_, _> =
                counts.iter().map(|(n, c)| (n, c.ceil() as u64)).collect();
            fs::write(CEILINGS, serde_json::to_string_pretty(&rounded).unwrap() + "\n").unwrap();
            judge(&counts)
        }
        ["--run", name, rounds] => {
            let (_, run) = CASES.iter().find(|(other, _)| *other == name).expect("a case");
            run(rounds.parse().unwrap());
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: cargo bench --bench instructions [-- --update]");
            ExitCode::from(2)
        }
    }
}

/// Prints the table; fails when a case is above its ceiling, or has none.
fn judge(counts: &[(&str, f64)]) -> ExitCode {
    let ceilings = fs::read_to_string(CEILINGS).unwrap();
    let mut ceilings: BTreeMap<String, u64> = serde_json::from_str(&ceilings).unwrap();
    let mut exceeded = 0;
    println!("{:<40} {:>12} {:>8}", "instructions per message", "counted", "ceiling");
    for (name, count) in counts {
        let ceiling = ceilings.remove(*name);
        let verdict = match ceiling.map(|ceiling| count / ceiling as f64) {
            None => "has no ceiling",
            Some(ratio) if ratio > TOLERANCE => "EXCEEDED",
            Some(ratio) if ratio < 2.0 - TOLERANCE => "lower: --update the ceiling",
            Some(_) => "",
        };
        let fails = matches!(verdict, "has no ceiling" | "EXCEEDED");
        exceeded += usize::from(fails);
        let ceiling = ceiling.map_or("-".to_owned(), |ceiling| ceiling.to_string());
        println!("{name:<40} {count:>12.1} {ceiling:>8}  {verdict}");
    }
    for name in ceilings.keys() {
        println!("{name}: a ceiling without a case");
        exceeded += 1;
    }
    println!("{} cases, {exceeded} not within their ceilings", counts.len());
    if exceeded == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn count_all() -> Vec<(&'static str, f64)> {
    let [few, many] = ROUNDS;
    let count = |name| (collected(name, many) - collected(name, few)) as f64 / (many - few) as f64;
    CASES.iter().map(|(name, _)| (*name, count(*name))).collect()
}

/// Instructions of this program's run of one case.
fn collected(name: &str, rounds: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args(["--run", name, &rounds.to_string()])
        .output()
        .expect("valgrind is installed");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let line = log.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or_else(|| panic!("{log}"))
}

fn parse_header(len: usize, rounds: u64) {
    let frame = Case::new(Kind::Binary, len).frame();
    let size = FrameLimits { max_frame_size: 16 << 20, max_rest: 16 << 20 };
    let context = HeaderContext {
        message_unfinished: false,
        size,
        compressed_size: None,
        fragment_allowed: true,
        empty_end_allowed: true,
    };
    for _ in 0..rounds {
        black_box(FrameHeader::parse(black_box(&frame), black_box(&context)).is_ok());
    }
}

fn receive(kind: Kind, len: usize, rounds: u64) {
    let (mut echo, mut frame) = (Echo::new(), Case::new(kind, len).frame());
    for _ in 0..rounds {
        black_box(echo.receive(black_box(&mut frame)));
    }
}

fn start_and_append(len: usize, rounds: u64) {
    let payload = Case::new(Kind::Binary, len).payload();
    let (mut outbound, mut batch) = (Outbound::new(), Vec::with_capacity(2 << 20));
    for _ in 0..rounds {
        batch.clear();
        send(&mut outbound, &mut batch, black_box(MessageKind::Binary), black_box(&payload));
    }
}

fn echo(kind: Kind, len: usize, messages: u64) {
    let mut echo = Echo::new();
    let mut input = Case::new(kind, len).frame().repeat(MESSAGES as usize);
    for _ in 0..messages / MESSAGES {
        echo.batch.clear();
        black_box(echo.echo(black_box(&mut input)));
    }
}
