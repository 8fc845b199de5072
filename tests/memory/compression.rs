//! What compression costs in memory: nothing between messages without context takeover, the
//! histories with it, and what is charged for what is lent.

use stickler::{CloseCode, Config, Endpoint, Incoming, MessageKind, Prepared, SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use crate::allocator::{asked, held};
use crate::deflate::deflate;
use crate::opened_with;
use crate::support::{REQUEST, close, echo, frame, open_on, settle, takeover};

const COUNT: usize = 300;

/// Echoes whose allocations are counted.
const ROUNDS: usize = 200;

/// What lists of connections grow by, and an outbox that a connection has at hand.
const SLACK: isize = 128;

/// What a history takes beside its bytes: its box.
const HISTORY: isize = 64;

/// Neither side takes its context over.
fn lean() -> Config {
    let mut config = Config::default();
    config.deflate.policy =
        config.deflate.policy.map(|policy| policy.client_context_takeover(false));
    config
}

fn offering() -> String {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    REQUEST.strip_suffix("\r\n").unwrap().to_string() + offer
}

/// 1 KiB that compresses well.
fn record() -> String {
    "{\"id\":1234,\"name\":\"a record\"}".repeat(40)[..1024].to_string()
}

/// Reads one frame; gives its first byte and its length.
async fn read_frame(peer: &mut DuplexStream) -> (u8, usize) {
    let (first, second) = (peer.read_u8().await.unwrap(), peer.read_u8().await.unwrap());
    let len = match second {
        126 => usize::from(peer.read_u16().await.unwrap()),
        len => usize::from(len),
    };
    let mut rest = [0; 2048];
    peer.read_exact(&mut rest[..len]).await.unwrap();
    (first, len)
}

/// Bytes that each of many idle connections holds: opened, and after an echo.
async fn idle(config: Config, request: &str, first: u8, payload: &[u8]) -> (isize, isize) {
    let endpoint = Endpoint::new(config);
    let serve = async |io| -> (DuplexStream, JoinHandle<_>) {
        let (ours, theirs): (DuplexStream, DuplexStream) = io;
        let serving = tokio::spawn(endpoint.serve(ours, None, echo));
        (opened_with(request, theirs).await, serving)
    };
    let mut pairs: Vec<_> = (0..=COUNT).map(|_| tokio::io::duplex(2048)).collect();
    for (ours, theirs) in &mut pairs {
        // Buffers of the transport, as large as they get.
        ours.write_all(&[0; 1500]).await.unwrap();
        theirs.write_all(&[0; 1500]).await.unwrap();
        ours.read_exact(&mut [0; 1500]).await.unwrap();
        theirs.read_exact(&mut [0; 1500]).await.unwrap();
    }
    let mut peers = Vec::with_capacity(COUNT + 1);
    let exchange = async |peer: &mut DuplexStream| {
        peer.write_all(&frame(first, payload)).await.unwrap();
        assert_eq!(read_frame(peer).await.0, first);
    };
    // The first one also makes what all share.
    let mut one = serve(pairs.pop().unwrap()).await;
    exchange(&mut one.0).await;
    settle().await;
    let before = held();
    for pair in pairs {
        peers.push(serve(pair).await);
    }
    settle().await;
    let opened = (held() - before) / COUNT as isize;
    for (peer, _) in &mut peers {
        exchange(peer).await;
    }
    settle().await;
    let used = (held() - before) / COUNT as isize;
    peers.push(one);
    for (mut peer, serving) in peers {
        peer.write_all(&close(1000)).await.unwrap();
        peer.read_exact(&mut [0; 4]).await.unwrap();
        drop(peer);
        assert!(serving.await.unwrap().is_clean());
    }
    (opened, used)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_agreed_on_compression_holds_no_more_than_another() {
    let record = record();
    let payload = deflate(b"", record.as_bytes());
    let (plain_opened, plain_used) =
        idle(Config::default(), REQUEST, 0x82, record.as_bytes()).await;
    let (opened, used) = idle(lean(), &offering(), 0xc2, &payload).await;
    let (default_opened, default_used) = idle(Config::default(), &offering(), 0xc2, &payload).await;
    let (kept_opened, kept_used) = idle(takeover(), &offering(), 0xc2, &payload).await;
    println!("bytes per idle connection, opened and after a message of 1 KiB each way:");
    println!("  plain {plain_opened} {plain_used}, compressed {opened} {used}");
    println!("  by default {default_opened} {default_used}");
    println!("  with context takeover {kept_opened} {kept_used}");
    assert!(opened <= plain_opened + SLACK, "{opened} {plain_opened}");
    assert!(used <= plain_used + SLACK, "{used} {plain_used}");
    // By default: what came, in a power of two, from the first message on.
    assert!(default_opened <= plain_opened + SLACK, "{default_opened} {plain_opened}");
    assert!(
        default_used <= plain_used + (1 << 10) + HISTORY + SLACK,
        "{default_used} {plain_used}"
    );
    // With context takeover: what is kept of both directions, in powers of two.
    assert!(kept_opened <= plain_opened + 2 * SLACK, "{kept_opened} {plain_opened}");
    assert!(kept_used <= plain_used + (2 << 10) + HISTORY + 2 * SLACK, "{kept_used} {plain_used}");
}

#[tokio::test(start_paused = true)]
async fn histories_take_what_they_are_charged_with() {
    let endpoint = Endpoint::new(takeover());
    let (io, peer) = tokio::io::duplex(2048);
    let serving = tokio::spawn(endpoint.serve(io, None, echo));
    let mut peer = opened_with(&offering(), peer).await;
    let mut before = 0;
    for number in 0..100 {
        // Each time something new, so that no message refers far back.
        let record = record().replace("1234", &number.to_string());
        peer.write_all(&frame(0xc2, deflate(b"", record.as_bytes()))).await.unwrap();
        assert_eq!(read_frame(&mut peer).await.0, 0xc2);
        settle().await;
        if number == 0 {
            before = held();
        }
        assert!(held() - before <= 64 << 10, "{} after {number}", held() - before);
    }
    println!("histories, full: {}", held() - before);
    assert!(held() - before > 60 << 10);
    drop(peer);
    serving.await.unwrap();
    settle().await;
    assert!(held() < before, "the histories go with the connection");
}

/// Allocations for [`ROUNDS`] echoes of a message of 1 KiB, in the steady state.
async fn allocations(config: Config, deflated: &[u8]) -> usize {
    const WARM_UP: usize = 300;
    let (io, peer) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(Endpoint::new(config).serve(io, None, echo));
    let mut peer = opened_with(&offering(), peer).await;
    let message = frame(0xc2, deflated);
    let mut before = 0;
    for round in 0..ROUNDS + WARM_UP {
        if round == WARM_UP {
            before = asked();
        }
        peer.write_all(&message).await.unwrap();
        assert_eq!(read_frame(&mut peer).await.0, 0xc2);
    }
    let more = asked() - before;
    drop(peer);
    serving.await.unwrap();
    more
}

#[tokio::test(start_paused = true)]
async fn a_compressed_message_costs_no_allocation() {
    let deflated = deflate(b"", record().as_bytes());
    let without = allocations(Config::default(), &deflated).await;
    let with = allocations(takeover(), &deflated).await;
    println!("allocations for {ROUNDS} compressed echoes: {without}, with context takeover {with}");
    // Now and then the runtime ends a turn inside a message. Then the inflater is noted as one that waits.
    assert!(without.max(with) <= ROUNDS / 50, "{without} {with}");
}

/// An attempt to send on a connection that takes nothing costs no compression.
#[tokio::test(start_paused = true)]
async fn nothing_is_compressed_in_vain() {
    for mut config in [Config::default(), takeover()] {
        config.limits.max_queued = 10;
        let handler = async |incoming: Incoming| {
            let sender = incoming.accept()?.sender().clone();
            let prepared = Prepared::binary("a".repeat(100_000));
            let message = "a".repeat(100_000);
            // The 101 comes first.
            sender.ready().await;
            sender.send("larger than the queue")?;
            for refused in [SendError::QueueFull, SendError::Closed] {
                let before = held();
                assert_eq!(sender.send(&message), Err(refused));
                assert_eq!(sender.send(&prepared), Err(refused));
                assert_eq!(sender.start_message(MessageKind::Text).map(drop), Err(refused));
                assert_eq!(held(), before);
                sender.ready().await;
                if sender.is_open() {
                    sender.close(CloseCode::NORMAL, "")?;
                }
            }
            Ok(())
        };
        let (peer, serving, _) = open_on(&Endpoint::new(config), &offering(), handler).await;
        assert_eq!(peer.text().await, "larger than the queue");
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.send(close(1000));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

/// A finished message has given its compressor back, though its handle is still there.
#[tokio::test(start_paused = true)]
async fn a_finished_message_keeps_no_compressor() {
    let handler = async |incoming: Incoming| {
        let sender = incoming.accept()?.sender().clone();
        let mut first = sender.start_message(MessageKind::Text)?;
        first.finish(record())?;
        let before = held();
        let mut second = sender.start_message(MessageKind::Text)?;
        second.finish(record())?;
        assert!(held() - before < 8 << 10, "{}", held() - before);
        Ok(())
    };
    let endpoint = Endpoint::new(Config::default());
    let (peer, serving, _) = open_on(&endpoint, &offering(), handler).await;
    for _ in 0..2 {
        assert_eq!(peer.frame().await.first, 0xc1);
    }
    peer.end();
    serving.await.unwrap();
}

/// What is lent takes no more than it is charged with.
#[test]
fn a_charge_covers_what_is_allocated() {
    use std::sync::Arc;
    use stickler::proto::deflate::budget::Budget;
    use stickler::proto::deflate::{Compressor, Inflater, Level, Shape, WindowBits};
    let budget = Arc::new(Budget::new(usize::MAX));
    let message = record().repeat(20);
    for bits in 8..=15 {
        for level in [1, 3, 6, 9] {
            for len in [1024, message.len()] {
                let (level, window) = (Level::new(level).unwrap(), WindowBits::new(bits).unwrap());
                let shape = Shape::of(level, window, len);
                let (before, charged) = (held(), budget.used());
                let mut compressor = Compressor::new(shape, &budget).unwrap();
                let mut out = Vec::with_capacity(1 << 18);
                let begun = held() - before;
                let _ = compressor.compress(&[], &message.as_bytes()[..len], len, &mut out);
                let (taken, charged) = (begun - (1 << 18), (budget.used() - charged) as isize);
                assert!(taken <= charged, "{bits} {level:?} {len}: {taken} of {charged}");
                assert!(held() - before <= charged + (1 << 18), "grown since");
                assert!(charged < taken + (40 << 10), "{bits} {len}: {taken} of {charged}");
            }
        }
    }
    let (before, charged) = (held(), budget.used());
    let mut inflater = Inflater::new(&budget).unwrap();
    let mut out = Vec::with_capacity(1 << 18);
    inflater.begin(None);
    let payload = deflate(b"", message.as_bytes());
    inflater.inflate(&payload, 1 << 18, &mut out).unwrap();
    assert_eq!(out, message.as_bytes());
    let taken = held() - before - out.capacity() as isize - payload.capacity() as isize;
    let charged = (budget.used() - charged) as isize;
    println!("an inflater takes {taken} of {charged}");
    assert!(taken <= charged, "{taken} of {charged}");
}
