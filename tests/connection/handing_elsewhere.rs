//! Input that the task reads for a Receiver that has gone elsewhere meanwhile, and come back, or that
//! waits with another waker.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
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
            assert_is(ask_elsewhere(&mut receiver), expected.next().unwrap());
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
        // Where the input is used up the task reads ahead; where "c" is left it does not.
        let untaken = if taken == 0 { text("d").len() } else { 0 };
        assert_eq!(peer.untaken(), untaken, "{taken} taken: a busy handler");
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
    peer.close_cleanly(serving).await;
}

/// Notes that it was woken, and wakes another.
struct Noted {
    is_woken: AtomicBool,
    other: Waker,
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.other.wake_by_ref();
    }
}

/// As in a set of futures, each with a waker of its own, that polls only those that were woken.
#[tokio::test(start_paused = true)]
async fn a_waker_of_its_own_is_woken_for_what_is_handed() {
    let (peer, serving) = hand(Config::default(), b"", async |mut receiver, sender| {
        for is_wrapped in [true, false, true, true, false] {
            let mut noted = None::<Arc<Noted>>;
            let mut next = Box::pin(async {
                let message = receiver.recv().await?.unwrap();
                Ok::<_, stickler::Error>(message.as_text().unwrap().to_owned())
            });
            let seen = poll_fn(|cx| {
                if !is_wrapped {
                    return next.as_mut().poll(cx);
                }
                let noted = noted.get_or_insert_with(|| {
                    let other = cx.waker().clone();
                    Arc::new(Noted { is_woken: true.into(), other })
                });
                if !noted.is_woken.swap(false, Ordering::SeqCst) {
                    return Poll::Pending;
                }
                next.as_mut().poll(&mut Context::from_waker(&noted.clone().into()))
            });
            let seen = seen.await?;
            drop(next);
            sender.send(seen)?;
            // One that is waited for by the handler itself comes between.
            assert!(ask(&mut receiver).await.is_pending());
        }
        Ok(())
    })
    .await;
    for message in ["a", "b", "c", "d", "e"] {
        peer.send(text(message));
        assert_eq!(peer.text().await, message);
        settle().await;
    }
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// On another thread, but for the task that polls the handler: that is polled again.
#[tokio::test(start_paused = true)]
async fn who_asked_elsewhere_for_the_task_itself_is_polled_again() {
    for is_told in [false, true] {
        let (peer, serving) = hand(Config::default(), &text("a"), async move |receiver, sender| {
            let mut receiver = receiver;
            let mut is_first = true;
            let seen = poll_fn(|cx| {
                if !std::mem::take(&mut is_first) {
                    return poll_next(&mut receiver, cx);
                }
                if is_told {
                    assert_eq!(sender.queued(), 0);
                }
                let waker = cx.waker().clone();
                let asking = || poll_next(&mut receiver, &mut Context::from_waker(&waker));
                std::thread::scope(|scope| scope.spawn(asking).join().unwrap())
            });
            sender.send(seen.await?.unwrap())?;
            Ok(())
        })
        .await;
        let answer = tokio::time::timeout(Duration::from_secs(9), peer.text()).await;
        assert_eq!(answer.expect("an answer"), "a", "told: {is_told}");
        peer.send(close(1000));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}
