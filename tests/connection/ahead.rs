//! Reading ahead: what stands before the next data is dealt with, whatever the handler does.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stickler::Initiator;
use stickler::{Config, Endpoint, Sender};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use crate::claims::claims;
use crate::support::{Frame, REQUEST, binary, close, frame, open, settle, text};

/// Sends a tick every second, and never receives.
async fn tick(sender: &Sender) -> stickler::Result<()> {
    loop {
        sender.send("tick")?;
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_only_sends_answers_pings_and_the_close() {
    claims!("6455-5.5.1-09", "6455-5.5.2-01");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let socket = incoming.accept()?;
        tick(socket.sender()).await
    })
    .await;
    assert_eq!(peer.text().await, "tick");
    peer.send(frame(0x89, "p"));
    let pong = peer.frame().await;
    assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"p"[..]));
    assert_eq!(peer.text().await, "tick");
    let start = Instant::now();
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    assert_eq!(start.elapsed(), Duration::ZERO, "at once, not when it sends next");
    peer.end();
    let ending = serving.await.unwrap();
    assert!(ending.is_clean(), "{ending:?}");
    assert_eq!(ending.initiator, Initiator::Peer);
}

/// The end of the transport is seen too.
#[tokio::test(start_paused = true)]
async fn a_handler_that_only_waits_hears_of_the_end() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let socket = incoming.accept()?;
        let ending = socket.sender().closed().await;
        assert!(ending.transport.is_some(), "{ending:?}");
        Ok(())
    })
    .await;
    settle().await;
    peer.end();
    assert!(!serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn what_stands_before_the_data_is_dealt_with_and_the_data_waits() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sleep(Duration::from_secs(100)).await;
        // Long after the Pongs.
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    let ping = |data: &str| frame(0x89, data);
    // Cut within a control frame, within the header of one, and within that of data.
    peer.send(&[ping("one"), ping("two")].concat()[..10]);
    settle().await;
    assert_eq!(peer.frames().len(), 1);
    peer.send(&[ping("one"), ping("two")].concat()[10..]);
    peer.send([ping("three"), text("a")[..1].to_vec()].concat());
    settle().await;
    assert_eq!(peer.frames().len(), 2);
    peer.send([&text("a")[1..], &ping("four"), &close(1000)].concat());
    settle().await;
    // Behind data nothing is looked at before the Receiver has taken it.
    assert_eq!(peer.frames(), []);
    sleep(Duration::from_secs(101)).await;
    let replies: Vec<u8> = peer.frames().iter().map(|frame: &Frame| frame.first).collect();
    assert_eq!(replies, [0x81, 0x8a, 0x88]);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// A Close behind the last message does not wait for the handler, which is busy with that.
#[tokio::test(start_paused = true)]
async fn a_close_behind_the_last_message_does_not_wait_for_the_handler() {
    for messages in 1..4 {
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            for _ in 0..messages {
                let message = receiver.recv().await?.expect("a message");
                sender.send(message)?;
            }
            sleep(Duration::from_secs(1000)).await;
            assert!(receiver.recv().await?.is_none());
            Ok(())
        })
        .await;
        let start = Instant::now();
        peer.send([text("m").repeat(messages), frame(0x89, "p"), close(1000)].concat());
        for _ in 0..messages {
            assert_eq!(peer.text().await, "m");
        }
        assert_eq!(peer.frame().await.first, 0x8a);
        assert_eq!(peer.frame().await.close_code(), 1000);
        assert_eq!(start.elapsed(), Duration::ZERO);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

/// What is found behind a message that is lent is not taken from under it.
#[tokio::test(start_paused = true)]
async fn a_message_stays_as_it_is_while_the_task_deals_with_what_is_behind_it() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        for expected in ["a".repeat(100), "b".repeat(20_000), "c".repeat(3)] {
            let message = receiver.recv().await?.expect("a message");
            sleep(Duration::from_secs(1)).await;
            assert_eq!(message.as_text(), Some(&expected[..]));
            sender.send(message)?;
        }
        sender.closed().await;
        Ok(())
    })
    .await;
    let ping = frame(0x89, "p".repeat(125));
    let (a, b, c) = (text(&"a".repeat(100)), text(&"b".repeat(20_000)), text("ccc"));
    peer.send([&a[..], &ping, &ping, &b, &ping, &c, &ping].concat());
    let order = [0x8a, 0x8a, 0x81, 0x8a, 0x81, 0x8a, 0x81];
    for first in order {
        assert_eq!(peer.frame().await.first, first);
    }
    peer.end();
    serving.await.unwrap();
}

/// A full queue does not keep a Ping, a Close or the end from being seen.
#[tokio::test(start_paused = true)]
async fn a_full_queue_hides_no_control_frame() {
    let mut config = Config::default();
    config.limits.max_queued = 1000;
    let (peer, serving) = open(config, async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.send(vec![7; 5000])?;
        assert!(receiver.recv().await?.is_none(), "a Close");
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.send([frame(0x89, "old"), frame(0x89, "new"), close(1001)].concat());
    settle().await;
    assert_eq!(peer.untaken(), 0);
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload.len(), 5000);
    // RFC 6455 §5.5.2: the Ping was there before the Close.
    assert_eq!(peer.frame().await, Frame { first: 0x8a, payload: b"new".to_vec() });
    assert_eq!(peer.frame().await.close_code(), 1001);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// A busy handler costs one read buffer at most, and no more than was read.
#[tokio::test(start_paused = true)]
async fn a_busy_handler_holds_one_read() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let _socket = incoming.accept()?;
        pending().await
    })
    .await;
    let messages = binary([1; 1000]).repeat(2000);
    peer.send(&messages);
    settle().await;
    let taken = messages.len() - peer.untaken();
    assert!((1..=128 << 10).contains(&taken), "{taken}");
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(messages.len() - peer.untaken(), taken);
    // Nor does it ask whether the peer lives: silence is the server's own.
    assert_eq!(peer.frames(), []);
    peer.end();
    serving.abort();
}

/// A transport that notes the largest room that it was given for a read.
struct Noting {
    io: tokio::io::DuplexStream,
    most: Arc<AtomicUsize>,
}

impl tokio::io::AsyncRead for Noting {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        self.most.fetch_max(buffer.remaining(), Ordering::SeqCst);
        std::pin::Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl tokio::io::AsyncWrite for Noting {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What waits for busy handlers leaves the large read buffers, of which a thread lends only 16.
#[tokio::test]
async fn busy_handlers_do_not_use_up_the_large_read_buffers() {
    let endpoint = Endpoint::new(Config::default());
    let mut peers = Vec::new();
    for is_last in std::iter::repeat_n(false, 40).chain([true]) {
        let (io, mut peer) = tokio::io::duplex(1 << 20);
        let most = Arc::new(AtomicUsize::new(0));
        let noting = Noting { io, most: most.clone() };
        tokio::spawn(endpoint.serve(noting, None, async |incoming| {
            let _socket = incoming.accept()?;
            pending::<stickler::Result<()>>().await
        }));
        peer.write_all(REQUEST.as_bytes()).await.unwrap();
        settle().await;
        peer.write_all(&text("waits")).await.unwrap();
        settle().await;
        if is_last {
            assert_eq!(most.load(Ordering::SeqCst), 128 << 10);
        }
        peers.push(peer);
    }
}
