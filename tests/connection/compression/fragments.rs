//! Messages sent in fragments, compressed as one (RFC 7692 §6.1, §7.2.1).

use stickler::Initiator;
use stickler::{Endpoint, Incoming, MessageKind, SendError};

use super::slices::{SLICE, letters, slow};
use super::{OFFER, agree, agree_on, record, takeover, takeovers};
use crate::claims::claims;
use crate::support::{close, settle};

#[tokio::test(start_paused = true)]
async fn s7692_6_1_fragments_of_all_sizes_are_one_message() {
    claims!("7692-6.1-01", "7692-7.2.1-06");
    for config in takeovers() {
        let (mut client, serving) = agree(config, OFFER, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            for number in 0..20 {
                let mut message = sender.start_message(MessageKind::Text)?;
                for piece in 0..number % 5 {
                    message.send(record(number * piece))?;
                    message.send("")?;
                    message.send("x")?;
                    sender.ping(b"between")?;
                }
                if number % 2 == 0 {
                    message.finish("")?;
                } else {
                    message.finish(record(number))?;
                }
                assert_eq!(message.send("x"), Err(SendError::MessageUnfinished));
                // Finished, it no longer stands in the way of others.
                sender.send(record(number))?;
                let mut plain = sender.start_uncompressed(MessageKind::Binary)?;
                plain.send(record(number).as_bytes())?;
                plain.finish(b"end")?;
            }
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        settle().await;
        let frames = client.peer.frames();
        let pings = frames.iter().filter(|frame| frame.first == 0x89).count();
        assert_eq!(pings, 40);
        let mut messages = Vec::new();
        let mut payload = Vec::new();
        let mut first = None;
        for frame in frames.into_iter().filter(|frame| frame.first != 0x89) {
            // Neither an opcode nor a reserved bit stands on a further fragment.
            assert!(first.is_none() || frame.first & 0x7f == 0, "{:x}", frame.first);
            let begun = first.get_or_insert(frame.first & 0x7f);
            payload.extend(frame.payload);
            if frame.first & 0x80 != 0 {
                let payload = std::mem::take(&mut payload);
                let payload = if *begun & 0x40 == 0 { payload } else { client.inflate(&payload) };
                messages.push((first.take().unwrap(), String::from_utf8(payload).unwrap()));
            }
        }
        let mut messages = messages.into_iter();
        for number in 0..20 {
            let mut expected: String =
                (0..number % 5).map(|piece| record(number * piece) + "x").collect();
            if number % 2 == 1 {
                expected += &record(number);
            }
            assert_eq!(messages.next(), Some((0x41, expected)));
            assert_eq!(messages.next(), Some((0x41, record(number))));
            assert_eq!(messages.next(), Some((0x02, record(number) + "end")));
        }
        assert_eq!(messages.next(), None);
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fragment_refused_by_a_full_queue_may_be_tried_again() {
    for mut config in takeovers() {
        config.limits.max_queued = 50;
        let (mut client, serving) = agree(config, OFFER, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            receiver.recv().await?;
            for number in 0..10 {
                let mut message = sender.start_message(MessageKind::Text)?;
                for piece in 0..5 {
                    let piece = record(number + piece);
                    while message.send(&piece) == Err(SendError::QueueFull) {
                        let queued = sender.queued();
                        assert_eq!(message.send(&piece), Err(SendError::QueueFull));
                        assert_eq!(sender.queued(), queued);
                        sender.ready().await;
                    }
                }
                while message.finish("end") == Err(SendError::QueueFull) {
                    sender.ready().await;
                }
                drop(message);
                sender.ready().await;
            }
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        client.peer.wire().write_at_most = 13;
        let go = client.compressed(0x81, "go");
        client.peer.send(go);
        for number in 0..10 {
            let expected: String = (0..5).map(|piece| record(number + piece)).collect();
            assert_eq!(client.message().await.text(), expected + "end");
        }
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_message_fails_the_connection_and_no_other() {
    let endpoint = Endpoint::new(takeover());
    let (mut other, others_serving) = agree_on(&endpoint, OFFER, crate::support::echo).await;
    for panics in [false, true] {
        let (transport, peer) = crate::support::wire();
        let serving =
            tokio::spawn(endpoint.serve(transport, None, async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                let mut message = sender.start_message(MessageKind::Text)?;
                message.send(record(0))?;
                assert!(!panics, "with the compressor in hand");
                drop(message);
                assert_eq!(sender.send("x"), Err(SendError::Closed));
                while receiver.recv().await?.is_some() {}
                Ok::<(), stickler::Error>(())
            }));
        peer.send(super::offering(OFFER));
        peer.head().await;
        assert_eq!(peer.frame().await.first, 0x41);
        assert_eq!(peer.frame().await.close_code(), 1011);
        peer.send(close(1011));
        peer.end();
        let initiator = serving.await.unwrap().initiator;
        assert_eq!(initiator, Initiator::Application);
        for number in 0..3 {
            let message = other.compressed(0x81, record(number));
            other.peer.send(message);
            assert_eq!(other.message().await.text(), record(number));
        }
    }
    other.close(others_serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_the_middle_leaves_the_message_unfinished() {
    for config in takeovers() {
        let endpoint = Endpoint::new(config);
        let shutdown = endpoint.clone();
        let (client, serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let mut message = sender.start_message(MessageKind::Text)?;
            message.send(record(0))?;
            shutdown.shutdown();
            assert_eq!(message.send(record(1)), Err(SendError::Closed));
            assert_eq!(message.finish(record(1)), Err(SendError::Closed));
            drop(message);
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        assert_eq!(client.peer.frame().await.first, 0x41);
        client.peer.send(close(1001));
        let ending = client.fails_with(1001, serving).await;
        assert_eq!(ending.initiator, Initiator::Shutdown);
    }
}

/// Others wait for a slice of a fragment at most: what is beyond goes in stored blocks, and what follows is
/// compressed again, in this message and in the next.
#[tokio::test(start_paused = true)]
async fn a_fragment_is_compressed_up_to_a_slice() {
    for config in takeovers() {
        let (mut client, serving) = agree(slow(config), OFFER, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            for number in 0..3 {
                let mut message = sender.start_message(MessageKind::Text)?;
                for len in LENGTHS {
                    message.send(letters(len, number))?;
                    message.send(record(1))?;
                }
                message.finish(letters(LENGTHS[number as usize], 9))?;
                sender.send(letters(1000, 9))?;
            }
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        const LENGTHS: [usize; 5] = [SLICE - 1, SLICE, SLICE + 1, SLICE + 100, 5 * SLICE];
        for number in 0..3 {
            let (mut payload, mut expected) = (Vec::new(), String::new());
            for len in LENGTHS {
                let fragment = client.peer.frame().await.payload;
                let stored = len.saturating_sub(SLICE);
                let most = stored + len.min(SLICE) / 3;
                assert!((stored..most).contains(&fragment.len()), "{len}: {}", fragment.len());
                payload.extend(fragment);
                payload.extend(client.peer.frame().await.payload);
                expected += &(letters(len, number) + &record(1));
            }
            let last = client.peer.frame().await;
            assert_eq!(last.first, 0x80);
            payload.extend(last.payload);
            expected += &letters(LENGTHS[number as usize], 9);
            assert!(client.inflate(&payload) == expected.as_bytes());
            assert_eq!(client.message().await.text(), letters(1000, 9));
        }
        client.close(serving).await;
    }
}
