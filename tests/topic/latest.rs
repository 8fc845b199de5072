//! Values of which only the newest counts: who is slow gets that one, in time, and nothing else is
//! held up by it.

use std::collections::HashMap;
use std::time::Duration;

use stickler::{Incoming, MessageKind, Prepared, Topic};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::allocator::held;
use super::support::{self, REQUEST, open_on, settle};
use super::{Open, connect, endpoint, narrow};

/// A value of `len` bytes that says of what it is, and which.
fn value(key: &str, number: usize, len: usize) -> Prepared {
    Prepared::text(format!("{:<len$}", format!("{key} {number}")))
}

/// Key and number of what was sent so far.
async fn values(open: &Open) -> Vec<(String, usize)> {
    let texts = open.texts().await;
    let parse = |text: &String| {
        let (key, number) = text.trim_end().split_once(' ').unwrap();
        (key.to_owned(), number.parse().unwrap())
    };
    texts.iter().map(parse).collect()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Has the transport refuse all from now on, and the connection know it.
async fn stop(topic: &Topic, open: &Open) {
    open.peer.give_room(0);
    topic.publish(Prepared::text("stop 0"));
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_gets_the_newest_of_each_key() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let (slow, keen) = (connect(&endpoint).await, connect(&endpoint).await);
    let subscription = topic.subscribe(&slow.sender);
    let _keen = topic.subscribe(&keen.sender);
    stop(&topic, &slow).await;
    for number in 0..1000 {
        for key in ["a", "b", "c"] {
            assert_eq!(topic.publish_latest(key, value(key, number, 500)), 2);
        }
        settle().await;
        // A short queue, whatever was published, and one value more.
        assert!(slow.sender.queued() < (4 << 10) + 504, "{}", slow.sender.queued());
    }
    assert_eq!(values(&keen).await.len(), 3001);
    slow.peer.give_room(usize::MAX);
    let got = values(&slow).await;
    assert!((4..=14).contains(&got.len()), "{got:?}");
    let newest = |key: &str| (key.to_owned(), 999);
    let mut last = got[got.len() - 3..].to_vec();
    last.sort();
    assert_eq!(last, [newest("a"), newest("b"), newest("c")]);
    assert_eq!((topic.skipped(), subscription.skipped()), (0, 0));
    // From here on it keeps up again.
    topic.publish_latest("a", value("a", 1000, 0));
    topic.publish_latest("a", value("a", 1001, 0));
    assert_eq!(values(&slow).await, [("a".to_owned(), 1000), ("a".to_owned(), 1001)]);
}

/// Also within one poll, in which no connection can be written.
#[tokio::test(start_paused = true)]
async fn who_keeps_up_gets_every_value() {
    for subscribers in [1, 16, 17] {
        let (endpoint, topic) = (endpoint(), Topic::new());
        let mut open = Vec::new();
        for _ in 0..subscribers {
            let connection = connect(&endpoint).await;
            let subscription = topic.subscribe(&connection.sender);
            open.push((connection, subscription));
        }
        for _ in 0..2 {
            let before = tasks();
            for number in 0..300 {
                topic.publish_latest("a", value("a", number, 1000));
            }
            // One task hands round; none waits for anybody.
            assert!(tasks() <= before + 1);
            for (connection, _) in &open {
                let got = values(connection).await;
                assert!(got.iter().map(|(_, number)| *number).eq(0..300), "{subscribers}");
            }
        }
    }
}

/// One key after the other is published and one message by `publish` in between, on a transport that
/// takes bytes in fits, against what may be expected of their order.
#[tokio::test(start_paused = true)]
async fn no_value_goes_before_an_earlier_one_nor_before_earlier_messages() {
    let mut dice = 11_u64;
    let mut roll = move |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let _subscription = topic.subscribe(&open.sender);
    let keys = ["a", "b", "c", "d", "e"];
    let (mut got, mut newest) = (Vec::new(), HashMap::new());
    for number in 0..5_000 {
        match roll(8) {
            0 => open.peer.give_room(roll(4000) as usize),
            1 => got.extend(values(&open).await),
            2 => {
                topic.publish(value("plain", number, 300));
            }
            _ => {
                let key = keys[roll(5) as usize];
                newest.insert(key, number);
                topic.publish_latest(key, value(key, number, 300));
            }
        }
    }
    open.peer.give_room(usize::MAX);
    got.extend(values(&open).await);
    assert!((500..4_000).contains(&got.len()), "{}", got.len());
    let mut last: HashMap<&str, usize> = HashMap::new();
    let mut behind = 0;
    for (key, number) in got.iter().rev() {
        // Looked at from the end: numbers fall, and no message by `publish` comes from before a value.
        let later = last.insert(key, *number);
        assert!(later.is_none_or(|later| *number < later), "{key} {number} {later:?}");
        if let (None, Some(newest)) = (later, newest.get(key.as_str())) {
            assert_eq!(number, newest);
        }
    }
    for (key, number) in &got {
        if key == "plain" {
            assert!(*number > behind, "{number} after {behind}");
        } else {
            behind = behind.max(*number);
        }
    }
    assert_eq!(topic.skipped(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_bounded_in_bytes_and_keys() {
    const BOUND: usize = 64 << 10;
    for len in [0, 1000] {
        let (endpoint, topic) = (narrow(BOUND), Topic::new());
        let open = connect(&endpoint).await;
        let mut subscription = topic.subscribe(&open.sender);
        stop(&topic, &open).await;
        let before = held();
        for number in 0..1000 {
            let key = format!("key{number}");
            topic.publish_latest(&key, value(&key, number, len));
            settle().await;
        }
        let kept = held() - before;
        println!("bytes kept of 1,000 values of {len} bytes: {kept}");
        assert!(kept < 2 * BOUND as isize, "{kept}");
        let skipped = subscription.skipped();
        assert_eq!(subscription.lagged().await, skipped);
        open.peer.give_room(usize::MAX);
        assert_eq!(values(&open).await.len() as u64 + skipped, 1001);
    }
}

#[tokio::test(start_paused = true)]
async fn one_task_waits_for_a_slow_subscriber_and_none_after() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let _subscription = topic.subscribe(&open.sender);
    stop(&topic, &open).await;
    let before = tasks();
    for number in 0..10_000 {
        topic.publish_latest("a", value("a", number, 500));
        if number % 100 == 0 {
            settle().await;
        }
    }
    assert_eq!(tasks(), before + 1);
    open.peer.give_room(usize::MAX);
    assert_eq!(values(&open).await.last().unwrap().1, 9_999);
    assert_eq!(tasks(), before);
}

/// As often as it likes, while it reads nothing.
#[tokio::test(start_paused = true)]
async fn who_unsubscribes_gets_nothing_that_was_kept_and_leaves_nothing() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let first = topic.subscribe(&open.sender);
    stop(&topic, &open).await;
    open.sender.send([7; 8000]).unwrap();
    drop(first);
    settle().await;
    let (before, bytes) = (tasks(), held());
    for number in 0..200 {
        let subscription = topic.subscribe(&open.sender);
        topic.publish_latest("a", value("a", number, 500));
        settle().await;
        assert_eq!(tasks(), before + 1);
        drop(subscription);
        settle().await;
        assert_eq!(tasks(), before);
    }
    assert!(held() - bytes < 4096, "{}", held() - bytes);
    open.peer.give_room(usize::MAX);
    settle().await;
    assert_eq!(open.peer.frames().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_ends_what_was_kept_for_it() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let subscription = topic.subscribe(&open.sender);
    stop(&topic, &open).await;
    for number in 0..100 {
        topic.publish_latest("a", value("a", number, 500));
        settle().await;
    }
    // The connection, the clock, and the task that waits for room.
    assert_eq!((tasks(), topic.subscribers()), (3, 1));
    let Open { peer, serving, sender } = open;
    peer.end();
    serving.await.unwrap();
    settle().await;
    assert_eq!((tasks(), topic.subscribers()), (0, 0));
    assert_eq!(topic.publish_latest("a", value("a", 100, 500)), 0);
    assert!(!sender.is_open());
    drop(subscription);
}

#[test]
fn the_end_of_a_runtime_lets_go_of_what_was_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let topic = Topic::new();
    let (open, _subscription) = runtime.block_on(async {
        let open = connect(&endpoint()).await;
        let subscription = topic.subscribe(&open.sender);
        stop(&topic, &open).await;
        for number in 0..100 {
            topic.publish_latest("a", value("a", number, 500));
            settle().await;
        }
        (open, subscription)
    });
    drop(runtime);
    drop(open);
    // Found out by the publisher, who has to hand round himself at last.
    for number in 0..10_000 {
        topic.publish_latest("a", value("a", number, 500));
    }
    assert_eq!(topic.subscribers(), 0);
}

/// RFC 6455 §5.4: a value waits for the end of a message that is sent in fragments.
#[tokio::test(start_paused = true)]
async fn a_value_is_kept_until_a_fragmented_message_ends() {
    let (endpoint, topic) = (endpoint(), Topic::new());
    let open = connect(&endpoint).await;
    let _subscription = topic.subscribe(&open.sender);
    let mut message = open.sender.start_message(MessageKind::Text).unwrap();
    message.send("begun, ").unwrap();
    topic.publish_latest("a", Prepared::text("old"));
    topic.publish_latest("a", Prepared::text("new"));
    settle().await;
    message.finish("ended").unwrap();
    assert_eq!(open.texts().await, ["begun, ", "ended", "new"]);
    // Nor does it wait longer if nothing was sent.
    let message = open.sender.start_message(MessageKind::Text).unwrap();
    topic.publish_latest("a", Prepared::text("newer"));
    assert_eq!(open.texts().await, [""; 0]);
    drop(message);
    assert_eq!(open.texts().await, ["newer"]);
}

/// A thousand values a second for a peer that reads 100 kB/s: it sees values that are hardly old, and
/// its own requests are answered before those.
#[tokio::test(start_paused = true)]
async fn values_are_fresh_and_answers_prompt_at_100_kilobytes_a_second() {
    let topic = Topic::new();
    let room = topic.clone();
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let _subscription = room.subscribe(&sender);
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    };
    let (peer, _serving, _) = open_on(&endpoint(), REQUEST, handler).await;
    let start = Instant::now();
    let millis = move || start.elapsed().as_millis() as usize;
    let publisher = tokio::spawn(async move {
        for number in 0..10_000 {
            let key = format!("key{}", number % 20);
            topic.publish_latest(&key, value("value", millis(), 1000));
            sleep(Duration::from_millis(1)).await;
        }
        topic.skipped()
    });
    let (mut oldest, mut slowest, mut count) = (0, 0, 0);
    peer.give_room(0);
    for millisecond in 0..9_000 {
        sleep(Duration::from_millis(1)).await;
        let room = peer.wire().room;
        peer.give_room(room + 100);
        if millisecond % 500 == 400 {
            peer.send(support::text(&format!("answer {}", millis())));
        }
        for frame in peer.frames() {
            let text = String::from_utf8(frame.payload).unwrap();
            let (what, when) = text.trim_end().split_once(' ').unwrap();
            let age = millis() - when.parse::<usize>().unwrap();
            match what {
                "value" => (oldest, count) = (oldest.max(age), count + 1),
                _ => slowest = slowest.max(age),
            }
        }
    }
    println!("{count} values, the oldest of {oldest} ms; answers within {slowest} ms");
    assert!(count > 800, "{count}");
    assert!((1..300).contains(&oldest), "{oldest}");
    assert!((1..100).contains(&slowest), "{slowest}");
    publisher.abort();
}

/// A bound of the queue that is shorter than what is short otherwise.
#[tokio::test(start_paused = true)]
async fn a_narrow_queue_keeps_the_newest_value_too() {
    let (endpoint, topic) = (narrow(100), Topic::new());
    let open = connect(&endpoint).await;
    let _subscription = topic.subscribe(&open.sender);
    stop(&topic, &open).await;
    for number in 0..10 {
        topic.publish_latest("a", value("a", number, 60));
        settle().await;
    }
    open.peer.give_room(usize::MAX);
    let numbers: Vec<usize> = values(&open).await.into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, [0, 0, 1, 9]);
    assert_eq!(topic.skipped(), 0);
}
