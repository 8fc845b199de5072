//! What connections cost in memory, measured by the allocator: idle ones, many that hold a
//! message over an await, and messages on the plain path.
#![cfg(feature = "net")]

#[cfg(feature = "deflate")]
mod compression;
#[cfg(feature = "server")]
mod plain;
mod queued;

use stickler::{Config, Endpoint};
#[cfg(feature = "deflate")]
use stickler_testing::deflate;
use stickler_testing::{allocator, memory as support};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use allocator::{asked, held};
use support::{REQUEST, close, echo, settle, text};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// Bytes that one idle connection may hold: its task with the echo's future, the state behind
/// its lock, its place in the register. The transport is not counted.
const IDLE_CEILING: isize = 1024;

/// Bytes that one connection may hold whose handler keeps a small message over an await.
const HOLDING_CEILING: isize = 6 << 10;

const MANY: usize = 10_000;

async fn opened(peer: DuplexStream) -> DuplexStream {
    opened_with(REQUEST, peer).await
}

async fn opened_with(request: &str, mut peer: DuplexStream) -> DuplexStream {
    peer.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    peer
}

/// What a transport in memory holds by itself, its buffers grown as by an opening handshake.
async fn transport_cost(count: usize) -> isize {
    let before = held();
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut ours, mut theirs) = tokio::io::duplex(2048);
        let mut sink = [0; 512];
        theirs.write_all(REQUEST.as_bytes()).await.unwrap();
        let _ = ours.read(&mut sink).await.unwrap();
        ours.write_all(&[0; 129]).await.unwrap();
        let _ = theirs.read(&mut sink).await.unwrap();
        pairs.push((ours, theirs));
    }
    (held() - before) / count as isize
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_holds_no_buffer() {
    const COUNT: usize = 1000;
    let endpoint = Endpoint::new(Config::default());
    let transport = transport_cost(COUNT).await;
    let mut peers: Vec<(DuplexStream, JoinHandle<_>)> = Vec::with_capacity(COUNT);
    // The first one also makes what all share.
    let (io, peer) = tokio::io::duplex(2048);
    let _first = (tokio::spawn(endpoint.serve(io, None, echo)), opened(peer).await);
    let before = held();
    for _ in 0..COUNT {
        let (io, peer) = tokio::io::duplex(2048);
        let serving = tokio::spawn(endpoint.serve(io, None, echo));
        peers.push((opened(peer).await, serving));
    }
    settle().await;
    let opened = (held() - before) / COUNT as isize - transport;
    for (peer, _) in &mut peers {
        peer.write_all(&text("hello")).await.unwrap();
        peer.read_exact(&mut [0; 7]).await.unwrap();
    }
    settle().await;
    let used = (held() - before) / COUNT as isize - transport;
    println!("bytes per idle connection: {opened} opened, {used} after a message");
    assert!(opened <= IDLE_CEILING && used <= IDLE_CEILING, "{opened} {used}");
    for (mut peer, serving) in peers {
        peer.write_all(&close(1000)).await.unwrap();
        peer.read_exact(&mut [0; 4]).await.unwrap();
        drop(peer);
        assert!(serving.await.unwrap().is_clean());
    }
    let left = (held() - before) / COUNT as isize;
    assert!(left < 100, "{left} bytes are left of each connection");
}

#[tokio::test(start_paused = true)]
async fn a_message_costs_no_allocation() {
    let (io, peer) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(Endpoint::new(Config::default()).serve(io, None, echo));
    let mut peer = opened(peer).await;
    let message = [text("hello"), text(&"more ".repeat(1000))].concat();
    let mut echoed = vec![0; 7 + 4 + 5000];
    let mut before = 0;
    for round in 0..1000 {
        if round == 100 {
            before = asked();
        }
        peer.write_all(&message).await.unwrap();
        peer.read_exact(&mut echoed).await.unwrap();
    }
    assert_eq!(asked() - before, 0);
    drop(peer);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_held_over_an_await_are_bounded() {
    let endpoint = Endpoint::new(Config::default());
    let transport = transport_cost(100).await;
    let (release, released) = watch::channel(false);
    let before = held();
    let mut peers = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let (io, peer) = tokio::io::duplex(2048);
        let mut released = released.clone();
        let serving = tokio::spawn(endpoint.serve(io, None, async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(message) = receiver.recv().await? {
                released.wait_for(|released| *released).await.ok();
                sender.send(message)?;
            }
            Ok::<(), stickler::Error>(())
        }));
        let mut peer = opened(peer).await;
        peer.write_all(&text("hold this")).await.unwrap();
        peers.push((peer, serving));
    }
    settle().await;
    assert_eq!(endpoint.connections(), MANY);
    let each = (held() - before) / MANY as isize - transport;
    println!("bytes per connection that holds a message: {each}");
    assert!(each <= HOLDING_CEILING, "{each}");
    release.send(true).unwrap();
    for (mut peer, serving) in peers {
        let mut echoed = [0; 11];
        peer.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed[2..], b"hold this");
        drop(peer);
        serving.await.unwrap();
    }
    let left = (held() - before) / MANY as isize;
    assert!(left < 400, "{left} bytes are left of each connection");
}

#[tokio::test(start_paused = true)]
async fn a_promised_length_costs_nothing_before_it_arrives() {
    let (io, peer) = tokio::io::duplex(2048);
    let serving = tokio::spawn(Endpoint::new(Config::default()).serve(io, None, echo));
    let mut peer = opened(peer).await;
    // What the thread keeps for everybody is there before.
    peer.write_all(&text("hello")).await.unwrap();
    peer.read_exact(&mut [0; 7]).await.unwrap();
    settle().await;
    let before = held();
    // A frame of 16 MiB, of which one byte comes.
    peer.write_all(&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 0]).await.unwrap();
    settle().await;
    let grown = held() - before;
    assert!(grown < 4 << 10, "{grown}");
    drop(peer);
    serving.await.unwrap();
}
