//! Messages of many senders: of each, all and in order; and what one sends after it knows of another's
//! stands behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use stickler::{Endpoint, Incoming, Sender};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::load::{Line, Sent};
use crate::peer::{Compression, Peer, Via, config, open};
use crate::random::Random;
use crate::support::{frame, text};
use crate::{elsewhere, spin};

/// Messages of each sender.
const EACH: usize = 80;

/// Sends as `name`, with pauses now and then.
async fn deliver_all(sender: Sender, name: usize) {
    let mut random = Random::new(name as u64);
    for number in 0..EACH {
        Sent::new(name, number).deliver(&sender).await.unwrap();
        match random.below(8) {
            0 => tokio::task::yield_now().await,
            1 => spin(random.below(6000)),
            _ => {}
        }
    }
}

/// The handler, threads and tasks send; the handler in bursts, after whatever woke it.
async fn crowd(incoming: Incoming, seed: u64) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut others = Vec::new();
    for name in 1..4 {
        let (sender, runtime) = (sender.clone(), tokio::runtime::Handle::current());
        others.push(tokio::task::spawn_blocking(move || {
            runtime.block_on(deliver_all(sender, name));
        }));
    }
    for name in 4..6 {
        others.push(tokio::spawn(deliver_all(sender.clone(), name)));
    }
    let mut random = Random::new(seed);
    let mut number = 0;
    while number < EACH {
        for _ in 0..1 + random.below(6) {
            if number < EACH {
                Sent::new(0, number).deliver(&sender).await?;
                number += 1;
            }
        }
        match random.below(4) {
            0 => {
                receiver.recv().await?;
            }
            1 => tokio::task::yield_now().await,
            2 => elsewhere(random.below(6000)).await,
            _ => tokio::task::block_in_place(|| spin(random.below(6000))),
        }
    }
    for other in others {
        other.await.unwrap();
    }
    Ok(())
}

async fn everything_arrives(via: Via, compression: Compression, max_queued: usize, seed: u64) {
    let mut config = config();
    config.limits.max_queued = max_queued;
    #[cfg(feature = "deflate")]
    if compression == Compression::Takeover {
        config.deflate = crate::support::takeover().deflate;
    }
    let (server, peer) = via.pair().await;
    let endpoint = Endpoint::new(config);
    let serving = endpoint.serve(server, None, async move |incoming| crowd(incoming, seed).await);
    let serving = tokio::spawn(serving);
    let (mut peer, mut writer) = Peer::open(peer, compression).await;
    // Input of all sorts, enough for every wait of the handler.
    let input: Vec<u8> = (0..EACH).flat_map(|_| text("go")).collect();
    writer.write_all(&input).await.unwrap();
    let (counts, code) = peer.count_to_close(&mut writer).await;
    assert_eq!(code, 1000, "{via:?} {compression:?}");
    for name in 0..6 {
        assert_eq!(counts.get(&name), Some(&EACH), "{via:?} {compression:?}: sender {name}");
    }
    serving.await.unwrap();
}

#[test]
fn of_many_senders_all_arrives_in_the_order_of_each() {
    crate::run(async {
        let vias = [Via::Memory(700), Via::Memory(40_000), Via::Tcp];
        for (seed, via) in vias.into_iter().enumerate() {
            let seed = seed as u64;
            everything_arrives(via, Compression::None, 64 << 20, seed).await;
            everything_arrives(via, Compression::None, 3000, seed + 100).await;
        }
    });
}

#[cfg(feature = "deflate")]
#[test]
fn of_many_senders_all_arrives_compressed_in_the_order_of_each() {
    crate::run(async {
        for via in [Via::Memory(5000), Via::Tcp] {
            everything_arrives(via, Compression::Each, 64 << 20, 7).await;
            everything_arrives(via, Compression::Takeover, 20_000, 8).await;
        }
    });
}

/// Who holds it sends the next message and hands it on, to a thread or to the handler.
struct Baton {
    /// To the threads.
    threads: Vec<mpsc::Sender<usize>>,
    handler: UnboundedSender<usize>,
}

const HOLDERS: usize = 4;

impl Baton {
    fn hand_on(&self, number: usize) {
        let next = Random::new(number as u64 + 3).below(HOLDERS);
        // Holder 0 is the handler. In the end nobody listens any more.
        match next.checked_sub(1) {
            Some(thread) => drop(self.threads[thread].send(number)),
            None => drop(self.handler.send(number)),
        }
    }
}

