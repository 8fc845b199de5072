//! The bound on memory for compression, over all connections.

use std::sync::{Arc, Mutex};

use stickler::net::Compressed;
use stickler::{Config, Endpoint, Incoming, MessageKind, Prepared, Sender};

use super::{OFFER, agree_on, extensions, offering, record, takeover, takeovers};
use crate::logs::listen;
use crate::support::{close, connect, echo, frame, open_on, settle};

/// What an inflater is charged with.
const INFLATER: usize = 80 << 10;

/// What connections that take their contexts over may keep, with a window of 32 KiB.
const HISTORIES: usize = 64 << 10;

fn bounded(mut config: Config, max_memory: usize) -> Endpoint {
    config.deflate.max_memory = max_memory;
    Endpoint::new(config)
}

/// Whether this endpoint accepts an offer at present.
async fn accepts(endpoint: &Endpoint) -> bool {
    let (peer, serving, head) = open_on(endpoint, &offering(OFFER), async |incoming| {
        incoming.accept().await?;
        Ok(())
    })
    .await;
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
    extensions(&head).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_kept_keeps_no_memory() {
    let endpoint = bounded(takeover(), HISTORIES + INFLATER);
    let kept = Arc::new(Mutex::new(Vec::<Sender>::new()));
    for _ in 0..3 {
        let keeping = kept.clone();
        let (client, serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept().await?.split();
            keeping.lock().unwrap().push(sender);
            while receiver.next().await?.is_some() {}
            Ok(())
        })
        .await;
        client.close(serving).await;
    }
    assert_eq!(kept.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn offers_are_declined_where_no_message_could_be_inflated() {
    let (lines, _listening) = listen(|| {});
    for config in takeovers() {
        assert!(!accepts(&bounded(config, INFLATER - 1)).await);
    }
    assert_eq!(lines.at("WARN").len(), 2);
    assert!(accepts(&bounded(Config::default(), INFLATER)).await);
}

/// Logs go to whoever listens while nothing is locked, so that a listener may use connections.
#[tokio::test(start_paused = true)]
async fn a_listener_may_use_the_connection_that_is_logged() {
    let sender = Arc::new(Mutex::new(None::<Sender>));
    let listeners = sender.clone();
    let endpoint = bounded(takeover(), HISTORIES + INFLATER);
    let listeners_endpoint = endpoint.clone();
    let (lines, _listening) = listen(move || {
        if let Some(sender) = &*listeners.lock().unwrap() {
            sender.is_open();
        } else {
            listeners_endpoint.shutdown();
        }
    });
    let (_first, _serving) = agree_on(&endpoint, OFFER, echo).await;
    let (peer, declined) = connect(&endpoint, echo);
    peer.send(offering(OFFER));
    // The listener has shut all down before it was accepted.
    assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
    peer.end();
    declined.await.unwrap();

    let endpoint = bounded(Config::default(), INFLATER);
    let (mut first, _firsts_serving) = agree_on(&endpoint, OFFER, echo).await;
    let giving = sender.clone();
    let (second, seconds_serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept().await?.split();
        *giving.lock().unwrap() = Some(sender);
        while receiver.next().await?.is_some() {}
        Ok(())
    })
    .await;
    let message = first.compressed(0x81, record(0));
    first.peer.send(&message[..message.len() / 2]);
    settle().await;
    second.peer.send(frame(0xc1, crate::deflate::deflate(b"", record(1).as_bytes())));
    second.fails_with(1013, seconds_serving).await;
    assert_eq!(lines.at("WARN").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_memory_for_a_compressor_messages_go_as_they_are() {
    for config in takeovers() {
        let endpoint = bounded(config, HISTORIES + INFLATER + (100 << 10));
        let (mut client, serving) = agree_on(&endpoint, OFFER, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept().await?.split();
            sender.send(record(0))?;
            sender.send(Compressed(record(1)))?;
            sender.send(&Prepared::text(record(2)))?;
            let mut message = sender.start(MessageKind::Text)?;
            message.send(record(3))?;
            message.finish("")?;
            while let Some(message) = receiver.next().await? {
                sender.send(message)?;
            }
            Ok(())
        })
        .await;
        for number in 0..8 {
            if number >= 4 {
                let message = client.compressed(0x81, record(number));
                client.peer.send(message);
            }
            let got = client.message().await;
            assert_eq!((got.is_compressed, got.text()), (false, &*record(number)));
        }
        client.close(serving).await;
    }
}
