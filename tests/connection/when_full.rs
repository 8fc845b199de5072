//! What happens to a message for which the queue has no room, as `Limits::when_full` has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stickler::{
    CloseCode, Config, Ending, Endpoint, Incoming, Initiator, Limits, MessageKind, Prepared,
    Receiver, SendError, Sender, SentClose, TrySendError, WhenFull,
};
use tokio::task::JoinHandle;

use crate::claims::claims;
use crate::support::{Peer, REQUEST, binary, close, echo, open, open_on, settle, text};

fn bounded(max_queued: usize, when_full: WhenFull) -> Config {
    Config::default().limits(Limits::default().max_queued(max_queued).when_full(when_full))
}

/// Once the transport refuses everything, nothing that is queued is written any more.
async fn stop(receiver: &mut Receiver) {
    assert!(receiver.recv().await.unwrap().is_some());
}

/// The connection closes next because the queue is full, and the peer answers.
async fn closes_full(peer: &Peer, serving: JoinHandle<Ending>) {
    assert_eq!(peer.frame().await.close_code(), 1008);
    peer.send(close(1008));
    peer.end();
    assert_eq!(serving.await.unwrap().initiator, Initiator::FullQueue);
}

#[tokio::test(start_paused = true)]
async fn a_whole_message_is_dropped_from_the_bound_on() {
    claims!("6455-6.1-04");
    let (peer, serving) = open(bounded(1000, WhenFull::Drop), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        stop(&mut receiver).await;
        sender.send(vec![1; 995])?;
        assert_eq!(sender.queued(), 999);
        // One byte below the bound any message goes.
        sender.send("a")?;
        assert_eq!((sender.queued(), sender.dropped()), (1002, 0));
        sender.send("b")?;
        sender.send(Prepared::text("c"))?;
        sender.send(vec![2; 100_000])?;
        sender.send(stickler::OwnedMessage::Text("d".into()))?;
        assert_eq!((sender.queued(), sender.dropped()), (1002, 4));
        // In fragments: the whole of it, and others may send meanwhile.
        let mut message = sender.start_message(MessageKind::Text)?;
        message.send("e")?;
        assert_eq!(message.send(b"e"), Err(SendError::MessageUnfinished));
        sender.send("f")?;
        message.finish("e")?;
        assert_eq!(message.finish("e"), Err(SendError::MessageUnfinished));
        drop(sender.start_message(MessageKind::Binary)?);
        assert_eq!((sender.queued(), sender.dropped()), (1002, 7));
        // Who asks for something else gets that.
        assert_eq!(sender.try_send("g"), Err(TrySendError::Full("g")));
        assert_eq!(sender.ping(b""), Err(SendError::QueueFull));
        assert_eq!(sender.dropped(), 7);
        sender.send_ready("h").await?;
        assert_eq!(sender.dropped(), 7);
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 995]);
    assert_eq!(peer.text().await, "a");
    assert_eq!(peer.text().await, "h");
    peer.close_cleanly(serving).await;
}

/// At the bound exactly the queue is full, and one byte less is room.
#[tokio::test(start_paused = true)]
async fn the_bound_itself_is_full() {
    for (len, dropped) in [(995, 0), (996, 1), (997, 1)] {
        let (peer, _serving) = open(bounded(1000, WhenFull::Drop), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            stop(&mut receiver).await;
            sender.send(vec![1; len])?;
            sender.send("x")?;
            assert_eq!(sender.dropped(), dropped, "{len}");
            Ok(())
        })
        .await;
        peer.give_room(0);
        peer.send(text("go"));
        settle().await;
        peer.give_room(usize::MAX);
        assert_eq!(peer.frame().await.payload.len(), len);
        assert_eq!(peer.frame().await.first == 0x88, dropped == 1);
    }
}

/// A message that has begun is never cut: its fragment is refused, and goes when there is room.
#[tokio::test(start_paused = true)]
async fn a_message_that_has_begun_goes_as_a_whole() {
    let (peer, serving) = open(bounded(1000, WhenFull::Drop), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        stop(&mut receiver).await;
        let mut message = sender.start_message(MessageKind::Binary)?;
        message.send(vec![1; 2000])?;
        assert_eq!(message.send(vec![2; 10]), Err(SendError::QueueFull));
        sender.ready().await;
        message.finish(vec![3; 10])?;
        assert_eq!(sender.dropped(), 0);
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 2000]);
    assert_eq!(peer.frame().await.payload, [3; 10]);
    peer.close_cleanly(serving).await;
}

