//! A server that dies, freezes, or loses its stream.

use std::time::{Duration, Instant};

use stickler::broker::{Broker, Event, PublishError};

use crate::server::Server;
use crate::{next, publish, text, texts, until_up};

#[tokio::test]
async fn a_server_that_is_down_refuses_and_nothing_is_delivered_later() {
    let Some(mut server) = Server::start("down").await else { return };
    let nats = server.connect().await;
    let mut feed = nats.subscribe("room", None).await.unwrap();
    publish(&nats, "room", "before").await;
    assert_eq!(text(&mut feed).await, "before");
    server.kill();
    until_up(&nats, false).await;
    let refused = nats.publish("room", "lost", "lost".into()).await.unwrap_err();
    assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
    assert!(nats.signal("room", "lost".into()).await.is_err());
    assert!(nats.subscribe("room", None).await.is_err());
    assert!(nats.history("room", None, 9).await.is_err());
    assert!(matches!(next(&mut feed).await, Event::Down));

    server.restart();
    let returned = Instant::now();
    assert!(matches!(next(&mut feed).await, Event::Up));
    assert!(returned.elapsed() < Duration::from_secs(2), "{:?}", returned.elapsed());
    publish(&nats, "room", "after").await;
    assert_eq!(text(&mut feed).await, "after");
    assert_eq!(texts(&nats, "room", None, 9).await, ["before", "after"]);
}

#[tokio::test]
async fn a_feed_reads_what_came_while_its_node_was_cut_off() {
    let Some(mut server) = Server::start("cut-off").await else { return };
    let nats = server.connect().await;
    let mut feed = nats.subscribe("room", None).await.unwrap();
    let seen = publish(&nats, "room", "a").await;
    assert_eq!(text(&mut feed).await, "a");
    // Another node is back first: its messages are stored before the feed hears again.
    server.kill();
    until_up(&nats, false).await;
    server.restart();
    let other = loop {
        match stickler_nats::Nats::connect(server.options()).await {
            Ok(other) => break other,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    for id in ["b", "c", "d"] {
        publish(&other, "room", id).await;
    }
    for id in ["b", "c", "d"] {
        assert_eq!(text(&mut feed).await, id);
    }
    assert_eq!(texts(&nats, "room", Some(seen), 9).await, ["b", "c", "d"]);
}

#[tokio::test]
async fn a_frozen_server_leaves_it_unknown_and_the_id_tells_later() {
    let Some(server) = Server::start("frozen").await else { return };
    let options = server.options().timeout(Duration::from_millis(500));
    let nats = stickler_nats::Nats::connect(options).await.unwrap();
    let mut feed = nats.subscribe("room", None).await.unwrap();
    server.signal("-STOP");
    let unknown = nats.publish("room", "a", "a".into()).await.unwrap_err();
    assert!(matches!(unknown, PublishError::Unknown(_)), "{unknown}");
    until_up(&nats, false).await;
    let refused = nats.publish("room", "b", "b".into()).await.unwrap_err();
    assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
    server.signal("-CONT");
    let returned = Instant::now();
    until_up(&nats, true).await;
    assert!(returned.elapsed() < Duration::from_secs(2), "{:?}", returned.elapsed());
    publish(&nats, "room", "a").await;
    assert_eq!(text(&mut feed).await, "a");
    assert_eq!(texts(&nats, "room", None, 9).await, ["a"]);
}

#[tokio::test]
async fn an_id_is_known_after_the_server_was_killed() {
    let Some(mut server) = Server::start("killed").await else { return };
    let nats = server.connect().await;
    let first = publish(&nats, "room", "a").await;
    server.kill();
    until_up(&nats, false).await;
    server.restart();
    until_up(&nats, true).await;
    assert_eq!(publish(&nats, "room", "a").await, first);
    assert_eq!(texts(&nats, "room", None, 9).await, ["a"]);
}

#[tokio::test]
async fn a_stream_made_anew_is_another_epoch() {
    let Some(server) = Server::start("anew").await else { return };
    let nats = server.connect().await;
    let mut feed = nats.subscribe("room", None).await.unwrap();
    let old = publish(&nats, "room", "a").await;
    assert_eq!(text(&mut feed).await, "a");
    server.client().await.delete_stream("STICKLER").await.unwrap();
    loop {
        match next(&mut feed).await {
            Event::Gap(None) => break,
            Event::Down | Event::Up => {}
            other => panic!("{other:?}"),
        }
    }
    let new = publish(&nats, "room", "b").await;
    assert_ne!(new.epoch, old.epoch);
    assert_eq!(text(&mut feed).await, "b");
    let history = nats.history("room", Some(old), 9).await.unwrap();
    assert!(history.is_gap);
    assert_eq!(history.messages.len(), 1);
}

#[tokio::test]
async fn publishing_to_a_stream_that_is_gone_is_refused() {
    let Some(server) = Server::start("gone").await else { return };
    let nats = server.connect().await;
    server.client().await.delete_stream("STICKLER").await.unwrap();
    let refused = nats.publish("room", "a", "a".into()).await.unwrap_err();
    assert!(matches!(refused, PublishError::Refused(_)), "{refused}");
}
