//! Every public future dropped at every poll: nothing is lost, doubled or out of order.
#![cfg(feature = "net")]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use stickler::Fragments;
use stickler::{Config, Error, Result};
use stickler_testing::memory as support;

use support::{close, frame, open, settle, text};

/// Polls at most so often, each time when woken; then drops the future, which nobody wakes any more,
/// and lets others run.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    {
        let mut future = pin!(future);
        let mut polled = 0;
        let done = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if polled + 1 < polls => {
                polled += 1;
                Poll::Pending
            }
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(done) = done.await {
            return Some(done);
        }
    }
    tokio::task::yield_now().await;
    None
}

/// Begins the future anew until one is ready.
macro_rules! persist {
    ($polls:expr, $future:expr) => {
        loop {
            if let Some(done) = give_up_after($polls, $future).await {
                break done;
            }
        }
    };
}

/// How often futures are polled before they are dropped, and how much one read gives.
fn patterns() -> impl Iterator<Item = (usize, usize)> {
    [1, 2, 5].into_iter().flat_map(|polls| [1, 3, 1000, usize::MAX].map(|read| (polls, read)))
}

/// Messages of many kinds, with control frames between and inside; large ones only where
/// reads are not tiny.
fn dialogue(read_at_most: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let large = "längst ".repeat(if read_at_most < 100 { 100 } else { 9000 });
    let (head, tail) = large.as_bytes().split_at(large.len() / 2 + 1);
    let bytes = [
        text("one"),
        frame(0x89, "ping"),
        text(""),
        frame(0x01, "f\u{e4}".as_bytes().split_at(2).0),
        frame(0x89, "inside"),
        frame(0x00, ""),
        frame(0x80, "f\u{e4}".as_bytes().split_at(2).1),
        text(&large),
        frame(0x8a, "unsolicited"),
        frame(0x02, head),
        frame(0x80, tail),
        text("last"),
        close(1000),
    ];
    let messages = ["one", "", "fä", &large, &large, "last"];
    (bytes.concat(), messages.map(|text| text.as_bytes().to_vec()).to_vec())
}

async fn all_pieces(polls: usize, mut fragments: Fragments<'_>) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    while let Some(piece) = persist!(polls, fragments.recv())? {
        message.extend_from_slice(piece.data.as_bytes());
    }
    Ok(message)
}

#[derive(Clone, Copy)]
enum Calls {
    Next,
    NextFragmented,
    InTurn,
    OnAnotherTask,
}

async fn receive_all(
    mut receiver: stickler::Receiver,
    polls: usize,
    calls: Calls,
) -> Result<Vec<Vec<u8>>> {
    let mut received = Vec::new();
    loop {
        match calls {
            Calls::Next | Calls::OnAnotherTask => {
                let Some(message) = persist!(polls, receiver.recv())? else { break };
                received.push(message.as_bytes().to_vec());
            }
            Calls::NextFragmented => {
                let Some(fragments) = persist!(polls, receiver.recv_fragments())? else { break };
                received.push(all_pieces(polls, fragments).await?);
            }
            Calls::InTurn => {
                if let Some(message) = give_up_after(polls, receiver.recv()).await {
                    let Some(message) = message? else { break };
                    received.push(message.as_bytes().to_vec());
                    continue;
                }
                if let Some(fragments) = give_up_after(polls, receiver.recv_fragments()).await {
                    let Some(fragments) = fragments? else { break };
                    received.push(all_pieces(polls, fragments).await?);
                }
            }
        }
    }
    Ok(received)
}

async fn every_pattern(calls: Calls) {
    for (polls, read_at_most) in patterns() {
        let (bytes, expected) = dialogue(read_at_most);
        let (tell, told) = tokio::sync::oneshot::channel();
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (receiver, _sender) = incoming.accept()?.split();
            let receiving = receive_all(receiver, polls, calls);
            let received = match calls {
                Calls::OnAnotherTask => {
                    tokio::spawn(receiving).await.map_err(Error::application)?
                }
                _ => receiving.await,
            };
            tell.send(received?).unwrap();
            Ok(())
        })
        .await;
        peer.wire().read_at_most = read_at_most;
        peer.wire().stutters = true;
        peer.send(bytes);
        for pong in ["ping", "inside"] {
            let frame = peer.frame().await;
            assert_eq!((frame.first, &*frame.payload), (0x8a, pong.as_bytes()));
        }
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
        assert!(told.await.unwrap() == expected, "{polls} polls, reads of {read_at_most}");
    }
}

#[tokio::test(start_paused = true)]
async fn next_may_be_dropped() {
    every_pattern(Calls::Next).await;
}

#[tokio::test(start_paused = true)]
async fn next_may_be_dropped_on_another_task() {
    every_pattern(Calls::OnAnotherTask).await;
}

