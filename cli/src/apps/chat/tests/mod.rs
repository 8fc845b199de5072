//! The chat over a transport in memory: every message that is documented, and every fault.

mod broken;
mod faults;
mod joining;
mod leaving;
mod order;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stickler::broker::InProcess;
use stickler::http::Request;
use stickler::test::Client;
use stickler::{Config, Endpoint, Timeouts};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::names::LocalNames;
use super::{Rooms, SUBPROTOCOL, chat};

/// A chat in memory.
struct Chat {
    rooms: Arc<Rooms>,
    config: Config,
}

impl Chat {
    fn new() -> Chat {
        Chat::over(Arc::new(InProcess::new()))
    }

    fn over(broker: Arc<dyn stickler::broker::Broker>) -> Chat {
        let names = Arc::new(LocalNames::default());
        Chat::of(Rooms::new(broker, names, Handle::current()))
    }

    fn of(rooms: Rooms) -> Chat {
        // Paused time runs ahead of clients that answer Pings only while they receive.
        let mut timeouts = Timeouts::default();
        timeouts.keepalive_interval = None;
        Chat { rooms: Arc::new(rooms), config: Config::default().timeouts(timeouts) }
    }

    async fn connect(&self) -> Peer {
        let request = Request::get("/chat").header("sec-websocket-protocol", SUBPROTOCOL);
        let rooms = self.rooms.clone();
        let endpoint = Endpoint::new(self.config.clone());
        let handler = move |incoming| chat(incoming, rooms);
        let client = Client::open(&endpoint, request.body(()).unwrap(), handler).await.unwrap();
        assert_eq!(client.subprotocol(), Some(SUBPROTOCOL));
        Peer { client }
    }

    /// Somebody in a room, and the answer to `join`.
    async fn join(&self, room: &str, nickname: &str) -> (Peer, Value) {
        let mut peer = self.connect().await;
        peer.send(json!({"type": "join", "room": room, "nickname": nickname})).await;
        let joined = peer.recv().await;
        assert_eq!(joined["type"], "joined", "{joined}");
        (peer, joined)
    }

    /// Somebody who comes back.
    async fn come_back(&self, joined: &Value, after: &Value) -> (Peer, Value) {
        let mut peer = self.connect().await;
        peer.send(json!({
            "type": "join", "room": joined["room"], "nickname": joined["nickname"],
            "secret": joined["secret"],
            "after": {"epoch": after["epoch"], "offset": after["offset"]},
        }))
        .await;
        let joined = peer.recv().await;
        assert_eq!(joined["type"], "joined", "{joined}");
        (peer, joined)
    }
}

/// A client of the chat.
struct Peer {
    client: Client,
}

impl Peer {
    async fn send(&mut self, message: Value) {
        self.client.send(message.to_string()).await.unwrap();
    }

    /// The next message, which is one that the schema has.
    async fn recv(&mut self) -> Value {
        let message = timeout(Duration::from_secs(60), self.client.recv());
        let message = message.await.expect("a message in time").unwrap().expect("a message");
        let message = serde_json::from_str(message.as_text().expect("text")).unwrap();
        schema::check(&message);
        message
    }

    /// The next message of a type; others are left out.
    async fn next(&mut self, kind: &str) -> Value {
        loop {
            let message = self.recv().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Says something, and gives its position.
    async fn say(&mut self, id: &str, text: &str) -> Value {
        self.send(json!({"type": "say", "id": id, "text": text})).await;
        let accepted = self.next("accepted").await;
        assert_eq!(accepted["id"], id);
        accepted
    }

    /// The answer to a message.
    async fn ask(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.recv().await
    }

    async fn close(self) {
        self.client.close(1000, "").await.unwrap();
    }
}

fn texts(joined: &Value) -> Vec<&str> {
    joined["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|said| said["text"].as_str().unwrap())
        .collect()
}
