//! A connection as a `Stream` and a `Sink` of the crate futures.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_core::FusedStream;
use futures_sink::Sink;
use futures_util::{FutureExt, SinkExt, StreamExt};
use stickler::{
    Config, Error, MessageSink, OwnedMessage, Prepared, Result, SendError, TimeoutKind, Violation,
};

use crate::support::{binary, close, frame, open, settle, text};

#[tokio::test(start_paused = true)]
async fn messages_come_as_items_up_to_the_close() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (receiver, sender) = incoming.accept()?.split();
        let mut messages = receiver.into_stream();
        assert!(!messages.is_terminated());
        let mut kept = Vec::new();
        while let Some(message) = messages.next().await {
            kept.push(message?);
        }
        assert_eq!(kept[0], "one");
        assert_eq!(kept[1], OwnedMessage::binary("two"));
        assert_eq!(kept[2], "three");
        assert!(messages.is_terminated());
        assert!(messages.next().await.is_none());
        assert!(sender.send("more").is_err());
        Ok(())
    })
    .await;
    peer.send([text("one"), binary("two"), frame(0x01, "thr")].concat());
    settle().await;
    peer.send([frame(0x80, "ee"), close(1000)].concat());
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_the_last_item() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (receiver, _sender) = incoming.accept()?.split();
        let items: Vec<Result<OwnedMessage>> = receiver.into_stream().collect().await;
        assert_eq!(items.len(), 2);
        assert_eq!(*items[0].as_ref().unwrap(), "one");
        assert!(matches!(items[1], Err(Error::Violation(Violation::UnmaskedFrame))));
        Ok(())
    })
    .await;
    peer.send([text("one"), vec![0x81, 0]].concat());
    serving.await.unwrap();
}

/// On another task a waker is left in the connection; what was waited for goes on.
#[tokio::test(start_paused = true)]
async fn a_stream_is_polled_wherever_it_is_and_gives_its_receiver_back() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (receiver, sender) = incoming.accept()?.split();
        let elsewhere = tokio::spawn(async move {
            let mut messages = receiver.into_stream();
            assert_eq!(messages.next().await.expect("a message")?, "one");
            // Nothing is lost by a poll that is given up.
            assert_eq!(messages.next().now_or_never().map(|_| ()), None);
            tokio::task::yield_now().await;
            assert_eq!(messages.next().now_or_never().map(|_| ()), None);
            let mut receiver = messages.into_inner().expect("it goes on");
            sender.send("ready")?;
            assert_eq!(receiver.recv().await?.expect("a message"), "two");
            let mut messages = receiver.into_stream();
            assert!(messages.next().await.is_none());
            assert!(messages.into_inner().is_none());
            Ok(())
        });
        elsewhere.await.map_err(Error::application)?
    })
    .await;
    peer.send(text("one"));
    assert_eq!(peer.text().await, "ready");
    peer.send([text("two"), close(1000)].concat());
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_stream_forwards_into_a_sink() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (receiver, sender) = incoming.accept()?.split();
        receiver.into_stream().forward(sender.into_sink()).await
    })
    .await;
    peer.send([text("one"), binary("two")].concat());
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.frame().await.payload, b"two");
    peer.send(close(4000));
    assert_eq!(peer.frame().await.close_code(), 4000);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_sink_takes_whatever_may_be_sent() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?.into_stream();
        socket.send("one").await?;
        socket.send(vec![2]).await?;
        socket.feed(&Prepared::text("three")).await?;
        while let Some(message) = socket.next().await {
            socket.send(message?).await?;
        }
        assert!(matches!(socket.send("x").await, Err(Error::Send(SendError::Closed))));
        SinkExt::<&str>::close(&mut socket).await
    })
    .await;
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.frame().await.payload, [2]);
    assert_eq!(peer.text().await, "three");
    peer.send(text("four"));
    assert_eq!(peer.text().await, "four");
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// Polls the flush, and counts how often.
async fn flush(sink: &mut MessageSink, polls: &AtomicUsize) -> Result<()> {
    let mut flush = pin!(SinkExt::<&str>::flush(sink));
    poll_fn(|cx| {
        polls.fetch_add(1, Ordering::Relaxed);
        flush.as_mut().poll(cx)
    })
    .await
}

