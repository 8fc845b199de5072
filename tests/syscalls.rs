//! How often the kernel is asked: once to read and once to write for each time that a connection is
//! woken, however many messages came, and never for one that is idle.
//!
//! Here the calls are counted that reach the transport; `cli/tests/wire/syscalls.rs` counts those of
//! the program, as the kernel sees them.
#![cfg(feature = "net")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use stickler::{Config, Endpoint};
use stickler_testing::memory as support;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use support::{Peer, REQUEST, Transport, binary, echo, frame, open, settle, wire};

const WAKE_UPS: usize = 100;

/// Calls of one kind for each time that a connection is woken.
const CEILING: f64 = 1.3;

/// Reads for each message of 1 MiB that is there as a whole, and whose buffer is kept.
const READS_PER_MIB: f64 = 4.0;

/// The transport of a test, and how often it was asked for anything, ready or not.
struct Polled {
    transport: Transport,
    polls: Arc<AtomicUsize>,
}

impl Polled {
    fn transport(&mut self) -> Pin<&mut Transport> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.transport)
    }
}

impl AsyncRead for Polled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.transport().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Polled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.transport().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shutdown(cx)
    }
}

/// Writes so many frames of so many bytes at once, and waits for them to come back, again and again;
/// gives how often was read and written for each time.
async fn calls(peer: &Peer, messages: usize, payload_len: usize) -> (f64, f64) {
    let input = binary(vec![7; payload_len]).repeat(messages);
    let before = peer.wire().counts;
    for _ in 0..WAKE_UPS {
        peer.send(&input);
        for _ in 0..messages {
            assert_eq!(peer.frame().await.payload.len(), payload_len);
        }
    }
    settle().await;
    let after = peer.wire().counts;
    let each = |before, after| (after - before) as f64 / WAKE_UPS as f64;
    let (reads, writes) = (each(before.reads, after.reads), each(before.writes, after.writes));
    println!("{messages} of {payload_len} B: {reads} reads, {writes} writes");
    (reads, writes)
}

#[tokio::test(start_paused = true)]
async fn one_read_and_one_write_for_each_time_it_is_woken() {
    let (peer, serving) = open(Config::default(), echo).await;
    for (messages, payload_len) in [(1, 16), (16, 16), (100, 16), (16, 1024), (1, 16 << 10)] {
        let (reads, writes) = calls(&peer, messages, payload_len).await;
        assert!(reads <= CEILING && writes <= CEILING, "{messages} of {payload_len}");
        // It was read and answered every time, or nothing was counted.
        assert!(reads >= 1.0 && writes >= 1.0, "{messages} of {payload_len}");
    }
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_takes_few_reads_and_one_write() {
    let (peer, serving) = open(Config::default(), echo).await;
    let (reads, writes) = calls(&peer, 1, 1 << 20).await;
    assert!(reads <= READS_PER_MIB && writes <= CEILING);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_left_alone() {
    let mut config = Config::default();
    config.timeouts.keepalive_interval = Some(Duration::from_secs(25));
    let (transport, peer) = wire();
    let polls = Arc::new(AtomicUsize::new(0));
    let transport = Polled { transport, polls: polls.clone() };
    let serving = tokio::spawn(Endpoint::new(config).serve(transport, None, echo));
    peer.send(REQUEST);
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    calls(&peer, 16, 16).await;
    // At the deadline of the opening handshake the clock finds that there is a later one.
    tokio::time::advance(Duration::from_secs(11)).await;
    settle().await;
    let before = polls.load(Ordering::Relaxed);
    for _ in 0..12 {
        tokio::time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
    assert_eq!(polls.load(Ordering::Relaxed), before);
    // Until the keepalive's Ping is due: one write, and one read of its Pong.
    let before = peer.wire().counts;
    tokio::time::advance(Duration::from_secs(3)).await;
    let ping = peer.frame().await;
    assert_eq!(ping.first, 0x89);
    peer.send(frame(0x8A, ping.payload));
    settle().await;
    let after = peer.wire().counts;
    assert_eq!((after.reads - before.reads, after.writes - before.writes), (1, 1));
    peer.end();
    serving.await.unwrap();
}
