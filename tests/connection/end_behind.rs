//! The end of the transport behind a message that has arrived as a whole does not take the message
//! from a Receiver that has yet to be given it.

use stickler::{Config, Error, Receiver};

use crate::support::{binary, open, settle};

/// Takes one message, and then the end.
async fn take(receiver: &mut Receiver, len: usize) {
    let message = receiver.recv().await.expect("not the end").expect("a message");
    assert_eq!(message.as_bytes().len(), len);
    assert!(matches!(receiver.recv().await, Err(Error::Transport(_))));
}

/// What is left of a large message is read straight into its buffer.
#[tokio::test(start_paused = true)]
async fn the_end_behind_a_large_message_does_not_overtake_it() {
    for is_elsewhere in [false, true] {
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (mut receiver, _sender) = incoming.accept()?.split();
            if is_elsewhere {
                tokio::spawn(async move { take(&mut receiver, 300_000).await }).await.unwrap();
            } else {
                take(&mut receiver, 300_000).await;
            }
            Ok(())
        })
        .await;
        settle().await;
        let message = binary(vec![7; 300_000]);
        peer.send(&message[..100_000]);
        settle().await;
        peer.send(&message[100_000..]);
        peer.end();
        assert!(!serving.await.unwrap().is_clean());
    }
}

/// A message that is inflated in many turns, while the transport has ended.
#[cfg(feature = "deflate")]
#[tokio::test(start_paused = true)]
async fn the_end_behind_a_compressed_message_does_not_overtake_it() {
    use crate::compression::{OFFER, agree, zeros};

    const LEN: usize = 4 << 20;
    for way in ["whole", "pieces", "elsewhere"] {
        let (client, serving) = agree(Config::default(), OFFER, async move |incoming| {
            let (mut receiver, _sender) = incoming.accept()?.split();
            match way {
                "whole" => take(&mut receiver, LEN).await,
                "elsewhere" => {
                    tokio::spawn(async move { take(&mut receiver, LEN).await }).await.unwrap();
                }
                _ => {
                    let mut pieces = receiver.recv_fragments().await?.expect("a message");
                    let mut len = 0;
                    while let Some(piece) = pieces.recv().await.expect("not the end") {
                        len += piece.data.as_bytes().len();
                    }
                    assert_eq!(len, LEN);
                }
            }
            Ok(())
        })
        .await;
        settle().await;
        client.peer.send(crate::support::frame(0xc2, zeros(LEN)));
        client.peer.end();
        assert!(!serving.await.unwrap().is_clean(), "{way}");
    }
}
