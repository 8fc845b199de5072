//! The bound of the queue, from all sides at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::{Endpoint, Incoming, MessageKind, SendError, Sender};
use tokio::task::yield_now;

use crate::peer::{Item, Via, config, open};

const BOUND: usize = 10_000;
const PIPE: usize = 64;
/// A message with its header.
const MESSAGE: usize = 504;
const SENDERS: usize = 4;
/// Messages of each sender.
const EACH: usize = 120;

#[derive(Debug, Default)]
struct Progress {
    /// Messages that were taken.
    taken: AtomicUsize,
    /// Senders that wait for room, or have no more to send.
    idle: AtomicUsize,
}

async fn fill(sender: Sender, name: usize, progress: Arc<Progress>) {
    for _ in 0..EACH {
        while let Err(error) = sender.send(vec![name as u8; MESSAGE - 4]) {
            assert_eq!(error, SendError::QueueFull);
            progress.idle.fetch_add(1, Ordering::SeqCst);
            sender.ready().await;
            progress.idle.fetch_sub(1, Ordering::SeqCst);
        }
        progress.taken.fetch_add(1, Ordering::SeqCst);
    }
    progress.idle.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn the_queue_is_bounded_for_all_together_and_everybody_is_woken() {
    crate::run(async {
        let mut config = config();
        config.limits.max_queued = BOUND;
        let endpoint = Endpoint::new(config);
        let progress = Arc::new(Progress::default());
        let shown = progress.clone();
        let handler = async move |incoming: Incoming| {
            let (_receiver, sender) = incoming.accept()?.split();
            let threads: Vec<_> = (1..SENDERS)
                .map(|name| {
                    let (sender, progress) = (sender.clone(), shown.clone());
                    let runtime = tokio::runtime::Handle::current();
                    tokio::task::spawn_blocking(move || {
                        runtime.block_on(fill(sender, name, progress));
                    })
                })
                .collect();
            fill(sender, 0, shown).await;
            for thread in threads {
                thread.await.unwrap();
            }
            Ok(())
        };
        let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(PIPE), handler).await;
        peer.read_at_most = 3 * MESSAGE;
        let mut counts = [0; SENDERS];
        let mut read = 0;
        while read < SENDERS * EACH {
            // Nobody reads now, so everybody comes to wait.
            while progress.idle.load(Ordering::SeqCst) < SENDERS {
                tokio::task::yield_now().await;
            }
            let waits = progress.taken.load(Ordering::SeqCst) - read;
            // The bound holds for the task of the handler, and for all others together.
            let most = 2 * (BOUND + MESSAGE) + PIPE + peer.unread();
            assert!(waits * MESSAGE < most, "{waits} messages");
            for _ in 0..37 {
                if read == SENDERS * EACH {
                    break;
                }
                let Some(Item::Binary(payload)) = peer.item().await else { panic!("a message") };
                assert_eq!(payload, vec![payload[0]; MESSAGE - 4]);
                counts[usize::from(payload[0])] += 1;
                read += 1;
            }
        }
        assert_eq!(counts, [EACH; SENDERS]);
        assert_eq!(peer.item().await, Some(Item::Close(1000)));
        peer.end(&mut writer).await;
        serving.await.unwrap();
    });
}

/// What the handler has queued within this poll counts for everybody whom it tells.
#[test]
fn what_is_queued_within_a_poll_is_known_to_whoever_is_told() {
    crate::run(async {
        let mut config = config();
        config.limits.max_queued = 1000;
        let endpoint = Endpoint::new(config);
        let handler = async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            sender.ready().await;
            yield_now().await;
            let before = sender.queued();
            let full = Err(SendError::QueueFull);
            let elsewhere = |what: fn(&Sender)| {
                std::thread::scope(|scope| scope.spawn(|| what(&sender)).join().unwrap());
            };
            assert_eq!(before, 0);
            sender.send("0123456789")?;
            assert_eq!(sender.queued(), 12);
            elsewhere(|sender| assert_eq!(sender.queued(), 12));
            elsewhere(|sender| sender.send("0123456789").unwrap());
            assert_eq!(sender.queued(), 24);
            sender.ping(b"")?;
            assert_eq!(sender.queued(), 26);
            // Who has begun a message keeps others from theirs.
            let mut message = sender.start_message(MessageKind::Text)?;
            elsewhere(|sender| {
                assert_eq!(sender.send("x"), Err(SendError::MessageUnfinished));
                sender.ping(b"").unwrap();
            });
            assert_eq!(sender.send("x"), Err(SendError::MessageUnfinished));
            message.send("half")?;
            elsewhere(|sender| sender.ping(b"").unwrap());
            message.finish("half")?;
            assert_eq!(sender.queued(), 26 + 2 + 6 + 2 + 6);
            elsewhere(|sender| sender.send(vec![1; 996]).unwrap());
            assert_eq!(sender.queued(), 42 + 1000);
            elsewhere(|sender| {
                assert_eq!(sender.send("x"), Err(SendError::QueueFull));
                assert_eq!(sender.ping(b""), Err(SendError::QueueFull));
            });
            yield_now().await;
            sender.ready().await;
            sender.send(vec![2; 996])?;
            assert_eq!(sender.send("x"), full);
            elsewhere(|sender| {
                let full = Err(SendError::QueueFull);
                assert_eq!(sender.queued(), 1000);
                assert_eq!(sender.send("x"), full);
                assert_eq!(sender.send(vec![0; 20_000]), full);
                assert_eq!(sender.ping(b""), full);
                assert_eq!(sender.start_message(MessageKind::Text).map(drop), full);
            });
            yield_now().await;
            sender.ready().await;
            sender.send("last")?;
            sender.close(stickler::CloseCode::NORMAL, "")?;
            elsewhere(|sender| {
                assert!(!sender.is_open());
                assert_eq!(sender.send("x"), Err(SendError::Closed));
                assert_eq!(sender.ping(b""), Err(SendError::Closed));
            });
            while receiver.recv().await?.is_some() {}
            Ok(())
        };
        let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(1 << 20), handler).await;
        let text = |text: &str| Item::Text(text.to_string());
        let ping = || Item::Ping(Vec::new());
        for expected in [
            text("0123456789"),
            text("0123456789"),
            ping(),
            ping(),
            ping(),
            text("halfhalf"),
            Item::Binary(vec![1; 996]),
            Item::Binary(vec![2; 996]),
            text("last"),
            Item::Close(1000),
        ] {
            assert_eq!(peer.item().await, Some(expected));
        }
        peer.end(&mut writer).await;
        assert!(serving.await.unwrap().is_clean());
    });
}
