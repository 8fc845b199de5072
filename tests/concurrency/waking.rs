//! Nobody sleeps on: whatever is sent, or owed to the peer, goes out while nothing else happens.

use std::sync::mpsc;
use std::time::Duration;

use stickler::{Endpoint, Incoming, Sender};
use tokio::io::{AsyncWriteExt, WriteHalf};

use crate::elsewhere;
use crate::load::{Line, Sent};
use crate::peer::{Io, Item, Peer, Via, config, open};
use crate::random::Random;
use crate::support::{frame, text};

/// What the handler does while others send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handler {
    /// Answers messages.
    Echoes,
    /// Answers messages on another task.
    EchoesElsewhere,
    /// Gives `recv` up whenever another task says so.
    GivesUp,
    /// Has dropped its Receiver.
    Waits,
}

const ALL: [Handler; 4] =
    [Handler::Echoes, Handler::EchoesElsewhere, Handler::GivesUp, Handler::Waits];

async fn echo(mut receiver: stickler::Receiver, sender: Sender) -> stickler::Result<()> {
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}

async fn handle(incoming: Incoming, handler: Handler, tell: mpsc::Sender<Sender>) {
    let (mut receiver, sender) = incoming.accept().unwrap().split();
    tell.send(sender.clone()).unwrap();
    let ended = match handler {
        Handler::Echoes => echo(receiver, sender).await,
        Handler::EchoesElsewhere => tokio::spawn(echo(receiver, sender)).await.unwrap(),
        Handler::Waits => {
            drop(receiver);
            sender.closed().await;
            Ok(())
        }
        Handler::GivesUp => {
            let interrupt = std::sync::Arc::new(tokio::sync::Notify::new());
            let interrupts = interrupt.clone();
            let interrupting = tokio::spawn(async move {
                loop {
                    interrupts.notify_one();
                    tokio::task::yield_now().await;
                }
            });
            let ended = loop {
                tokio::select! {
                    biased;
                    message = receiver.recv() => match message {
                        Ok(Some(message)) => sender.send(message).unwrap(),
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    },
                    () = interrupt.notified() => {}
                }
            };
            interrupting.abort();
            ended
        }
    };
    // The peers here end without a Close.
    assert!(ended.is_ok() || matches!(ended, Err(stickler::Error::Transport(_))), "{ended:?}");
}

/// Goes to rest and is roused, by the peer and by another thread at about the same time.
async fn rouse(
    handler: Handler,
    mut peer: Peer,
    mut writer: WriteHalf<Io>,
    line: Line,
    seed: u64,
    rounds: usize,
) {
    let (order, orders) = mpsc::channel::<usize>();
    let thread = std::thread::spawn(move || {
        for spins in orders {
            (0..spins).for_each(|_| std::hint::spin_loop());
            line.next().unwrap();
        }
    });
    let mut random = Random::new(seed);
    for number in 0..rounds {
        // What is still to come before the next round: message, echo, Pong.
        let mut owed = Vec::new();
        if random.below(2) == 0 {
            order.send(random.below(3000)).unwrap();
            owed.push(Item::Text(String::new()));
        }
        let echoed = format!("echo {number}");
        if handler != Handler::Waits && random.below(3) > 0 {
            writer.write_all(&text(&echoed)).await.unwrap();
            owed.push(Item::Text(echoed.clone()));
        }
        if random.below(3) == 0 {
            writer.write_all(&frame(0x89, &echoed)).await.unwrap();
            owed.push(Item::Pong(echoed.clone().into()));
        }
        while !owed.is_empty() {
            let item = tokio::time::timeout(SECONDS, peer.item()).await;
            let Ok(item) = item else { panic!("{handler:?}, round {number}: {owed:?} is lost") };
            let item = item.expect("no end");
            let is_owed = owed.iter().position(|owed| *owed == item);
            owed.swap_remove(is_owed.unwrap_or_else(|| {
                Sent::of(&item);
                0
            }));
        }
        if random.below(16) == 0 {
            elsewhere(random.below(20_000)).await;
        }
    }
    drop(order);
    thread.join().unwrap();
}

