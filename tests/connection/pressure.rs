//! Back-pressure: the bound of the queue, and Pongs while the peer does not read.

use stickler::{CloseCode, Config, MessageKind, Prepared, SendError};

use crate::claims::claims;
use crate::support::{Frame, binary, close, echo, frame, open, settle, text};

fn bounded(max_queued: usize) -> Config {
    let mut config = Config::default();
    config.limits.max_queued = max_queued;
    config
}

#[tokio::test(start_paused = true)]
async fn the_queue_holds_its_bound_plus_one_message() {
    claims!("6455-6.1-03", "6455-6.1-04");
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        sender.ready().await;
        assert_eq!(sender.queued(), 0);
        sender.send(vec![1; 996])?;
        assert_eq!(sender.queued(), 1000);
        let full = Err(SendError::QueueFull);
        assert_eq!(sender.send("x"), full);
        assert_eq!(sender.send(Prepared::text("x")), full);
        assert_eq!(sender.ping(b"x"), full);
        assert_eq!(sender.start_message(MessageKind::Text).map(drop), full);
        sender.ready().await;
        assert_eq!(sender.queued(), 999);
        // Below the bound any one message goes.
        sender.send(vec![3; 50_000])?;
        assert_eq!(sender.queued(), 50_000 + 999 + 4);
        assert_eq!(sender.send("x"), full);
        // Closing is always possible.
        sender.close(CloseCode::NORMAL, "")?;
        assert!(receiver.recv().await?.is_none());
        Ok(())
    })
    .await;
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    peer.give_room(1);
    settle().await;
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await.payload, [1; 996]);
    assert_eq!(peer.frame().await.payload.len(), 50_000);
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.send(close(1000));
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_not_read() {
    claims!("6455-6.1-03", "6455-6.1-04");
    let (peer, serving) = open(bounded(10_000), echo).await;
    peer.give_room(0);
    let message = text(&"m".repeat(1000));
    for _ in 0..1000 {
        peer.send(&message);
        settle().await;
    }
    // The queue, and one lease of what was read ahead.
    assert!(peer.untaken() > 800_000, "{}", peer.untaken());
    for _ in 0..1000 {
        peer.give_room(1004);
        assert_eq!(peer.text().await.len(), 1000);
    }
    assert_eq!(peer.untaken(), 0);
    peer.give_room(usize::MAX);
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_echo_never_sees_a_full_queue() {
    // All of it in one read, far more than the queue holds.
    let (peer, serving) = open(bounded(100), echo).await;
    peer.give_room(0);
    peer.send(text(&"m".repeat(100)).repeat(300));
    settle().await;
    peer.wire().write_at_most = 7;
    peer.give_room(usize::MAX);
    for _ in 0..300 {
        assert_eq!(peer.text().await.len(), 100);
    }
    peer.end();
    let ending = serving.await.unwrap();
    assert_eq!(ending.sent, stickler::SentClose::NotSent, "{ending:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_between_its_messages_do_not_fill_the_queue_of_an_echo() {
    let short = text(&"m".repeat(30));
    let long = text(&"m".repeat(1000));
    let ping = |len| frame(0x89, vec![0; len]);
    let cases = [
        (100, [short.repeat(2), ping(38), short.repeat(3)].concat(), 6),
        (64 << 10, [long.repeat(64), ping(125).repeat(11), long.repeat(4)].concat(), 79),
        (100 << 10, [long.repeat(64), ping(125).repeat(330), long.repeat(4)].concat(), 398),
    ];
    for (bound, input, replies) in cases {
        let (peer, serving) = open(bounded(bound), echo).await;
        peer.send(input);
        settle().await;
        assert_eq!(peer.frames().len(), replies, "{bound}");
        peer.end();
        assert_eq!(serving.await.unwrap().sent, stickler::SentClose::NotSent, "{bound}");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_alone_goes_on_when_its_pongs_have_been_written() {
    for is_closing in [false, true] {
        let (peer, serving) = open(bounded(1000), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            receiver.recv().await?;
            if is_closing {
                // The Receiver is kept, and holds nothing.
                sender.close(CloseCode::NORMAL, "")?;
                sender.closed().await;
                drop(receiver);
            } else {
                drop(receiver);
                sender.closed().await;
            }
            Ok(())
        })
        .await;
        peer.send(text("go"));
        settle().await;
        // More of them in one turn than the queue holds.
        peer.wire().read_at_most = 2000;
        peer.send([frame(0x89, [7; 125]).repeat(100), close(1000)].concat());
        settle().await;
        assert_eq!(peer.untaken(), 0);
        peer.end();
        assert!(serving.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_not_flushed_is_back_pressure() {
    let (peer, serving) = open(bounded(1000), echo).await;
    settle().await;
    peer.block_flush(true);
    for _ in 0..1000 {
        peer.send(text(&"m".repeat(100)));
        settle().await;
    }
    // One was written, the queue holds its bound, and one lease was read ahead.
    assert_eq!(peer.written().len(), 102);
    assert!(peer.untaken() > 80_000, "{}", peer.untaken());
    peer.block_flush(false);
    for _ in 0..1000 {
        assert_eq!(peer.text().await.len(), 100);
    }
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn s5_5_3_under_back_pressure_the_newest_pong_overtakes_whole_frames() {
    claims!("6455-5.5.2-03", "6455-5.5.3-02");
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        sender.send(vec![b'a'; 40])?;
        receiver.recv().await?;
        sender.send(vec![b'b'; 40])?;
        receiver.recv().await?;
        Ok(())
    })
    .await;
    assert_eq!(peer.frame().await.payload.len(), 40);
    peer.give_room(0);
    peer.send(text("go"));
    settle().await;
    // Half of the second message is out: nothing may come between.
    peer.give_room(20);
    settle().await;
    for number in 0..5 {
        peer.send(frame(0x89, [number]));
        settle().await;
    }
    peer.send(text("go"));
    settle().await;
    assert_eq!(peer.written().len(), 20);
    peer.give_room(usize::MAX);
    assert_eq!(peer.frame().await, Frame { first: 0x82, payload: vec![b'b'; 40] });
    assert_eq!(peer.frame().await, Frame { first: 0x8a, payload: vec![4] });
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s5_5_3_without_back_pressure_every_ping_has_its_pong_in_order() {
    claims!("6455-5.5.2-01", "6455-5.5.3-02");
    let (peer, serving) = open(Config::default(), echo).await;
    let pings: Vec<u8> = (0..100).flat_map(|number| frame(0x89, [number])).collect();
    peer.send(&pings);
    for number in 0..100 {
        assert_eq!(peer.frame().await, Frame { first: 0x8a, payload: vec![number] });
    }
    peer.end();
    serving.await.unwrap();
}

/// Without a bound on the rate of Pings.
fn any_pings(mut config: Config) -> Config {
    config.limits.max_pings_per_second = u32::MAX;
    config
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_to_a_peer_that_does_not_read_is_bounded() {
    claims!("6455-5.5.3-02");
    let (peer, serving) = open(any_pings(bounded(1000)), echo).await;
    peer.give_room(0);
    let ping = frame(0x89, [7; 125]);
    for _ in 0..2000 {
        peer.send(&ping);
        settle().await;
    }
    peer.send(close(1000));
    peer.give_room(usize::MAX);
    let mut pongs = 0;
    loop {
        let frame = peer.frame().await;
        if frame.first == 0x88 {
            break;
        }
        assert_eq!((frame.first, frame.payload.len()), (0x8a, 125));
        pongs += 1;
    }
    assert!(pongs < 20, "{pongs}");
    peer.end();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_answering_close_follows_replies_that_wait() {
    claims!("6455-5.5.1-11");
    let (peer, serving) = open(Config::default(), echo).await;
    peer.give_room(0);
    peer.send([text("one"), text("two"), close(1000)].concat());
    settle().await;
    assert!(peer.written().is_empty());
    peer.give_room(usize::MAX);
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.text().await, "two");
    assert_eq!(peer.frame().await.close_code(), 1000);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_much_to_say_leaves_others_their_turn() {
    let small = text("x").repeat(100_000);
    let large = binary(vec![7; 4 << 20]);
    let pings = frame(0x89, "").repeat(100_000);
    // A large message is read in pieces as large as what there is of it.
    for (input, most) in [(small, 256 << 10), (pings, 256 << 10), (large, 3 << 20)] {
        let (peer, serving) = open(any_pings(Config::default()), echo).await;
        settle().await;
        peer.send(&input);
        let mut turns = 0;
        while peer.untaken() > 0 {
            let before = peer.untaken();
            tokio::task::yield_now().await;
            let taken = before - peer.untaken();
            assert!(taken <= most, "{taken} bytes");
            turns += 1;
        }
        assert!(turns > 1);
        peer.end();
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_hide_that_the_connection_is_closing() {
    let (peer, serving) = open(bounded(1000), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        while sender.send("much").is_ok() {}
        assert_eq!(sender.send("more"), Err(SendError::QueueFull));
        sender.close(CloseCode::NORMAL, "")?;
        assert_eq!(sender.send("more"), Err(SendError::Closed));
        assert_eq!(sender.ping(b""), Err(SendError::Closed));
        Ok(())
    })
    .await;
    peer.send(text("go"));
    settle().await;
    let frames = peer.frames();
    assert!(frames.len() > 100, "{}", frames.len());
    assert_eq!(frames.last().map(Frame::close_code), Some(1000));
    peer.send(close(1000));
    peer.end();
    serving.await.unwrap();
}

/// Whatever ends the connection behind a Ping: its Pong goes out, behind the replies before it and before
/// our Close.
#[tokio::test(start_paused = true)]
async fn s5_5_2_under_back_pressure_a_ping_before_the_end_gets_its_pong() {
    claims!("6455-5.5.2-02");
    let reserved = [0xf1, 0x80, 0, 0, 0, 0];
    let ends: [(&str, &[u8]); 4] =
        [("FIN", b""), ("violation", &reserved), ("Close", &close(1000)), ("both", &close(1000))];
    for (end, input) in ends {
        let (peer, serving) = open(Config::default(), async move |incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            while let Some(message) = receiver.recv().await? {
                let closes = message.as_bytes() == b"close";
                sender.send(message)?;
                if closes {
                    // The task goes on receiving: the peer's Close is waited for.
                    sender.close(CloseCode::GOING_AWAY, "")?;
                }
            }
            Ok(())
        })
        .await;
        settle().await;
        peer.give_room(1);
        let second = if end == "both" { "close" } else { "two" };
        for input in [&text("one"), &text(second), &frame(0x89, "old"), &frame(0x89, "new"), input]
        {
            peer.send(input);
            settle().await;
        }
        if end == "FIN" {
            peer.end();
        }
        settle().await;
        peer.give_room(usize::MAX);
        settle().await;
        peer.end();
        serving.await.unwrap();
        let seen = peer.frames();
        let at = |wanted: &[u8]| seen.iter().position(|frame| frame.payload == wanted);
        let pong = at(b"new");
        assert!(pong.is_some_and(|at| seen[at].first == 0x8a), "{end}: {seen:?}");
        assert!(at(second.as_bytes()).is_some() && at(b"old").is_none(), "{end}: {seen:?}");
        let closed = seen.iter().position(|frame| frame.first == 0x88);
        assert_eq!(closed.is_some(), end != "FIN", "{end}: {seen:?}");
        // RFC 6455 §5.5.2: behind our own Close the Pong may go too.
        assert!(end == "both" || closed.is_none() || closed > pong, "{end}: {seen:?}");
    }
}