/// In the handler, and on a task of its own; the transport takes bytes in portions, and buffers at last.
#[tokio::test(start_paused = true)]
async fn a_flush_is_ready_when_all_was_written_and_not_before() {
    for is_elsewhere in [false, true] {
        let polls = Arc::new(AtomicUsize::new(0));
        let seen = polls.clone();
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let mut sink = sender.clone().into_sink();
            receiver.recv().await?.expect("a message");
            let flushed = async move {
                flush(&mut sink, &AtomicUsize::new(0)).await?;
                sink.feed("x".repeat(40_000)).await?;
                sink.feed("end").await?;
                flush(&mut sink, &seen).await?;
                seen.fetch_add(1_000, Ordering::Relaxed);
                // What others send is flushed with it.
                sender.send("more")?;
                flush(&mut sink, &seen).await
            };
            if is_elsewhere {
                tokio::spawn(flushed).await.map_err(Error::application)??;
            } else {
                flushed.await?;
            }
            receiver.recv().await?;
            Ok(())
        })
        .await;
        settle().await;
        peer.give_room(0);
        peer.send(text("go"));
        settle().await;
        for _ in 0..4 {
            peer.give_room(10_000);
            settle().await;
            assert!(polls.load(Ordering::Relaxed) < 20, "it turns, and turns");
        }
        peer.block_flush(true);
        peer.give_room(100_000);
        settle().await;
        assert_eq!(peer.frame().await.payload.len(), 40_000);
        assert_eq!(peer.text().await, "end");
        assert!(polls.load(Ordering::Relaxed) < 20, "it is not flushed");
        peer.block_flush(false);
        assert_eq!(peer.text().await, "more");
        settle().await;
        assert!(polls.load(Ordering::Relaxed) > 1_000);
        peer.send(close(1000));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_ready_when_the_queue_has_room() {
    let mut config = Config::default();
    config.limits.max_queued = 1_000;
    let (peer, serving) = open(config, async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?.expect("a message");
        let mut sink = sender.clone().into_sink();
        sink.feed(vec![0; 2_000]).await?;
        assert_eq!(sink.feed("refused").now_or_never().map(|_| ()), None);
        // Room was there once; who has taken it since does not matter.
        sender.send_ready("other").await?;
        std::pin::Pin::new(&mut sink).start_send("granted")?;
        sink.feed("taken").await?;
        receiver.recv().await?;
        Ok(())
    })
    .await;
    settle().await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(10_000);
    assert_eq!(peer.frame().await.payload.len(), 2_000);
    for expected in ["other", "granted", "taken"] {
        assert_eq!(peer.text().await, expected);
    }
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_flush_fails_when_the_transport_goes_first() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?.expect("a message");
        let mut sink = sender.into_sink();
        sink.feed("never").await?;
        let flushed = flush(&mut sink, &AtomicUsize::new(0)).await;
        assert!(matches!(flushed, Err(Error::Send(SendError::Closed))), "{flushed:?}");
        let fed = sink.feed("x").await;
        assert!(matches!(fed, Err(Error::Send(SendError::Closed))), "{fed:?}");
        drop(receiver);
        assert!(SinkExt::<&str>::close(&mut sink).await.is_err());
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.wire().write_error = Some(ErrorKind::BrokenPipe);
    peer.give_room(10_000);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_ends_the_connection_whatever_the_peer_sends_before() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?.into_stream();
        socket.feed("last").await?;
        SinkExt::<&str>::close(&mut socket).await?;
        assert!(socket.next().await.is_none());
        // Again is no fault.
        SinkExt::<&str>::close(&mut socket).await
    })
    .await;
    assert_eq!(peer.text().await, "last");
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send([text("one"), text("two"), close(1000)].concat());
    peer.end();
    let ending = serving.await.unwrap();
    assert!(ending.is_clean(), "{ending:?}");
}

#[tokio::test(start_paused = true)]
async fn close_fails_when_the_peer_does_not_answer() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?.into_stream();
        let closed = SinkExt::<&str>::close(&mut socket).await;
        assert!(matches!(closed, Err(Error::Timeout(TimeoutKind::Close))), "{closed:?}");
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.close_code(), 1000);
    serving.await.unwrap();
}
