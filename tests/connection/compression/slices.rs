//! Large messages are compressed a slice at a time, when they are the next to be written: others get their turn
//! between, and what is on the wire stays in order (RFC 7692 §7.2.1, RFC 6455 §5.4, §5.5).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::proto::deflate::Level;
use stickler::{CloseCode, Config, Endpoint, Incoming, Sender};

use super::{Client, Got, OFFER, agree, agree_on, takeover, takeovers};
use crate::deflate::noise;
use crate::support::{frame, settle};

/// A slice at level 6, in bytes.
pub(super) const SLICE: usize = 16 << 10;

pub(super) fn slow(mut config: Config) -> Config {
    config.deflate.level = Level::new(6).unwrap();
    assert_eq!(config.deflate.level.slice(), SLICE);
    config
}

/// Text of two letters: it takes long, and gets much shorter.
pub(super) fn letters(len: usize, mut seed: u64) -> String {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if seed >> 63 == 0 { 'a' } else { 'b' }
    };
    (0..len).map(|_| next()).collect()
}

/// Turns of another task until the server has written something.
pub(super) async fn turns_until_written(client: &Client) -> usize {
    let mut turns = 0;
    while client.peer.written().is_empty() {
        tokio::task::yield_now().await;
        turns += 1;
        assert!(turns < 10_000);
    }
    turns
}

/// Sends what `send` does when a message asks for it.
async fn sending(
    config: Config,
    send: impl Fn(&Sender) -> stickler::Result<()> + Send + 'static,
) -> (Client, tokio::task::JoinHandle<stickler::Ending>) {
    let (client, serving) = agree(config, OFFER, async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while receiver.recv().await?.is_some() {
            send(&sender)?;
        }
        Ok(())
    })
    .await;
    settle().await;
    client.peer.send(crate::support::text("go"));
    (client, serving)
}

