//! The bound on memory for compression, over all connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickler::proto::deflate::WindowBits;
use stickler::{Compressed, Initiator, Violation};
use stickler::{Config, Endpoint, Error, Incoming, MessageKind, Prepared, Sender};
use tokio::sync::Notify;
use tokio::time::advance;

use super::{Client, OFFER, agree_on, extensions, lean, offering, record, takeover, takeovers};
use crate::claims::claims;
use crate::deflate::{Token, Writer, deflate, noise};
use crate::logs::listen;
use crate::support::{close, connect, echo, frame, open_on, settle, text};

/// What an inflater is charged with.
const INFLATER: usize = 80 << 10;

/// What a connection that takes its context over may keep of what it sends, with a window of 32 KiB.
const HISTORIES: usize = 32 << 10;

fn bounded(mut config: Config, max_memory: usize) -> Endpoint {
    config.deflate.max_memory = max_memory;
    Endpoint::new(config)
}

/// Whether this endpoint accepts an offer at present.
async fn accepts(endpoint: &Endpoint) -> bool {
    let (peer, serving, head) = open_on(endpoint, &offering(OFFER), async |incoming| {
        incoming.accept()?;
        Ok(())
    })
    .await;
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
    extensions(&head).is_some()
}

#[tokio::test(start_paused = true)]
async fn offers_are_declined_while_the_histories_spend_it() {
    claims!("7692-7-04");
    let (lines, _listening) = listen(|| {});
    let endpoint = bounded(takeover(), 3 * HISTORIES + INFLATER);
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(agree_on(&endpoint, OFFER, echo).await);
    }
    assert_eq!(lines.at("WARN"), [] as [&str; 0]);
    assert!(!accepts(&endpoint).await);
    assert!(!accepts(&endpoint).await);
    let warned = lines.at("WARN");
    assert_eq!(warned.len(), 2, "{warned:?}");
    for word in ["declined permessage-deflate", "\"RFC 7692 7\"", "used=98304", "limit=180224"] {
        assert!(warned[0].contains(word), "{warned:?}");
    }
    // Neither one that needs nothing between messages is declined, nor one without an offer.
    let none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    open.push(agree_on(&endpoint, none, echo).await);
    let (client, serving) = open.remove(0);
    client.close(serving).await;
    assert!(accepts(&endpoint).await);
    // Nor does it take an orderly end.
    let (_client, serving) = open.remove(0);
    serving.abort();
    assert!(serving.await.is_err());
    open.push(agree_on(&endpoint, OFFER, echo).await);
    open.push(agree_on(&endpoint, OFFER, echo).await);
    assert!(!accepts(&endpoint).await);
    for (client, serving) in open {
        client.close(serving).await;
    }
    assert_eq!(lines.at("WARN").len(), 3);
}

/// Takes messages until the client ends.
async fn sink(incoming: Incoming) -> stickler::Result<()> {
    let mut receiver = incoming.accept()?.split().0;
    while receiver.recv().await?.is_some() {}
    Ok(())
}

/// More than a window of what does not repeat itself.
fn long() -> String {
    (0..600).map(record).collect()
}

