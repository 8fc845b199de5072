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

/// How many bytes of an echo a reader of this speed got before the end, and how long that took.
async fn read_steadily(
    address: SocketAddr,
    size: usize,
    per_second: usize,
    receive: Option<u32>,
) -> (usize, Duration) {
    let mut peer = Peer::connect_with_buffer(address, receive).await.unwrap();
    peer.upgrade(None).await.unwrap();
    let begun = Instant::now();
    peer.send(&binary(vec![0x5a; size])).await.unwrap();
    let (mut got, wanted) = (0, size + header_len(size));
    let mut buffer = vec![0; 64 * 1024];
    while got < wanted {
        let due = (begun.elapsed().as_secs_f64() * per_second as f64) as usize;
        let room = due.saturating_sub(got).min(buffer.len());
        if room == 0 {
            sleep(STEP).await;
            continue;
        }
        match timeout(PATIENCE, peer.stream.read(&mut buffer[..room])).await {
            Ok(Ok(count @ 1..)) => got += count,
            _ => break,
        }
        sleep(STEP).await;
    }
    (got, begun.elapsed())
}

const fn header_len(size: usize) -> usize {
    if size > 0xffff { 10 } else { 4 }
}

/// A receive buffer as the kernel of a usual client has it at the beginning. It does not grow.
const RECEIVE: Option<u32> = Some(64 * 1024);
const STEP: Duration = Duration::from_millis(50);
/// Longer than a peer that is served waits for its next bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// All at once: each reads an echo of this size. The speeds in bytes per second.
fn all_get_everything(flags: &[&str], size: usize, speeds: &'static [usize], receive: Option<u32>) {
    let _alone = alone();
    let server = start(flags);
    let address = server.address();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let short: Vec<String> = runtime.block_on(async {
        let readers: Vec<_> = speeds
            .iter()
            .map(|speed| (speed, tokio::spawn(read_steadily(address, size, *speed, receive))))
            .collect();
        let mut short = Vec::new();
        for (speed, reader) in readers {
            let (got, took) = reader.await.unwrap();
            eprintln!("{speed} bytes/s: {got} of {size} bytes in {took:?}");
            if got < size + header_len(size) {
                short.push(format!("{speed} bytes/s: {got} of {size} bytes after {took:?}"));
            }
        }
        short
    });
    assert!(short.is_empty(), "lost data: {short:#?}; log: {}", server.log_tail());
    server.retire().unwrap();
}

/// At 16 KiB/s the server judges over 16 s, as it does over 256 s at the default of 1 KiB/s.
#[test]
fn steady_readers_get_everything() {
    if crate::whole() {
        let flags = ["--send-buffer=64KiB"];
        all_get_everything(&flags, 512 << 10, &[2_000, 5_000, 10_000, 20_000, 40_000], RECEIVE);
    } else {
        let flags = ["--min-drain-rate=16KiB", "--send-buffer=64KiB"];
        all_get_everything(&flags, 512 << 10, &[28_000, 40_000, 60_000, 80_000, 160_000], RECEIVE);
    }
}

/// The real thing: with the kernel's own buffers on both sides, which tell of progress in large steps.
#[test]
#[ignore = "takes half an hour: run.sh slow"]
fn steady_readers_of_8_mib_get_everything() {
    all_get_everything(&[], 8 << 20, &[5_000, 10_000, 20_000, 40_000], None);
}

/// A peer below the minimum is told why, in the log at least.
#[test]
fn a_reader_below_the_minimum_is_closed_with_its_reason() {
    let _alone = alone();
    let rate = scaled("--min-drain-rate=64KiB", "--min-drain-rate=1KiB");
    let server = start(&[rate, "--send-buffer=64KiB", "--log=debug"]);
    let (size, speed) = (512 << 10, scaled(32_000, 500));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let reader = runtime.spawn(read_steadily(server.address(), size, speed, RECEIVE));
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
