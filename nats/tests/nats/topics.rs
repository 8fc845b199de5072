//! Order, history, and where to go on.

use stickler::broker::{Broker, Event, Position, PublishError};

use crate::server::Server;
use crate::{next, publish, text, texts};

#[tokio::test]
async fn two_nodes_see_one_order() {
    let Some(server) = Server::start("order").await else { return };
    let nodes = [server.connect().await, server.connect().await];
    let mut feeds = Vec::new();
    for node in &nodes {
        feeds.push(node.subscribe("room", None).await.unwrap());
    }
    let all = (0..100).map(|at| {
        let node = nodes[at % 2].clone();
        tokio::spawn(async move { publish(&node, "room", &at.to_string()).await.offset })
    });
    let mut offsets = Vec::new();
    for one in all.collect::<Vec<_>>() {
        offsets.push(one.await.unwrap());
    }
    let mut seen = Vec::new();
    for feed in &mut feeds {
        let mut order = Vec::new();
        for _ in 0..100 {
            order.push(text(feed).await);
        }
        seen.push(order);
    }
    assert_eq!(seen[0], seen[1]);
    offsets.sort_unstable();
    assert_eq!(offsets, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_same_id_is_stored_once_for_each_topic() {
    let Some(server) = Server::start("same-id").await else { return };
    let (one, two) = (server.connect().await, server.connect().await);
    let first = publish(&one, "room", "a").await;
    assert_eq!(publish(&two, "room", "a").await, first);
    assert_ne!(publish(&two, "other", "a").await, first);
    assert_eq!(texts(&one, "room", None, 9).await, ["a"]);
}

#[tokio::test]
async fn topics_are_apart_whatever_their_names() {
    let Some(server) = Server::start("names").await else { return };
    let nats = server.connect().await;
    let names = ["", ">", "*", "a.b", "a b", "a", "\u{202e}\u{1f600}"];
    for name in names {
        publish(&nats, name, name).await;
    }
    for name in names {
        assert_eq!(texts(&nats, name, None, 9).await, [name]);
    }
}

#[tokio::test]
async fn a_topic_too_long_for_a_subject_is_refused_and_the_connection_stays() {
    let Some(server) = Server::start("long-name").await else { return };
    let nats = server.connect().await;
    let longest = "x".repeat(1_000);
    let mut feed = nats.subscribe(&longest, None).await.unwrap();
    let too_long = format!("{longest}x");
    let refused = nats.publish(&too_long, "a", "a".into()).await.unwrap_err();
    assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
    assert!(nats.signal(&too_long, "a".into()).await.is_err());
    assert!(nats.subscribe(&too_long, None).await.is_err());
    assert!(nats.history(&too_long, None, 9).await.is_err());
    assert!(nats.is_up());
    publish(&nats, &longest, "b").await;
    // Without a word of the broker's state before it.
    assert!(matches!(next(&mut feed).await, Event::Message(message) if message.payload == "b"));
}

#[tokio::test]
async fn a_feed_goes_on_exactly_behind_a_position() {
    let Some(server) = Server::start("resume").await else { return };
    let nats = server.connect().await;
    let mut positions = Vec::new();
    for at in 0..600 {
        positions.push(publish(&nats, "room", &at.to_string()).await);
        if at % 3 == 0 {
            publish(&nats, "other", &at.to_string()).await;
        }
    }
    let mut feed = nats.subscribe("room", Some(positions[9])).await.unwrap();
    publish(&nats, "room", "600").await;
    for at in 10..=600 {
        assert_eq!(text(&mut feed).await, at.to_string());
    }
    let history = nats.history("room", Some(positions[9]), 5).await.unwrap();
    assert!(!history.is_gap);
    assert_eq!(history.last, positions[14]);
    assert_eq!(texts(&nats, "room", None, 3).await, ["598", "599", "600"]);
    assert_eq!(texts(&nats, "other", None, 2).await, ["594", "597"]);
    assert_eq!(texts(&nats, "room", None, 5_000).await.len(), 601);
}

#[tokio::test]
async fn an_empty_topic_is_resumed_while_nothing_was_forgotten() {
    let Some(server) = Server::start("empty").await else { return };
    let nats = server.connect().await;
    let fresh = nats.history("room", None, 9).await.unwrap();
    publish(&nats, "other", "x").await;
    let empty = nats.history("room", None, 9).await.unwrap();
    publish(&nats, "room", "a").await;
    for last in [fresh.last, empty.last] {
        let history = nats.history("room", Some(last), 9).await.unwrap();
        assert!(!history.is_gap);
        assert_eq!(history.messages.len(), 1);
    }
}

#[tokio::test]
async fn what_was_forgotten_is_a_gap() {
    let Some(server) = Server::start("forgotten").await else { return };
    let options = server.options().max_messages(2);
    let nats = stickler_nats::Nats::connect(options).await.unwrap();
    let first = publish(&nats, "room", "a").await;
    for id in ["b", "c", "d"] {
        publish(&nats, "room", id).await;
    }
    let history = nats.history("room", Some(first), 9).await.unwrap();
    assert!(history.is_gap);
    assert_eq!(history.messages.len(), 2);
    let mut feed = nats.subscribe("room", Some(first)).await.unwrap();
    assert!(matches!(next(&mut feed).await, Event::Gap(None)));
    publish(&nats, "room", "e").await;
    assert_eq!(text(&mut feed).await, "e");
    // A number of another topic, the future, and another epoch prove nothing either.
    let other = publish(&nats, "other", "x").await;
    for id in ["f", "g", "h"] {
        publish(&nats, "room", id).await;
    }
    let ahead = Position { offset: other.offset + 9, ..other };
    let epoch = Position { epoch: other.epoch - 1, ..other };
    for position in [other, ahead, epoch] {
        assert!(nats.history("room", Some(position), 9).await.unwrap().is_gap, "{position:?}");
    }
}

#[tokio::test]
async fn a_signal_reaches_other_nodes_and_is_not_stored() {
    let Some(server) = Server::start("signal").await else { return };
    let (one, two) = (server.connect().await, server.connect().await);
    let mut feed = two.subscribe("room", None).await.unwrap();
    one.signal("room", "typing".into()).await.unwrap();
    assert!(matches!(next(&mut feed).await, Event::Signal(payload) if payload == "typing"));
    assert!(texts(&one, "room", None, 9).await.is_empty());
}