#[tokio::test(start_paused = true)]
async fn histories_are_charged_as_they_come_and_end_takeover_where_they_are_many() {
    claims!("7692-7.1.1.2-02");
    const TAKES_OVER: &str = "permessage-deflate; server_no_context_takeover";
    let neither = format!("{TAKES_OVER}; client_no_context_takeover");
    let (lines, _listening) = listen(|| {});
    // A quarter is four whole histories of what clients send, and a half is eight.
    let endpoint = bounded(Config::default(), 16 * HISTORIES);
    let mut open = Vec::new();
    // What is agreed and not used takes nothing.
    for _ in 0..30 {
        open.push(agree_on(&endpoint, "permessage-deflate", sink).await);
    }
    for (client, _) in &mut open[..3] {
        let message = client.compressed(0x81, long());
        client.peer.send(message);
        settle().await;
    }
    // One short message takes little: the fourth of them is not whole.
    let message = open[3].0.compressed(0x81, record(0));
    open[3].0.peer.send(message);
    settle().await;
    let (client, serving) = agree_on(&endpoint, "permessage-deflate", sink).await;
    assert_eq!(client.line, TAKES_OVER);
    client.close(serving).await;
    assert_eq!(lines.at("WARN"), [] as [&str; 0]);
    let message = open[3].0.compressed(0x81, long());
    open[3].0.peer.send(message);
    settle().await;
    // A quarter is taken: who comes now keeps nothing, and who has agreed keeps what was agreed.
    for _ in 0..2 {
        let (client, serving) = agree_on(&endpoint, "permessage-deflate", sink).await;
        assert_eq!(client.line, neither);
        client.close(serving).await;
    }
    let warned = lines.at("WARN");
    assert_eq!(warned.len(), 2, "{warned:?}");
    for word in ["imposed client_no_context_takeover", "histories=131072", "limit=524288"] {
        assert!(warned[0].contains(word), "{warned:?}");
    }
    for (client, _) in &mut open[4..8] {
        let message = client.compressed(0x81, long());
        client.peer.send(message);
        settle().await;
    }
    // Half of it is taken: one more history fails its connection, but with the next message only.
    let message = open[8].0.compressed(0x81, record(0));
    open[8].0.peer.send(message);
    open[8].0.peer.send(text("plain"));
    settle().await;
    let (client, serving) = open.remove(0);
    client.close(serving).await;
    let message = open[8].0.compressed(0x81, record(0));
    open[8].0.peer.send(message);
    settle().await;
    let (mut client, serving) = open.remove(7);
    let message = client.compressed(0x81, record(0));
    client.peer.send(message);
    let ending = client.fails_with(1013, serving).await;
    assert_eq!(ending.initiator, Initiator::Overload);
    // The others go on.
    for (mut client, serving) in open {
        let message = client.compressed(0x81, record(0));
        client.peer.send(message);
        client.close(serving).await;
    }
    // All came back with their connections.
    let (client, serving) = agree_on(&endpoint, "permessage-deflate", sink).await;
    assert_eq!(client.line, TAKES_OVER);
    client.close(serving).await;
}