/// A message that is not there by then is not on its way.
const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn whatever_is_sent_while_the_task_goes_to_rest_goes_out() {
    crate::run(async {
        let mut all = Vec::new();
        for (seed, handler) in ALL.into_iter().enumerate() {
            for via in [Via::Memory(1000), Via::Tcp] {
                all.push(tokio::spawn(async move {
                    let endpoint = Endpoint::new(config());
                    let (tell, told) = mpsc::channel();
                    let serve = async move |incoming| {
                        handle(incoming, handler, tell).await;
                        Ok(())
                    };
                    let (peer, writer, serving) = open(&endpoint, via, serve).await;
                    let line = Line::new(&told.recv().unwrap());
                    rouse(handler, peer, writer, line, seed as u64, 1500).await;
                    serving.await.unwrap();
                }));
            }
        }
        for one in all {
            one.await.unwrap();
        }
    });
}

/// The Receiver is elsewhere and busy with a message: the Pong before it goes out all the same.
#[test]
fn a_pong_does_not_wait_for_a_receiver_on_another_task() {
    crate::run(async {
        for _ in 0..50 {
            let endpoint = Endpoint::new(config());
            let handler = async |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                let elsewhere = tokio::spawn(async move {
                    receiver.recv().await.unwrap().unwrap();
                    std::future::pending::<()>().await;
                });
                sender.closed().await;
                elsewhere.abort();
                Ok(())
            };
            let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(1000), handler).await;
            let input = [frame(0x89, "p"), text("a message"), text("and more")].concat();
            writer.write_all(&input).await.unwrap();
            let item = tokio::time::timeout(SECONDS, peer.item()).await.expect("a Pong");
            assert_eq!(item, Some(Item::Pong(b"p".to_vec())));
            serving.abort();
        }
    });
}

/// Pongs are saved only while the transport takes nothing.
#[test]
fn every_ping_has_its_pong_again_once_the_transport_takes_bytes() {
    crate::run(async {
        let endpoint = Endpoint::new(config());
        let handler = async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            sender.send(vec![b'x'; 40_000])?;
            while receiver.recv().await?.is_some() {}
            Ok(())
        };
        let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(1000), handler).await;
        assert_eq!(peer.item().await, Some(Item::Binary(vec![b'x'; 40_000])));
        // The server has noticed by then that all of it went out.
        writer.write_all(&frame(0x89, "first")).await.unwrap();
        assert_eq!(peer.item().await, Some(Item::Pong(b"first".to_vec())));
        let pings: Vec<u8> = (0..20).flat_map(|number| frame(0x89, [number])).collect();
        writer.write_all(&pings).await.unwrap();
        for number in 0..20 {
            let item = tokio::time::timeout(SECONDS, peer.item()).await.expect("every Pong");
            assert_eq!(item, Some(Item::Pong(vec![number])));
        }
        serving.abort();
    });
}

/// Somebody waits for room, somebody for the end, on threads of their own.
#[test]
fn who_waits_for_room_or_the_end_is_woken_by_the_end() {
    crate::run(async {
        for seed in 0..40 {
            let mut config = config();
            config.limits.max_queued = 100;
            let endpoint = Endpoint::new(config);
            let (tell, told) = mpsc::channel();
            let handler = async move |incoming: Incoming| {
                let (receiver, sender) = incoming.accept()?.split();
                sender.ready().await;
                sender.send(vec![7; 5000])?;
                tell.send(sender.clone()).unwrap();
                drop(receiver);
                sender.closed().await;
                Ok(())
            };
            let (peer, writer, serving) = open(&endpoint, Via::Memory(300), handler).await;
            let sender = told.recv().unwrap();
            let waiting: Vec<_> = (0..4)
                .map(|number| {
                    let (sender, runtime) = (sender.clone(), tokio::runtime::Handle::current());
                    tokio::task::spawn_blocking(move || {
                        runtime.block_on(async {
                            if number % 2 == 0 {
                                sender.ready().await;
                            }
                            // Given up at its first poll.
                            let _ = tokio::time::timeout(Duration::ZERO, sender.ready()).await;
                            sender.closed().await;
                        });
                    })
                })
                .collect();
            elsewhere(Random::new(seed).below(20_000)).await;
            drop((peer, writer));
            for one in waiting {
                tokio::time::timeout(SECONDS, one).await.expect("woken").unwrap();
            }
            serving.await.unwrap();
        }
    });
}
