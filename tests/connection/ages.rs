//! How old a message may become before it is whole, and how fast Pings may come, on paused time.

use std::time::Duration;

use stickler::{Config, Ending, Limits, TimeoutKind, Timeouts, Violation};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::{Peer, close, echo, frame, open, settle, text};

const SECOND: Duration = Duration::from_secs(1);

/// So much later the coarse clock may look.
const GRAIN: Duration = Duration::from_millis(40);

/// No keepalive, so that nothing but the ages of messages ends a connection.
fn timeouts(idle: impl Into<Option<Duration>>, whole: impl Into<Option<Duration>>) -> Config {
    let timeouts = Timeouts::default().keepalive_interval(None).message_idle(idle).message(whole);
    Config::default().timeouts(timeouts)
}

async fn echoing(config: Config) -> (Peer, JoinHandle<Ending>) {
    open(config, async |incoming| echo(incoming).await).await
}

async fn expect_1008(peer: Peer, serving: JoinHandle<Ending>, timer: TimeoutKind) {
    assert_eq!(peer.frame().await.close_code(), 1008);
    peer.end();
    assert_eq!(serving.await.unwrap().timeout, Some(timer));
}

#[tokio::test(start_paused = true)]
async fn s10_4_an_unfinished_frame_without_a_byte_is_the_end_with_1008() {
    let message = text("a message");
    // A byte of a header, half a header, the payload; and of a control frame.
    let ping = frame(0x89, "ping");
    for (bytes, at) in [(&message, 1), (&message, 4), (&message, 9), (&ping, 1), (&ping, 8)] {
        let (peer, serving) = echoing(timeouts(SECOND * 30, None)).await;
        peer.send(&bytes[..at]);
        let start = Instant::now();
        expect_1008(peer, serving, TimeoutKind::MessageIdle).await;
        let took = start.elapsed();
        assert!(took >= SECOND * 30 && took <= SECOND * 30 + GRAIN, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_byte_in_time_is_progress_and_without_a_bound_there_is_time() {
    let message = text("a message");
    for (idle, pause) in [(Some(SECOND * 30), SECOND * 29), (None, SECOND * 3000)] {
        let (peer, serving) = echoing(timeouts(idle, None)).await;
        for byte in &message {
            peer.send([*byte]);
            settle().await;
            sleep(pause).await;
        }
        assert_eq!(peer.text().await, "a message");
        // Between messages nobody is late.
        sleep(SECOND * 3000).await;
        peer.send(close(1000));
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.end();
        assert_eq!(serving.await.unwrap().timeout, None);
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_control_frames_inside_a_message_are_no_progress() {
    let (peer, serving) = echoing(timeouts(SECOND * 30, None)).await;
    peer.send(frame(0x01, "unfinished"));
    let start = Instant::now();
    for _ in 0..5 {
        sleep(SECOND * 5).await;
        peer.send(frame(0x89, "ping"));
        assert_eq!(peer.frame().await.first, 0x8a);
    }
    expect_1008(peer, serving, TimeoutKind::MessageIdle).await;
    assert!(start.elapsed() <= SECOND * 30 + GRAIN, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn s10_4_control_frames_cut_anywhere_are_progress_between_messages() {
    let (peer, serving) = echoing(timeouts(SECOND * 30, None)).await;
    let pings = frame(0x89, "").repeat(20);
    for cut in pings.chunks(5) {
        peer.send(cut);
        settle().await;
        sleep(SECOND * 29).await;
    }
    assert_eq!(peer.frames().len(), 20);
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    assert_eq!(serving.await.unwrap().timeout, None);
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_message_that_takes_too_long_is_the_end_with_1008() {
    for (bytes, is_late) in [(19, false), (20, false), (22, true)] {
        let (peer, serving) = echoing(timeouts(SECOND * 30, SECOND * 20)).await;
        let message = text(&"x".repeat(bytes - 6));
        peer.send(&message[..1]);
        let start = Instant::now();
        for byte in &message[1..] {
            settle().await;
            sleep(SECOND).await;
            peer.send([*byte]);
        }
        if is_late {
            expect_1008(peer, serving, TimeoutKind::Message).await;
            assert!(start.elapsed() >= SECOND * 20, "{:?}", start.elapsed());
        } else {
            assert_eq!(peer.text().await.len(), bytes - 6);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_large_message_that_is_read_straight_into_its_buffer_ages_too() {
    let (peer, serving) = echoing(timeouts(SECOND * 30, None)).await;
    let message = frame(0x82, vec![7; 200_000]);
    for part in message[..180_000].chunks(30_000) {
        peer.send(part);
        settle().await;
        sleep(SECOND * 29).await;
    }
    let start = Instant::now();
    expect_1008(peer, serving, TimeoutKind::MessageIdle).await;
    assert!(start.elapsed() <= SECOND + GRAIN, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_busy_handler_makes_nobody_late() {
    let (peer, serving) = open(timeouts(SECOND * 30, SECOND * 30), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
            sleep(SECOND * 100).await;
        }
        Ok(())
    })
    .await;
    let message = text("second");
    peer.send(text("first"));
    peer.send(&message[..7]);
    assert_eq!(peer.text().await, "first");
    sleep(SECOND * 120).await;
    peer.send(&message[7..]);
    assert_eq!(peer.text().await, "second");
    peer.send(close(1000));
    peer.end();
    assert_eq!(serving.await.unwrap().timeout, None);
}

fn of_pings(max: u32) -> Config {
    timeouts(None, None).limits(Limits::default().max_pings_per_second(max))
}

#[tokio::test(start_paused = true)]
async fn s10_4_beyond_the_rate_of_pings_the_peer_is_not_read_for_a_moment() {
    for (first, opcode) in [(0x89, "Pings"), (0x8a, "Pongs that nobody asked for")] {
        for (count, is_paused) in [(9, false), (10, false), (11, true)] {
            let (peer, serving) = echoing(of_pings(10)).await;
            let start = Instant::now();
            for _ in 0..count {
                peer.send(frame(first, "x"));
                settle().await;
            }
            peer.send(text("behind"));
            loop {
                let frame = peer.frame().await;
                if frame.first != 0x8a {
                    assert_eq!(frame.payload, b"behind");
                    break;
                }
            }
            let took = start.elapsed();
            let expected = if is_paused { SECOND / 10 } else { Duration::ZERO };
            assert!(took >= expected && took <= expected + GRAIN, "{count} {opcode}: {took:?}");
            peer.send(close(1000));
            peer.end();
            assert_eq!(serving.await.unwrap().violation, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s10_4_a_flood_of_pings_delays_by_a_second_and_then_fails_with_1008() {
    for (count, is_flood) in [(199, false), (200, false), (201, true)] {
        let (peer, serving) = echoing(of_pings(2)).await;
        peer.send(frame(0x89, "x").repeat(count));
        let start = Instant::now();
        peer.send(text("behind"));
        let last = loop {
            let frame = peer.frame().await;
            if frame.first != 0x8a {
                break frame;
            }
        };
        if is_flood {
            assert_eq!(last.close_code(), 1008);
            peer.end();
            assert_eq!(serving.await.unwrap().violation, Some(Violation::TooManyPings));
        } else {
            assert_eq!(last.payload, b"behind");
            assert!(start.elapsed() <= SECOND + GRAIN, "{:?}", start.elapsed());
        }
    }
}
