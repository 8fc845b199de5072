//! Prepared messages: compressed once for all that can follow them.

use stickler::Uncompressed;
use stickler::{Endpoint, Incoming, Prepared};
use tokio::sync::broadcast;

use super::{Got, OFFER, agree_on, record, takeover, takeovers};
use crate::support::settle;

async fn subscribed(
    incoming: Incoming,
    mut messages: broadcast::Receiver<Prepared>,
) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut number = 0;
    while let Ok(prepared) = messages.recv().await {
        // Between messages of the connection's own, which windows take over too.
        sender.send(record(number))?;
        sender.send(&prepared)?;
        sender.send(Uncompressed(&prepared))?;
        number += 1;
    }
    while receiver.recv().await?.is_some() {}
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn s7692_7_1_1_every_window_follows_prepared_messages() {
    for config in takeovers() {
        let endpoint = Endpoint::new(config);
        let (publish, messages) = broadcast::channel(100);
        let mut open = Vec::new();
        for offer in
            [OFFER, OFFER, "permessage-deflate; server_max_window_bits=9", "permessage-deflate"]
        {
            let messages = messages.resubscribe();
            open.push(agree_on(&endpoint, offer, |incoming| subscribed(incoming, messages)).await);
        }
        for number in 0..30 {
            publish.send(Prepared::text(record(number + 1000))).unwrap();
        }
        drop(publish);
        for (mut client, serving) in open {
            for number in 0..30 {
                assert_eq!(client.message().await.text(), record(number));
                for is_compressed in [true, false] {
                    let payload = record(number + 1000).into_bytes();
                    assert_eq!(client.message().await, Got { opcode: 1, is_compressed, payload });
                }
            }
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn large_ones_are_written_from_one_place() {
    let endpoint = Endpoint::new(takeover());
    // Large when compressed, too.
    let mut seed = 1_u64;
    let letters = (0..100_000).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (seed >> 59) as u8 % 16)
    });
    let prepared = Prepared::text(letters.collect::<String>());
    let mut slices = Vec::new();
    for _ in 0..4 {
        let prepared = prepared.clone();
        let (client, serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            sender.send(record(0))?;
            sender.send(&prepared)?;
            assert!(sender.queued() > 16 << 10 && sender.queued() < 80_000);
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        client.peer.frame().await;
        let frame = client.peer.frame().await;
        assert_eq!(frame.first, 0xc1);
        slices.push(client.peer.wire().large_slices.clone());
        client.close(serving).await;
    }
    assert_eq!(slices[0].len(), 1);
    assert!(slices.iter().all(|other| *other == slices[0]), "{slices:?}");
}

#[tokio::test(start_paused = true)]
async fn the_least_size_counts_the_payload() {
    for config in takeovers() {
        let (mut client, serving) =
            agree_on(&Endpoint::new(config), OFFER, async |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                for len in [126, 127, 128] {
                    sender.send(Prepared::text("p".repeat(len)))?;
                }
                while receiver.recv().await?.is_some() {}
                Ok(())
            })
            .await;
        for is_compressed in [false, false, true] {
            assert_eq!(client.message().await.is_compressed, is_compressed);
        }
        settle().await;
        client.close(serving).await;
    }
}
