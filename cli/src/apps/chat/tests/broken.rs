//! A broker that is away, loses messages, or does not answer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use stickler::BoxError;
use stickler::broker::{
    BoxFuture, Broker, Carried, Event, Feed, FeedWriter, History, Position, PublishError,
};
use stickler::bytes::Bytes;

use super::super::names::Names;
use super::*;

/// A broker whose feeds the test writes.
struct Broken {
    inner: InProcess,
    feeds: Mutex<Vec<FeedWriter>>,
    is_down: AtomicBool,
    /// Whether it stores and says nothing.
    is_mute: AtomicBool,
}

impl Broken {
    fn new() -> Arc<Broken> {
        Arc::new(Broken {
            inner: InProcess::new(),
            feeds: Mutex::default(),
            is_down: AtomicBool::new(false),
            is_mute: AtomicBool::new(false),
        })
    }

    fn write(&self, event: Event) {
        self.feeds.lock().unwrap().iter().for_each(|feed| feed.write(event.clone()));
    }

    /// Stores a message and tells no feed.
    async fn store(&self, text: &str) -> Carried {
        let said = json!({"nickname": "Eve", "text": text, "time": 1, "id": text}).to_string();
        let payload = Bytes::from(said);
        let position = self.inner.publish("lobby", text, payload.clone()).await.unwrap();
        Carried { position, payload }
    }
}

impl Broker for Broken {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        id: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            if self.is_down.load(Ordering::SeqCst) {
                return Err(PublishError::Refused("down".into()));
            }
            let position = self.inner.publish(topic, id, payload.clone()).await?;
            if self.is_mute.load(Ordering::SeqCst) {
                return Err(PublishError::Unknown("mute".into()));
            }
            self.write(Event::Message(Carried { position, payload }));
            Ok(position)
        })
    }

    fn signal<'a>(&'a self, _: &'a str, payload: Bytes) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            self.write(Event::Signal(payload));
            Ok(())
        })
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        after: Option<Position>,
    ) -> BoxFuture<'a, Result<Feed, BoxError>> {
        Box::pin(async move {
            if self.is_down.load(Ordering::SeqCst) {
                return Err("down".into());
            }
            let (writer, feed) = Feed::bounded(100, after);
            self.feeds.lock().unwrap().push(writer);
            Ok(feed)
        })
    }

    fn history<'a>(
        &'a self,
        topic: &'a str,
        since: Option<Position>,
        most: usize,
    ) -> BoxFuture<'a, Result<History, BoxError>> {
        Box::pin(async move {
            if self.is_down.load(Ordering::SeqCst) {
                return Err("down".into());
            }
            self.inner.history(topic, since, most).await
        })
    }

    fn is_up(&self) -> bool {
        !self.is_down.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn members_hear_that_the_broker_is_away_and_back() {
    let broker = Broken::new();
    let chat = Chat::over(broker.clone());
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    broker.is_down.store(true, Ordering::SeqCst);
    broker.write(Event::Down);
    assert_eq!(ada.recv().await, json!({"type": "degraded"}));
    let refused = ada.ask(json!({"type": "say", "id": "1", "text": "x"})).await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("refused"), &json!("1")));
    // Who comes into the room now hears it too. The messages that this node has are there.
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    assert_eq!(bob.recv().await, json!({"type": "degraded"}));
    // A room that is not open here cannot be opened.
    let mut eve = chat.connect().await;
    let fault = eve.ask(json!({"type": "join", "room": "other", "nickname": "Eve"})).await;
    assert_eq!((&fault["type"], &fault["code"]), (&json!("error"), &json!("unavailable")));
    broker.is_down.store(false, Ordering::SeqCst);
    broker.write(Event::Up);
    ada.next("restored").await;
    ada.say("1", "x").await;
    assert_eq!(
        eve.ask(json!({"type": "join", "room": "other", "nickname": "Eve"})).await["type"],
        "joined"
    );
}

/// Names that cannot be reached.
struct NoNames;

impl Names for NoNames {
    fn create<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async { Err("down".into()) })
    }

    fn get<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BoxError>> {
        Box::pin(async { Err("down".into()) })
    }

    fn renew<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async { Err("down".into()) })
    }

    fn release<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async { Err("down".into()) })
    }

    fn list<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BoxError>> {
        Box::pin(async { Err("down".into()) })
    }
}

#[tokio::test]
async fn that_rooms_cannot_be_opened_is_logged_once_a_second() {
    let broker = Broken::new();
    broker.is_down.store(true, Ordering::SeqCst);
    assert_fifty_joins_are_refused_in_few_lines(&Chat::over(broker)).await;
}

#[tokio::test]
async fn that_names_cannot_be_reached_is_logged_once_a_second() {
    let rooms = Rooms::new(Broken::new(), Arc::new(NoNames), Handle::current());
    assert_fifty_joins_are_refused_in_few_lines(&Chat::of(rooms)).await;
}

