//! What a topic does with a message for which the queue to a subscriber has no room.

use std::time::Duration;

use stickler::{
    Config, Endpoint, Initiator, Limits, MessageKind, Prepared, SendError, Topic, WhenFull,
};
use tokio::time::timeout;

use super::support::{close, settle};
use super::{Open, connect, endpoint};

/// An endpoint whose connections have queues of 20 bytes.
fn narrow(when_full: WhenFull) -> Endpoint {
    Endpoint::new(Config::default().limits(Limits::default().max_queued(20).when_full(when_full)))
}

/// Publishes so many frames of 10 bytes.
async fn publish(topic: &Topic, count: usize) {
    for number in 0..count {
        topic.publish(Prepared::text(format!("number {number}")));
    }
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_missed_is_counted_for_the_connection_too() {
    for when_full in [WhenFull::Wait, WhenFull::Drop] {
        let (endpoint, topic) = (narrow(when_full), Topic::new());
        let open = connect(&endpoint).await;
        let subscription = topic.subscribe(&open.sender);
        open.peer.give_room(0);
        publish(&topic, 2).await;
        assert_eq!((subscription.skipped(), open.sender.dropped()), (0, 0));
        publish(&topic, 3).await;
        assert_eq!((subscription.skipped(), topic.skipped(), open.sender.dropped()), (3, 3, 3));
        // Whoever sends directly has the choice of the connection.
        let sent = open.sender.send("x");
        if when_full == WhenFull::Wait {
            assert_eq!((sent, open.sender.dropped()), (Err(SendError::QueueFull), 3));
        } else {
            assert_eq!((sent, open.sender.dropped()), (Ok(()), 4));
        }
        assert!(open.sender.is_open());
    }
}

/// A message that stands in the way is no want of room.
#[tokio::test(start_paused = true)]
async fn a_message_in_fragments_closes_nothing() {
    let (endpoint, topic) = (narrow(WhenFull::Close), Topic::new());
    let open = connect(&endpoint).await;
    let subscription = topic.subscribe(&open.sender);
    let mut message = open.sender.start_message(MessageKind::Text).unwrap();
    publish(&topic, 3).await;
    assert_eq!((subscription.skipped(), open.sender.dropped()), (3, 0));
    message.finish("x").unwrap();
    assert_eq!(open.texts().await, ["x"]);
    drop(message);
    open.end().await;
}

/// The Close goes behind what is queued, and the others go on.
async fn closes(open: Open, topic: Topic, keen: Open) {
    open.peer.give_room(0);
    publish(&topic, 2).await;
    assert!(open.sender.is_open());
    publish(&topic, 1).await;
    assert!(!open.sender.is_open());
    // It is not a subscriber any more, and missed nothing.
    assert_eq!((topic.subscribers(), topic.skipped(), open.sender.dropped()), (1, 0, 0));
    publish(&topic, 1).await;
    open.peer.give_room(usize::MAX);
    settle().await;
    let frames = open.peer.frames();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[2].close_code(), 1008);
    open.peer.send(close(1008));
    assert_eq!(open.serving.await.unwrap().initiator, Initiator::FullQueue);
    assert_eq!(keen.texts().await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_connection_closes_as_its_limits_have_it() {
    let (narrow, endpoint, topic) = (narrow(WhenFull::Close), endpoint(), Topic::new());
    let (open, keen) = (connect(&narrow).await, connect(&endpoint).await);
    let _subscriptions = [topic.subscribe(&open.sender), topic.subscribe(&keen.sender)];
    closes(open, topic, keen).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_closes_as_its_subscription_has_it() {
    for of_connection in [WhenFull::Wait, WhenFull::Drop] {
        let (narrow, endpoint, topic) = (narrow(of_connection), endpoint(), Topic::new());
        let (open, keen) = (connect(&narrow).await, connect(&endpoint).await);
        let _subscription = topic.subscribe(&open.sender).when_full(WhenFull::Close);
        let _other = topic.subscribe(&keen.sender);
        closes(open, topic, keen).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_may_miss_messages_where_the_connection_would_close() {
    let (endpoint, topic) = (narrow(WhenFull::Close), Topic::new());
    let open = connect(&endpoint).await;
    let mut subscription = topic.subscribe(&open.sender).when_full(WhenFull::Drop);
    open.peer.give_room(0);
    publish(&topic, 5).await;
    assert!(open.sender.is_open());
    assert_eq!(timeout(Duration::from_secs(1), subscription.lagged()).await, Ok(3));
}

/// Values that are held back have a bound too, and beyond it the same holds.
#[tokio::test(start_paused = true)]
async fn values_beyond_the_bound_close_the_connection() {
    for (when_full, is_open) in [(WhenFull::Wait, true), (WhenFull::Close, false)] {
        let mut config = Config::default();
        config.limits = Limits::default().max_queued(2000).when_full(when_full);
        let (endpoint, topic) = (Endpoint::new(config), Topic::new());
        let open = connect(&endpoint).await;
        let subscription = topic.subscribe(&open.sender);
        open.peer.give_room(0);
        topic.publish(Prepared::binary([1; 5000]));
        settle().await;
        for round in 0..100 {
            topic.publish_latest("a", Prepared::text(format!("{round}")));
        }
        settle().await;
        assert!(open.sender.is_open(), "one value waits");
        for key in 0..100 {
            topic.publish_latest(format!("key {key}"), Prepared::text("value"));
        }
        settle().await;
        assert_eq!(open.sender.is_open(), is_open);
        assert_eq!(subscription.skipped() > 80, is_open);
    }
}
