//! How much goes into one write, and what is not copied for it.

use bytes::Bytes;
use stickler::{Config, Endpoint, Incoming, Prepared};
use tokio::io::BufStream;
use tokio::sync::mpsc;

use crate::support::{REQUEST, binary, close, echo, open, settle, text, wire};

#[tokio::test(start_paused = true)]
async fn the_replies_of_one_read_leave_in_one_write() {
    let (peer, serving) = open(Config::default(), echo).await;
    settle().await;
    let before = peer.wire().counts;
    peer.send(text("many").repeat(1000));
    settle().await;
    let after = peer.wire().counts;
    assert_eq!((after.reads - before.reads, after.writes - before.writes), (1, 1));
    assert_eq!(peer.frames().len(), 1000);
    peer.send([text("and"), close(1000)].concat());
    settle().await;
    assert_eq!(peer.wire().counts.writes - after.writes, 1);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn large_owned_payloads_are_written_from_where_they_lie() {
    let shared = Bytes::from(vec![2; 50_000]);
    let prepared = Prepared::binary(vec![3; 50_000]);
    let expected = [shared.as_ptr() as usize, prepared.frame().as_ptr() as usize];
    let (tell, told) = tokio::sync::oneshot::channel();
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let sender = incoming.accept()?.sender().clone();
        let owned = vec![1; 50_000];
        tell.send(owned.as_ptr() as usize).unwrap();
        sender.send("small")?;
        sender.send(owned)?;
        sender.send(shared)?;
        sender.send(&prepared)?;
        Ok(())
    })
    .await;
    assert_eq!(peer.text().await, "small");
    for byte in 1..=3 {
        assert_eq!(peer.frame().await.payload, vec![byte; 50_000]);
    }
    let mut lay = vec![told.await.unwrap()];
    lay.extend(expected);
    assert_eq!(peer.wire().large_slices, lay);
    assert_eq!(peer.wire().counts.vectored, 1);
    peer.end();
    serving.await.unwrap();
}

