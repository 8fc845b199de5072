//! Topics: who gets what is published, in which order, and what it costs in memory.
#![cfg(feature = "net")]

mod lagging;
mod latest;
mod names;
mod rounds;
mod when_full;
#[cfg(feature = "server")]
mod workers;

use stickler::{
    Config, Ending, Endpoint, Incoming, MessageKind, Prepared, Sender, Subscription, Topic,
};
use stickler_testing::{allocator, claims, memory as support};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use allocator::{held, most};
use support::{Frame, Peer, REQUEST, close, open_on, settle};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// A connection whose handler reads until the end.
struct Open {
    peer: Peer,
    serving: JoinHandle<Ending>,
    sender: Sender,
}

async fn connect(endpoint: &Endpoint) -> Open {
    connect_with(endpoint, REQUEST).await
}

async fn connect_with(endpoint: &Endpoint, request: &str) -> Open {
    let (tell, told) = oneshot::channel();
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let _ = tell.send(sender);
        while receiver.recv().await?.is_some() {}
        Ok(())
    };
    let (peer, serving, _) = open_on(endpoint, request, handler).await;
    Open { peer, serving, sender: told.await.unwrap() }
}

impl Open {
    /// Ends the connection; nothing of it is left.
    async fn end(self) {
        self.peer.send(close(1000));
        assert!(self.serving.await.unwrap().is_clean());
    }

    /// The text messages that were sent so far.
    async fn texts(&self) -> Vec<String> {
        settle().await;
        let text = |frame: Frame| String::from_utf8(frame.payload).unwrap();
        self.peer.frames().into_iter().map(text).collect()
    }
}

fn endpoint() -> Endpoint {
    Endpoint::new(Config::default())
}

fn narrow(max_queued: usize) -> Endpoint {
    let mut config = Config::default();
    config.limits.max_queued = max_queued;
    Endpoint::new(config)
}

#[tokio::test(start_paused = true)]
async fn those_who_are_subscribed_get_it() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let (first, second) = (connect(&endpoint).await, connect(&endpoint).await);
    assert_eq!(topic.publish(Prepared::text("nobody")), 0);
    let one = topic.subscribe(&first.sender);
    assert_eq!(topic.publish(Prepared::text("one")), 1);
    let two = topic.clone().subscribe(&second.sender);
    assert_eq!(topic.subscribers(), 2);
    assert_eq!(topic.publish(Prepared::text("both")), 2);
    // What was published before counts, whoever comes between.
    assert_eq!(first.texts().await, ["one", "both"]);
    assert_eq!(second.texts().await, ["both"]);
    drop(one);
    assert_eq!(topic.publish(Prepared::text("two")), 1);
    assert_eq!(second.texts().await, ["two"]);
    drop(two);
    assert_eq!((topic.subscribers(), topic.publish(Prepared::text("nobody"))), (0, 0));
    assert_eq!(first.texts().await, [""; 0]);
    assert_eq!(second.texts().await, [""; 0]);
    assert_eq!(topic.skipped(), 0);
    first.end().await;
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_after_unsubscribing_nor_to_who_took_the_place() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let (stays, goes, comes) =
        (connect(&endpoint).await, connect(&endpoint).await, connect(&endpoint).await);
    let _stays = topic.subscribe(&stays.sender);
    let subscription = topic.subscribe(&goes.sender);
    topic.publish(Prepared::text("under way"));
    drop(subscription);
    let _comes = topic.subscribe(&comes.sender);
    assert_eq!(stays.texts().await, ["under way"]);
    assert_eq!(goes.texts().await, [""; 0]);
    assert_eq!(comes.texts().await, [""; 0]);
    topic.publish(Prepared::text("later"));
    assert_eq!(comes.texts().await, ["later"]);
}