/// An echo: a peer that does not read its replies is heard all the same, and misses replies.
#[tokio::test(start_paused = true)]
async fn an_echo_goes_on_hearing_a_peer_that_misses_replies() {
    let (most, dropped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (tell_most, tell_dropped) = (most.clone(), dropped.clone());
    let (peer, serving) = open(bounded(10_000, WhenFull::Drop), async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
            tell_most.fetch_max(sender.queued() as u64, Ordering::Relaxed);
            tell_dropped.store(sender.dropped(), Ordering::Relaxed);
        }
        Ok(())
    })
    .await;
    peer.give_room(0);
    for _ in 0..1000 {
        peer.send(binary([7; 1000]));
        settle().await;
    }
    assert_eq!(peer.untaken(), 0, "the peer is heard");
    assert!(most.load(Ordering::Relaxed) < 10_000 + 1004);
    assert_eq!(dropped.load(Ordering::Relaxed), 1000 - 10);
    peer.give_room(usize::MAX);
    for _ in 0..10 {
        assert_eq!(peer.frame().await.payload, [7; 1000]);
    }
    peer.send(text("still here"));
    assert_eq!(peer.text().await, "still here");
    peer.close_cleanly(serving).await;
}

/// Echoes on a task of its own.
async fn echo_elsewhere(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let echo = async move {
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        stickler::Result::Ok(())
    };
    tokio::spawn(echo).await.unwrap()
}

/// Many messages in one read, to a peer that reads: no reply is dropped and no connection is closed
/// without a try to write.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_gets_every_reply() {
    for when_full in [WhenFull::Wait, WhenFull::Drop, WhenFull::Close] {
        for is_elsewhere in [false, true] {
            let (peer, serving) = open(bounded(1000, when_full), async move |incoming| {
                if is_elsewhere { echo_elsewhere(incoming).await } else { echo(incoming).await }
            })
            .await;
            peer.send(binary([7; 100]).repeat(200));
            for _ in 0..200 {
                assert_eq!(peer.frame().await.payload, [7; 100], "{when_full:?} {is_elsewhere}");
            }
            peer.close_cleanly(serving).await;
        }
    }
}

/// On a task of its own the Receiver is woken when the transport refuses bytes, and hears the peer.
#[tokio::test(start_paused = true)]
async fn an_echo_elsewhere_goes_on_hearing_a_peer_that_does_not_read() {
    let (peer, serving) = open(bounded(1000, WhenFull::Drop), echo_elsewhere).await;
    peer.give_room(0);
    for _ in 0..20 {
        peer.send(binary([7; 100]).repeat(20));
        settle().await;
    }
    assert_eq!(peer.untaken(), 0);
    peer.give_room(usize::MAX);
    settle().await;
    assert!((10..=12).contains(&peer.frames().len()));
    peer.close_cleanly(serving).await;
}

