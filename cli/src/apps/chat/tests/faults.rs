//! What is refused, by a message that names the field. The connection stays open.

use serde_json::{Value, json};
use stickler::http::Request;
use stickler::test::{Client, TestError};
use stickler::{Config, Endpoint};

use super::*;

#[track_caller]
fn assert_fault(message: &Value, code: &str, field: Option<&str>) {
    assert_eq!(message["type"], "error", "{message}");
    assert_eq!(message["code"], code, "{message}");
    assert_eq!(message["field"].as_str(), field, "{message}");
}

#[tokio::test]
async fn the_subprotocol_is_required() {
    let chat = Chat::new();
    for offered in [None, Some("stickler.chat.v2")] {
        let mut request = Request::get("/chat");
        if let Some(offered) = offered {
            request = request.header("sec-websocket-protocol", offered);
        }
        let rooms = chat.rooms.clone();
        let endpoint = Endpoint::new(Config::default());
        let opened = Client::open(&endpoint, request.body(()).unwrap(), |incoming| {
            super::chat(incoming, rooms)
        });
        let Err(TestError::Refused(response)) = opened.await else { panic!("{offered:?}") };
        assert_eq!(response.status(), 400);
        assert!(String::from_utf8_lossy(response.body()).contains(SUBPROTOCOL));
    }
}

#[tokio::test]
async fn a_faulty_message_is_told_its_field_and_the_connection_goes_on() {
    let chat = Chat::new();
    let (mut peer, _) = chat.join("lobby", "Ada").await;
    assert_fault(&peer.ask(json!([])).await, "malformed", None);
    assert_fault(&peer.ask(json!({"type": "typing", "to": 1})).await, "unknown_field", Some("to"));
    let fault = peer.ask(json!({"type": "say", "id": "a1", "text": " "})).await;
    assert_fault(&fault, "invalid", Some("text"));
    assert_eq!(fault["id"], "a1");
    peer.client.send(stickler::OwnedMessage::binary("{}")).await.unwrap();
    assert_fault(&peer.recv().await, "binary", None);
    peer.client.send("x".repeat(40_000)).await.unwrap();
    assert_fault(&peer.recv().await, "too_long", None);
    peer.say("a2", "still here").await;
}

#[tokio::test]
async fn what_needs_a_room_says_so() {
    let chat = Chat::new();
    let mut peer = chat.connect().await;
    let fault = peer.ask(json!({"type": "say", "id": "x", "text": "hi"})).await;
    assert_fault(&fault, "not_in_a_room", None);
    assert_eq!(fault["id"], "x");
    assert_fault(&peer.ask(json!({"type": "typing"})).await, "not_in_a_room", None);
    assert_fault(&peer.ask(json!({"type": "leave"})).await, "not_in_a_room", None);
    let (mut peer, _) = chat.join("lobby", "Ada").await;
    let again = json!({"type": "join", "room": "other", "nickname": "Ada"});
    assert_fault(&peer.ask(again).await, "in_a_room", Some("room"));
}

#[tokio::test]
async fn a_nickname_that_looks_like_one_in_the_room_is_refused() {
    let chat = Chat::new();
    let (_ada, _) = chat.join("lobby", "Paula").await;
    for other in ["Paula", "PAULA", "Pаula", "PauIa"] {
        let mut peer = chat.connect().await;
        let join = json!({"type": "join", "room": "lobby", "nickname": other});
        assert_fault(&peer.ask(join).await, "taken", Some("nickname"));
    }
    // Another room has names of its own.
    chat.join("other", "PAULA").await;
}

#[tokio::test(start_paused = true)]
async fn who_is_too_fast_is_told_and_not_cut() {
    let chat = Chat::new();
    let (mut peer, _) = chat.join("lobby", "Ada").await;
    // The join was the first of ten.
    for id in 0..12 {
        peer.send(json!({"type": "say", "id": id.to_string(), "text": "hi"})).await;
    }
    let (mut accepted, mut refused) = (0, Vec::new());
    while accepted + refused.len() < 12 {
        let message = peer.recv().await;
        match message["type"].as_str() {
            Some("accepted") => accepted += 1,
            Some("error") => {
                assert_fault(&message, "too_fast", None);
                refused.push(message["id"].clone());
            }
            _ => {}
        }
    }
    assert_eq!((accepted, refused), (9, vec![json!("9"), json!("10"), json!("11")]));
    tokio::time::sleep(Duration::from_millis(501)).await;
    peer.say("later", "hi").await;
}

#[tokio::test]
async fn rooms_are_bounded() {
    let broker = Arc::new(InProcess::new());
    let names = Arc::new(LocalNames::default());
    let chat = Chat::of(Rooms::new(broker, names, Handle::current()).most(2));
    let (_one, _) = chat.join("one", "Ada").await;
    let (mut two, _) = chat.join("two", "Ada").await;
    let mut peer = chat.connect().await;
    let join = json!({"type": "join", "room": "three", "nickname": "Ada"});
    assert_fault(&peer.ask(join.clone()).await, "too_many_rooms", Some("room"));
    // A room that everybody has left makes place.
    two.send(json!({"type": "leave"})).await;
    two.close().await;
    while chat.rooms.len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.ask(join).await["type"], "joined");
}
