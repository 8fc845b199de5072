//! Readers that are slow and steady get everything; one that is slower than the minimum is closed, with its reason.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::bytes::binary;
use crate::peer::Peer;
use crate::program::start;
use crate::{alone, scaled};

/// A reader of one echo.
#[derive(Clone, Copy)]
struct Reader {
    size: usize,
    per_second: usize,
    /// It reads as fast as it can when so much time is over.
    hurries_after: Duration,
    receive_buffer: Option<u32>,
}

impl Reader {
    /// How many bytes came before the end, and how long that took.
    async fn read(self, address: SocketAddr) -> (usize, Duration) {
        let mut peer = Peer::connect_with_buffer(address, self.receive_buffer).await.unwrap();
        peer.upgrade(None).await.unwrap();
        let begun = Instant::now();
        peer.send(&binary(vec![0x5a; self.size])).await.unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let mut got = 0;
        while got < self.wanted() {
            let due = match begun.elapsed() {
                slow if slow < self.hurries_after => {
                    (slow.as_secs_f64() * self.per_second as f64) as usize
                }
                _ => self.wanted(),
            };
            let room = due.saturating_sub(got).min(buffer.len());
            if room == 0 {
                sleep(STEP).await;
                continue;
            }
            match timeout(PATIENCE, peer.stream.read(&mut buffer[..room])).await {
                Ok(Ok(count @ 1..)) => got += count,
                _ => break,
            }
        }
        let (wanted, took) = (self.wanted(), begun.elapsed());
        eprintln!("{} bytes/s: {got} of {wanted} bytes in {took:?}", self.per_second);
        (got, took)
    }

    /// The frame with its header.
    fn wanted(self) -> usize {
        self.size + header_len(self.size)
    }
}

const fn header_len(size: usize) -> usize {
    if size > 0xffff { 10 } else { 4 }
}

/// A receive buffer as the kernel of a usual client has it at the beginning. It does not grow.
const RECEIVE: Option<u32> = Some(64 * 1024);
const STEP: Duration = Duration::from_millis(50);
/// Longer than a peer that is served waits for its next bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// All at once: each reads its echo.
fn all_get_everything(flags: &[&str], readers: Vec<Reader>) {
    let _alone = alone();
    let server = start(flags);
    let address = server.address();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let short: Vec<String> = runtime.block_on(async {
        let reading: Vec<_> = readers.iter().map(|it| tokio::spawn(it.read(address))).collect();
        let mut short = Vec::new();
        for (reader, reading) in readers.iter().zip(reading) {
            let (got, took) = reading.await.unwrap();
            if got < reader.wanted() {
                let (speed, wanted) = (reader.per_second, reader.wanted());
                short.push(format!("{speed} bytes/s: {got} of {wanted} bytes in {took:?}"));
            }
        }
        short
    });
    assert!(short.is_empty(), "lost data: {short:#?}; log: {}", server.log_tail());
    server.retire().unwrap();
}

fn steady(size: usize, speeds: &[usize], receive_buffer: Option<u32>) -> Vec<Reader> {
    let reader = |per_second: &usize| Reader {
        size,
        per_second: *per_second,
        hurries_after: Duration::MAX,
        receive_buffer,
    };
    speeds.iter().map(reader).collect()
}

/// At 16 KiB/s the server judges over 16 s, as it does over 256 s at the default of 1 KiB/s.
#[test]
fn steady_readers_get_everything() {
    if crate::has_half_an_hour() {
        // With the kernel's own buffers on both sides, which tell of progress in large steps.
        let mut readers = steady(8 << 20, &[5_000, 10_000, 20_000, 40_000], None);
        readers.extend(steady(1 << 20, &[2_000, 3_000], None));
        all_get_everything(&[], readers);
    } else if crate::whole() {
        let readers = steady(512 << 10, &[2_000, 5_000, 10_000, 20_000, 40_000], RECEIVE);
        all_get_everything(&["--send-buffer=64KiB"], readers);
    } else {
        let readers = steady(512 << 10, &[30_000, 40_000, 60_000, 80_000, 160_000], RECEIVE);
        all_get_everything(&["--min-drain-rate=16KiB", "--send-buffer=64KiB"], readers);
    }
}

/// The kernel's own send buffers hold megabytes, and it says that there is room again when a third of them is free: long
/// after the time in which this reader is judged.
#[test]
fn a_slow_reader_that_hurries_in_the_end_gets_everything() {
    let flags: &[&str] = scaled(
        &["--unsent-low-water=64MiB", "--min-drain-rate=32KiB"],
        &["--unsent-low-water=64MiB"],
    );
    let (per_second, seconds) = scaled((60_000, 12), (5_000, 300));
    let reader = Reader {
        size: 12 << 20,
        per_second,
        hurries_after: Duration::from_secs(seconds),
        receive_buffer: None,
    };
    all_get_everything(flags, vec![reader]);
}

/// A peer below the minimum is told why, in the log at least.
#[test]
fn a_reader_below_the_minimum_is_closed_with_its_reason() {
    let _alone = alone();
    let rate = scaled("--min-drain-rate=64KiB", "--min-drain-rate=1KiB");
    let server = start(&[rate, "--send-buffer=64KiB", "--log=debug"]);
    let speed = scaled(32_000, 500);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let reader = steady(512 << 10, &[speed], RECEIVE)[0];
    let reader = runtime.spawn(reader.read(server.address()));
    let limit = scaled(Duration::from_secs(15), Duration::from_secs(600));
    let is_told = || server.log().to_ascii_lowercase().contains(REASON);
    runtime.block_on(async {
        while begun.elapsed() < limit && !is_told() && !reader.is_finished() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    eprintln!("{speed} bytes/s: closed after {:?}", begun.elapsed());
    assert!(is_told(), "not closed after {:?}; log: {}", begun.elapsed(), server.log_tail());
    server.retire().unwrap();
}

/// In the name of the deadline that the log has, which is that of the flag.
const REASON: &str = "drain";
