//! Compressed messages that nobody receives: they are judged all the same, and after our own
//! Close discarded.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};

use stickler::Initiator;
use stickler::{CloseCode, Config, Incoming, Violation};

use super::{OFFER, agree, is_violation, record, takeovers, zeros};
use crate::support::{close, frame, settle};

/// Drops its Receiver at once.
async fn deaf(incoming: Incoming) -> stickler::Result<()> {
    let (receiver, sender) = incoming.accept()?.split();
    drop(receiver);
    sender.closed().await;
    Ok(())
}

/// Drops its Receiver in the middle of a message, of which all has been read.
async fn deaf_later(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let task = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let noting = Arc::new(Noting { is_woken: AtomicBool::new(false), task });
    let waker = Waker::from(noting.clone());
    let mut next = Box::pin(receiver.recv());
    let mut is_pending = || next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(is_pending(), "nothing has come");
    poll_fn(|_| if noting.is_woken.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }).await;
    assert!(is_pending(), "there is more to do than one share");
    drop(next);
    drop(receiver);
    sender.closed().await;
    Ok(())
}

struct Noting {
    is_woken: AtomicBool,
    task: Waker,
}

impl Wake for Noting {
    fn wake(self: Arc<Noting>) {
        self.is_woken.store(true, SeqCst);
        self.task.wake_by_ref();
    }
}

const SHARE: usize = 256 << 10;

#[tokio::test(start_paused = true)]
async fn s10_4_a_bomb_fails_with_1009_though_nobody_receives() {
    for over in [1, 2 * SHARE, 4 << 20] {
        for max_message_size in [1000, SHARE, SHARE + 1, 2 * SHARE] {
            let mut config = Config::default();
            config.limits.message.max_message_size = max_message_size;
            let (client, serving) = agree(config, OFFER, deaf).await;
            client.peer.send(frame(0xc2, zeros(max_message_size)));
            settle().await;
            client.peer.send(frame(0xc2, zeros(max_message_size + over)));
            let ending = client.fails_with(1009, serving).await;
            is_violation(&ending, Violation::MessageTooBig);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s7692_7_2_2_a_corrupt_end_fails_with_1007_though_nobody_receives() {
    for len in [100, SHARE - 258, SHARE - 1, SHARE, SHARE + 1, 2 * SHARE, 3 * SHARE] {
        let mut cut = zeros(len);
        cut.pop();
        let (client, serving) = agree(Config::default(), OFFER, deaf).await;
        client.peer.send(frame(0xc2, &cut));
        let ending = client.fails_with(1007, serving).await;
        is_violation(&ending, Violation::DeflateCutOff);
        if len >= SHARE {
            let (client, serving) = agree(Config::default(), OFFER, deaf_later).await;
            client.peer.send(frame(0xc2, &cut));
            let ending = client.fails_with(1007, serving).await;
            is_violation(&ending, Violation::DeflateCutOff);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_answered_between_messages_that_nobody_receives() {
    for config in takeovers() {
        for handler in [0, 1] {
            let (mut client, serving) = agree(config.clone(), OFFER, async move |incoming| {
                if handler == 0 { deaf(incoming).await } else { deaf_later(incoming).await }
            })
            .await;
            let large = client.deflate(&vec![0; 3000]);
            let mut bytes = [frame(0xc2, zeros(600_000)), frame(0x89, "1")].concat();
            client.sent = crate::deflate::Window::new(false);
            bytes.extend([frame(0x42, &large[..2]), frame(0x89, "2")].concat());
            bytes.extend([frame(0x80, &large[2..]), frame(0x89, "3")].concat());
            client.peer.send(&bytes);
            for number in ["1", "2", "3"] {
                let pong = client.peer.frame().await;
                assert_eq!((pong.first, &*pong.payload), (0x8a, number.as_bytes()));
            }
            client.close(serving).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s5_5_1_after_our_own_close_what_is_compressed_is_discarded() {
    for config in takeovers() {
        for keeps in [false, true] {
            let (mut client, serving) =
                agree(config.clone(), OFFER, async move |incoming: Incoming| {
                    let (mut receiver, sender) = incoming.accept()?.split();
                    receiver.recv().await?;
                    sender.close(CloseCode::GOING_AWAY, "")?;
                    if keeps {
                        assert!(receiver.recv().await?.is_none());
                    }
                    Ok(())
                })
                .await;
            let message = client.compressed(0x81, record(1));
            // Behind the message a bomb, and data that nobody could inflate.
            let behind = [frame(0xc2, zeros(1 << 20)), frame(0x41, [0xff; 9]), frame(0x80, "")];
            client.peer.send([message, behind.concat()].concat());
            assert_eq!(client.peer.frame().await.close_code(), 1001);
            client.peer.send([frame(0xc2, [0xff; 9]), close(1001)].concat());
            client.peer.end();
            let ending = serving.await.unwrap();
            assert!(ending.is_clean(), "{ending:?}");
            assert_eq!(ending.initiator, Initiator::Application);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_the_middle_of_a_compressed_message_discards_the_rest() {
    for config in takeovers() {
        let endpoint = stickler::Endpoint::new(config);
        let (client, serving) = super::agree_on(&endpoint, OFFER, crate::support::echo).await;
        let payload = zeros(900_000);
        client.peer.send(frame(0x42, &payload[..200]));
        settle().await;
        endpoint.shutdown();
        assert_eq!(client.peer.frame().await.close_code(), 1001);
        client.peer.send([frame(0x80, &payload[200..]), close(1001)].concat());
        client.peer.end();
        let ending = serving.await.unwrap();
        assert!(ending.is_clean());
        assert_eq!(ending.initiator, Initiator::Shutdown);
    }
}
