//! Reading ahead for a Receiver on another task, which is busy with a message: a Ping and a Close
//! behind that message do not wait for the Receiver.

use std::future::pending;
use std::time::Duration;

use stickler::{CloseCode, Config, Receiver};
use tokio::time::{Instant, timeout};

use crate::support::{binary, close, frame, open, settle, text};

/// How the Receiver takes the message.
#[derive(Clone, Copy, Debug)]
enum Taking {
    Whole,
    Pieces,
    /// Up to the last piece, as a handler does that looks at the beginning only.
    FirstPiece,
}

async fn take(receiver: &mut Receiver, taking: Taking) -> stickler::Result<()> {
    if let Taking::Whole = taking {
        receiver.recv().await?.expect("a message");
        return Ok(());
    }
    let mut fragments = receiver.recv_fragments().await?.expect("a message");
    while let Some(piece) = fragments.recv().await? {
        if piece.last || matches!(taking, Taking::FirstPiece) {
            break;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_the_message_does_not_wait_for_a_receiver_on_another_task() {
    let fragmented = [frame(0x01, "a"), frame(0x80, "b")].concat();
    let large = binary(vec![7; 100_000]);
    let messages = [text("a"), text(&"b".repeat(20_000)), fragmented, large];
    for (number, message) in messages.into_iter().enumerate() {
        for taking in [Taking::Whole, Taking::Pieces, Taking::FirstPiece] {
            for is_at_once in [true, false] {
                for is_cut in [true, false] {
                    if matches!(taking, Taking::FirstPiece) && (number != 0 || is_cut) {
                        // A piece that is not the last leaves data before the Ping.
                        continue;
                    }
                    let (peer, serving) = open(Config::default(), async move |incoming| {
                        let (mut receiver, sender) = incoming.accept()?.split();
                        let elsewhere = tokio::spawn(async move {
                            take(&mut receiver, taking).await.unwrap();
                            pending::<()>().await;
                        });
                        sender.closed().await;
                        elsewhere.abort();
                        Ok(())
                    })
                    .await;
                    settle().await;
                    let (first, rest) =
                        message.split_at(if is_cut { message.len() - 1 } else { 0 });
                    peer.send(first);
                    settle().await;
                    if is_at_once {
                        peer.send([rest, &frame(0x89, "p")].concat());
                    } else {
                        peer.send(rest);
                        settle().await;
                        peer.send(frame(0x89, "p"));
                    }
                    let case = (number, taking, is_at_once, is_cut);
                    let pong = timeout(Duration::from_secs(9), peer.frame()).await;
                    assert_eq!(pong.unwrap_or_else(|_| panic!("{case:?}: no Pong")).first, 0x8a);
                    peer.send(close(1000));
                    let answer = timeout(Duration::from_secs(9), peer.frame()).await;
                    let answer = answer.unwrap_or_else(|_| panic!("{case:?}: no Close"));
                    assert_eq!(answer.close_code(), 1000);
                    peer.end();
                    assert!(serving.await.unwrap().is_clean());
                }
            }
        }
    }
}

/// The Pong between two fragments fills the queue, for which the Receiver then waits.
#[tokio::test(start_paused = true)]
async fn a_pong_that_fills_the_queue_goes_out_though_the_receiver_is_on_another_task() {
    let mut config = Config::default();
    config.limits.max_queued = 10;
    let (peer, serving) = open(config, async |incoming| {
        let (mut receiver, _sender) = incoming.accept()?.split();
        let elsewhere = tokio::spawn(async move {
            assert!(receiver.recv().await.unwrap().is_some());
            assert!(receiver.recv().await.unwrap().is_none());
        });
        elsewhere.await.unwrap();
        Ok(())
    })
    .await;
    settle().await;
    peer.send([frame(0x01, "a"), frame(0x89, "p".repeat(100)), frame(0x80, "b")].concat());
    let pong = timeout(Duration::from_secs(9), peer.frame()).await;
    assert_eq!(pong.expect("a Pong").first, 0x8a);
    peer.close_cleanly(serving).await;
}

/// The Receiver finds the end of the connection in the input that it holds, while our Close is out
/// already: there is nothing to write.
#[tokio::test(start_paused = true)]
async fn what_a_receiver_on_another_task_finds_ends_the_connection_at_once() {
    for end in [close(1000), frame(0x8f, "")] {
        let is_close = end == close(1000);
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let closing = sender.clone();
            let elsewhere = tokio::spawn(async move {
                assert!(receiver.recv().await.unwrap().is_some());
                closing.close(CloseCode::NORMAL, "").unwrap();
                settle().await;
                assert_eq!(receiver.recv().await.is_ok_and(|message| message.is_none()), is_close);
                pending::<()>().await;
            });
            sender.closed().await;
            elsewhere.abort();
            Ok(())
        })
        .await;
        settle().await;
        let start = Instant::now();
        peer.send([text("a"), text("b"), end].concat());
        peer.end();
        assert_eq!(peer.frame().await.close_code(), 1000);
        assert_eq!(serving.await.unwrap().is_clean(), is_close);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