/// Peers decide how often it happens, and so how often it would be said.
async fn assert_fifty_joins_are_refused_in_few_lines(chat: &Chat) {
    let (lines, _listening) = stickler_testing::logs::listen(|| {});
    for peer in 0..5 {
        let mut eve = chat.connect().await;
        for room in 0..10 {
            let room = format!("{peer}-{room}");
            let fault = eve.ask(json!({"type": "join", "room": room, "nickname": "Eve"})).await;
            assert_eq!(fault["code"], "unavailable");
        }
    }
    let warned = lines.at("WARN").len();
    assert!((1..=10).contains(&warned), "{warned} lines for 50 rooms: {:?}", lines.at("WARN"));
}

#[tokio::test]
async fn a_message_of_unknown_fate_is_said_again_with_its_id() {
    let broker = Broken::new();
    let chat = Chat::over(broker.clone());
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    broker.is_mute.store(true, Ordering::SeqCst);
    let unknown = ada.ask(json!({"type": "say", "id": "1", "text": "x"})).await;
    assert_eq!(unknown, json!({"type": "unknown", "id": "1"}));
    broker.is_mute.store(false, Ordering::SeqCst);
    ada.say("1", "x").await;
    let stored = broker.history("lobby", None, 100).await.unwrap();
    assert_eq!(stored.messages.len(), 1);
}

#[tokio::test]
async fn what_the_feed_lost_is_read_from_the_history_and_comes_once() {
    let broker = Broken::new();
    let chat = Chat::over(broker.clone());
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    let (one, two) = (broker.store("one").await, broker.store("two").await);
    broker.write(Event::Gap(None));
    broker.write(Event::Message(one));
    broker.write(Event::Message(two));
    broker.write(Event::Message(broker.store("three").await));
    for text in ["one", "two", "three"] {
        assert_eq!(ada.recv().await["text"], text);
    }
}

#[tokio::test]
async fn what_is_lost_for_good_is_a_gap_for_all() {
    let broker = Broken::new();
    let chat = Chat::over(broker.clone());
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    // A store that was made again: its numbers begin anew.
    let epoch = broker.history("lobby", None, 1).await.unwrap().last.epoch + 1;
    let position = Position { epoch, offset: 1 };
    let payload = broker.store("new").await.payload;
    broker.write(Event::Message(Carried { position, payload }));
    assert_eq!(ada.recv().await, json!({"type": "gap", "epoch": epoch.to_string(), "offset": 0}));
    let message = ada.recv().await;
    assert_eq!((&message["epoch"], &message["offset"]), (&json!(epoch.to_string()), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_ended_is_asked_for_again() {
    let broker = Broken::new();
    let chat = Chat::over(broker.clone());
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    broker.is_down.store(true, Ordering::SeqCst);
    broker.feeds.lock().unwrap().clear();
    assert_eq!(ada.recv().await, json!({"type": "degraded"}));
    broker.is_down.store(false, Ordering::SeqCst);
    assert_eq!(ada.recv().await, json!({"type": "restored"}));
    ada.say("1", "x").await;
}

/// A node that is killed tells nobody that its members are gone.
#[tokio::test(start_paused = true)]
async fn members_of_a_node_that_died_are_gone_after_a_while() {
    let broker: Arc<dyn Broker> = Arc::new(InProcess::new());
    let names = Arc::new(LocalNames::default());
    let here = Chat::of(Rooms::new(broker.clone(), names.clone(), Handle::current()));
    let there = Chat::of(Rooms::new(Arc::new(InProcess::new()), names.clone(), Handle::current()));
    let (mut ada, _) = here.join("lobby", "Ada").await;
    // On a node whose signals do not reach this one.
    let (bob, _) = there.join("lobby", "Bob").await;
    assert_eq!(ada.recv().await, json!({"type": "came", "nickname": "Bob"}));
    bob.close().await;
    assert_eq!(ada.recv().await, json!({"type": "left", "nickname": "Bob"}));
}

#[tokio::test]
async fn two_nodes_are_one_room() {
    let broker: Arc<dyn Broker> = Arc::new(InProcess::new());
    let names = Arc::new(LocalNames::default());
    let here = Chat::of(Rooms::new(broker.clone(), names.clone(), Handle::current()));
    let there = Chat::of(Rooms::new(broker, names, Handle::current()));
    let (mut ada, joined) = here.join("lobby", "Ada").await;
    let (mut bob, seen) = there.join("lobby", "Bob").await;
    assert_eq!(seen["members"], json!(["Ada", "Bob"]));
    assert_eq!(ada.recv().await, json!({"type": "came", "nickname": "Bob"}));
    let said = bob.say("1", "hello").await;
    assert_eq!(ada.next("message").await["offset"], said["offset"]);
    // Ada moves to the other node, and misses nothing.
    ada.close().await;
    let (_ada, again) = there.come_back(&joined, &joined).await;
    assert_eq!(texts(&again), ["hello"]);
    let mut eve = here.connect().await;
    let taken = eve.ask(json!({"type": "join", "room": "lobby", "nickname": "Bоb"})).await;
    assert_eq!(taken["code"], "taken");
}
