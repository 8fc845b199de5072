//! One turn of a connection over a transport in memory: CPU time for each echoed message.
//!
//!     cargo bench --bench turn                          a table
//!     cargo bench --bench turn -- --json                nanoseconds of each case, on one line
//!     cargo bench --bench turn -- --against PROGRAM     beside this bench at another commit: see turn.sh
//!     cargo test --bench turn -- --test                 a few turns of each case, nothing measured
//!
//! A turn is what the connection task does when its socket has become readable: it reads, the
//! handler echoes, it writes. Here the bench polls the task itself, and the transport copies
//! prepared frames in and counts bytes out. So a turn calls the kernel for nothing but memory,
//! and the time that is left is the library's own.
//!
//! Only public names are used, so that this file also compiles against other commits.

use std::env;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use stickler::{Config, Ending, Endpoint, Incoming};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is read in one turn.
struct Case {
    name: &'static str,
    opcode: u8,
    /// Repeated until the payload has its length.
    sample: &'static [u8],
    payload_len: usize,
    /// Messages that one read finds.
    messages: usize,
}

const KIB: usize = 1 << 10;
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const BYTES: &[u8] = &[0, 255, 1, 254, 2, 253, 3, 252];
/// Characters of one to four bytes, 16 bytes in all.
const CHARACTERS: &[u8] = "до 語 🙂 ".as_bytes();

const CASES: [Case; 6] = [
    Case::binary("16 B", 16, 1),
    Case::binary("16 B, 16 in a read", 16, 16),
    Case::binary("1 KiB, 16 in a read", KIB, 16),
    Case {
        opcode: TEXT,
        sample: CHARACTERS,
        ..Case::binary("16 KiB of multi-byte text", 16 * KIB, 1)
    },
    Case::binary("64 KiB", 64 * KIB, 1),
    Case::binary("1 MiB", KIB * KIB, 1),
];

/// A batch takes about this long. The shorter it is, the more batches nothing interrupts.
const BATCH: Duration = Duration::from_micros(300);

/// How long each case is measured, in seconds, unless the command line says it.
const SECONDS: f64 = 1.0;
/// The same for each of several rounds.
const SECONDS_OF_A_ROUND: &str = "0.2";
/// Rounds beside another program, unless the command line says how many.
const ROUNDS: usize = 21;

const USAGE: &str = "usage: turn [--json [SECONDS] | --test | --against PROGRAM [ROUNDS]]";

