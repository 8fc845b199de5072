//! Values of which only the newest counts, on one connection: a slow peer gets that one, in time.

use std::sync::{Arc, Mutex};

use stickler::{
    Config, Ending, Initiator, Limits, MessageKind, Receiver, SendError, Sender, WhenFull,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::support::{Peer, close, open, settle, text};

/// A connection whose handler reads until the end, and its Sender.
async fn connect(config: Config) -> (Peer, JoinHandle<Ending>, Sender) {
    let told = Arc::new(Mutex::new(None));
    let tell = told.clone();
    let (peer, serving) = open(config, async move |incoming| {
        let (mut receiver, sender): (Receiver, Sender) = incoming.accept()?.split();
        *tell.lock().unwrap() = Some(sender);
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    settle().await;
    let sender = told.lock().unwrap().take().unwrap();
    (peer, serving, sender)
}

fn bounded(max_queued: usize, when_full: WhenFull) -> Config {
    Config::default().limits(Limits::default().max_queued(max_queued).when_full(when_full))
}

/// Has the transport refuse everything, with a long queue.
async fn stop(peer: &Peer, sender: &Sender) {
    peer.give_room(0);
    sender.send(vec![0; 5000]).unwrap();
    settle().await;
}

async fn texts(peer: &Peer) -> Vec<String> {
    settle().await;
    let frames = peer.frames().into_iter().filter(|frame| frame.first == 0x81);
    frames.map(|frame| String::from_utf8(frame.payload).unwrap()).collect()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_keeps_up_gets_every_value() {
    let (peer, _serving, sender) = connect(Config::default()).await;
    let before = tasks();
    for number in 0..1000 {
        sender.send_latest("a", format!("{number}")).unwrap();
        settle().await;
    }
    assert_eq!(texts(&peer).await.len(), 1000);
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_gets_the_newest_of_each_key_in_the_order_of_the_keys() {
    let (peer, serving, sender) = connect(Config::default()).await;
    let before = tasks();
    stop(&peer, &sender).await;
    let queued = sender.queued();
    for number in 0..1000 {
        for key in ["b", "a", "c"] {
            sender.send_latest(key, format!("{key} {number}")).unwrap();
        }
    }
    settle().await;
    assert_eq!((sender.queued(), sender.dropped()), (queued, 0));
    // One task for all of them.
    assert_eq!(tasks(), before + 1);
    // A message that is sent otherwise does not wait behind values.
    sender.send("a message").unwrap();
    peer.give_room(usize::MAX);
    assert_eq!(texts(&peer).await, ["a message", "b 999", "a 999", "c 999"]);
    assert_eq!(tasks(), before);
    // Then every value goes again.
    sender.send_latest("a", "a 1000").unwrap();
    sender.send_latest("a", "a 1001").unwrap();
    assert_eq!(texts(&peer).await, ["a 1000", "a 1001"]);
    drop(sender);
    peer.send(close(1000));
    assert!(serving.await.unwrap().is_clean());
}

/// Later values of other keys wait too, so that keys leave in the order in which they began to wait.
#[tokio::test(start_paused = true)]
async fn values_go_behind_little() {
    let (peer, _serving, sender) = connect(Config::default()).await;
    stop(&peer, &sender).await;
    for key in 0..100 {
        sender.send_latest(format!("{key}"), format!("{key:>1000}")).unwrap();
    }
    for _ in 0..200 {
        peer.give_room(700);
        settle().await;
        assert!(sender.queued() < 5004 + (4 << 10) + 1004, "{}", sender.queued());
    }
    peer.give_room(usize::MAX);
    let texts = texts(&peer).await;
    let keys: Vec<usize> = texts.iter().map(|text| text.trim().parse().unwrap()).collect();
    assert_eq!(keys, (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_message_in_fragments_is_waited_for() {
    let (peer, _serving, sender) = connect(Config::default()).await;
    let mut message = sender.start_message(MessageKind::Text).unwrap();
    message.send("one ").unwrap();
    sender.send_latest("a", "old").unwrap();
    sender.send_latest("a", "new").unwrap();
    settle().await;
    message.finish("message").unwrap();
    settle().await;
    let payloads: Vec<_> = peer.frames().into_iter().map(|frame| frame.payload).collect();
    assert_eq!(payloads, [&b"one "[..], b"message", b"new"]);
}

/// What waits is bounded, and beyond the bound `when_full` decides. A value that takes the place of an
/// older one needs no further room.
#[tokio::test(start_paused = true)]
async fn values_that_wait_are_bounded() {
    for when_full in [WhenFull::Wait, WhenFull::Drop, WhenFull::Close] {
        let (peer, serving, sender) = connect(bounded(20_000, when_full)).await;
        stop(&peer, &sender).await;
        for round in 0..100 {
            for key in 0..10 {
                let value = format!("{:<1000}", format!("{key} {round}"));
                assert_eq!(sender.send_latest(format!("{key}"), value), Ok(()));
            }
        }
        let results: Vec<_> = (10..30)
            .map(|key| {
                let value = format!("{:<1000}", format!("{key} 0"));
                sender.send_latest(format!("{key}"), value)
            })
            .collect();
        // Each value takes its frame, its key and what both need besides.
        let kept = results.iter().filter(|result| result.is_ok()).count();
        let sent = match when_full {
            WhenFull::Wait => {
                assert_eq!(results[kept], Err(SendError::QueueFull));
                assert_eq!(sender.dropped(), 0);
                10 + kept
            }
            WhenFull::Drop => {
                assert_eq!(kept, 20);
                10 + 20 - usize::try_from(sender.dropped()).unwrap()
            }
            _ => {
                assert_eq!(results[kept], Err(SendError::Closed));
                assert!(!sender.is_open());
                0
            }
        };
        peer.give_room(usize::MAX);
        let texts = texts(&peer).await;
        assert_eq!(texts.len(), sent, "{when_full:?}");
        if when_full == WhenFull::Close {
            peer.send(close(1008));
            assert_eq!(serving.await.unwrap().initiator, Initiator::FullQueue);
        } else {
            assert!((14..=16).contains(&sent), "{sent}");
            assert_eq!(texts[0].trim(), "0 99");
        }
    }
}

/// Nothing is left of values that wait when the connection ends, of their task neither.
#[tokio::test(start_paused = true)]
async fn values_that_wait_end_with_the_connection() {
    for is_lost in [false, true] {
        let before = tasks();
        let (peer, serving, sender) = connect(Config::default()).await;
        stop(&peer, &sender).await;
        sender.send_latest("a", "a").unwrap();
        sender.send_latest("b", "b").unwrap();
        settle().await;
        if is_lost {
            peer.fail_reading(std::io::ErrorKind::ConnectionReset);
        } else {
            peer.send(close(1000));
            peer.give_room(usize::MAX);
        }
        serving.await.unwrap();
        settle().await;
        assert_eq!(tasks(), before);
        assert_eq!(sender.send_latest("a", "c"), Err(SendError::Closed));
    }
}

/// A handler may send values from its own task, and its replies are not held up by them.
#[tokio::test(start_paused = true)]
async fn replies_do_not_wait_behind_values() {
    let (peer, _serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            for number in 0..100 {
                sender.send_latest("price", format!("{number:>1000}"))?;
            }
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    peer.give_room(0);
    for _ in 0..10 {
        peer.send(text("command"));
        settle().await;
    }
    peer.give_room(usize::MAX);
    let texts = texts(&peer).await;
    // A burst that the transport was not asked about, ten replies, and the newest value.
    assert!(texts.len() < 66 + 10 + 2, "{}", texts.len());
    assert_eq!(texts.last().unwrap().trim(), "99");
    assert_eq!(texts.iter().filter(|text| *text == "command").count(), 10);
}
