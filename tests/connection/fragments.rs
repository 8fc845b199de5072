//! Messages received and sent piece by piece (RFC 6455 §5.4).

use stickler::{Config, Incoming, MessageKind, SendError};

use crate::claims::claims;
use crate::support::{binary, close, echo, frame, open, settle, text};

/// Answers each message with its pieces, joined by bars.
async fn pieces(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(mut fragments) = receiver.recv_fragments().await? {
        let mut seen = String::new();
        let kind = fragments.kind();
        while let Some(piece) = fragments.recv().await? {
            match kind {
                MessageKind::Text => seen.push_str(piece.data.as_text().expect("text")),
                MessageKind::Binary => seen.push_str(&format!("{:?}", piece.data.as_bytes())),
            }
            seen.push(if piece.last { '.' } else { '|' });
        }
        sender.send(seen)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s8_1_pieces_of_text_end_on_character_boundaries() {
    claims!("6455-5.6-02");
    let (peer, serving) = open(Config::default(), pieces).await;
    let payload = "aé€😀z";
    for byte in frame(0x01, payload) {
        peer.send([byte]);
        settle().await;
    }
    peer.send(frame(0x80, ""));
    assert_eq!(peer.text().await, "a|é|€|😀|z|.");
    peer.send(text("whole"));
    assert_eq!(peer.text().await, "whole.");
    peer.send(binary([1, 2]));
    assert_eq!(peer.text().await, "[1, 2].");
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_message_left_in_the_middle_is_skipped() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let mut first = receiver.recv_fragments().await?.expect("a message");
        assert_eq!(first.recv().await?.expect("a piece").data.as_text(), Some("one"));
        let second = receiver.recv().await?.expect("a message");
        sender.send(second)?;
        receiver.recv_fragments().await?.expect("a message");
        let mut fourth = receiver.recv_fragments().await?.expect("a message");
        sender.send(fourth.recv().await?.expect("a piece").data)?;
        assert!(fourth.recv().await?.is_none());
        assert!(fourth.recv().await?.is_none());
        Ok(())
    })
    .await;
    peer.send(frame(0x01, "one"));
    settle().await;
    peer.send([frame(0x00, "more"), frame(0x80, "end"), text("second")].concat());
    assert_eq!(peer.text().await, "second");
    peer.send([frame(0x02, "third"), frame(0x80, "end"), text("fourth")].concat());
    assert_eq!(peer.text().await, "fourth");
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s5_5_1_a_close_inside_a_message_is_not_its_end() {
    claims!("6455-5.5.1-15");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let mut socket = incoming.accept()?;
        let receiver = socket.receiver();
        let mut fragments = receiver.recv_fragments().await?.expect("a message");
        assert!(!fragments.recv().await?.expect("a piece").last);
        assert!(fragments.recv().await.is_err(), "an unfinished message looks like a whole one");
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    peer.send(frame(0x01, "unfinished"));
    settle().await;
    peer.send(close(1001));
    assert_eq!(peer.frame().await.close_code(), 1001);
    peer.end();
    assert_eq!(serving.await.unwrap().code().get(), 1001);
}

#[tokio::test(start_paused = true)]
async fn s5_4_a_message_is_sent_in_fragments_with_only_control_frames_between() {
    claims!("6455-5.4-10", "6455-5.4-11", "6455-5.4-12", "6455-5.6-05", "6455-6.1-02");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.sender().clone();
        let mut message = sender.start_message(MessageKind::Text)?;
        assert_eq!(sender.send("other"), Err(SendError::MessageUnfinished));
        assert_eq!(
            sender.start_message(MessageKind::Text).map(drop),
            Err(SendError::MessageUnfinished)
        );
        message.send("a")?;
        assert_eq!(message.send(b"bytes"), Err(SendError::MessageUnfinished));
        sender.ping(b"p")?;
        assert_eq!(sender.send("other"), Err(SendError::MessageUnfinished));
        message.send(String::from("b"))?;
        message.finish("")?;
        sender.send("other")?;
        sender.start_message(MessageKind::Binary)?.finish(vec![1])?;
        // Begun and given up before its first fragment, nothing has happened.
        drop(sender.start_message(MessageKind::Binary)?);
        sender.send("last")?;
        Ok(())
    })
    .await;
    let expected: [(u8, &[u8]); 8] = [
        (0x01, b"a"),
        (0x89, b"p"),
        (0x00, b"b"),
        (0x80, b""),
        (0x81, b"other"),
        (0x82, &[1]),
        (0x81, b"last"),
        (0x88, &[3, 232]),
    ];
    for (first, payload) in expected {
        let frame = peer.frame().await;
        assert_eq!((frame.first, &*frame.payload), (first, payload));
    }
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s5_4_a_message_dropped_unfinished_fails_with_1011() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let mut message = sender.start_message(MessageKind::Text)?;
        message.send("begun")?;
        drop(message);
        assert_eq!(sender.send("x"), Err(SendError::Closed));
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.first, 0x01);
    assert_eq!(peer.frame().await.close_code(), 1011);
    peer.send(close(1011));
    assert_eq!(peer.next_frame().await, None);
    peer.end();
    assert_eq!(serving.await.unwrap().sent.code().unwrap().get(), 1011);
}

#[tokio::test(start_paused = true)]
async fn fragments_of_any_size_pass_a_plain_echo() {
    let (peer, serving) = open(Config::default(), echo).await;
    let mut whole = Vec::new();
    for (index, size) in [0, 1, 70_000, 3, 40_000, 0].into_iter().enumerate() {
        let part = vec![b'a' + index as u8; size];
        peer.send(frame(if index == 0 { 0x02 } else { 0x00 }, &part));
        whole.extend(part);
    }
    peer.send(frame(0x80, ""));
    assert_eq!(peer.frame().await.payload, whole);
    peer.end();
    serving.await.unwrap();
}
