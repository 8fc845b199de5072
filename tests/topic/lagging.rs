//! A subscriber's handler learns that it misses messages; the one who published is left out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use stickler::{CloseCode, Incoming, Prepared, Topic};
use tokio::time::timeout;

use super::support::{REQUEST, open_on, settle};
use super::{connect, endpoint, narrow};

#[tokio::test(start_paused = true)]
async fn lagged_tells_of_each_missed_message_once() {
    let (endpoint, topic) = (narrow(20), Topic::new());
    let open = connect(&endpoint).await;
    let mut subscription = topic.subscribe(&open.sender);
    let moment = Duration::from_secs(1);
    assert!(timeout(moment, subscription.lagged()).await.is_err());
    open.peer.give_room(0);
    for number in 0..10 {
        // Frames of 10 bytes: after two the queue is full.
        topic.publish(Prepared::text(format!("number {number}")));
    }
    settle().await;
    assert_eq!(subscription.lagged().await, 8);
    // Nothing is lost with a call that was dropped, before it was polled or after.
    drop(subscription.lagged());
    assert!(timeout(moment, subscription.lagged()).await.is_err());
    topic.publish(Prepared::text("one more"));
    settle().await;
    drop(subscription.lagged());
    assert_eq!(timeout(moment, subscription.lagged()).await, Ok(1));
    assert!(timeout(moment, subscription.lagged()).await.is_err());
    assert_eq!((subscription.skipped(), topic.skipped()), (9, 9));
}

#[tokio::test(start_paused = true)]
async fn lagged_wakes_a_handler_that_waits() {
    let (endpoint, topic) = (narrow(20), Topic::new());
    let news = topic.clone();
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let mut subscription = news.subscribe(&sender);
        loop {
            tokio::select! {
                message = receiver.recv() => if message?.is_none() { return Ok(()) },
                missed = subscription.lagged() => {
                    let reason = format!("{missed} behind");
                    return Ok(sender.close(CloseCode::TRY_AGAIN_LATER, &reason)?);
                }
            }
        }
    };
    let (peer, serving, _) = open_on(&endpoint, REQUEST, handler).await;
    peer.give_room(0);
    for number in 0..3 {
        topic.publish(Prepared::text(format!("number {number}")));
        settle().await;
    }
    // The handler has returned, and its subscription with it.
    assert_eq!((topic.subscribers(), topic.skipped()), (0, 1));
    peer.give_room(usize::MAX);
    settle().await;
    let frames = peer.frames();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2].payload, [&1013_u16.to_be_bytes()[..], b"1 behind"].concat());
    peer.end();
    serving.await.unwrap();
}

/// A waker of the application that looks at the topic while it is woken finds no lock taken.
#[tokio::test(start_paused = true)]
async fn lagged_wakes_without_a_lock() {
    struct Looks(Topic);
    impl std::task::Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.skipped(), 1);
            assert_eq!(self.0.subscribers(), 1);
        }
    }
    let (endpoint, topic) = (narrow(20), Topic::new());
    let open = connect(&endpoint).await;
    let mut subscription = topic.subscribe(&open.sender);
    open.peer.give_room(0);
    let waker = Arc::new(Looks(topic.clone())).into();
    let mut lagged = pin!(subscription.lagged());
    assert!(lagged.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    for number in 0..3 {
        topic.publish(Prepared::text(format!("number {number}")));
        settle().await;
    }
    assert_eq!(lagged.await, 1);
}

#[tokio::test(start_paused = true)]
async fn lagged_leaves_no_waker_behind() {
    struct Nobody;
    impl std::task::Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let topic = Topic::new();
    let open = connect(&endpoint()).await;
    let mut subscription = topic.subscribe(&open.sender);
    let nobody = Arc::new(Nobody);
    let waker = nobody.clone().into();
    for _ in 0..2 {
        let mut lagged = Box::pin(subscription.lagged());
        let mut context = std::task::Context::from_waker(&waker);
        assert!(lagged.as_mut().poll(&mut context).is_pending());
        assert!(lagged.as_mut().poll(&mut context).is_pending());
        // The two here, and the one that waits.
        assert_eq!(Arc::strong_count(&nobody), 3);
        drop(lagged);
        assert_eq!(Arc::strong_count(&nobody), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn publish_except_leaves_one_out() {
    for others in [2, 40] {
        let (endpoint, topic) = (endpoint(), Topic::new());
        let mut open = Vec::new();
        for _ in 0..=others {
            let connection = connect(&endpoint).await;
            let subscription = topic.subscribe(&connection.sender);
            open.push((connection, subscription));
        }
        let (me, own) = open.remove(others / 2);
        assert_eq!(topic.publish(Prepared::text("to all")), others + 1);
        assert_eq!(topic.publish_except(Prepared::text("to others"), &own), others);
        assert_eq!(me.texts().await, ["to all"]);
        for (other, _) in &open {
            assert_eq!(other.texts().await, ["to all", "to others"]);
        }
        // It is one of another topic that is left out there.
        let elsewhere = Topic::new();
        let there = elsewhere.subscribe(&me.sender);
        assert_eq!(elsewhere.publish_except(Prepared::text("nobody"), &there), 0);
        assert_eq!(topic.publish_except(Prepared::text("to all"), &there), others + 1);
        assert_eq!(me.texts().await, ["to all"]);
        me.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_ended_is_not_left_out_twice() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let (stays, goes) = (connect(&endpoint).await, connect(&endpoint).await);
    let _stays = topic.subscribe(&stays.sender);
    let own = topic.subscribe(&goes.sender);
    goes.end().await;
    topic.publish(Prepared::text("one"));
    settle().await;
    assert_eq!(topic.publish_except(Prepared::text("two"), &own), 1);
    assert_eq!(stays.texts().await, ["one", "two"]);
}