/// An echo that tells where each message lies.
async fn echo_and_tell(
    incoming: Incoming,
    tell: mpsc::UnboundedSender<usize>,
) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        tell.send(message.as_bytes().as_ptr() as usize).unwrap();
        sender.send(message)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_large_message_is_echoed_from_the_buffer_that_it_arrived_in() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (peer, serving) = open(Config::default(), |incoming| echo_and_tell(incoming, tell)).await;
    for _ in 0..3 {
        let payload = vec![9; 300_000];
        peer.send(binary(&payload));
        assert_eq!(peer.frame().await.payload, payload);
        let lay = told.recv().await.unwrap();
        assert_eq!(peer.wire().large_slices, [lay]);
        peer.wire().large_slices.clear();
    }
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn partial_writes_of_every_size_give_the_same_bytes() {
    let mut expected = None;
    for at_most in [1, 2, 3, 7, 1000, 16_384, 70_000, usize::MAX] {
        let (peer, serving) = open(Config::default(), async |incoming| {
            let sender = incoming.accept()?.sender().clone();
            for size in [0, 5, 20_000, 3, 20_001, 17_000] {
                sender.send(vec![size as u8; size])?;
                sender.send(Prepared::binary(vec![1; size]))?;
            }
            Ok(())
        })
        .await;
        peer.wire().write_at_most = at_most;
        let bytes = peer.rest().await;
        assert_eq!(*expected.get_or_insert(bytes.clone()), bytes, "{at_most}");
        peer.end();
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn transports_that_buffer_are_flushed() {
    let (transport, peer) = wire();
    let endpoint = Endpoint::new(Config::default());
    let serving = tokio::spawn(endpoint.serve(BufStream::new(transport), None, echo));
    peer.send(REQUEST);
    settle().await;
    assert!(peer.written().starts_with(b"HTTP/1.1 101 "));
    peer.head().await;
    peer.send(text("hello"));
    settle().await;
    assert_eq!(peer.frames().len(), 1);
    peer.give_room(0);
    for message in ["later", "last"] {
        peer.send(text(message));
        settle().await;
    }
    peer.give_room(usize::MAX);
    assert_eq!(peer.text().await, "later");
    assert_eq!(peer.text().await, "last");
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ends_a_read_is_echoed_from_there_with_its_header() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (peer, serving) = open(Config::default(), |incoming| echo_and_tell(incoming, tell)).await;
    for (len, header) in [(16 << 10, 4), (65_535, 4), (65_536, 10)] {
        peer.wire().large_slices.clear();
        let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        peer.send([text("before"), binary(&payload)].concat());
        assert_eq!(peer.text().await, "before");
        assert_eq!(peer.frame().await.payload, payload);
        told.recv().await.unwrap();
        let lay = told.recv().await.unwrap();
        assert_eq!(peer.wire().large_slices, [lay - header], "{len}");
    }
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn peers_that_do_not_read_keep_no_read_buffer() {
    let payload: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    let mut slow = Vec::new();
    for _ in 0..40 {
        let (peer, serving) = open(Config::default(), echo).await;
        peer.give_room(100);
        peer.send(binary(&payload));
        settle().await;
        assert_eq!(peer.written().len(), 100);
        slow.push((peer, serving));
    }
    assert_a_large_read_buffer_is_left().await;
    for (peer, serving) in slow {
        peer.give_room(usize::MAX);
        assert_eq!(peer.frame().await.payload, payload);
        peer.end();
        serving.await.unwrap();
    }
}

/// What one more peer sends comes in one read.
async fn assert_a_large_read_buffer_is_left() {
    let (peer, serving) = open(Config::default(), echo).await;
    settle().await;
    let before = peer.wire().counts.reads;
    peer.send(binary([1; 20_000]).repeat(4));
    settle().await;
    assert_eq!(peer.wire().counts.reads - before, 1, "the thread has no large buffer left");
    assert_eq!(peer.frames().len(), 4);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn read_buffers_are_given_back_when_their_message_is_written() {
    let payload: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    let mut slow = Vec::new();
    for _ in 0..40 {
        let (peer, serving) = open(Config::default(), async |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(message) = receiver.recv().await? {
                sender.send(message)?;
                sender.send("behind it")?;
            }
            Ok(())
        })
        .await;
        // The message, and nothing of what is behind it.
        peer.give_room(payload.len() + 4);
        peer.send(binary(&payload));
        settle().await;
        assert_eq!(peer.frame().await.payload, payload);
        slow.push((peer, serving));
    }
    assert_a_large_read_buffer_is_left().await;
    for (peer, serving) in slow {
        peer.give_room(usize::MAX);
        assert_eq!(peer.text().await, "behind it");
        peer.end();
        serving.await.unwrap();
    }
}

/// A transport that buffers takes all bytes, and cannot flush them.
#[tokio::test(start_paused = true)]
async fn messages_behind_a_blocked_flush_keep_no_read_buffer() {
    let payload: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    let mut slow = Vec::new();
    for _ in 0..40 {
        let (transport, peer) = wire();
        let endpoint = Endpoint::new(Config::default());
        let serving = tokio::spawn(endpoint.serve(BufStream::new(transport), None, echo));
        peer.send(REQUEST);
        peer.head().await;
        settle().await;
        peer.give_room(0);
        peer.send(text("before it"));
        settle().await;
        peer.send(binary(&payload));
        settle().await;
        assert_eq!(peer.untaken(), 0);
        slow.push((peer, serving));
    }
    assert_a_large_read_buffer_is_left().await;
    for (peer, serving) in slow {
        peer.give_room(usize::MAX);
        assert_eq!(peer.text().await, "before it");
        assert_eq!(peer.frame().await.payload, payload);
        peer.end();
        serving.await.unwrap();
    }
}

/// A payload that tells when nobody needs it any more.
struct Payload(Vec<u8>, mpsc::UnboundedSender<()>);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let _ = self.1.send(());
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_is_dropped_when_it_is_written_whatever_is_behind_it() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.send(Bytes::from_owner(Payload(vec![1; 20_000], tell)))?;
        sender.send("behind it")?;
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(20_003);
    peer.send(text("go"));
    settle().await;
    assert_eq!(peer.written().len(), 20_003);
    assert!(told.try_recv().is_err(), "dropped before it was written");
    peer.give_room(1);
    settle().await;
    assert_eq!(peer.frame().await.payload, [1; 20_000]);
    assert!(told.try_recv().is_ok(), "kept after it was written");
    peer.give_room(usize::MAX);
    assert_eq!(peer.text().await, "behind it");
    peer.end();
    serving.await.unwrap();
}
