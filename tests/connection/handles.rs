//! What handles can say of their connection, wait for and end.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::time::Duration;

use stickler::{
    CloseCode, Config, Endpoint, Error, Initiator, SendError, SentClose, TrySendError, Violation,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::support::{REQUEST, binary, close, frame, open, open_on, settle, text};

fn bounded(max_queued: usize) -> Config {
    let mut config = Config::default();
    config.limits.max_queued = max_queued;
    config
}

#[tokio::test(start_paused = true)]
async fn every_handle_names_its_connection() {
    let endpoint = Endpoint::new(Config::default());
    let mut ids = HashSet::new();
    for _ in 0..3 {
        let (tell, told) = oneshot::channel();
        let (peer, serving, _) = open_on(&endpoint, REQUEST, async |incoming| {
            let id = incoming.id();
            let socket = incoming.accept()?;
            assert_eq!(socket.id(), id);
            assert_eq!((socket.path(), socket.peer_addr()), ("/room".into(), None));
            assert!(socket.is_open());
            let (receiver, sender) = socket.split();
            assert_eq!((receiver.id(), sender.clone().id()), (id, id));
            assert_eq!((receiver.path(), sender.path()), ("/room".into(), "/room".into()));
            tell.send(id).unwrap();
            sender.close(CloseCode::NORMAL, "")?;
            assert!(!receiver.is_open() && !sender.is_open());
            drop(receiver);
            sender.closed().await;
            Ok(())
        })
        .await;
        assert!(ids.insert(told.await.unwrap()));
        assert_eq!(peer.frame().await.close_code(), 1000);
        peer.send(close(1000));
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_only_sends_answers_pings_and_notices_the_close() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.into_sender();
        sender.send("news")?;
        let close = sender.peer_close().await.expect("a Close");
        assert_eq!(close.code, Some(CloseCode::new(3000)));
        Ok(())
    })
    .await;
    assert_eq!(peer.text().await, "news");
    // Data is judged and thrown away, so what stands behind it is seen.
    peer.send([text("nobody hears this"), frame(0x89, "ping"), close(3000)].concat());
    assert_eq!(peer.frame().await.first, 0x8a);
    assert_eq!(peer.frame().await.close_code(), 3000);
    peer.end();
    assert!(serving.await.unwrap().is_clean());

    let (peer, serving) = open(Config::default(), async |incoming| {
        let sender = incoming.accept()?.into_sender();
        assert_eq!(sender.peer_close().await, None);
        Ok(())
    })
    .await;
    peer.send(frame(0x81, b"\xff"));
    assert_eq!(peer.frame().await.close_code(), 1007);
    peer.end();
    assert_eq!(serving.await.unwrap().violation, Some(Violation::TextNotUtf8));
}

