//! Topics by name: there as long as somebody has them, and never two of one name.

use std::thread;

use stickler::{Prepared, Subscription, Topics};

use super::allocator::held;
use super::{connect, endpoint, narrow};

#[tokio::test(start_paused = true)]
async fn a_name_is_known_from_the_first_subscriber_to_the_last() {
    let (endpoint, topics) = (endpoint(), Topics::new());
    let (first, second) = (connect(&endpoint).await, connect(&endpoint).await);
    assert_eq!(topics.publish("red", Prepared::text("nobody")), 0);
    assert!(topics.is_empty());
    let one = topics.subscribe("red", &first.sender);
    let two = topics.clone().subscribe("red", &second.sender);
    let other = topics.subscribe("blue", &second.sender);
    assert_eq!((topics.len(), topics.subscribers("red"), topics.subscribers("blue")), (2, 2, 1));
    let mut names = topics.names();
    names.sort();
    assert_eq!(names, ["blue", "red"]);
    assert_eq!(topics.publish("red", Prepared::text("red")), 2);
    assert_eq!(topics.publish_except("red", Prepared::text("others"), &one), 1);
    assert_eq!(topics.publish_latest("blue", "key", Prepared::text("blue")), 1);
    assert_eq!(first.texts().await, ["red"]);
    assert_eq!(second.texts().await, ["red", "others", "blue"]);
    drop((one, two));
    assert_eq!((topics.names(), topics.subscribers("red")), (vec!["blue".to_owned()], 0));
    drop(other);
    assert!(topics.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_has_a_topic_has_the_one_of_that_name() {
    let (endpoint, topics) = (endpoint(), Topics::new());
    let open = connect(&endpoint).await;
    let publisher = topics.topic("red");
    // It is kept without subscribers, and is the one that later ones come to.
    drop(topics.subscribe("red", &open.sender));
    assert_eq!((topics.len(), publisher.subscribers()), (1, 0));
    let subscription = topics.subscribe("red", &open.sender);
    assert_eq!(publisher.publish(Prepared::text("hi")), 1);
    assert_eq!(open.texts().await, ["hi"]);
    drop(publisher);
    assert_eq!((topics.len(), topics.topic("red").subscribers()), (1, 1));
    drop(subscription);
    assert!(topics.is_empty());
    // A topic may outlive the registry.
    let orphan = topics.topic("red");
    drop(topics);
    let _subscription = orphan.subscribe(&open.sender);
    assert_eq!(orphan.publish(Prepared::text("still")), 1);
}

#[tokio::test(start_paused = true)]
async fn forgotten_names_leave_nothing() {
    const MANY: usize = 10_000;
    let (endpoint, topics) = (endpoint(), Topics::new());
    let open = connect(&endpoint).await;
    let before = held();
    let subscriptions: Vec<Subscription> =
        (0..MANY).map(|room| topics.subscribe(&format!("room/{room}"), &open.sender)).collect();
    assert_eq!(topics.len(), MANY);
    let each = (held() - before) / MANY as isize;
    println!("bytes per topic with one subscriber: {each}");
    drop(subscriptions);
    let left = held() - before;
    println!("bytes left of all: {left}");
    assert!(left < 1024, "{left}");
}

/// Threads come and go under one name. Whoever has subscribed is there for all who know the name,
/// and for all who had the topic before.
#[test]
fn no_publisher_holds_a_topic_that_was_forgotten() {
    const ROUNDS: usize = 3_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = runtime.block_on(connect(&narrow(1000)));
    let topics = Topics::new();
    let message = Prepared::text("hi");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (topics, sender, message) = (topics.clone(), open.sender.clone(), message.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let early = (round % 3 == 0).then(|| topics.topic("room"));
                    let subscription = topics.subscribe("room", &sender);
                    assert!(topics.publish("room", &message) >= 1);
                    assert!(topics.subscribers("room") >= 1);
                    assert!(early.is_none_or(|topic| topic.publish(&message) >= 1));
                    let late = topics.topic("room");
                    assert!(late.publish(&message) >= 1);
                    drop(subscription);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(topics.is_empty());
    drop(open);
}
