//! A full queue does not make a connection deaf: what others have queued keeps no message from the
//! Receiver, and no reply from the queue.

use std::time::Duration;

use stickler::{Config, OwnedMessage, SendError, Sender, TrySendError};
use tokio::sync::oneshot;

use crate::support::{Frame, binary, close, frame, open, settle, text};

fn bounded(max_queued: usize) -> Config {
    let mut config = Config::default();
    config.limits.max_queued = max_queued;
    config
}

/// Fills the queue from a task of its own.
async fn fill(sender: &Sender) {
    let sender = sender.clone();
    tokio::spawn(async move { while sender.send(vec![1; 400]).is_ok() {} }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_another_task_has_queued_keeps_no_message_waiting() {
    let (heard, hears) = oneshot::channel();
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        fill(&sender).await;
        let command = receiver.recv().await?.expect("a command").into_owned();
        // The reply is not refused either.
        sender.send("done")?;
        heard.send(command).unwrap();
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.send(text("unsubscribe"));
    settle().await;
    let command = hears.await.expect("heard while the queue is full");
    assert!(matches!(command, OwnedMessage::Text(text) if &*text == "unsubscribe"));
    peer.give_room(usize::MAX);
    for _ in 0..3 {
        assert_eq!(peer.frame().await.payload, [1; 400]);
    }
    assert_eq!(peer.text().await, "done");
    peer.close_cleanly(serving).await;
}

/// The bound holds for replies too: a peer that asks and does not read is not read in the end, and
/// goes on once it has read, however full others keep the queue.
#[tokio::test(start_paused = true)]
async fn replies_beside_what_others_push_are_bounded_and_go_on() {
    let (tell, most) = oneshot::channel();
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let mut most = 0;
        let mut tell = Some(tell);
        while let Some(message) = receiver.recv().await? {
            let message = message.into_owned();
            fill(&sender).await;
            sender.send(message)?;
            most = most.max(sender.queued());
            if most > 1900
                && let Some(tell) = tell.take()
            {
                tell.send(most).unwrap();
            }
        }
        Ok(())
    })
    .await;
    peer.give_room(0);
    for _ in 0..50 {
        peer.send(binary([7; 100]));
        settle().await;
    }
    let most = most.await.unwrap();
    assert!(most <= 2 * 1000 + 2 * 404, "{most}");
    assert!(peer.untaken() > 0, "the peer is held back");
    peer.give_room(usize::MAX);
    let mut replies = 0;
    while replies < 50 {
        replies += usize::from(peer.frame().await.payload == [7; 100]);
    }
    peer.send(close(1000));
    loop {
        let frame = peer.frame().await;
        if frame.first == 0x88 {
            break;
        }
    }
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// A handler that pushes in the same task is given nothing while that fills the queue, unless it
/// chooses so.
#[tokio::test(start_paused = true)]
async fn a_handler_chooses_whether_it_reads_while_its_own_messages_fill_the_queue() {
    for reads in [false, true] {
        let (peer, serving) = open(bounded(1000), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            receiver.read_while_full(reads);
            receiver.recv().await?;
            while sender.send(vec![1; 400]).is_ok() {}
            let heard = tokio::time::timeout(Duration::from_secs(1), receiver.recv()).await;
            assert_eq!(heard.is_ok(), reads);
            drop(heard);
            if reads {
                assert_eq!(sender.send("x"), Err(SendError::QueueFull));
                assert!(matches!(sender.try_send("x"), Err(TrySendError::Full("x"))));
            }
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        peer.give_room(0);
        peer.send(text("go"));
        settle().await;
        peer.send(text("unsubscribe"));
        tokio::time::sleep(Duration::from_secs(2)).await;
        peer.give_room(usize::MAX);
        peer.send(close(1000));
        for _ in 0..3 {
            assert_eq!(peer.frame().await.payload, [1; 400]);
        }
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

/// What a task of its own echoes is never refused either.
#[tokio::test(start_paused = true)]
async fn a_plain_echo_on_a_task_of_its_own_sees_no_refusal() {
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        tokio::spawn(async move {
            while let Some(message) = receiver.recv().await? {
                sender.send(message)?;
            }
            Ok(())
        })
        .await
        .unwrap()
    })
    .await;
    peer.give_room(0);
    for _ in 0..3000 {
        peer.send(binary([7; 100]));
    }
    settle().await;
    assert!(peer.untaken() > 0);
    peer.give_room(usize::MAX);
    for _ in 0..3000 {
        assert_eq!(peer.frame().await, Frame { first: 0x82, payload: vec![7; 100] });
    }
    peer.close_cleanly(serving).await;
}

/// Others fill the queue between a message and its reply, when earlier replies are written in part:
/// what was written of these does not count against the reply.
#[tokio::test(start_paused = true)]
async fn a_reply_is_not_refused_for_earlier_ones_that_are_written() {
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            let message = message.into_owned();
            if sender.queued() > 0 {
                fill(&sender).await;
            }
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    for _ in 0..20 {
        // All but a few bytes of each reply are taken, so the queue is never empty.
        peer.give_room(0);
        peer.send(binary([7; 900]));
        settle().await;
        peer.give_room(890);
        settle().await;
    }
    peer.give_room(usize::MAX);
    let mut replies = 0;
    while replies < 20 {
        replies += usize::from(peer.frame().await.payload == [7; 900]);
    }
    peer.send(close(1000));
    while peer.frame().await.first != 0x88 {}
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

/// A Pong that waited goes before replies that wait. That makes no room for more of these.
#[tokio::test(start_paused = true)]
async fn pings_do_not_make_room_for_replies() {
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            let message = message.into_owned();
            sender.send(message)?;
            assert!(sender.queued() < 2100, "{}", sender.queued());
        }
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(binary([7; 900]));
    settle().await;
    let ping = frame(0x89, "x".repeat(125));
    peer.send([binary([7; 900]), ping.clone()].concat());
    settle().await;
    peer.give_room(904);
    settle().await;
    for _ in 0..100 {
        peer.send(&ping);
        settle().await;
        peer.give_room(127);
        settle().await;
    }
    peer.send(binary([7; 900]).repeat(10));
    for _ in 0..100 {
        settle().await;
        peer.give_room(127);
    }
    peer.give_room(usize::MAX);
    peer.send(close(1000));
    while peer.frame().await.first != 0x88 {}
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