/// The peer keeps TCP open after its Close.
#[tokio::test(start_paused = true)]
async fn s5_5_1_the_peers_close_is_known_when_it_is_read() {
    let began = Instant::now();
    let (tell, told) = oneshot::channel();
    let (peer, serving) = open(Config::default(), async move |incoming| {
        let socket = incoming.accept()?;
        let close = socket.peer_close().await.expect("a Close");
        tell.send((close.reason.to_string(), began.elapsed())).unwrap();
        assert_eq!(socket.closed().await.code(), CloseCode::NORMAL);
        Ok(())
    })
    .await;
    peer.send(frame(0x88, [&1000_u16.to_be_bytes()[..], b"bye"].concat()));
    let (reason, after) = told.await.unwrap();
    assert_eq!((reason.as_str(), after), ("bye", Duration::ZERO));
    assert!(!serving.is_finished());
    serving.await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn abort_ends_at_once_and_sends_nothing() {
    for room in [usize::MAX, 0] {
        let began = Instant::now();
        let (peer, serving) = open(Config::default(), async |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            receiver.recv().await?;
            sender.send(vec![1; 100_000])?;
            sender.abort();
            assert_eq!(sender.send("x"), Err(SendError::Closed));
            assert_eq!(sender.flushed().await, Err(SendError::Closed));
            let error = receiver.recv().await.unwrap_err();
            assert!(matches!(error, Error::Transport(_)), "{error}");
            Ok(())
        })
        .await;
        peer.give_room(room);
        peer.send(text("go"));
        let ending = serving.await.unwrap();
        assert_eq!((ending.initiator, ending.sent), (Initiator::Application, SentClose::NotSent));
        assert_eq!(ending.transport, Some(ErrorKind::ConnectionAborted));
        assert!(!ending.is_clean());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(peer.written().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn s7_1_6_a_close_that_was_never_written_was_not_sent() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.close(CloseCode::NORMAL, "")?;
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    let ending = serving.await.unwrap();
    assert_eq!(ending.sent, SentClose::NotSent);
    assert!(!ending.is_clean());
}

#[tokio::test(start_paused = true)]
async fn flushed_waits_until_all_is_written() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.flushed().await?;
        receiver.recv().await?;
        sender.send("one")?;
        assert!(timeout(Duration::from_secs(1), sender.flushed()).await.is_err());
        assert_eq!(sender.queued(), 5);
        receiver.recv().await?;
        sender.flushed().await?;
        assert_eq!(sender.queued(), 0);
        sender.send("two")?;
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    peer.send(text("on"));
    settle().await;
    peer.give_room(4);
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.text().await, "two");
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn sending_waits_for_room_and_gives_messages_back() {
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.try_send(vec![1; 996]).unwrap();
        let Err(TrySendError::Full(back)) = sender.try_send(vec![2; 10]) else { panic!("sent") };
        assert_eq!(back, [2; 10]);
        let late = timeout(Duration::from_secs(1), sender.send_ready(vec![3; 10])).await;
        assert!(late.is_err());
        receiver.read_while_full(true);
        receiver.recv().await?;
        sender.send_ready(back).await?;
        // Written down to 200 bytes, then to none.
        sender.ready_below(201).await;
        assert!(sender.queued() <= 200, "{}", sender.queued());
        sender.flushed().await?;
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    peer.send(text("on"));
    settle().await;
    for _ in 0..20 {
        peer.give_room(100);
        settle().await;
    }
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 996]);
    assert_eq!(peer.frame().await.payload, [2; 10]);
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_chooses_limits_and_timeouts_for_its_connection() {
    let endpoint = Endpoint::new(Config::default());
    // The message limit bites.
    let (peer, serving, _) = open_on(&endpoint, REQUEST, async |mut incoming| {
        let mut limits = stickler::Limits::default();
        limits.message.max_message_size = 10;
        incoming.limits(limits);
        let (mut receiver, _sender) = incoming.accept()?.split();
        while receiver.recv().await?.is_some() {}
        Ok(())
    })
    .await;
    peer.send([binary([1; 10]), binary([1; 11])].concat());
    assert_eq!(peer.frame().await.close_code(), 1009);
    peer.end();
    assert_eq!(serving.await.unwrap().violation, Some(Violation::MessageTooBig));

    // So does the bound of the queue.
    let (peer, serving, _) = open_on(&endpoint, REQUEST, async |mut incoming| {
        let mut limits = stickler::Limits::default();
        limits.max_queued = 100;
        incoming.limits(limits);
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.send(vec![1; 98])?;
        assert_eq!(sender.send("x"), Err(SendError::QueueFull));
        Ok(())
    })
    .await;
    peer.send(text("go"));
    assert_eq!(peer.frame().await.payload, [1; 98]);
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();

    // A bound that nothing could pass is taken for the smallest.
    let (peer, serving, _) = open_on(&endpoint, REQUEST, async |mut incoming| {
        let mut limits = stickler::Limits::default();
        limits.max_queued = 0;
        incoming.limits(limits);
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            sender.send(message)?;
        }
        Ok(())
    })
    .await;
    peer.send([text("a"), text("b"), close(1000)].concat());
    assert_eq!([peer.text().await, peer.text().await], ["a", "b"]);
    peer.end();
    serving.await.unwrap();

    // And the deadlines; another connection of the endpoint keeps those of the configuration.
    for keepalive in [Some(Duration::from_secs(1)), None] {
        let (peer, serving, _) = open_on(&endpoint, REQUEST, async move |mut incoming| {
            if let Some(interval) = keepalive {
                let mut timeouts = stickler::Timeouts::default();
                timeouts.keepalive_interval = Some(interval);
                incoming.timeouts(timeouts);
            }
            let (mut receiver, _sender) = incoming.accept()?.split();
            while receiver.recv().await?.is_some() {}
            Ok(())
        })
        .await;
        let began = Instant::now();
        assert_eq!(peer.frame().await.first, 0x89);
        let silence = keepalive.unwrap_or(Duration::from_secs(25));
        assert!(began.elapsed().abs_diff(silence) < Duration::from_millis(50));
        peer.send(close(1000));
        peer.end();
        serving.await.unwrap();
    }
}