/// The handler's part. It waits for its turn within one poll, or across polls.
async fn hold(sender: Sender, baton: Arc<Baton>, mut turn: UnboundedReceiver<usize>, count: usize) {
    let mut random = Random::new(5);
    baton.hand_on(0);
    loop {
        let number = match random.below(4) {
            0 => turn.recv().await,
            1 => tokio::task::block_in_place(|| turn.blocking_recv()),
            _ => {
                let mut spins = 0;
                loop {
                    if let Ok(number) = turn.try_recv() {
                        break Some(number);
                    }
                    spins += 1;
                    if spins % 1000 == 0 {
                        std::thread::yield_now();
                    }
                }
            }
        };
        let number = number.expect("the baton");
        if number >= count {
            return;
        }
        Sent::new(0, number).send(&sender).unwrap();
        if number % 3 == 0 {
            assert!(sender.is_open());
            std::hint::black_box(sender.queued());
        }
        baton.hand_on(number + 1);
    }
}

async fn a_baton(incoming: Incoming, count: usize) -> stickler::Result<()> {
    let (_receiver, sender) = incoming.accept()?.split();
    let (handler, turn) = unbounded_channel();
    let (threads, turns): (Vec<_>, Vec<_>) = (1..HOLDERS).map(|_| mpsc::channel()).unzip();
    let baton = Arc::new(Baton { threads, handler });
    let is_over = Arc::new(AtomicBool::new(false));
    for turn in turns {
        let (baton, sender, is_over) = (baton.clone(), sender.clone(), is_over.clone());
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let Ok(number) = turn.recv_timeout(Duration::from_millis(100)) else { continue };
                if number < count {
                    Sent::new(0, number).send(&sender).unwrap();
                    baton.hand_on(number + 1);
                } else {
                    // The handler ends it.
                    let _ = baton.handler.send(number);
                }
            }
        });
    }
    hold(sender, baton, turn, count).await;
    is_over.store(true, Ordering::Relaxed);
    Ok(())
}

#[test]
fn what_is_sent_with_knowledge_of_another_message_stands_behind_it() {
    crate::run(async {
        for via in [Via::Memory(1000), Via::Memory(1 << 20), Via::Tcp] {
            let endpoint = Endpoint::new(config());
            let handler = async |incoming| a_baton(incoming, 1500).await;
            let (mut peer, mut writer, serving) = open(&endpoint, via, handler).await;
            let (count, code) = peer.line_to_close(&mut writer).await;
            assert_eq!((count, code), (1500, 1000), "{via:?}");
            serving.await.unwrap();
        }
    });
}

#[test]
fn threads_that_the_handler_joins_within_a_poll_stand_in_the_middle() {
    crate::run(async {
        let endpoint = Endpoint::new(config());
        let handler = async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            let line = Line::new(&sender);
            for round in 0..150 {
                line.next()?;
                std::thread::scope(|scope| {
                    let joined = scope.spawn(|| line.next());
                    joined.join().unwrap()
                })?;
                line.next()?;
                if round % 10 == 0 {
                    receiver.recv().await?;
                }
            }
            Ok(())
        };
        let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(9000), handler).await;
        writer.write_all(&text("go").repeat(15)).await.unwrap();
        assert_eq!(peer.line_to_close(&mut writer).await, (450, 1000));
        serving.await.unwrap();
    });
}

/// Threads and the handler queue for a lock to send under it, while Pings are answered.
#[test]
fn who_sends_under_one_lock_sends_in_its_order() {
    crate::run(async {
        for via in [Via::Memory(2000), Via::Tcp] {
            let endpoint = Endpoint::new(config());
            let handler = async |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                let line = Line::new(&sender);
                let threads: Vec<_> = (0..3)
                    .map(|_| {
                        let line = line.clone();
                        tokio::task::spawn_blocking(move || (0..300).try_for_each(|_| line.next()))
                    })
                    .collect();
                for _ in 0..100 {
                    receiver.recv().await?;
                    line.next()?;
                    line.next()?;
                    line.next()?;
                }
                for thread in threads {
                    thread.await.unwrap()?;
                }
                Ok(())
            };
            let (mut peer, mut writer, serving) = open(&endpoint, via, handler).await;
            let writing = tokio::spawn(async move {
                let go = [frame(0x8a, "unasked"), text("go")].concat();
                for _ in 0..100 {
                    writer.write_all(&go).await.unwrap();
                    tokio::task::yield_now().await;
                }
                writer
            });
            let mut count = 0;
            while count < 1200 {
                let sent = Sent::of(&peer.item().await.expect("a message"));
                assert_eq!(sent, Sent::new(0, count));
                count += 1;
            }
            let mut writer = writing.await.unwrap();
            assert_eq!(peer.count_to_close(&mut writer).await.1, 1000);
            serving.await.unwrap();
        }
    });
}