/// The window that is agreed bounds what is kept between messages, to the byte; within a message
/// references go as far back as DEFLATE has them.
#[tokio::test(start_paused = true)]
async fn s7692_7_2_2_of_earlier_messages_the_agreed_window_is_kept() {
    claims!("7692-7.2.2-02", "7692-7.2.2-05", "7692-7.1.2.2-05");
    let noise = noise();
    let message: Vec<u8> = noise.iter().copied().cycle().take(32 << 10).collect();
    for bits in 8..=15 {
        let window = 1_usize << bits;
        let mut config = Config::default();
        config.deflate.policy.as_mut().unwrap().client_max_window_bits =
            WindowBits::new(bits).unwrap();
        let endpoint = Endpoint::new(config);
        // DEFLATE has no distance beyond 32 KiB.
        for distance in [window - 1, window, window + 1].into_iter().filter(|far| *far <= 32 << 10)
        {
            let (client, serving) = agree_on(&endpoint, OFFER, sink).await;
            let refers = |distance| {
                let copy = Token::Copy { length: 3, distance };
                frame(0xc2, Writer::new().fixed(false, &[copy]).message())
            };
            client.peer.send(frame(0xc2, deflate(b"", &message)));
            settle().await;
            client.peer.send(refers(distance));
            settle().await;
            if distance <= window {
                client.close(serving).await;
            } else {
                let ending = client.fails_with(1007, serving).await;
                assert_eq!(ending.violation, Some(Violation::DeflateCorrupt), "{bits}");
            }
        }
        // Within one message.
        let (client, serving) = agree_on(&endpoint, OFFER, sink).await;
        let mut tokens: Vec<_> = message.iter().map(|b| Token::Literal(*b)).collect();
        tokens.push(Token::Copy { length: 3, distance: 32 << 10 });
        client.peer.send(frame(0xc2, Writer::new().fixed(false, &tokens).message()));
        settle().await;
        client.close(serving).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_kept_keeps_no_memory() {
    let endpoint = bounded(takeover(), HISTORIES + INFLATER);
    let kept = Arc::new(Mutex::new(Vec::<Sender>::new()));
    for _ in 0..3 {
        let keeping = kept.clone();
        let (client, serving) = agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            keeping.lock().unwrap().push(sender);
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        client.close(serving).await;
    }
    assert_eq!(kept.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn offers_are_declined_where_no_message_could_be_inflated() {
    claims!("7692-7-04");
    let (lines, _listening) = listen(|| {});
    for config in takeovers() {
        assert!(!accepts(&bounded(config, INFLATER - 1)).await);
    }
    assert_eq!(lines.at("WARN").len(), 3);
    assert!(accepts(&bounded(Config::default(), INFLATER)).await);
}

#[tokio::test(start_paused = true)]
async fn what_threads_keep_idle_declines_no_offer() {
    // For one inflater and one compressor of each size, but not for both sizes at once.
    let endpoint = bounded(Config::default(), INFLATER + (400 << 10));
    for number in 0..4 {
        let (mut client, serving) = agree_on(&endpoint, OFFER, echo).await;
        for size in [1, 40, 1] {
            let message = client.compressed(0x81, record(number).repeat(size));
            client.peer.send(message);
            let got = client.message().await;
            assert!(got.is_compressed, "round {number}, {size}");
        }
        client.close(serving).await;
    }
}

/// RFC 6455 §10.4: what is lent to a peer goes back when that peer makes no progress.
#[tokio::test(start_paused = true)]
async fn an_inflater_goes_from_the_message_that_waits_longest_to_one_that_is_there() {
    let (lines, _listening) = listen(|| {});
    let endpoint = bounded(lean(), 2 * INFLATER);
    let mut waiting = Vec::new();
    for number in 0..2 {
        let (mut client, serving) = agree_on(&endpoint, OFFER, echo).await;
        let message = client.compressed(0x81, record(number));
        client.peer.send(&message[..message.len() / 2]);
        settle().await;
        advance(Duration::from_millis(1)).await;
        waiting.push((client, serving));
    }
    // Neither is an offer declined, nor does a message wait, nor does the younger one lose anything.
    let (mut third, thirds_serving) = agree_on(&endpoint, OFFER, echo).await;
    for number in 0..10 {
        let message = third.compressed(0x81, record(number));
        third.peer.send(message);
        assert_eq!(third.message().await.text(), record(number));
    }
    let (first, firsts_serving) = waiting.remove(0);
    let end = first.peer.frame().await;
    assert_eq!(end.close_code(), 1013);
    let reason = "RFC 6455 10.4: the compressed message waited too long while inflaters are short";
    assert_eq!(std::str::from_utf8(&end.payload[2..]), Ok(reason));
    first.peer.end();
    let ending = firsts_serving.await.unwrap();
    assert_eq!(ending.initiator, Initiator::Overload);
    assert_eq!(ending.sent.code().map(|code| code.get()), Some(1013));
    assert_eq!(lines.at("WARN").len(), 1);
    let (second, seconds_serving) = waiting.remove(0);
    assert_eq!(second.peer.frames(), []);
    third.close(thirds_serving).await;
    seconds_serving.abort();
}

/// A Ping is no input of a message.
#[tokio::test(start_paused = true)]
async fn pings_keep_no_inflater() {
    let endpoint = bounded(lean(), 2 * INFLATER);
    let mut waiting = Vec::new();
    for number in 0..2 {
        let (mut client, serving) = agree_on(&endpoint, OFFER, echo).await;
        let bytes = client.compressed(0x01, record(number));
        client.peer.send(bytes);
        settle().await;
        advance(Duration::from_millis(1)).await;
        waiting.push((client, serving));
    }
    waiting[0].0.peer.send(frame(0x89, b"here"));
    settle().await;
    assert_eq!(waiting[0].0.peer.frame().await.first, 0x8a);
    let (mut third, thirds_serving) = agree_on(&endpoint, OFFER, echo).await;
    let message = third.compressed(0x81, record(2));
    third.peer.send(message);
    assert_eq!(third.message().await.text(), record(2));
    assert_eq!(waiting[0].0.peer.frame().await.close_code(), 1013);
    assert_eq!(waiting[1].0.peer.frames(), []);
    third.close(thirds_serving).await;
    waiting.iter().for_each(|(_, serving)| serving.abort());
}

/// An inflater that waits for the application, and not for the peer, is taken from nobody.
#[tokio::test(start_paused = true)]
async fn an_inflater_that_cannot_be_had_fails_with_1013() {
    let (lines, _listening) = listen(|| {});
    for is_unheard in [false, true] {
        let endpoint = bounded(Config::default(), INFLATER);
        let going_on = Arc::new(Notify::new());
        let busy = going_on.clone();
        let (mut first, firsts_serving) =
            agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
                let (mut receiver, _sender) = incoming.accept()?.split();
                let mut pieces = Vec::new();
                let mut fragments = receiver.recv_fragments().await?.expect("a message");
                while let Some(piece) = fragments.recv().await? {
                    pieces.extend_from_slice(piece.data.as_bytes());
                    busy.notified().await;
                }
                assert_eq!(pieces, record(0).repeat(100).as_bytes());
                while receiver.recv().await?.is_some() {}
                Ok(())
            })
            .await;
        let (second, seconds_serving) = agree_on(&endpoint, OFFER, async move |incoming| {
            let incoming: Incoming = incoming;
            let (mut receiver, sender) = incoming.accept()?.split();
            if is_unheard {
                drop(receiver);
                sender.closed().await;
                return Ok(());
            }
            let error = receiver.recv().await.unwrap_err();
            assert!(matches!(error, Error::Overload), "{error}");
            Err(error)
        })
        .await;
        let message = first.compressed(0x81, record(0).repeat(100));
        let (begun, rest) = message.split_at(message.len() / 2);
        first.peer.send(begun);
        settle().await;
        first.peer.send(rest);
        settle().await;
        second.peer.send(frame(0xc1, crate::deflate::deflate(b"", record(1).as_bytes())));
        let end = second.peer.frame().await;
        assert_eq!(end.close_code(), 1013);
        assert_eq!(&end.payload[2..], b"RFC 6455 10.4: no memory is left to inflate the message");
        let warned = lines.at("WARN");
        assert_eq!(warned.len(), 1 + usize::from(is_unheard), "{warned:?}");
        assert!(warned[0].contains("code=1013"), "{warned:?}");
        second.peer.end();
        let ending = seconds_serving.await.unwrap();
        assert_eq!(ending.initiator, Initiator::Overload);
        assert_eq!(ending.sent.code().map(|code| code.get()), Some(1013));
        assert!(!ending.is_clean());
        // The first one goes on, and what it returns serves others.
        for _ in 0..20 {
            going_on.notify_one();
            settle().await;
        }
        let (mut third, thirds_serving) = agree_on(&endpoint, OFFER, echo).await;
        let message = third.compressed(0x81, record(2));
        third.peer.send(message);
        assert_eq!(third.message().await.text(), record(2));
        third.close(thirds_serving).await;
        first.close(firsts_serving).await;
    }
    assert_eq!(lines.at("WARN").len(), 2);
}

/// Logs go to whoever listens while nothing is locked, so that a listener may use connections.
#[tokio::test(start_paused = true)]
async fn a_listener_may_use_the_connection_that_is_logged() {
    let sender = Arc::new(Mutex::new(None::<Sender>));
    let listeners = sender.clone();
    let endpoint = bounded(takeover(), HISTORIES + INFLATER);
    let listeners_endpoint = endpoint.clone();
    let is_first_open = Arc::new(AtomicBool::new(false));
    let may_shut_down = is_first_open.clone();
    let (lines, _listening) = listen(move || {
        if let Some(sender) = &*listeners.lock().unwrap() {
            sender.is_open();
        } else if may_shut_down.load(Ordering::Relaxed) {
            listeners_endpoint.shutdown();
        }
    });
    let (_first, _serving) = agree_on(&endpoint, OFFER, echo).await;
    is_first_open.store(true, Ordering::Relaxed);
    let (peer, declined) = connect(&endpoint, echo);
    peer.send(offering(OFFER));
    // The listener has shut all down before it was accepted.
    assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
    peer.end();
    declined.await.unwrap();

    let endpoint = bounded(Config::default(), INFLATER);
    let (mut second, _seconds_serving) = agree_on(&endpoint, OFFER, echo).await;
    let giving = sender.clone();
    let (mut first, firsts_serving) =
        agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            *giving.lock().unwrap() = Some(sender);
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
    let message = first.compressed(0x81, record(0));
    first.peer.send(&message[..message.len() / 2]);
    settle().await;
    let message = second.compressed(0x81, record(1));
    second.peer.send(message);
    first.fails_with(1013, firsts_serving).await;
    assert_eq!(lines.at("WARN").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_memory_for_a_compressor_messages_go_as_they_are() {
    for config in takeovers() {
        let endpoint = bounded(config, HISTORIES + INFLATER + (100 << 10));
        let (mut client, serving) = agree_on(&endpoint, OFFER, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            sender.send(record(0))?;
            sender.send(Compressed(record(1)))?;
            sender.send(Prepared::text(record(2)))?;
            let mut message = sender.start_message(MessageKind::Text)?;
            message.send(record(3))?;
            message.finish("")?;
            while let Some(message) = receiver.recv().await? {
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

#[tokio::test(start_paused = true)]
async fn a_prepared_message_forgets_that_there_was_no_memory() {
    let prepared = Prepared::text(record(0));
    let mut ways = Vec::new();
    for max_memory in [INFLATER, 1 << 20] {
        let prepared = prepared.clone();
        let endpoint = bounded(Config::default(), max_memory);
        let (mut client, serving): (Client, _) =
            agree_on(&endpoint, OFFER, async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                sender.send(&prepared)?;
                while receiver.recv().await?.is_some() {}
                Ok(())
            })
            .await;
        ways.push(client.message().await.is_compressed);
        client.peer.send(text("done"));
        client.close(serving).await;
    }
    assert_eq!(ways, [false, true]);
}
