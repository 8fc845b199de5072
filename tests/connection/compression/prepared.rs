//! Prepared messages: compressed once for all that can follow them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::Uncompressed;
use stickler::{CloseCode, Config, Endpoint, Incoming, Prepared};
use tokio::sync::broadcast;

use super::slices::{SLICE, letters, slow, turns_until_written};
use super::{Client, Got, OFFER, agree_on, record, takeover, takeovers};
use crate::deflate::noise;
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

/// A connection that sends it when a message asks for that, and something that may refer to it.
async fn asked(
    endpoint: &Endpoint,
    prepared: &Prepared,
) -> (Client, tokio::task::JoinHandle<stickler::Ending>) {
    let prepared = prepared.clone();
    let open = agree_on(endpoint, OFFER, async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while receiver.recv().await?.is_some() {
            sender.send(&prepared)?;
            sender.send(record(7))?;
        }
        Ok(())
    })
    .await;
    settle().await;
    open
}

#[tokio::test(start_paused = true)]
async fn a_large_one_is_compressed_in_slices_once_for_all() {
    const SLICES: usize = 40;
    for config in takeovers() {
        let endpoint = Endpoint::new(slow(config));
        let text = letters(SLICES * SLICE, 1);
        let prepared = Prepared::text(&text);
        let mut open = Vec::new();
        for _ in 0..5 {
            open.push(asked(&endpoint, &prepared).await);
        }
        open.iter().for_each(|(client, _)| client.peer.send(crate::support::text("go")));
        let turns = turns_until_written(&open[4].0).await;
        assert!((SLICES..SLICES + 10).contains(&turns), "{turns} turns");
        let mut payloads = Vec::new();
        for (mut client, serving) in open {
            let frame = client.peer.frame().await;
            assert_eq!((frame.first, frame.payload.len() < text.len() / 2), (0xc1, true));
            assert!(client.inflate(&frame.payload) == text.as_bytes());
            let slices = client.peer.wire().large_slices.clone();
            payloads.push((slices, frame.payload));
            assert_eq!(client.message().await.text(), record(7));
            client.close(serving).await;
        }
        // They have the same bytes, from one place.
        assert!(payloads.iter().all(|other| *other == payloads[0]));
    }
}

#[tokio::test(start_paused = true)]
async fn one_slice_is_compressed_where_it_is_sent_and_no_byte_more() {
    for config in takeovers() {
        for (len, is_at_once) in [(SLICE - 1, true), (SLICE, true), (SLICE + 1, false)] {
            let prepared = Prepared::text(letters(len, 2));
            let queued = Arc::new(AtomicUsize::new(0));
            let (sent, seen) = (prepared.clone(), queued.clone());
            let endpoint = Endpoint::new(slow(config.clone()));
            let (mut client, serving) =
                agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
                    let (mut receiver, sender) = incoming.accept()?.split();
                    sender.send(&sent)?;
                    seen.store(sender.queued(), Ordering::Relaxed);
                    while receiver.recv().await?.is_some() {}
                    Ok(())
                })
                .await;
            assert!(client.message().await.payload == prepared.payload());
            assert_eq!(queued.load(Ordering::Relaxed) < len, is_at_once, "{len}");
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_one_that_does_not_get_shorter_goes_as_it_is() {
    let noise: Vec<u8> = std::iter::repeat_with(noise).flatten().take(300_000).collect();
    for config in takeovers() {
        let endpoint = Endpoint::new(slow(config));
        let prepared = Prepared::binary(&noise);
        // The second one finds it settled.
        for _ in 0..2 {
            let (mut client, serving) = asked(&endpoint, &prepared).await;
            client.peer.send(crate::support::text("go"));
            assert!(client.message().await.payload == noise);
            assert_eq!(client.message().await.text(), record(7));
            client.close(serving).await;
        }
    }
}

/// Nobody waits for a message to become shorter once a Close stands behind it.
#[tokio::test(start_paused = true)]
async fn before_a_close_a_large_one_is_not_waited_for() {
    for (config, first) in [(Config::default(), 0x81), (takeover(), 0xc1)] {
        let endpoint = Endpoint::new(slow(config));
        let text = letters(200 * SLICE, 3);
        let prepared = Prepared::text(&text);
        let (mut client, serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (_receiver, sender) = incoming.accept()?.split();
            sender.send(&prepared)?;
            Ok(sender.close(CloseCode::GOING_AWAY, "")?)
        })
        .await;
        let turns = turns_until_written(&client).await;
        // Stored blocks are made in slices, too.
        assert!(turns < if first == 0x81 { 10 } else { 210 }, "{turns} turns");
        let got = client.peer.frame().await;
        assert_eq!((got.first, got.payload.len() >= text.len()), (first, true));
        let payload = if first == 0xc1 { client.inflate(&got.payload) } else { got.payload };
        assert!(payload == text.as_bytes());
        assert_eq!(client.peer.frame().await.close_code(), 1001);
        client.peer.send(crate::support::close(1001));
        client.peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pong_goes_before_a_large_one_that_is_not_compressed_yet() {
    let endpoint = Endpoint::new(slow(Config::default()));
    let prepared = Prepared::text(letters(60 * SLICE, 4));
    let (mut client, serving) = asked(&endpoint, &prepared).await;
    client.peer.send(crate::support::text("go"));
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    assert!(client.peer.written().is_empty());
    client.peer.send(crate::support::frame(0x89, "ping"));
    let turns = turns_until_written(&client).await;
    assert!(turns <= 5, "{turns} turns");
    assert_eq!(client.peer.frame().await.first, 0x8a);
    assert!(client.message().await.payload == prepared.payload());
    assert_eq!(client.message().await.text(), record(7));
    client.close(serving).await;
}