#[tokio::test(start_paused = true)]
async fn twice_subscribed_is_twice_sent() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let once = topic.subscribe(&open.sender);
    let _again = topic.subscribe(&open.sender);
    topic.publish(Prepared::text("hi"));
    assert_eq!(open.texts().await, ["hi", "hi"]);
    drop(once);
    topic.publish(Prepared::text("hi"));
    assert_eq!(open.texts().await, ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_ends_its_subscription() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let (stays, goes) = (connect(&endpoint).await, connect(&endpoint).await);
    let _stays = topic.subscribe(&stays.sender);
    // Kept although the connection has ended.
    let subscription = topic.subscribe(&goes.sender);
    goes.end().await;
    topic.publish(Prepared::text("hi"));
    assert_eq!(stays.texts().await, ["hi"]);
    assert_eq!((topic.subscribers(), topic.skipped(), subscription.skipped()), (1, 0, 0));
    drop(subscription);
    assert_eq!((topic.subscribers(), topic.publish(Prepared::text("hi"))), (1, 1));
    stays.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_in_the_handler_goes_with_it() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let room = topic.clone();
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let _subscription = room.subscribe(&sender);
        while receiver.recv().await?.is_some() {}
        Ok(())
    };
    let (peer, serving, _) = open_on(&endpoint, REQUEST, handler).await;
    assert_eq!(topic.subscribers(), 1);
    peer.send(close(1000));
    serving.await.unwrap();
    assert_eq!(topic.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_misses_messages_and_holds_up_nobody() {
    let (endpoint, topic) = (narrow(20), Topic::new());
    let (slow, keen) = (connect(&endpoint).await, connect(&endpoint).await);
    let subscription = topic.subscribe(&slow.sender);
    let _keen = topic.subscribe(&keen.sender);
    slow.peer.give_room(0);
    for number in 0..10 {
        // Frames of 10 bytes: after two the queue is full.
        topic.publish(Prepared::text(format!("number {number}")));
        assert_eq!(keen.texts().await, [format!("number {number}")]);
    }
    assert_eq!((subscription.skipped(), topic.skipped()), (8, 8));
    slow.peer.give_room(usize::MAX);
    assert_eq!(slow.texts().await, ["number 0", "number 1"]);
    topic.publish(Prepared::text("at last"));
    assert_eq!(slow.texts().await, ["at last"]);
    drop(subscription);
    assert_eq!(topic.skipped(), 8);
}

#[tokio::test(start_paused = true)]
async fn s5_4_no_message_goes_between_the_fragments_of_another() {
    claims!("6455-5.4-11");
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let subscription = topic.subscribe(&open.sender);
    let mut message = open.sender.start_message(MessageKind::Text).unwrap();
    message.send("begun, ").unwrap();
    topic.publish(Prepared::text("between"));
    settle().await;
    message.finish("ended").unwrap();
    topic.publish(Prepared::text("after"));
    assert_eq!(open.texts().await, ["begun, ", "ended", "after"]);
    assert_eq!(subscription.skipped(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_subscribers_get_all_in_order() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let mut open = Vec::new();
    for _ in 0..1000 {
        let connection = connect(&endpoint).await;
        let subscription = topic.subscribe(&connection.sender);
        open.push((connection, subscription));
    }
    for number in 0..20 {
        assert_eq!(topic.publish(Prepared::text(number.to_string())), 1000);
    }
    for (connection, _) in &open {
        for number in 0..20 {
            assert_eq!(connection.peer.text().await, number.to_string());
        }
    }
    // Every other one goes.
    let mut index = 0;
    open.retain(|_| {
        index += 1;
        index % 2 == 0
    });
    assert_eq!(topic.publish(Prepared::text("half")), 500);
    for (connection, _) in &open {
        assert_eq!(connection.peer.text().await, "half");
    }
    assert_eq!(topic.skipped(), 0);
}

#[cfg(feature = "deflate")]
#[tokio::test(start_paused = true)]
async fn s7692_6_compressed_once_for_those_who_agreed() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let request = [REQUEST.trim_end(), offer].join("\r\n");
    let mut open = Vec::new();
    for request in [REQUEST, &request, REQUEST, &request] {
        let connection = connect_with(&endpoint, request).await;
        let subscription = topic.subscribe(&connection.sender);
        open.push((connection, subscription));
    }
    let text = "again and ".repeat(20);
    let message = Prepared::text(&text);
    topic.publish(&message);
    let mut frames = Vec::new();
    for (connection, _) in &open {
        frames.push(connection.peer.frame().await);
    }
    let plain = Frame { first: 0x81, payload: text.into_bytes() };
    assert_eq!((&frames[0], &frames[2]), (&plain, &plain));
    assert_eq!(frames[1].first, 0xc1);
    assert!(frames[1].payload.len() < 50);
    assert_eq!(frames[1], frames[3]);
    let window = open[1].0.sender.agreement().unwrap().server_max_window_bits();
    assert!(message.is_settled(window));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_never_waits_is_bounded() {
    let (endpoint, topic) = (narrow(64 << 10), Topic::new());
    let open = connect(&endpoint).await;
    let subscription = topic.subscribe(&open.sender);
    let before = held();
    for _ in 0..10_000 {
        topic.publish(Prepared::binary([7; 1000]));
        // What waits for the worker, and what is queued to the connection.
        let held = held() - before;
        assert!(held < 256 << 10, "{held}");
    }
    settle().await;
    let got = open.peer.frames().len() as u64;
    assert!(got >= 64, "{got}");
    assert_eq!(got + subscription.skipped(), 10_000);
}

#[test]
fn few_outboxes_are_in_use_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (endpoint, topic) = (endpoint(), Topic::new());
    let mut open = Vec::new();
    for _ in 0..1000 {
        let connection = runtime.block_on(connect(&endpoint));
        let subscription = topic.subscribe(&connection.sender);
        open.push((connection, subscription));
    }
    let message = Prepared::binary([7; 125]);
    let before = held();
    let ((), most) = most(|| {
        topic.publish(&message);
        runtime.block_on(async {
            for (connection, _) in &open {
                while connection.peer.written().len() < 127 {
                    tokio::task::yield_now().await;
                }
            }
        });
    });
    // What the peers have not read stays.
    let passing = most as isize - (held() - before);
    println!("bytes in passing for a thousand: {passing}");
    assert!(passing < 32 << 10, "{passing}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_subscriptions_cost_little_and_leave_nothing() {
    const MANY: usize = 10_000;
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let before = held();
    let subscriptions: Vec<Subscription> =
        (0..MANY).map(|_| topic.subscribe(&open.sender)).collect();
    let each = (held() - before) / MANY as isize;
    println!("bytes per subscription: {each}");
    assert!(each <= 80, "{each}");
    drop(subscriptions);
    let left = held() - before;
    println!("bytes left of all: {left}");
    assert!(left < 1024, "{left}");
    // Coming and going, too.
    for _ in 0..MANY {
        drop(topic.subscribe(&open.sender));
    }
    let left = held() - before;
    assert!(left < 1024, "{left}");
}

#[test]
fn the_end_of_a_runtime_stops_nobody_else() {
    let topic = Topic::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (here, gone) = (runtime(), runtime());
    let ended = gone.block_on(connect(&narrow(100)));
    let _ended = topic.subscribe(&ended.sender);
    topic.publish(Prepared::text("never"));
    drop(gone);
    here.block_on(async {
        let open = connect(&endpoint()).await;
        let _subscription = topic.subscribe(&open.sender);
        for number in 0..100 {
            topic.publish(Prepared::text(number.to_string()));
        }
        assert_eq!(open.texts().await.len(), 100);
        // The publisher has found out itself.
        assert_eq!(topic.subscribers(), 1);
    });
}
