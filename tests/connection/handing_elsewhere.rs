//! Input that the task reads for a Receiver that has gone elsewhere meanwhile, and come back.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stickler::{CloseCode, Config, Receiver};
use tokio::time::{Instant, sleep};

use super::handing::{Seen, ask, assert_is, hand, letters, poll_next};
use crate::support::{close, frame, settle, text};

/// As [`ask`], on another thread and for nobody.
pub(crate) fn ask_elsewhere(receiver: &mut Receiver) -> Seen {
    let asking = || poll_next(receiver, &mut Context::from_waker(Waker::noop()));
    std::thread::scope(|scope| scope.spawn(asking).join().unwrap())
}

/// A Receiver that was elsewhere and is back within the same poll, having asked there.
#[tokio::test(start_paused = true)]
async fn who_asked_elsewhere_meanwhile_is_as_busy_as_any() {
    for taken in 0..3 {
        let input = [text("a"), frame(0x89, "p"), text("b"), text("c")].concat();
        let (peer, serving) = hand(Config::default(), &input, async move |mut receiver, sender| {
            let mut expected = ["a", "b", "c"].into_iter();
            for expected in expected.by_ref().take(taken) {
                assert_is(ask(&mut receiver).await, expected);
            }
            match ask_elsewhere(&mut receiver) {
                // It may find nothing before this poll ends.
                Poll::Pending => assert_eq!(taken, 0),
                seen => assert_is(seen, expected.next().unwrap()),
            }
            let last = expected.clone().count();
            for (number, expected) in expected.enumerate() {
                assert_is(ask(&mut receiver).await, expected);
                if number + 2 == last {
                    sleep(Duration::from_secs(1)).await;
                }
            }
            // Everything was read: nothing holds back the peer's Close.
            sleep(Duration::from_secs(1)).await;
            sender.close(CloseCode::NORMAL, "")?;
            sender.closed().await;
            Ok(())
        })
        .await;
        peer.send(text("d"));
        settle().await;
        assert_eq!(peer.untaken(), text("d").len(), "{taken} taken: a busy handler");
        let pong = peer.frame().await;
        assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"p"[..]));
        assert_eq!(peer.frame().await.close_code(), 1000);
        let start = Instant::now();
        peer.send(close(1000));
        peer.end();
        let ending = serving.await.unwrap();
        assert!(ending.is_clean(), "{taken} taken: {ending:?}");
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

/// Taken here after somebody asked elsewhere: the rest is the Receiver's, also when it is dropped.
#[tokio::test(start_paused = true)]
async fn input_taken_after_asking_elsewhere_is_dropped_in_order() {
    let input = [letters(&["a", "b"]), frame(0x89, "first")].concat();
    let (peer, serving) = hand(Config::default(), &input, async |mut receiver, sender| {
        if ask_elsewhere(&mut receiver).is_pending() {
            assert_is(ask(&mut receiver).await, "a");
        }
        sleep(Duration::from_secs(1)).await;
        drop(receiver);
        sender.closed().await;
        Ok(())
    })
    .await;
    peer.send(frame(0x89, "second"));
    for expected in [&b"first"[..], b"second"] {
        assert_eq!(peer.frame().await.payload, expected);
    }
    peer.send(close(1000));
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
