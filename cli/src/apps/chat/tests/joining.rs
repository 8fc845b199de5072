//! Who comes, who is there, who leaves, and whose a nickname is.

use super::*;

#[tokio::test]
async fn members_see_who_comes_types_and_leaves() {
    let chat = Chat::new();
    let (mut ada, joined) = chat.join("lobby", "Ada").await;
    assert_eq!(joined["members"], json!(["Ada"]));
    assert_eq!(joined["limits"]["text_chars"], 2_000);
    let (mut bob, joined) = chat.join("lobby", "Bob").await;
    assert_eq!(joined["members"], json!(["Ada", "Bob"]));
    assert_eq!(ada.recv().await, json!({"type": "came", "nickname": "Bob"}));
    bob.send(json!({"type": "typing"})).await;
    assert_eq!(ada.recv().await, json!({"type": "typing", "nickname": "Bob"}));
    // Typing once more within two seconds is not passed on.
    bob.send(json!({"type": "typing"})).await;
    bob.send(json!({"type": "leave"})).await;
    assert_eq!(ada.recv().await, json!({"type": "left", "nickname": "Bob"}));
    // It was given up, so anybody may have it.
    let (_other, _) = chat.join("lobby", "Bob").await;
    assert_eq!(ada.recv().await, json!({"type": "came", "nickname": "Bob"}));
}

#[tokio::test]
async fn names_are_given_back_normalised() {
    let chat = Chat::new();
    let (_zoe, joined) = chat.join("Cafe\u{301}", "Zoe\u{308}").await;
    assert_eq!((&joined["room"], &joined["nickname"]), (&json!("Caf\u{e9}"), &json!("Zo\u{eb}")));
}

#[tokio::test]
async fn the_last_hundred_messages_are_there_on_joining() {
    let chat = Chat::new();
    for number in 0..103 {
        let (room, id) = ("lobby", number.to_string());
        let said = json!({"nickname": "Ada", "text": id, "time": 1, "id": id}).to_string();
        chat.rooms.broker.publish(room, &id, said.into()).await.unwrap();
    }
    let (_ada, joined) = chat.join("lobby", "Ada").await;
    let expected: Vec<String> = (3..103).map(|number| number.to_string()).collect();
    assert_eq!(texts(&joined), expected);
    assert_eq!(joined["gap"], false);
    assert_eq!(joined["offset"], joined["history"][99]["offset"]);
}

#[tokio::test(start_paused = true)]
async fn a_nickname_is_kept_for_thirty_seconds_and_the_secret_proves_it() {
    let chat = Chat::new();
    let (ada, joined) = chat.join("lobby", "Ada").await;
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    // It lasts as long as the connection.
    tokio::time::sleep(Duration::from_secs(95)).await;
    ada.close().await;
    assert_eq!(bob.next("left").await["nickname"], "Ada");
    tokio::time::sleep(Duration::from_secs(29)).await;
    let mut other = chat.connect().await;
    let join = json!({"type": "join", "room": "lobby", "nickname": "Ada"});
    assert_eq!(other.ask(join.clone()).await["code"], "taken");
    let mut wrong = join.clone();
    wrong["secret"] = json!("0123456789012345678901");
    let fault = other.ask(wrong).await;
    assert_eq!((&fault["code"], &fault["field"]), (&json!("wrong_secret"), &json!("secret")));
    let (ada, again) = chat.come_back(&joined, &joined).await;
    assert_eq!(again["secret"], joined["secret"]);
    ada.close().await;
    bob.next("left").await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(other.ask(join).await["type"], "joined");
}

#[tokio::test]
async fn who_has_the_secret_takes_the_nickname_over_from_a_connection_that_is_dead() {
    let chat = Chat::new();
    let (mut old, joined) = chat.join("lobby", "Ada").await;
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    assert_eq!(old.recv().await["type"], "came");
    let (mut new, again) = chat.come_back(&joined, &joined).await;
    assert_eq!(again["members"], json!(["Ada", "Bob"]));
    assert_eq!(old.recv().await["code"], "taken_over");
    let fault = old.ask(json!({"type": "say", "id": "1", "text": "x"})).await;
    assert_eq!(fault["code"], "not_in_a_room");
    old.close().await;
    new.say("1", "me").await;
    // Ada neither left nor came.
    assert_eq!(bob.recv().await["type"], "message");
}

#[tokio::test]
async fn who_resumes_gets_exactly_what_it_missed() {
    let chat = Chat::new();
    let (mut ada, joined) = chat.join("lobby", "Ada").await;
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    ada.say("1", "one").await;
    let seen = bob.next("message").await;
    ada.say("2", "two").await;
    bob.close().await;
    ada.say("3", "three").await;
    let (mut bob, again) = {
        let (mut peer, _) = (chat.connect().await, ());
        peer.send(json!({"type": "join", "room": "lobby", "nickname": "Bobby",
            "after": {"epoch": seen["epoch"], "offset": seen["offset"]}}))
            .await;
        let again = peer.recv().await;
        (peer, again)
    };
    assert_eq!((texts(&again), &again["gap"]), (vec!["two", "three"], &json!(false)));
    ada.say("4", "four").await;
    assert_eq!(bob.next("message").await["text"], "four");
    // From before the first message: all of them.
    let (_ada, again) = chat.come_back(&joined, &joined).await;
    assert_eq!(texts(&again), ["one", "two", "three", "four"]);
    assert_eq!(again["gap"], false);
}

#[tokio::test]
async fn what_this_node_has_not_kept_comes_from_the_broker() {
    let chat = Chat::new();
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    let first = ada.say("first", "first").await;
    for number in 0..150 {
        let id = number.to_string();
        let said = json!({"nickname": "Eve", "text": id, "time": 1, "id": id}).to_string();
        chat.rooms.broker.publish("lobby", &id, said.into()).await.unwrap();
    }
    ada.say("last", "last").await;
    let mut peer = chat.connect().await;
    let after = json!({"epoch": first["epoch"], "offset": first["offset"]});
    let join = json!({"type": "join", "room": "lobby", "nickname": "Bob", "after": after});
    let joined = peer.ask(join).await;
    assert_eq!((texts(&joined).len(), &joined["gap"]), (151, &json!(false)));
    assert_eq!((texts(&joined)[0], texts(&joined)[150]), ("0", "last"));
}

#[tokio::test]
async fn what_nobody_has_any_more_is_a_gap() {
    let chat = Chat::over(Arc::new(InProcess::new().max_messages(3)));
    let (mut ada, _) = chat.join("lobby", "Ada").await;
    let first = ada.say("first", "first").await;
    for number in 0..150 {
        let id = number.to_string();
        let said = json!({"nickname": "Eve", "text": id, "time": 1, "id": id}).to_string();
        chat.rooms.broker.publish("lobby", &id, said.into()).await.unwrap();
    }
    ada.say("last", "last").await;
    for after in [
        json!({"epoch": first["epoch"], "offset": first["offset"]}),
        json!({"epoch": "1", "offset": 1}),
        json!({"epoch": first["epoch"], "offset": 1_000_000}),
    ] {
        let mut peer = chat.connect().await;
        let join = json!({"type": "join", "room": "lobby", "nickname": "Bob", "after": after});
        let joined = peer.ask(join).await;
        assert_eq!((&joined["type"], &joined["gap"]), (&json!("joined"), &json!(true)));
        assert_eq!(texts(&joined).last(), Some(&"last"));
        peer.send(json!({"type": "leave"})).await;
        ada.next("left").await;
    }
}
