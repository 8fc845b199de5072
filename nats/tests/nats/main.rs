//! The crate against a real nats-server, which STICKLER_NATS_SERVER names; without it each test says that it is skipped.

mod bucket;
mod connect;
mod faults;
mod server;
mod topics;

use std::time::Duration;

use stickler::broker::{Broker, Event, Feed, Position};
use stickler_nats::Nats;

/// The next event, within ten seconds.
async fn next(feed: &mut Feed) -> Event {
    tokio::time::timeout(Duration::from_secs(30), feed.next()).await.unwrap().unwrap()
}

/// The text of the next message, whatever the broker's state.
async fn text(feed: &mut Feed) -> String {
    loop {
        match next(feed).await {
            Event::Message(message) => return String::from_utf8(message.payload.to_vec()).unwrap(),
            Event::Down | Event::Up => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn publish(nats: &Nats, topic: &str, text: &str) -> Position {
    nats.publish(topic, text, text.to_owned().into()).await.unwrap()
}

async fn texts(nats: &Nats, topic: &str, since: Option<Position>, most: usize) -> Vec<String> {
    let history = nats.history(topic, since, most).await.unwrap();
    let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
    history.messages.iter().map(|message| text(&message.payload)).collect()
}

/// Waits until the node sees the broker in this state, within ten seconds.
async fn until_up(nats: &Nats, is_up: bool) {
    for _ in 0..1_000 {
        if nats.is_up() == is_up {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the broker is not up: {is_up} after 10 s");
}