#[tokio::test(start_paused = true)]
async fn recv_fragments_and_its_pieces_may_be_dropped() {
    every_pattern(Calls::NextFragmented).await;
}

#[tokio::test(start_paused = true)]
async fn either_may_be_dropped_for_the_other() {
    every_pattern(Calls::InTurn).await;
}

#[tokio::test(start_paused = true)]
async fn ready_and_closed_may_be_dropped() {
    for polls in [1, 2, 5] {
        let mut config = Config::default();
        config.limits.max_queued = 100;
        let (peer, serving) = open(config, async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let watching = tokio::spawn({
                let sender = sender.clone();
                async move { persist!(polls, sender.closed()) }
            });
            receiver.recv().await?;
            for number in 0..100_u8 {
                match number % 3 {
                    0 => persist!(polls, sender.ready()),
                    1 => persist!(polls, sender.ready_below(40)),
                    // Dropped before there is room, it has sent nothing.
                    _ => {
                        persist!(polls, sender.send_ready(vec![number; 30]))?;
                        continue;
                    }
                }
                sender.send(vec![number; 30])?;
            }
            persist!(polls, sender.flushed())?;
            assert!(persist!(polls, receiver.recv())?.is_none());
            assert!(persist!(polls, sender.peer_close()).is_some());
            let ending = persist!(polls, sender.closed());
            assert_eq!(watching.await.unwrap(), ending);
            Ok(())
        })
        .await;
        peer.give_room(0);
        peer.send(text("go"));
        settle().await;
        for number in 0..100 {
            while peer.written().len() < 32 {
                peer.give_room(7);
                settle().await;
            }
            assert_eq!(peer.frame().await.payload, [number; 30]);
        }
        peer.send(close(1000));
        peer.give_room(usize::MAX);
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Counting>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls once with a waker of its own.
fn poll_once<F: Future>(future: Pin<&mut F>) -> (Poll<F::Output>, Arc<Counting>) {
    let counting = Arc::new(Counting::default());
    let waker = Waker::from(counting.clone());
    (future.poll(&mut Context::from_waker(&waker)), counting)
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_leaves_no_waker() {
    let mut config = Config::default();
    config.limits.max_queued = 100;
    let (tell, told) = tokio::sync::oneshot::channel();
    let (peer, serving) = open(config, async move |incoming| {
        let (receiver, sender) = incoming.accept()?.split();
        tell.send((receiver, sender.clone())).unwrap();
        sender.closed().await;
        Ok(())
    })
    .await;
    let (mut receiver, sender) = told.await.unwrap();
    let is_alone = |counting: Arc<Counting>| Arc::into_inner(counting).is_some();
    settle().await;
    // It waits for input.
    let (polled, counting) = poll_once(pin!(receiver.recv()));
    assert!(polled.is_pending() && is_alone(counting));
    let (polled, counting) = poll_once(pin!(receiver.recv_fragments()));
    assert!(polled.is_pending() && is_alone(counting));
    peer.give_room(0);
    sender.ping(b"").unwrap();
    sender.send(vec![0; 200]).unwrap();
    // It waits for the queue.
    let (polled, counting) = poll_once(pin!(receiver.recv()));
    assert!(polled.is_pending() && is_alone(counting));
    // Those who go on waiting are woken, by whatever number others gave up.
    let (mut ready, mut closed) = (pin!(sender.ready()), pin!(sender.closed()));
    let (_, waits_for_room) = poll_once(ready.as_mut());
    let (_, waits_for_end) = poll_once(closed.as_mut());
    let (polled, counting) = poll_once(pin!(sender.flushed()));
    assert!(polled.is_pending() && is_alone(counting));
    let (polled, counting) = poll_once(pin!(sender.send_ready("x")));
    assert!(polled.is_pending() && is_alone(counting));
    let (polled, counting) = poll_once(pin!(sender.peer_close()));
    assert!(polled.is_pending() && is_alone(counting));
    let (polled, counting) = poll_once(pin!(sender.ping_answered()));
    assert!(polled.is_pending() && is_alone(counting));
    for _ in 0..100 {
        let (polled, counting) = poll_once(pin!(sender.ready()));
        assert!(polled.is_pending() && is_alone(counting));
        let (polled, counting) = poll_once(pin!(sender.closed()));
        assert!(polled.is_pending() && is_alone(counting));
    }
    let woken = || [&waits_for_room, &waits_for_end].map(|one| one.0.load(Ordering::Relaxed));
    assert_eq!(woken(), [0, 0]);
    peer.give_room(usize::MAX);
    settle().await;
    assert_eq!(woken(), [1, 0]);
    assert!(poll_once(ready).0.is_ready());
    peer.send(close(1000));
    peer.end();
    drop(receiver);
    serving.await.unwrap();
    assert_eq!(woken(), [1, 1]);
    assert!(poll_once(closed).0.is_ready());
}
