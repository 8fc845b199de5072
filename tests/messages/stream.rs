//! A connection as a `Stream` and a `Sink` of the crate futures.

use futures_core::FusedStream;
use futures_util::{FutureExt, StreamExt};
use stickler::{Config, Error, OwnedMessage, Result, Violation};

use crate::support::{binary, close, frame, open, settle, text};

#[tokio::test(start_paused = true)]
async fn messages_come_as_items_up_to_the_close() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (receiver, sender) = incoming.accept().await?.split();
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
        let (receiver, _sender) = incoming.accept().await?.split();
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
        let (receiver, sender) = incoming.accept().await?.split();
        let elsewhere = tokio::spawn(async move {
            let mut messages = receiver.into_stream();
            assert_eq!(messages.next().await.expect("a message")?, "one");
            // Nothing is lost by a poll that is given up.
            assert_eq!(messages.next().now_or_never().map(|_| ()), None);
            tokio::task::yield_now().await;
            assert_eq!(messages.next().now_or_never().map(|_| ()), None);
            let mut receiver = messages.into_inner().expect("it goes on");
            sender.send("ready")?;
            assert_eq!(receiver.next().await?.expect("a message"), "two");
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
