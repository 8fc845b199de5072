//! What becomes of what a member said and of its nickname, where it leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};

use stickler::BoxError;
use stickler::broker::{BoxFuture, Broker, Feed, History, Position, PublishError};
use stickler::bytes::Bytes;
use tokio::sync::Notify;

use super::super::names::Names;
use super::*;

/// A broker that stores nothing while it is held up, and whose signals take a second.
struct Held {
    inner: InProcess,
    is_held: AtomicBool,
    released: Notify,
}

impl Held {
    fn new() -> Arc<Held> {
        let (is_held, released) = (AtomicBool::new(true), Notify::new());
        Arc::new(Held { inner: InProcess::new(), is_held, released })
    }

    fn release(&self) {
        self.is_held.store(false, Ordering::SeqCst);
        self.released.notify_waiters();
    }
}

impl Broker for Held {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        id: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            while self.is_held.load(Ordering::SeqCst) {
                self.released.notified().await;
            }
            self.inner.publish(topic, id, payload).await
        })
    }

    fn signal<'a>(
        &'a self,
        topic: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.inner.signal(topic, payload).await
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        after: Option<Position>,
    ) -> BoxFuture<'a, Result<Feed, BoxError>> {
        self.inner.subscribe(topic, after)
    }

    fn history<'a>(
        &'a self,
        topic: &'a str,
        since: Option<Position>,
        most: usize,
    ) -> BoxFuture<'a, Result<History, BoxError>> {
        self.inner.history(topic, since, most)
    }

    fn is_up(&self) -> bool {
        true
    }
}

/// Names that are far away: to renew one, or to give it up, takes a second.
#[derive(Default)]
struct Far(LocalNames);

impl Names for Far {
    fn create<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<bool, BoxError>> {
        self.0.create(key, value)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BoxError>> {
        self.0.get(key)
    }

    fn renew<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.renew(key, value).await
        })
    }

    fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.release(key).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BoxError>> {
        self.0.list(prefix)
    }
}

fn chat_with_far_names() -> Chat {
    Chat::of(Rooms::new(Arc::new(InProcess::new()), Arc::new(Far::default()), Handle::current()))
}

async fn say_twice_and_leave(peer: &mut Peer) {
    for id in ["1", "2"] {
        peer.send(json!({"type": "say", "id": id, "text": id})).await;
    }
    peer.send(json!({"type": "leave"})).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_leaving_is_stored_and_answered() {
    let broker = Held::new();
    let chat = Chat::over(broker.clone());
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    bob.next("came").await;
    say_twice_and_leave(&mut ada).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    broker.release();
    for id in ["1", "2"] {
        assert_eq!(ada.next("accepted").await["id"], id);
    }
    // The others hear it in its order too.
    for id in ["1", "2"] {
        assert_eq!(bob.recv().await["text"], id);
    }
    assert_eq!(bob.recv().await, json!({"type": "left", "nickname": "Ada"}));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing_keeps_nobody_from_leaving() {
    let chat = Chat::over(Held::new());
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    bob.next("came").await;
    say_twice_and_leave(&mut ada).await;
    for id in ["1", "2"] {
        assert_eq!(ada.next("unknown").await["id"], id);
    }
    assert_eq!(bob.recv().await, json!({"type": "left", "nickname": "Ada"}));
    let again = json!({"type": "join", "room": "lobby", "nickname": "Ada"});
    assert_eq!(ada.ask(again).await["type"], "joined");
}

#[tokio::test(start_paused = true)]
async fn who_is_taken_over_hears_what_became_of_its_messages_first() {
    let broker = Held::new();
    let chat = Chat::over(broker.clone());
    let (mut old, joined) = chat.join("lobby", "Ada").await;
    for id in ["1", "2"] {
        old.send(json!({"type": "say", "id": id, "text": id})).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut new, _) = chat.come_back(&joined, &joined).await;
    for id in ["1", "2"] {
        assert_eq!(old.recv().await, json!({"type": "unknown", "id": id}));
    }
    assert_eq!(old.recv().await["code"], "taken_over");
    // Under its id it is stored once, whatever became of it.
    broker.release();
    new.say("1", "1").await;
}

#[tokio::test(start_paused = true)]
async fn the_nickname_is_free_for_the_next_request_and_for_who_hears_that_it_left() {
    let chat = chat_with_far_names();
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    bob.next("came").await;
    let join = json!({"type": "join", "room": "lobby", "nickname": "Ada"});
    ada.send(json!({"type": "leave"})).await;
    assert_eq!(ada.ask(join.clone()).await["type"], "joined");
    for kind in ["left", "came"] {
        assert_eq!(bob.recv().await, json!({"type": kind, "nickname": "Ada"}));
    }
    ada.send(json!({"type": "leave"})).await;
    bob.next("left").await;
    let mut eve = chat.connect().await;
    assert_eq!(eve.ask(join).await["type"], "joined");
}

/// The secret of a member that is about to leave is still good: who has it is told apart from the one that left.
#[tokio::test(start_paused = true)]
async fn who_comes_back_while_the_nickname_is_given_up_has_it() {
    let chat = chat_with_far_names();
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    let (mut ada, joined) = chat.join("lobby", "Ada").await;
    bob.next("came").await;
    ada.send(json!({"type": "leave"})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mut again, _) = chat.come_back(&joined, &joined).await;
    for kind in ["left", "came"] {
        assert_eq!(bob.recv().await, json!({"type": kind, "nickname": "Ada"}));
    }
    again.say("1", "still here").await;
    assert_eq!(bob.recv().await["type"], "message");
}

#[tokio::test(start_paused = true)]
async fn a_nickname_that_was_given_up_is_not_renewed() {
    let chat = chat_with_far_names();
    let (_bob, _) = chat.join("lobby", "Bob").await;
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    // The room has begun to renew the names of both, one after the other.
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    ada.send(json!({"type": "leave"})).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_eve, joined) = chat.join("lobby", "Ada").await;
    assert_eq!(joined["members"], json!(["Ada", "Bob"]));
}

/// What a node has told its members itself comes back to it by the broker, when it may be over.
#[tokio::test(start_paused = true)]
async fn who_comes_and_leaves_is_told_once_each_time() {
    let chat = Chat::over(Held::new());
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    for _ in 0..2 {
        let (mut ada, _) = chat.join("lobby", "Ada").await;
        ada.send(json!({"type": "leave"})).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_eve, _) = chat.join("lobby", "Eve").await;
    for _ in 0..2 {
        for kind in ["came", "left"] {
            assert_eq!(bob.recv().await, json!({"type": kind, "nickname": "Ada"}));
        }
    }
    assert_eq!(bob.recv().await, json!({"type": "came", "nickname": "Eve"}));
}