/// A handler may have its peer wait all the same.
#[tokio::test(start_paused = true)]
async fn a_handler_may_choose_to_have_its_peer_wait() {
    let (peer, _serving) = open(bounded(1000, WhenFull::Close), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.read_while_full(false);
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    peer.give_room(0);
    for _ in 0..50 {
        peer.send(binary([7; 100]));
        settle().await;
    }
    assert!(peer.untaken() > 0);
    peer.give_room(usize::MAX);
    for _ in 0..50 {
        assert_eq!(peer.frame().await.payload, [7; 100]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_connection_closes_with_1008_behind_what_is_queued() {
    claims!("6455-6.1-04");
    let (peer, serving) = open(bounded(1000, WhenFull::Close), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        stop(&mut receiver).await;
        sender.send(vec![1; 995])?;
        sender.send("a")?;
        assert_eq!(sender.try_send("b"), Err(TrySendError::Full("b")));
        assert!(sender.is_open());
        assert_eq!(sender.send("b"), Err(SendError::Closed));
        assert!(!sender.is_open());
        assert_eq!(sender.send("c"), Err(SendError::Closed));
        assert_eq!(sender.dropped(), 0);
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 995]);
    assert_eq!(peer.text().await, "a");
    let last = peer.frame().await;
    assert_eq!(last.close_code(), 1008);
    assert_eq!(&last.payload[2..], b"RFC 6455 10.4: more was queued for the peer than it took");
    peer.send(close(1008));
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(ending.initiator, Initiator::FullQueue);
    assert_eq!(ending.sent, SentClose::WithCode(CloseCode::POLICY_VIOLATION));
    assert!(ending.is_clean());
}

/// The handler's `?` ends it, which is no fault of the application's.
#[tokio::test(start_paused = true)]
async fn an_echo_to_a_peer_that_does_not_read_closes() {
    let (peer, serving) = open(bounded(1000, WhenFull::Close), echo).await;
    peer.give_room(0);
    for _ in 0..50 {
        peer.send(binary([7; 100]));
        settle().await;
    }
    peer.give_room(usize::MAX);
    for _ in 0..10 {
        assert_eq!(peer.frame().await.payload, [7; 100]);
    }
    closes_full(&peer, serving).await;
}

/// A peer that never reads does not keep the connection: the time for the closing handshake holds.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_left_in_the_end() {
    let (peer, serving) = open(bounded(1000, WhenFull::Close), echo).await;
    peer.give_room(0);
    for _ in 0..50 {
        peer.send(binary([7; 100]));
        settle().await;
    }
    let ending = tokio::time::timeout(Duration::from_secs(600), serving).await.unwrap().unwrap();
    assert_eq!((ending.initiator, ending.sent), (Initiator::FullQueue, SentClose::NotSent));
}

#[tokio::test(start_paused = true)]
async fn a_fragment_without_room_closes_too() {
    let (peer, serving) = open(bounded(1000, WhenFull::Close), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        stop(&mut receiver).await;
        let mut message = sender.start_message(MessageKind::Binary)?;
        message.send(vec![1; 2000])?;
        assert_eq!(message.send(vec![2; 10]), Err(SendError::Closed));
        drop(message);
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 2000]);
    closes_full(&peer, serving).await;
}

/// What a handler chooses holds for its connection, and another one is not delayed.
#[tokio::test(start_paused = true)]
async fn a_handler_chooses_for_its_connection() {
    let endpoint = Endpoint::new(Config::default());
    let chosen = async |mut incoming: Incoming| {
        incoming.limits(Limits::default().max_queued(1000).when_full(WhenFull::Drop));
        echo(incoming).await
    };
    let (stopped, _serving, _) = open_on(&endpoint, REQUEST, chosen).await;
    let (other, _serving, _) = open_on(&endpoint, REQUEST, echo).await;
    stopped.give_room(0);
    for round in 0..100 {
        stopped.send(binary([7; 1000]));
        other.send(text(&format!("round {round}")));
        settle().await;
        assert_eq!(other.frames().len(), 1);
    }
    assert_eq!(stopped.untaken(), 0);
    stopped.give_room(usize::MAX);
    settle().await;
    assert_eq!(stopped.frames().len(), 1);
}

/// Another task that sends: what is dropped or closes is the same, and replies have their own bound.
#[tokio::test(start_paused = true)]
async fn another_task_drops_by_the_length_of_the_whole_queue() {
    async fn push(sender: &Sender) {
        let sender = sender.clone();
        let task = async move {
            for _ in 0..10 {
                sender.send(vec![1; 400]).unwrap();
            }
        };
        tokio::spawn(task).await.unwrap();
    }
    let (peer, serving) = open(bounded(1000, WhenFull::Drop), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        stop(&mut receiver).await;
        push(&sender).await;
        assert_eq!(sender.dropped(), 7);
        sender.send("a reply")?;
        assert_eq!(sender.dropped(), 7);
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(usize::MAX);
    for _ in 0..3 {
        assert_eq!(peer.frame().await.payload, [1; 400]);
    }
    assert_eq!(peer.text().await, "a reply");
    peer.close_cleanly(serving).await;
}
