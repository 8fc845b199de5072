//! How fast messages may come, on paused time.

use std::time::Duration;

use stickler::{Config, Ending, Limits, Timeouts, Violation, WhenTooFast};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::{Peer, close, echo, frame, open, settle, text};

const SECOND: Duration = Duration::from_secs(1);

/// So much later the coarse clock may look.
const GRAIN: Duration = Duration::from_millis(40);

fn of_messages(max: u32, when_too_fast: WhenTooFast) -> Config {
    let limits = Limits::default().max_messages_per_second(max).when_too_fast(when_too_fast);
    Config::default().timeouts(Timeouts::default().keepalive_interval(None)).limits(limits)
}

async fn echoing(config: Config) -> (Peer, JoinHandle<Ending>) {
    open(config, async |incoming| echo(incoming).await).await
}

/// Echoes on another task than the connection's.
async fn echoing_elsewhere(config: Config) -> (Peer, JoinHandle<Ending>) {
    open(config, async |incoming| {
        let mut socket = incoming.accept()?;
        let echoing = async move {
            while let Some(message) = socket.recv().await? {
                let text = message.as_text().unwrap_or_default().to_owned();
                socket.send(text.as_str())?;
            }
            Ok(())
        };
        tokio::spawn(echoing).await.unwrap()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn s10_4_beyond_the_rate_of_messages_the_next_one_waits() {
    for is_elsewhere in [false, true] {
        for (count, waits) in [(9, 0), (10, 0), (11, 1), (35, 25)] {
            let config = of_messages(10, WhenTooFast::Wait);
            let (peer, serving) =
                if is_elsewhere { echoing_elsewhere(config).await } else { echoing(config).await };
            let start = Instant::now();
            for n in 0..count {
                peer.send(text(&n.to_string()));
            }
            // A Ping behind messages waits with them.
            peer.send(frame(0x89, "behind"));
            for n in 0..count {
                assert_eq!(peer.text().await, n.to_string(), "{is_elsewhere} {count}");
                let due = SECOND / 10 * u32::try_from(n).unwrap().saturating_sub(9);
                let took = start.elapsed();
                assert!(took >= due && took <= due + GRAIN, "{n} of {count}: {took:?}");
            }
            let pong = peer.frame().await;
            assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"behind"[..]));
            let (took, least) = (start.elapsed(), SECOND / 10 * waits);
            assert!(took >= least && took <= least + GRAIN, "{count}: {took:?}");
            peer.send(close(1000));
            peer.end();
            assert_eq!(serving.await.unwrap().violation, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_beyond_the_rate_of_messages_the_connection_fails_where_that_is_chosen() {
    for (count, fails) in [(9, false), (10, false), (11, true)] {
        let (peer, serving) = echoing(of_messages(10, WhenTooFast::Close)).await;
        for round in 0..2 {
            let rests = (0..count).map(|_| text("x")).collect::<Vec<_>>();
            peer.send(rests.concat());
            for _ in 0..count.min(10) {
                assert_eq!(peer.text().await, "x", "{count}, {round}");
            }
            if fails {
                assert_eq!(peer.frame().await.close_code(), 1008);
                break;
            }
            // After a second as many may come again.
            sleep(SECOND).await;
        }
        if !fails {
            peer.send(close(1000));
        }
        peer.end();
        let violation = fails.then_some(Violation::TooManyMessages);
        assert_eq!(serving.await.unwrap().violation, violation, "{count}");
    }
}

/// Fragments are no messages, and a message counts whatever lies between its fragments.
#[tokio::test(start_paused = true)]
async fn s10_4_a_fragmented_message_is_one_message() {
    let (peer, serving) = echoing(of_messages(2, WhenTooFast::Close)).await;
    for _ in 0..2 {
        peer.send(frame(0x01, "a"));
        for _ in 0..50 {
            peer.send(frame(0x00, "b"));
            settle().await;
        }
        peer.send(frame(0x89, ""));
        peer.send(frame(0x80, "c"));
    }
    for _ in 0..2 {
        assert_eq!(peer.frame().await.first, 0x8a);
        assert_eq!(peer.text().await.len(), 52);
    }
    peer.send(text("the third"));
    assert_eq!(peer.frame().await.close_code(), 1008);
    peer.end();
    assert_eq!(serving.await.unwrap().violation, Some(Violation::TooManyMessages));
}

#[tokio::test(start_paused = true)]
async fn s10_4_messages_that_a_busy_handler_left_waiting_fail_nobody() {
    let config = of_messages(10, WhenTooFast::Close);
    let (peer, serving) = open(config, async |incoming| {
        let mut socket = incoming.accept()?;
        sleep(SECOND * 5).await;
        while let Some(message) = socket.recv().await? {
            let text = message.as_text().unwrap_or_default().to_owned();
            socket.send(text.as_str())?;
        }
        Ok(())
    })
    .await;
    for _ in 0..55 {
        peer.send(text("x"));
        sleep(SECOND / 10).await;
    }
    for _ in 0..55 {
        assert_eq!(peer.text().await, "x");
    }
    peer.send(text("x").repeat(12));
    for _ in 0..10 {
        assert_eq!(peer.text().await, "x");
    }
    assert_eq!(peer.frame().await.close_code(), 1008);
    peer.end();
    assert_eq!(serving.await.unwrap().violation, Some(Violation::TooManyMessages));
}

/// Without a Receiver the task judges messages, and throws them away.
#[tokio::test(start_paused = true)]
async fn s10_4_messages_that_nobody_takes_are_counted_too() {
    for (choice, count) in
        [(WhenTooFast::Wait, 30), (WhenTooFast::Close, 10), (WhenTooFast::Close, 11)]
    {
        let (peer, serving) = open(of_messages(10, choice), async |incoming| {
            let (receiver, sender) = incoming.accept()?.split();
            drop(receiver);
            sender.closed().await;
            Ok(())
        })
        .await;
        let start = Instant::now();
        peer.send(text("x").repeat(count));
        peer.send(frame(0x89, "behind"));
        let next = peer.frame().await;
        let took = start.elapsed();
        if choice == WhenTooFast::Close && count == 11 {
            assert_eq!(next.close_code(), 1008);
        } else {
            assert_eq!(next.payload, b"behind");
            let least = SECOND / 10 * u32::try_from(count - 10).unwrap();
            assert!(took >= least && took <= least + GRAIN, "{took:?}");
            peer.send(close(1000));
        }
        peer.end();
        serving.await.unwrap();
    }
}