#[tokio::test(start_paused = true)]
async fn a_large_message_takes_a_turn_for_each_slice_and_one_frame() {
    for config in takeovers() {
        for slices in [2, 5, 20] {
            let text = letters(slices * SLICE, 1);
            let sent = text.clone();
            let (mut client, serving) =
                sending(slow(config.clone()), move |sender| Ok(sender.send(&sent)?)).await;
            let turns = turns_until_written(&client).await;
            assert!((slices..slices + 5).contains(&turns), "{turns} turns");
            let first = client.peer.frame().await;
            assert_eq!((first.first, first.payload.len() < text.len()), (0xc1, true));
            assert!(client.inflate(&first.payload) == text.as_bytes());
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_slice_is_compressed_when_it_is_sent_and_no_byte_more() {
    for config in takeovers() {
        for (len, is_at_once) in [(SLICE - 1, true), (SLICE, true), (SLICE + 1, false)] {
            let text = letters(len, 2);
            let (sent, queued) = (text.clone(), Arc::new(AtomicUsize::new(0)));
            let seen = queued.clone();
            let (mut client, serving) = sending(slow(config.clone()), move |sender| {
                sender.send(&sent)?;
                seen.store(sender.queued(), Ordering::Relaxed);
                Ok(())
            })
            .await;
            assert!(client.message().await.payload == text.as_bytes());
            // What waits counts as it is.
            assert_eq!(queued.load(Ordering::Relaxed) < len, is_at_once, "{len}");
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_messages_of_less_than_a_slice_are_no_way_round_it() {
    const COUNT: usize = 40;
    const EACH: usize = SLICE / 2;
    for config in takeovers() {
        let (mut client, serving) = sending(slow(config), |sender| {
            for number in 0..COUNT {
                sender.send(letters(EACH, number as u64))?;
            }
            Ok(())
        })
        .await;
        let mut turns = 0;
        let mut got = Vec::new();
        while got.len() < COUNT {
            tokio::task::yield_now().await;
            turns += 1;
            let frames = client.peer.frames();
            // Two fill a slice. The first turn has the ones that were compressed when they were sent as well.
            assert!(frames.len() <= 2 + 2 * usize::from(got.is_empty()), "{}", frames.len());
            got.extend(frames);
        }
        assert!(turns >= COUNT / 2 - 1, "{turns} turns");
        for (number, frame) in got.into_iter().enumerate() {
            assert_eq!(frame.first, 0xc1);
            assert!(client.inflate(&frame.payload) == letters(EACH, number as u64).as_bytes());
        }
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_behind_it_stays_behind_it_and_every_window_follows() {
    for config in takeovers() {
        let large = letters(10 * SLICE, 3);
        let sent = large.clone();
        let (mut client, serving) = sending(slow(config), move |sender| {
            sender.send("before, and compressed".repeat(20))?;
            sender.send(&sent)?;
            sender.send("plain")?;
            // Refers to the end of the large one, where that is agreed on.
            sender.send(&sent[sent.len() - 2000..])?;
            sender.send(noise())?;
            sender.send(&sent)?;
            Ok(sender.send(&sent[..2000])?)
        })
        .await;
        // However little the transport takes at once.
        client.peer.wire().write_at_most = 777;
        let expected = [
            ("before, and compressed".repeat(20), true),
            (large.clone(), true),
            ("plain".to_string(), false),
            (large[large.len() - 2000..].to_string(), true),
        ];
        for (text, is_compressed) in expected {
            let payload = text.into_bytes();
            assert!(client.message().await == Got { opcode: 1, is_compressed, payload });
        }
        assert!(client.message().await.payload == noise());
        assert_eq!(client.message().await.text(), large);
        assert_eq!(client.message().await.text(), &large[..2000]);
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_3_a_pong_goes_before_what_is_not_compressed_yet() {
    for config in takeovers() {
        let large = letters(20 * SLICE, 4);
        let sent = large.clone();
        let (mut client, serving) = sending(slow(config), move |sender| {
            sender.send(&sent)?;
            Ok(sender.send("behind")?)
        })
        .await;
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert!(client.peer.written().is_empty());
        client.peer.send([frame(0x89, "old"), frame(0x89, "new")].concat());
        let turns = turns_until_written(&client).await;
        assert!(turns <= 3, "{turns} turns");
        let pong = client.peer.frame().await;
        assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"new"[..]));
        assert_eq!(client.message().await.text(), large);
        assert_eq!(client.message().await.text(), "behind");
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn before_a_close_nothing_is_made_shorter_any_more() {
    for (config, first) in [(Config::default(), 0x81), (takeover(), 0xc1)] {
        let large = letters(60 * SLICE, 5);
        let sent = large.clone();
        let (mut client, serving) = sending(slow(config), move |sender| {
            sender.send(&sent)?;
            sender.send("behind".repeat(100))?;
            Ok(sender.close(CloseCode::GOING_AWAY, "")?)
        })
        .await;
        let turns = turns_until_written(&client).await;
        assert!(turns < 70, "{turns} turns");
        let got = client.peer.frame().await;
        assert_eq!((got.first, got.payload.len() >= large.len()), (first, true));
        let payload = if first == 0xc1 { client.inflate(&got.payload) } else { got.payload };
        assert!(payload == large.as_bytes());
        assert_eq!(client.message().await.text(), "behind".repeat(100));
        assert_eq!(client.peer.frame().await.close_code(), 1001);
        client.peer.send(crate::support::close(1001));
        client.peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_get_shorter_is_given_up_or_never_begun() {
    let noise: Vec<u8> = std::iter::repeat_with(noise).flatten().take(300_000).collect();
    // Its first 66 KiB get shorter, and what follows does not.
    let mixed = [letters(80_000, 6).as_bytes(), &noise].concat();
    for config in takeovers() {
        let (first, second) = (noise.clone(), mixed.clone());
        let (mut client, serving) = sending(slow(config), move |sender| {
            sender.send(&first)?;
            sender.send(&second)?;
            Ok(sender.send("behind".repeat(100))?)
        })
        .await;
        assert!(client.message().await.payload == noise);
        assert!(client.message().await.payload == mixed);
        assert_eq!(client.message().await.text(), "behind".repeat(100));
        client.close(serving).await;
    }
}

/// With a least size of 0 there is no message that goes as it is, however long it is and whatever it holds.
#[tokio::test(start_paused = true)]
async fn with_a_least_size_of_0_a_large_message_is_compressed_too() {
    let noise: Vec<u8> = std::iter::repeat_with(noise).flatten().take(300_000).collect();
    for mut config in takeovers() {
        config.deflate.min_size = 0;
        let sent = noise.clone();
        let (mut client, serving) =
            sending(slow(config), move |sender| Ok(sender.send(&sent[..])?)).await;
        let got = client.message().await;
        assert!(got.is_compressed && got.payload == noise);
        client.close(serving).await;
    }
}

/// One connection compresses, and another of the same thread echoes after each slice.
#[tokio::test(start_paused = true)]
async fn others_get_their_turn() {
    let endpoint = Endpoint::new(slow(Config::default()));
    let large = letters(50 * SLICE, 7);
    let sent = large.clone();
    let (mut busy, busy_serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while receiver.recv().await?.is_some() {
            sender.send(&sent)?;
        }
        Ok(())
    })
    .await;
    let (other, other_serving) = agree_on(&endpoint, OFFER, crate::support::echo).await;
    settle().await;
    busy.peer.send(crate::support::text("go"));
    let mut echoes = 0;
    while busy.peer.written().is_empty() {
        other.peer.send(crate::support::text("x"));
        assert_eq!(other.peer.text().await, "x");
        echoes += 1;
    }
    assert!((15..=60).contains(&echoes), "{echoes} echoes");
    assert_eq!(busy.message().await.text(), large);
    busy.close(busy_serving).await;
    other.close(other_serving).await;
}

/// Without memory for a compressor a message goes as it is, or in stored blocks where later ones refer to it.
#[tokio::test(start_paused = true)]
async fn without_memory_it_goes_all_the_same() {
    for config in takeovers() {
        let mut config = slow(config);
        // Enough to agree, and for the sample, but not for both at once.
        config.deflate.max_memory = 450_000;
        let large = letters(10 * SLICE, 8);
        let sent = large.clone();
        let (mut client, serving) = sending(config, move |sender| {
            sender.send(&sent)?;
            Ok(sender.send("behind".repeat(100))?)
        })
        .await;
        assert_eq!(client.message().await.text(), large);
        assert_eq!(client.message().await.text(), "behind".repeat(100));
        client.close(serving).await;
    }
}
