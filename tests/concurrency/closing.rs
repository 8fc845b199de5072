//! Sends that race with the end: what was sent stands before the Close, and nothing behind it.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stickler::{CloseCode, Endpoint, Error, Incoming, MessageKind, SendError, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::load::{Line, Sent};
use crate::peer::{Via, config, open};
use crate::random::Random;
use crate::spin;
use crate::support::{REQUEST, close, frame};

/// Who ends the connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Thread,
    /// A thread that gives a fragmented message up.
    Unfinished,
    Handler,
    Return,
    Error,
    Panic,
    Shutdown,
    Peer,
    Violation,
}

const ALL: [(By, u16); 9] = [
    (By::Thread, 3001),
    (By::Unfinished, 1011),
    (By::Handler, 3002),
    (By::Return, 1000),
    (By::Error, 1011),
    (By::Panic, 1011),
    (By::Shutdown, 1001),
    (By::Peer, 1000),
    (By::Violation, 1002),
];

/// How many messages of each sender were taken.
type Taken = Arc<Mutex<HashMap<usize, usize>>>;

/// Sends until the connection is closed.
async fn send_on(sender: Sender, name: usize, taken: Taken) {
    let mut number = 0;
    loop {
        match Sent::new(name, number).deliver(&sender).await {
            Ok(()) => number += 1,
            Err(SendError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // From here on nothing is taken.
    assert_eq!(sender.send("late"), Err(SendError::Closed));
    assert!(!sender.is_open());
    taken.lock().unwrap().insert(name, number);
}

/// Fails the connection, if there is time, in the middle of a message.
async fn give_up(sender: &Sender) {
    loop {
        match sender.start_message(MessageKind::Binary) {
            Ok(mut message) => match message.send(&b"half"[..]) {
                Ok(()) => return,
                Err(SendError::QueueFull) => {}
                Err(error) => panic!("{error}"),
            },
            Err(SendError::QueueFull) => sender.ready().await,
            Err(SendError::MessageUnfinished) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn race(incoming: Incoming, by: By, seed: u64, taken: Taken) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut random = Random::new(seed);
    for name in 1..4 {
        let (sender, taken) = (sender.clone(), taken.clone());
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(send_on(sender, name, taken)));
    }
    if matches!(by, By::Thread | By::Unfinished) {
        let sender = sender.clone();
        let runtime = tokio::runtime::Handle::current();
        let spins = random.below(60_000);
        tokio::task::spawn_blocking(move || {
            spin(spins);
            match by {
                By::Thread => sender.close(CloseCode::new(3001), "").unwrap(),
                _ => runtime.block_on(give_up(&sender)),
            }
        });
    }
    let mut number = 0;
    let ends_itself = matches!(by, By::Handler | By::Return | By::Error | By::Panic);
    let last = if ends_itself { random.below(30) } else { usize::MAX };
    while number < last {
        match Sent::new(0, number).deliver(&sender).await {
            Ok(()) => number += 1,
            Err(SendError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
        if random.below(4) == 0 {
            tokio::task::yield_now().await;
        }
        if random.below(6) == 0 {
            // Gives the peer's Close a chance.
            let _ = tokio::time::timeout(Duration::ZERO, receiver.recv()).await;
        }
    }
    taken.lock().unwrap().insert(0, number);
    match by {
        By::Handler => {
            sender.close(CloseCode::new(3002), "")?;
            assert_eq!(sender.send("late"), Err(SendError::Closed));
            while receiver.recv().await?.is_some() {}
            Ok(())
        }
        By::Error => Err(Error::Application("of the handler".into())),
        // Without a word on stderr.
        By::Panic => resume_unwind(Box::new("of the handler")),
        _ => Ok(()),
    }
}

#[test]
fn what_was_taken_stands_before_the_close_and_nothing_behind_it() {
    crate::run(async {
        let mut seed = 0;
        for round in 0..5 {
            for (by, code) in ALL {
                seed += 1;
                let via = [Via::Memory(50_000), Via::Tcp][round % 2];
                let mut config = config();
                config.limits.max_queued = [64 << 20, 10_000][seed % 2];
                let endpoint = Endpoint::new(config);
                let taken = Taken::default();
                let noted = taken.clone();
                let handler = async move |incoming| race(incoming, by, seed as u64, noted).await;
                let (mut peer, mut writer, serving) = open(&endpoint, via, handler).await;
                let spins = Random::new(seed as u64).below(60_000);
                let of_peer = match by {
                    By::Peer => close(1000),
                    // Two of three reserved bits.
                    By::Violation => frame(0xb1, "x"),
                    _ => Vec::new(),
                };
                let ending = tokio::spawn(async move {
                    spin(spins);
                    writer.write_all(&of_peer).await.unwrap();
                    if by == By::Shutdown {
                        endpoint.shutdown();
                    }
                    writer
                });
                let (counts, closed) = peer.count_before_close().await;
                assert_eq!(closed, code, "{by:?}");
                peer.end(&mut ending.await.unwrap()).await;
                serving.await.unwrap();
                // Threads note their counts when they see the end, which they do by themselves.
                while taken.lock().unwrap().len() < 4 {
                    tokio::task::yield_now().await;
                }
                let mut taken = taken.lock().unwrap().clone();
                taken.retain(|_, count| *count > 0);
                assert_eq!(counts, taken, "{by:?}, seed {seed}");
            }
        }
    });
}

#[test]
fn what_a_handler_sent_goes_before_the_close_of_its_end() {
    crate::run(async {
        for (by, expected) in [(By::Return, 1000), (By::Error, 1011), (By::Panic, 1011)] {
            for count in [0, 1, 2, 40] {
                for pauses in [false, true] {
                    let endpoint = Endpoint::new(config());
                    let handler = async move |incoming: Incoming| {
                        let socket = incoming.accept()?;
                        let line = Line::new(socket.sender());
                        for _ in 0..count {
                            line.next()?;
                        }
                        if pauses {
                            tokio::task::yield_now().await;
                            line.next()?;
                        }
                        match by {
                            By::Error => Err(Error::Application("of the handler".into())),
                            By::Panic => resume_unwind(Box::new("of the handler")),
                            _ => Ok(()),
                        }
                    };
                    let (mut peer, mut writer, serving) =
                        open(&endpoint, Via::Memory(4000), handler).await;
                    let count = count + usize::from(pauses);
                    assert_eq!(peer.line_to_close(&mut writer).await, (count, expected), "{by:?}");
                    serving.await.unwrap();
                }
            }
        }
    });
}

/// Handles outlive their connection, whichever way it went.
#[test]
fn handles_of_an_ended_connection_send_nothing() {
    crate::run(async {
        for aborts in [false, true] {
            let (tell, told) = std::sync::mpsc::channel();
            let endpoint = Endpoint::new(config());
            let handler = async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                sender.send("before")?;
                tell.send(sender).unwrap();
                while receiver.recv().await?.is_some() {}
                Ok(())
            };
            let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(4000), handler).await;
            assert!(peer.item().await.is_some());
            let sender = told.recv().unwrap();
            if aborts {
                serving.abort();
            } else {
                writer.write_all(&close(1000)).await.unwrap();
                writer.shutdown().await.unwrap();
            }
            sender.closed().await;
            let _ = serving.await;
            let after = std::thread::spawn(move || {
                assert_eq!(sender.send("after"), Err(SendError::Closed));
                assert_eq!(sender.ping(b"after"), Err(SendError::Closed));
                assert_eq!(sender.close(CloseCode::NORMAL, ""), Err(SendError::Closed));
                assert_eq!(
                    sender.start_message(MessageKind::Text).map(drop),
                    Err(SendError::Closed)
                );
                assert_eq!((sender.queued(), sender.is_open()), (0, false));
            });
            after.join().unwrap();
        }
    });
}

/// Whoever opens a connection while the endpoint shuts down is refused or told, wherever the
/// opening handshake has come to.
#[test]
fn a_shutdown_leaves_no_connection_behind() {
    crate::run(async {
        let mut config = config();
        config.timeouts.close = Duration::from_millis(1);
        for round in 0..200 {
            let endpoint = Endpoint::new(config.clone());
            // A peer that asks for nothing is waited for a moment, so these are few.
            let is_silent = round % 40 == 0;
            let all: Vec<_> = (0..4)
                .map(|number| {
                    let spins = Random::new(round * 4 + number).below(3000);
                    tokio::spawn(come_late(endpoint.clone(), is_silent, spins))
                })
                .collect();
            let spins = Random::new(round + 7000).below(20_000);
            let shutting = std::thread::spawn(move || {
                spin(spins);
                endpoint.shutdown();
            });
            for one in all {
                let ended = tokio::time::timeout(Duration::from_secs(10), one).await;
                ended.unwrap_or_else(|_| panic!("round {round}: told nothing")).unwrap();
            }
            shutting.join().unwrap();
        }
    });
}

/// Opens a connection, and reads it to its end.
async fn come_late(endpoint: Endpoint, is_silent: bool, spins: usize) {
    let (io, mut peer_io) = Via::Memory(1000).pair().await;
    if !is_silent {
        peer_io.write_all(REQUEST.as_bytes()).await.unwrap();
    }
    spin(spins);
    let serving = tokio::spawn(endpoint.serve(io, None, async |incoming| {
        let (mut receiver, _sender) = Incoming::accept(incoming)?.split();
        while receiver.recv().await?.is_some() {}
        Ok::<(), stickler::Error>(())
    }));
    peer_io.read_to_end(&mut Vec::new()).await.unwrap();
    drop(peer_io);
    serving.await.unwrap();
}
