//! What may be sent as one message.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use stickler::{Config, OwnedMessage, OwnedText, Prepared};

use crate::support::{binary, close, open, text};

/// Sends each of these; the peer is to see as many messages of that kind.
macro_rules! send_all {
    ($sender:ident: $($message:expr),* $(,)?) => {
        [$($sender.send($message)?),*].len()
    };
}

/// Short payloads are copied, long ones referenced where they can be.
#[tokio::test(start_paused = true)]
async fn whatever_is_text_or_bytes_is_sent_as_such() {
    for len in [5, 20_000] {
        let expected = "x".repeat(len);
        let string = expected.clone();
        let mut config = Config::default();
        config.limits.max_queued = 10 << 20;
        let (peer, serving) = open(config, async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let str = string.as_str();
            let owned = OwnedText::from(str);
            let message = OwnedMessage::text(str);
            let count = send_all!(sender:
                str, &str, &string, string.clone(), Box::<str>::from(str), Arc::<str>::from(str),
                &Arc::<str>::from(str), Cow::from(str), Cow::from(string.clone()), &owned,
                owned.clone(), &message, message.clone(), Prepared::text(str), &Prepared::text(str),
            );
            sender.send(count.to_string())?;
            let slice = str.as_bytes();
            let vec = slice.to_vec();
            let bytes = Bytes::from(vec.clone());
            let message = OwnedMessage::binary(vec.clone());
            let count = send_all!(sender:
                slice, &vec, vec.clone(), Box::<[u8]>::from(slice), Arc::<[u8]>::from(slice),
                &Arc::<[u8]>::from(slice), Cow::from(slice), Cow::from(vec.clone()), &bytes,
                bytes.clone(), BytesMut::from(slice), &message, message.clone(),
                Prepared::binary(slice), &Prepared::binary(slice),
            );
            sender.send(count.to_string())?;
            for _ in 0..2 {
                let message = receiver.recv().await?.expect("a message");
                sender.send(&message)?;
                match &message {
                    stickler::Message::Text(text) => sender.send(text)?,
                    stickler::Message::Binary(binary) => sender.send(binary)?,
                }
                sender.send(message)?;
            }
            sender.send([1, 2])?;
            sender.send(b"\x01\x02")?;
            Ok(())
        })
        .await;
        for first in [0x81, 0x82] {
            for number in 0..15 {
                let frame = peer.frame().await;
                assert_eq!(frame.first, first, "{number}");
                assert!(frame.payload == expected.as_bytes(), "{number}");
            }
            assert_eq!(peer.text().await, "15");
        }
        peer.send([text(&expected), binary(&expected)].concat());
        for first in [0x81, 0x81, 0x81, 0x82, 0x82, 0x82] {
            let frame = peer.frame().await;
            assert_eq!(frame.first, first);
            assert!(frame.payload == expected.as_bytes());
        }
        for _ in 0..2 {
            assert_eq!(peer.frame().await.payload, [1, 2]);
        }
        peer.send(close(1000));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

/// What is counted is not copied when it is long.
#[tokio::test(start_paused = true)]
async fn long_payloads_that_are_counted_are_shared() {
    let bytes = Bytes::from(vec![7; 20_000]);
    let text = Arc::<str>::from("x".repeat(20_000));
    let expected = [bytes.as_ptr() as usize, text.as_ptr() as usize];
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let socket = incoming.accept()?;
        socket.send(&bytes)?;
        socket.send(&text)?;
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.payload.len(), 20_000);
    assert_eq!(peer.frame().await.payload.len(), 20_000);
    assert_eq!(peer.wire().large_slices, expected);
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
