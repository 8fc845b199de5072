//! One order for all, nothing twice, and nobody held up.

use stickler::Limits;

use super::*;

#[tokio::test]
async fn five_members_see_the_same_order() {
    let chat = Chat::new();
    let mut peers = Vec::new();
    for nickname in ["Ann", "Ben", "Cleo", "Dora", "Emil"] {
        peers.push(chat.join("lobby", nickname).await.0);
    }
    for round in 0..9 {
        for (index, peer) in peers.iter_mut().enumerate() {
            let id = format!("{round}-{index}");
            peer.send(json!({"type": "say", "id": id, "text": id})).await;
        }
    }
    let mut orders = Vec::new();
    for peer in &mut peers {
        let mut seen = Vec::new();
        while seen.len() < 45 {
            let message = peer.next("message").await;
            seen.push((message["offset"].as_u64().unwrap(), message["text"].clone()));
        }
        assert!(seen.is_sorted_by(|one, other| one.0 < other.0));
        orders.push(seen);
    }
    assert!(orders.iter().all(|order| *order == orders[0]));
    // The messages of one member keep their order.
    let firsts = orders[0].iter().filter(|(_, text)| text.as_str().unwrap().ends_with("-0"));
    let firsts: Vec<_> = firsts.map(|(_, text)| text.clone()).collect();
    assert!(firsts.is_sorted_by_key(|text| text.to_string()));
}

#[tokio::test]
async fn a_message_that_is_said_again_with_its_id_is_stored_once() {
    let chat = Chat::new();
    let (mut ada, joined) = chat.join("lobby", "Ada").await;
    let first = ada.say("x", "hello").await;
    let again = ada.say("x", "hello").await;
    assert_eq!(first["offset"], again["offset"]);
    ada.close().await;
    // Behind a reconnect too: the secret says that it is the same member.
    let (mut ada, again) = chat.come_back(&joined, &joined).await;
    assert_eq!(texts(&again), ["hello"]);
    assert_eq!(ada.say("x", "hello").await["offset"], first["offset"]);
    // The id is the member's own: another one may have the same.
    let (mut bob, _) = chat.join("lobby", "Bob").await;
    assert_ne!(bob.say("x", "hello too").await["offset"], first["offset"]);
}

#[tokio::test]
async fn a_message_has_what_the_documentation_says() {
    let chat = Chat::new();
    let (mut ada, joined) = chat.join("lobby", "Ada").await;
    let text = "<script>alert(1)</script>\u{202e}\n\"'&";
    ada.send(json!({"type": "say", "id": "x-1", "text": text})).await;
    let message = ada.next("message").await;
    assert_eq!((&message["nickname"], &message["text"]), (&json!("Ada"), &json!(text)));
    assert_eq!((&message["id"], &message["epoch"]), (&json!("x-1"), &joined["epoch"]));
    assert!(message["time"].as_u64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn a_slow_member_holds_up_nobody_and_is_told_of_the_gap() {
    let mut chat = Chat::new();
    let mut limits = Limits::default();
    limits.max_queued = 16 << 10;
    let default = chat.config.clone();
    chat.config = default.clone().limits(limits);
    let (mut slow, _) = chat.join("lobby", "Slow").await;
    chat.config = default;
    let (mut quick, _) = chat.join("lobby", "Quick").await;
    // More than fits into its queue and the transport.
    for number in 0..300 {
        let id = number.to_string();
        let said = json!({"nickname": "Eve", "text": "x".repeat(2_000), "time": 1, "id": id});
        chat.rooms.broker.publish("lobby", &id, said.to_string().into()).await.unwrap();
        assert_eq!(quick.next("message").await["id"], *id);
    }
    let gap = slow.next("gap").await;
    assert!(gap["offset"].as_u64().unwrap() > 0);
    // It goes on behind the gap.
    let said = quick.say("after", "after").await;
    loop {
        let message = slow.next("message").await;
        if message["offset"] == said["offset"] {
            break;
        }
    }
}
