//! Everything that a handle waits for, on many tasks at once, on a connection that ends in any way: all
//! who wait are woken, an echo is never refused, and the ending says what was written.

use std::sync::Arc;

use stickler::{
    CloseCode, Config, Endpoint, Incoming, Prepared, Receiver, SendError, Sender, Topic,
    TrySendError,
};
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::random::Random;
use crate::support::{Peer, REQUEST, binary, close, frame, wire};

const BOUND: usize = 3000;

/// Sends and waits in every way until the connection takes no more.
async fn work(sender: Sender, topic: Topic, mut random: Random) -> u32 {
    let mut steps = 0;
    loop {
        steps += 1;
        let message = vec![1; random.below(700)];
        let done = match random.below(9) {
            0 => sender.send_ready(message).await,
            1 => match sender.try_send(message) {
                Err(TrySendError::Refused(error)) => Err(error),
                _ => Ok(()),
            },
            2 => sender.flushed().await,
            3 => {
                sender.ready_below(1 + random.below(BOUND)).await;
                if sender.is_open() { Ok(()) } else { Err(SendError::Closed) }
            }
            4 => {
                // A wait that is given up.
                tokio::select! {
                    () = sender.ready_below(1) => {}
                    () = yield_now() => {}
                }
                Ok(())
            }
            5 => sender.ping(b"p"),
            6 => {
                topic.publish(Prepared::binary(message));
                Ok(())
            }
            7 => {
                topic.publish_latest([random.byte() % 8], Prepared::binary(message));
                Ok(())
            }
            _ => {
                yield_now().await;
                Ok(())
            }
        };
        match done {
            Err(SendError::Closed) => return steps,
            Err(SendError::QueueFull | SendError::MessageUnfinished) | Ok(()) => yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Nothing but the end refuses what it sends.
async fn echo(mut receiver: Receiver, sender: Sender) {
    while let Ok(Some(message)) = receiver.recv().await {
        match sender.send(message) {
            Ok(()) | Err(SendError::Closed) => {}
            Err(error) => panic!("the echo: {error}"),
        }
    }
}

async fn handle(incoming: Incoming, seed: u64, stop: Arc<Notify>) -> stickler::Result<()> {
    let mut random = Random::new(seed);
    let (receiver, sender) = incoming.accept()?.split();
    let mut tasks = tokio::task::JoinSet::new();
    let topic = Topic::new();
    let first_place = topic.subscribe(&sender);
    let mut place = topic.subscribe(&sender);
    for _ in 0..4 {
        tasks.spawn(work(sender.clone(), topic.clone(), Random::new(random.next())));
    }
    let watched = sender.clone();
    tasks.spawn(async move {
        let mut missed = 0;
        loop {
            tokio::select! {
                more = place.lagged() => missed += more,
                _ = watched.closed() => return missed as u32,
            }
        }
    });
    let gone = sender.clone();
    tasks.spawn(async move {
        gone.ready_below(1).await;
        drop(first_place);
        0
    });
    let (first, second) = (sender.clone(), sender.clone());
    tasks.spawn(async move { first.peer_close().await.map_or(0, |_| 1) });
    tasks.spawn(async move { second.closed().await.code().get().into() });
    let aborter = sender.clone();
    let end = random.below(4);
    let ending = tokio::spawn(async move {
        stop.notified().await;
        match end {
            0 => aborter.abort(),
            1 => aborter.close(CloseCode::NORMAL, "").unwrap_or_default(),
            2 => {
                let _ = aborter.close(CloseCode::NORMAL, "");
                aborter.abort();
            }
            _ => {}
        }
    });
    if random.once_in(2) {
        tokio::spawn(echo(receiver, sender.clone())).await.unwrap();
    } else {
        echo(receiver, sender.clone()).await;
    }
    ending.await.unwrap();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(topic.subscribers(), 0);
    Ok(())
}

async fn drive(peer: &Peer, random: &mut Random, stop: &Notify) {
    for round in 0..60 {
        peer.give_room(random.below(1500));
        match random.below(4) {
            0 => peer.send(binary(vec![2; random.below(900)])),
            1 => peer.send(frame(0x89, "ping")),
            _ => {}
        }
        for _ in 0..random.below(20) {
            yield_now().await;
        }
        if round == 50 {
            stop.notify_one();
        }
    }
    if random.once_in(2) {
        peer.send(close(1001));
    }
    peer.give_room(usize::MAX);
    peer.end();
}

#[test]
fn whoever_waits_is_woken_however_the_connection_ends() {
    let seeds: u64 = std::env::var("SEEDS").map_or(60, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        crate::run(async move {
            let mut config = Config::default();
            config.limits.max_queued = BOUND;
            let endpoint = Endpoint::new(config);
            let stop = Arc::new(Notify::new());
            let stopping = stop.clone();
            let (transport, peer) = wire();
            let serving =
                endpoint.serve(transport, None, move |incoming| handle(incoming, seed, stopping));
            let serving = tokio::spawn(serving);
            peer.send(REQUEST);
            peer.head().await;
            let mut random = Random::new(seed + 1_000_000);
            drive(&peer, &mut random, &stop).await;
            let ending = serving.await.unwrap();
            let frames = peer.frames();
            let closes = frames.iter().filter(|frame| frame.first == 0x88).count();
            assert_eq!(closes, usize::from(ending.sent.is_sent()), "{seed}: {ending:?}");
            assert_ne!(ending.initiator, stickler::Initiator::HandlerPanic, "{seed}");
        });
    }
}
