//! How messages are handed round: together where several wait, at once where few subscribe, and
//! to exactly those who were there.

use stickler::{Prepared, Subscription, Topic};

use super::allocator::{asked, held};
use super::support::settle;
use super::{Open, connect, endpoint};

/// As many as get a message at once.
const FEW: usize = 16;

async fn several(topic: &Topic, count: usize) -> Vec<(Open, Subscription)> {
    let endpoint = endpoint();
    let mut open = Vec::new();
    for _ in 0..count {
        let connection = connect(&endpoint).await;
        let subscription = topic.subscribe(&connection.sender);
        open.push((connection, subscription));
    }
    open
}

/// Publishes once, so that the topic knows where its subscribers are.
async fn warm_up(topic: &Topic, open: &[(Open, Subscription)]) {
    topic.publish(Prepared::text("first"));
    for (connection, _) in open {
        assert_eq!(connection.texts().await, ["first"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_together_is_written_together() {
    let topic = Topic::new();
    let open = several(&topic, 100).await;
    let before: Vec<usize> = writes(&open);
    for number in 0..10 {
        topic.publish(Prepared::text(number.to_string()));
    }
    for (connection, _) in &open {
        assert_eq!(connection.texts().await, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }
    for (before, after) in before.iter().zip(writes(&open)) {
        assert_eq!(after - before, 1);
    }
}

/// A round takes no more memory in passing because there are more messages.
#[tokio::test(start_paused = true)]
async fn long_messages_do_not_wait_for_each_other() {
    let topic = Topic::new();
    let open = several(&topic, 100).await;
    let before = writes(&open);
    for _ in 0..4 {
        topic.publish(Prepared::binary(vec![7; 12_000]));
    }
    settle().await;
    for ((connection, _), before) in open.iter().zip(before) {
        assert_eq!(connection.peer.frames().len(), 4);
        assert_eq!(connection.peer.wire().counts.writes - before, 4);
    }
}

fn writes(open: &[(Open, Subscription)]) -> Vec<usize> {
    open.iter().map(|(connection, _)| connection.peer.wire().counts.writes).collect()
}

#[tokio::test(start_paused = true)]
async fn a_few_on_the_same_worker_get_it_at_once_and_for_no_allocation() {
    let topic = Topic::new();
    let open = several(&topic, FEW).await;
    warm_up(&topic, &open).await;
    let message = Prepared::text("to all");
    for round in 0..100 {
        let before = asked();
        assert_eq!(topic.publish(&message), FEW);
        // What the first rounds need is kept by the thread.
        assert!(round < 10 || asked() == before, "round {round}");
        assert!(open.iter().all(|(connection, _)| connection.sender.queued() == 8));
        settle().await;
    }
    for (connection, _) in &open {
        assert_eq!(connection.texts().await.len(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_a_few_wait_for_their_turn() {
    let topic = Topic::new();
    let open = several(&topic, FEW + 1).await;
    warm_up(&topic, &open).await;
    topic.publish(Prepared::text("to all"));
    // Nor may a later one overtake it when there are fewer.
    assert!(open.iter().all(|(connection, _)| connection.sender.queued() == 0));
    let mut open = open;
    drop(open.pop());
    topic.publish(Prepared::text("and again"));
    assert!(open.iter().all(|(connection, _)| connection.sender.queued() == 0));
    for (connection, _) in &open {
        assert_eq!(connection.texts().await, ["to all", "and again"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_publishes_elsewhere_leaves_it_to_the_worker() {
    let topic = Topic::new();
    let open = several(&topic, 2).await;
    warm_up(&topic, &open).await;
    let publisher = topic.clone();
    std::thread::spawn(move || publisher.publish(Prepared::text("from outside"))).join().unwrap();
    assert!(open.iter().all(|(connection, _)| connection.sender.queued() == 0));
    for (connection, _) in &open {
        assert_eq!(connection.texts().await, ["from outside"]);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_leave_take_their_memory_along() {
    const MANY: usize = 10_000;
    let topic = Topic::new();
    let open = connect(&endpoint()).await;
    let _first = topic.subscribe(&open.sender);
    let before = held();
    let mut subscriptions: Vec<Subscription> =
        (0..MANY).map(|_| topic.subscribe(&open.sender)).collect();
    // Neither the first nor the last keeps the places between.
    let last = subscriptions.pop();
    drop(subscriptions);
    let left = held() - before;
    println!("bytes left of all but two: {left}");
    assert!(left < 2048, "{left}");
    topic.publish(Prepared::text("hi"));
    assert_eq!(open.texts().await, ["hi", "hi"]);
    drop(last);
}

/// Coming, going and publishing in any order, against a list of who was there; everybody has
/// turns in between, so that rounds are under way at each.
#[tokio::test(start_paused = true)]
async fn everyone_gets_what_was_published_while_they_were_there() {
    let mut dice = 7_u64;
    let mut roll = move |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let (endpoint, topic) = (endpoint(), Topic::new());
    let mut there: Vec<(Open, Subscription, Vec<String>)> = Vec::new();
    let mut number = 0;
    for _ in 0..1000 {
        match roll(8) {
            0 | 1 if there.len() < 90 => {
                let connection = connect(&endpoint).await;
                let subscription = topic.subscribe(&connection.sender);
                there.push((connection, subscription, Vec::new()));
            }
            2 if !there.is_empty() => {
                let index = roll(there.len() as u64) as usize;
                let (connection, subscription, expected) = there.swap_remove(index);
                drop(subscription);
                // What had not reached it by then does not.
                let got = connection.texts().await;
                assert_eq!(got, expected[..got.len()]);
            }
            3 => tokio::task::yield_now().await,
            4 => {
                settle().await;
                for (connection, _, expected) in &mut there {
                    assert_eq!(connection.texts().await, std::mem::take(expected));
                }
            }
            _ => {
                assert_eq!(topic.publish(Prepared::text(number.to_string())), there.len());
                for (_, _, expected) in &mut there {
                    expected.push(number.to_string());
                }
                number += 1;
            }
        }
    }
    assert_eq!((topic.skipped(), number > 300), (0, true));
}
