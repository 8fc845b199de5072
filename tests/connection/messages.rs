//! Messages in and out, lent, owned and prepared.

use bytes::Bytes;
use stickler::{Config, Message, MessageKind, OwnedMessage, Prepared};

use crate::claims::claims;
use crate::support::{Frame, binary, echo, frame, open, settle, text};

fn sent(first: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { first, payload: payload.as_ref().to_vec() }
}

#[tokio::test(start_paused = true)]
async fn s5_6_an_echo_returns_every_message_kind_for_kind() {
    claims!("6455-5.6-06", "6455-6.1-02");
    let (peer, serving) = open(Config::default(), echo).await;
    for size in [0, 1, 125, 126, 4096, 65_535, 65_536, 200_000, 1 << 20] {
        let payload = vec![0xe9; size];
        peer.send(binary(&payload));
        assert_eq!(peer.frame().await, sent(0x82, &payload), "{size}");
        let letters = "ä".repeat(size / 2);
        peer.send(text(&letters));
        assert_eq!(peer.frame().await, sent(0x81, &letters), "{size}");
    }
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_message_can_be_sent() {
    claims!("6455-5.6-05", "6455-5.6-06", "6455-6.1-03");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.sender().clone();
        let (string, vec) = (String::from("&String"), vec![1, 2]);
        sender.send("str")?;
        sender.send(&string)?;
        sender.send(String::from("String"))?;
        sender.send(&b"&[u8; N]"[..])?;
        sender.send(b"&[u8]")?;
        sender.send(&vec)?;
        sender.send(vec![3, 4])?;
        sender.send(Bytes::from_static(b"Bytes"))?;
        sender.send(Prepared::text("prepared"))?;
        sender.send(Prepared::binary([5]))?;
        Ok(())
    })
    .await;
    let expected = [
        sent(0x81, "str"),
        sent(0x81, "&String"),
        sent(0x81, "String"),
        sent(0x82, "&[u8; N]"),
        sent(0x82, "&[u8]"),
        sent(0x82, [1, 2]),
        sent(0x82, [3, 4]),
        sent(0x82, "Bytes"),
        sent(0x81, "prepared"),
        sent(0x82, [5]),
        sent(0x88, [3, 232]),
    ];
    for expected in expected {
        assert_eq!(peer.frame().await, expected);
    }
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lent_messages_can_be_kept_and_sent_later() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?;
        let mut kept = Vec::new();
        while kept.len() < 4 {
            let Some(message) = socket.receiver().recv().await? else { break };
            kept.push(message.into_owned());
        }
        let OwnedMessage::Text(first) = &kept[0] else { panic!("{kept:?}") };
        assert_eq!(&**first, "small");
        assert_eq!(kept[0], kept[0].clone());
        for message in kept {
            socket.send(message)?;
        }
        Ok(())
    })
    .await;
    let large = "groß".repeat(20_000);
    peer.send(text("small"));
    peer.send(text(&large));
    peer.send(binary([7]));
    peer.send(binary(large.as_bytes()));
    assert_eq!(peer.text().await, "small");
    assert_eq!(peer.text().await, large);
    assert_eq!(peer.frame().await, sent(0x82, [7]));
    assert_eq!(peer.frame().await, sent(0x82, &large));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_tells_its_kind_and_dereferences() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?;
        match socket.receiver().recv().await?.expect("a message") {
            Message::Text(text) => assert_eq!(text.chars().rev().collect::<String>(), "éa"),
            Message::Binary(_) => panic!("a text was sent"),
        }
        let message = socket.receiver().recv().await?.expect("a message");
        assert_eq!(message.kind(), MessageKind::Binary);
        assert_eq!((message.as_bytes(), message.as_text()), (&[1, 2, 3][..], None));
        let Message::Binary(binary) = message else { panic!("bytes were sent") };
        assert_eq!(binary.len(), 3);
        Ok(())
    })
    .await;
    peer.send(text("aé"));
    peer.send(binary([1, 2, 3]));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s5_4_fragments_with_control_frames_between_become_one_message() {
    claims!("6455-5.4-01", "6455-5.4-03", "6455-5.6-02", "6455-8.1-04");
    let (peer, serving) = open(Config::default(), echo).await;
    peer.send(frame(0x01, "a\u{e4}".as_bytes().split_at(2).0));
    peer.send(frame(0x89, "p"));
    peer.send(frame(0x00, ""));
    peer.send(frame(0x8a, "unsolicited"));
    peer.send(frame(0x80, "a\u{e4}".as_bytes().split_at(2).1));
    assert_eq!(peer.frame().await, sent(0x8a, "p"));
    assert_eq!(peer.text().await, "aä");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_held_over_an_await_stays_as_it_is() {
    let (go, wait) = tokio::sync::oneshot::channel();
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let message = receiver.recv().await?.expect("a message");
        wait.await.unwrap();
        sender.send(message)?;
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    peer.send([text("held"), text("behind")].concat());
    settle().await;
    peer.send(text("later"));
    settle().await;
    assert_eq!(peer.frames(), []);
    // A busy handler pauses reading.
    assert_eq!(peer.untaken(), text("later").len());
    go.send(()).unwrap();
    for expected in ["held", "behind", "later"] {
        assert_eq!(peer.text().await, expected);
    }
    peer.end();
    serving.await.unwrap();
}