fn main() -> ExitCode {
    // cargo adds --bench.
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The connection wants a runtime for its clock, which is not run here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    match arguments[..] {
        [] => measure_all(SECONDS)
            .iter()
            .for_each(|(name, nanos)| println!("{name:<26} {nanos:>10.1} ns")),
        ["--json"] => print_json(SECONDS),
        ["--json", seconds] => print_json(seconds.parse().expect(USAGE)),
        ["--test"] => CASES.iter().for_each(|case| Connection::open(case).echo(10)),
        ["--against", program] => compare(program, ROUNDS),
        ["--against", program, rounds] => compare(program, rounds.parse().expect(USAGE)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn print_json(seconds: f64) {
    let times =
        measure_all(seconds).into_iter().map(|(name, nanos)| (name.to_owned(), nanos.into()));
    println!("{}", Value::Object(times.collect::<Map<_, _>>()));
}

/// Nanoseconds for a message of each case.
fn measure_all(seconds: f64) -> Vec<(&'static str, f64)> {
    CASES.iter().map(|case| (case.name, case.measure(seconds))).collect()
}

impl Case {
    const fn binary(name: &'static str, payload_len: usize, messages: usize) -> Case {
        Case { name, opcode: BINARY, sample: BYTES, payload_len, messages }
    }

    /// The best batch, in nanoseconds for a message.
    fn measure(&self, seconds: f64) -> f64 {
        let mut connection = Connection::open(self);
        let turns = connection.turns_in(BATCH);
        let (mut best, began) = (Duration::MAX, Instant::now());
        while began.elapsed().as_secs_f64() < seconds {
            best = best.min(connection.time(turns));
        }
        best.as_nanos() as f64 / (turns * self.messages) as f64
    }

    /// What one turn reads.
    fn frames(&self) -> Vec<u8> {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let payload = self.sample.iter().cycle().take(self.payload_len);
        let masked = payload.zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        let mut frame = self.header(0x80);
        frame.extend(key);
        frame.extend(masked);
        frame.repeat(self.messages)
    }

    /// Bytes that one turn writes.
    fn reply_len(&self) -> usize {
        (self.header(0).len() + self.payload_len) * self.messages
    }

    fn header(&self, mask_bit: u8) -> Vec<u8> {
        let mut header = vec![self.opcode];
        match self.payload_len {
            len @ 0..=125 => header.push(mask_bit | len as u8),
            len @ 126..=0xffff => {
                header.push(mask_bit | 126);
                header.extend((len as u16).to_be_bytes());
            }
            len => {
                header.push(mask_bit | 127);
                header.extend((len as u64).to_be_bytes());
            }
        }
        header
    }
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}

/// A connection task that the bench polls, and the other end of its transport.
struct Connection {
    task: Pin<Box<dyn Future<Output = Ending>>>,
    waker: Waker,
    is_woken: Arc<Woken>,
    peer: Arc<Peer>,
    reply_len: usize,
}

impl Connection {
    /// One whose opening handshake is over.
    fn open(case: &Case) -> Connection {
        let (is_woken, peer) = (Arc::new(Woken::default()), Arc::new(Peer::default()));
        let transport = Transport {
            input: REQUEST.into(),
            at: 0,
            turn: Some(case.frames()),
            peer: peer.clone(),
        };
        let task = Box::pin(Endpoint::new(Config::default()).serve(transport, None, echo));
        let waker = is_woken.clone().into();
        let mut connection =
            Connection { task, waker, is_woken, peer, reply_len: case.reply_len() };
        connection.turn();
        assert_ne!(connection.peer.written.swap(0, Relaxed), 0, "the request was not answered");
        connection.echo(2);
        connection
    }

    /// Lets the transport become readable, and polls the task for as long as something wakes it.
    fn turn(&mut self) {
        self.peer.is_readable.store(true, Relaxed);
        loop {
            self.is_woken.0.store(false, Relaxed);
            let mut context = Context::from_waker(&self.waker);
            if let Poll::Ready(ending) = self.task.as_mut().poll(&mut context) {
                panic!("the connection ended: {ending:?}");
            }
            if !self.is_woken.0.load(Relaxed) {
                return;
            }
        }
    }

    /// So many turns, in which all has to be read and every message comes back.
    fn echo(&mut self, turns: usize) {
        for _ in 0..turns {
            self.turn();
        }
        assert!(!self.peer.is_readable.load(Relaxed), "a turn left something unread");
        assert_eq!(self.peer.written.swap(0, Relaxed), self.reply_len * turns);
    }

    /// The CPU time of so many turns.
    fn time(&mut self, turns: usize) -> Duration {
        let before = cpu_time();
        self.echo(turns);
        cpu_time() - before
    }

    /// How many turns take about so long.
    fn turns_in(&mut self, duration: Duration) -> usize {
        let mut turns = 1;
        while self.time(turns) < duration {
            turns *= 2;
        }
        turns
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// What the bench knows of a transport.
#[derive(Default)]
struct Peer {
    /// A turn's bytes are there and not yet all read.
    is_readable: AtomicBool,
    /// Bytes that the connection wrote.
    written: AtomicUsize,
}

/// Gives the request first, and the same frames each time that it is readable again.
struct Transport {
    input: Vec<u8>,
    /// Where in `input` to read on; less than its length.
    at: usize,
    /// What comes after the request.
    turn: Option<Vec<u8>>,
    peer: Arc<Peer>,
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.peer.is_readable.load(Relaxed) {
            return Poll::Pending;
        }
        let rest = &self.input[self.at..];
        let len = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..len]);
        self.at += len;
        if self.at == self.input.len() {
            self.peer.is_readable.store(false, Relaxed);
            self.at = 0;
            if let Some(turn) = self.turn.take() {
                self.input = turn;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.count(bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.count(slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport {
    fn count(&self, len: usize) -> Poll<io::Result<usize>> {
        // Only one thread is here; `fetch_add` would cost what no transport does.
        let written = &self.peer.written;
        written.store(written.load(Relaxed) + len, Relaxed);
        Poll::Ready(Ok(len))
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The CPU time of this thread so far.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time since the first call: what there is where a thread's CPU time is not to be had.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

/// Measures another build of this bench twice and this one between, in each of many rounds.
fn compare(program: &str, rounds: usize) {
    let this = env::current_exe().unwrap();
    let (mut old, mut new, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        old.push(measured_by(program));
        new.push(measured_by(&this));
        control.push(measured_by(program));
    }
    println!(
        "ns for each message. Best: of all batches. Median: of the differences within a round."
    );
    println!(
        "{:<26} {:>10} {:>10} {:>10} {:>12} {:>12} {:>12}",
        "", "old, best", "new, best", "same old", "new - old", "new, median", "same old"
    );
    for case in &CASES {
        let times = |runs: &[Value]| runs.iter().map(|run| time_of(run, case)).collect::<Vec<_>>();
        let (old, new, control) = (times(&old), times(&new), times(&control));
        println!(
            "{:<26} {:>10.1} {:>10.1} {:>10.1} {:>+12.1} {:>+12.1} {:>+12.1}",
            case.name,
            best(&old),
            best(&new),
            best(&control),
            best(&new) - best(&old),
            median_difference(&new, &old),
            median_difference(&control, &old),
        );
    }
}

fn measured_by(program: impl AsRef<std::ffi::OsStr>) -> Value {
    let output = Command::new(program).args(["--json", SECONDS_OF_A_ROUND]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn time_of(run: &Value, case: &Case) -> f64 {
    run[case.name].as_f64().unwrap_or_else(|| panic!("{} was not measured", case.name))
}

fn best(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median_difference(of: &[f64], to: &[f64]) -> f64 {
    let mut differences: Vec<f64> = of.iter().zip(to).map(|(of, to)| of - to).collect();
    differences.sort_by(f64::total_cmp);
    differences[differences.len() / 2]
}
