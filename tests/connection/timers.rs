//! Keepalive, and the end of peers that never read, on paused time. `drain.rs` has slow ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stickler::{CloseCode, Config, Error, MessageKind, SendError};
use stickler::{Initiator, TimeoutKind};
use tokio::time::{Instant, advance, sleep};

use crate::claims::claims;
use crate::support::{close, echo, frame, open, settle, text};

const SECOND: Duration = Duration::from_secs(1);

fn is_about(start: Instant, seconds: u32) -> bool {
    start.elapsed().abs_diff(SECOND * seconds) < Duration::from_millis(200)
}

#[tokio::test(start_paused = true)]
async fn s5_5_2_silence_is_pinged_and_no_answer_is_the_end_with_1011() {
    claims!("6455-5.5.2-05", "6455-7.4.1-1011");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let seen = echo(incoming).await;
        assert!(matches!(seen, Err(Error::Timeout(TimeoutKind::Keepalive))), "{seen:?}");
        seen
    })
    .await;
    let start = Instant::now();
    let ping = peer.frame().await;
    assert!(ping.first == 0x89 && is_about(start, 25), "{ping:?} {:?}", start.elapsed());
    assert_eq!(peer.frame().await.close_code(), 1011);
    assert!(is_about(start, 45), "{:?}", start.elapsed());
    assert_eq!(peer.next_frame().await, None);
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(
        (ending.timeout, ending.initiator),
        (Some(TimeoutKind::Keepalive), Initiator::Timeout)
    );
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_a_sign_of_life_and_pongs_measure() {
    claims!("6455-5.5.2-05", "6455-5.5.3-04");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        assert_eq!(sender.round_trip(), None);
        while receiver.recv().await?.is_some() {
            let millis = sender.round_trip().map_or(0, |time| time.as_millis());
            sender.send(millis.to_string())?;
        }
        Ok(())
    })
    .await;
    for _ in 0..3 {
        let ping = peer.frame().await;
        assert_eq!(ping.first, 0x89);
        sleep(SECOND * 2).await;
        peer.send(frame(0x8a, &ping.payload));
        // Half a frame is a sign of life too.
        let message = text("now?");
        sleep(SECOND * 20).await;
        peer.send(&message[..3]);
        sleep(SECOND * 20).await;
        peer.send(&message[3..]);
        assert_eq!(peer.text().await, "2000");
    }
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_applications_ping_measures_as_well() {
    claims!("6455-5.5.3-04");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.ping(b"first")?;
        sender.ping(b"newest")?;
        receiver.recv().await?;
        assert_eq!(sender.round_trip(), Some(SECOND));
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.payload, b"first");
    assert_eq!(peer.frame().await.payload, b"newest");
    sleep(SECOND).await;
    peer.send(frame(0x8a, "first"));
    peer.send(frame(0x8a, "newest"));
    settle().await;
    sleep(SECOND).await;
    peer.send(text("asked"));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_busy_handler_is_no_dead_peer() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        for _ in 0..2 {
            // Once never asked for, once asked for and given up.
            sleep(SECOND * 200).await;
            let given_up = tokio::time::timeout(SECOND, receiver.recv()).await;
            assert!(given_up.is_err());
        }
        sleep(SECOND * 200).await;
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    for _ in 0..41 {
        sleep(SECOND * 10).await;
        for ping in peer.frames() {
            peer.send(frame(0x8a, ping.payload));
        }
    }
    peer.send(text("one"));
    settle().await;
    peer.send(text("two"));
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.text().await, "two");
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_waits_to_be_read_counts_even_when_the_thread_was_held_up() {
    let (peer, serving) = open(Config::default(), echo).await;
    assert_eq!(peer.frame().await.first, 0x89);
    peer.send(frame(0x8a, "in time"));
    advance(SECOND * 60).await;
    settle().await;
    peer.send(text("alive"));
    assert_eq!(peer.text().await, "alive");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_nobody_is_pinged() {
    let mut config = Config::default();
    config.timeouts.keepalive_interval = None;
    let (peer, serving) = open(config, echo).await;
    sleep(SECOND * 100_000).await;
    assert_eq!(peer.frames(), []);
    peer.send(text("here"));
    assert_eq!(peer.text().await, "here");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_cut_when_its_time_is_over() {
    claims!("6455-6.1-04", "6455-7.1.7-03");
    for keepalive in [None, Some(SECOND * 25)] {
        let mut config = Config::default();
        config.timeouts.keepalive_interval = keepalive;
        let (peer, serving) = open(config, async |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            receiver.recv().await?;
            sender.send(vec![0; 100_000])?;
            let lost = receiver.recv().await.map(drop);
            assert!(matches!(lost, Err(Error::Timeout(TimeoutKind::Drain))), "{lost:?}");
            Ok(())
        })
        .await;
        peer.give_room(0);
        peer.send(text("go"));
        settle().await;
        let start = Instant::now();
        // What is taken gives its own time back, and no more.
        sleep(SECOND * 20).await;
        peer.give_room(10 << 10);
        let ending = serving.await.unwrap();
        // The Close has its time too, but there is no room for it.
        assert!(is_about(start, 256 + 10 + 5), "{:?}", start.elapsed());
        assert_eq!(
            (ending.timeout, ending.initiator),
            (Some(TimeoutKind::Drain), Initiator::Timeout)
        );
        assert_eq!(ending.sent, stickler::SentClose::NotSent);
        assert!(peer.wire().is_gone);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_task_itself_are_to_be_taken_too() {
    let mut config = Config::default();
    config.timeouts.keepalive_interval = None;
    let (peer, serving) = open(config, async |incoming| {
        let (_, sender) = incoming.accept()?.split();
        sender.closed().await;
        Ok(())
    })
    .await;
    settle().await;
    peer.give_room(0);
    peer.send(frame(0x89, "answer"));
    let ended = tokio::time::timeout(SECOND * 300, serving).await;
    assert_eq!(ended.expect("an end").unwrap().timeout, Some(TimeoutKind::Drain));
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_blocked_write_keeps_no_connection() {
    let reserved = [0xf1, 0x80, 0, 0, 0, 0];
    let ends: [(&[u8], _, _); 4] = [
        (&text("b"), 256 + 5, Initiator::Timeout),
        (&text("close"), 256, Initiator::Application),
        (&close(1000), 256, Initiator::Peer),
        (&reserved, 256, Initiator::Peer),
    ];
    for (last, seconds, initiator) in ends {
        let mut config = Config::default();
        config.timeouts.keepalive_interval = None;
        let (peer, serving) = open(config, async |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(message) = receiver.recv().await? {
                let closes = message.as_bytes() == b"close";
                sender.send(message)?;
                if closes {
                    sender.close(CloseCode::GOING_AWAY, "")?;
                }
            }
            Ok(())
        })
        .await;
        settle().await;
        peer.give_room(0);
        for input in [&text("a"), &text("b"), last] {
            peer.send(input);
            settle().await;
        }
        let start = Instant::now();
        let ended = tokio::time::timeout(SECOND * 300, serving).await;
        let ending = ended.expect("an end").unwrap();
        assert!(is_about(start, seconds), "{:?}", start.elapsed());
        assert_eq!((ending.timeout, ending.initiator), (Some(TimeoutKind::Drain), initiator));
        assert!(peer.wire().is_gone);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_end_costs_nothing_meanwhile() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let (receiver, sender) = incoming.accept()?.split();
        drop(receiver);
        let mut closed = Box::pin(sender.closed());
        std::future::poll_fn(|cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            closed.as_mut().poll(cx)
        })
        .await;
        Ok(())
    })
    .await;
    settle().await;
    settle().await;
    assert!(polls.load(Ordering::Relaxed) < 10, "{polls:?}");
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

/// Behind the Close nothing is sent, and the transport is still there while the handler is told.
#[tokio::test(start_paused = true)]
async fn nothing_can_be_sent_once_the_peer_was_too_slow() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.send(vec![7; 1000])?;
        let timer = TimeoutKind::Drain;
        assert!(matches!(receiver.recv().await, Err(Error::Timeout(ended)) if ended == timer));
        assert!(!sender.is_open());
        assert_eq!(sender.send("more"), Err(SendError::Closed));
        assert_eq!(sender.send(vec![7; 100_000]), Err(SendError::Closed));
        assert_eq!(sender.ping(b""), Err(SendError::Closed));
        assert_eq!(sender.start_message(MessageKind::Text).map(drop), Err(SendError::Closed));
        Ok(())
    })
    .await;
    peer.give_room(0);
    assert_eq!(serving.await.unwrap().timeout, Some(TimeoutKind::Drain));
}
