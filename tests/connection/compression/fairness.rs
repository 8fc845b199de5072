//! A connection whose messages are much larger than what it sends leaves others their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::{Config, Endpoint, Incoming};

use super::{OFFER, agree_on, zeros};
use crate::claims::claims;
use crate::support::{frame, settle};

/// Inflated by one connection between two turns of another, at most: a share, and what had
/// room behind it.
const MOST: usize = (256 << 10) + 258;

const LEGAL: usize = 16 << 20;

#[tokio::test(start_paused = true)]
async fn pieces_of_a_large_message_leave_others_their_turn() {
    let inflated = Arc::new(AtomicUsize::new(0));
    let counted = inflated.clone();
    let (client, serving) =
        agree_on(&Endpoint::new(Config::default()), OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(mut fragments) = receiver.recv_fragments().await? {
                while let Some(piece) = fragments.recv().await? {
                    counted.fetch_add(piece.data.as_bytes().len(), Ordering::Relaxed);
                }
                sender.send("done")?;
            }
            Ok(())
        })
        .await;
    settle().await;
    client.peer.send(frame(0xc2, zeros(LEGAL)));
    let mut before = 0;
    let mut turns = 0;
    while before < LEGAL {
        tokio::task::yield_now().await;
        let now = inflated.load(Ordering::Relaxed);
        assert!(now - before <= MOST, "{} bytes in one turn", now - before);
        before = now;
        turns += 1;
        assert!(turns < 1000);
    }
    assert_eq!(client.peer.text().await, "done");
    client.close(serving).await;
}

/// Turns of another task until the message is answered by a Pong that was sent behind it.
async fn turns_until_pong(peer: &crate::support::Peer, bytes: &[u8]) -> usize {
    settle().await;
    peer.send(bytes);
    let mut turns = 0;
    while peer.written().is_empty() {
        tokio::task::yield_now().await;
        turns += 1;
        assert!(turns < 10_000);
    }
    assert_eq!(peer.frame().await.first, 0x8a);
    turns
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_inflated_in_many_turns_by_every_way() {
    claims!("7692-8-03");
    let bytes = [frame(0xc2, zeros(LEGAL)), frame(0x89, "")].concat();
    for way in ["whole", "skipped", "unheard"] {
        let (client, serving) =
            agree_on(&Endpoint::new(Config::default()), OFFER, async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                match way {
                    "whole" => while receiver.recv().await?.is_some() {},
                    "skipped" => while receiver.recv_fragments().await?.is_some() {},
                    _ => {
                        drop(receiver);
                        sender.closed().await;
                    }
                }
                Ok(())
            })
            .await;
        let turns = turns_until_pong(&client.peer, &bytes).await;
        // The task that reads alone may do two shares in a turn.
        assert!(turns >= LEGAL / MOST / 2, "{way}: {turns} turns");
        client.close(serving).await;
    }
}

/// Many small messages that each give much are no way round it.
#[tokio::test(start_paused = true)]
async fn many_small_bombs_leave_others_their_turn() {
    claims!("7692-8-03");
    const EACH: usize = 100_000;
    const COUNT: usize = 100;
    let bytes = [frame(0xc2, zeros(EACH)).repeat(COUNT), frame(0x89, "")].concat();
    let (client, serving) =
        agree_on(&Endpoint::new(Config::default()), OFFER, async |incoming: Incoming| {
            let (mut receiver, _sender) = incoming.accept()?.split();
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
    let turns = turns_until_pong(&client.peer, &bytes).await;
    assert!(turns >= COUNT * EACH / MOST, "{turns} turns");
    client.close(serving).await;
}
