//! One thread for all: Senders in tasks beside the handler, on a runtime without workers.

use stickler::{Endpoint, Incoming};
use tokio::io::AsyncWriteExt;
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::load::{Line, Sent};
use crate::peer::{Compression, Peer, Via, config};
use crate::random::Random;
use crate::support::{settle, text};

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async { tokio::time::timeout(crate::HANG, test).await.expect("an end") };
    LocalSet::new().block_on(&runtime, test);
}

/// The tasks of one thread send in the order in which it runs them.
#[test]
fn tasks_beside_the_handler_send_in_the_order_of_their_thread() {
    run(async {
        for size in [100, 100_000] {
            let (io, peer_io) = Via::Memory(size).pair().await;
            let (tell, told) = tokio::sync::oneshot::channel();
            let handler = async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                let line = Line::new(&sender);
                tell.send(line.clone()).unwrap();
                let mut random = Random::new(1);
                for _ in 0..100 {
                    line.next()?;
                    match random.below(3) {
                        0 => yield_now().await,
                        1 => {
                            receiver.recv().await?;
                        }
                        _ => line.next()?,
                    }
                }
                // The others have sent all of theirs when they say so.
                while receiver.recv().await?.is_some_and(|message| message.as_bytes() != b"end") {}
                Ok::<(), stickler::Error>(())
            };
            let serving = spawn_local(Endpoint::new(config()).serve(io, None, handler));
            let (mut peer, mut writer) = Peer::open(peer_io, Compression::None).await;
            let line = told.await.unwrap();
            let tasks: Vec<_> = (0..3)
                .map(|seed| {
                    let line = line.clone();
                    spawn_local(async move {
                        let mut random = Random::new(seed);
                        for _ in 0..100 {
                            line.next().unwrap();
                            if random.below(3) == 0 {
                                yield_now().await;
                            }
                        }
                    })
                })
                .collect();
            let reading = spawn_local(async move {
                let counted = peer.count_before_close().await;
                (peer, counted)
            });
            writer.write_all(&text("go").repeat(100)).await.unwrap();
            for task in tasks {
                task.await.unwrap();
            }
            writer.write_all(&text("end")).await.unwrap();
            let (mut peer, (counts, code)) = reading.await.unwrap();
            assert_eq!((counts[&0], code), (line.len(), 1000));
            peer.end(&mut writer).await;
            serving.await.unwrap();
        }
    });
}

/// `queued` knows of a message as soon as it was sent, and of none that another connection sent.
#[test]
fn queued_counts_what_was_just_sent_inside_and_outside_of_the_handler() {
    run(async {
        let (io, peer_io) = Via::Memory(100_000).pair().await;
        let (other_io, other_peer_io) = Via::Memory(100_000).pair().await;
        let (tell, told) = tokio::sync::oneshot::channel();
        let endpoint = Endpoint::new(config());
        let other = spawn_local(endpoint.serve(other_io, None, async |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            tell.send(sender).unwrap();
            while receiver.recv().await?.is_some() {}
            Ok::<(), stickler::Error>(())
        }));
        let (mut other_peer, mut other_writer) = Peer::open(other_peer_io, Compression::None).await;
        let other_sender = told.await.unwrap();
        settle().await;
        let (tell, told) = tokio::sync::oneshot::channel();
        let of_other = other_sender.clone();
        let serving = spawn_local(endpoint.serve(io, None, async move |incoming: Incoming| {
            let (mut receiver, sender) = incoming.accept()?.split();
            tell.send(sender.clone()).unwrap();
            while receiver.recv().await?.is_some_and(|message| message.as_bytes() != b"go") {}
            assert_eq!((sender.queued(), of_other.queued()), (0, 0));
            for count in 1..5 {
                sender.send("1234")?;
                assert_eq!((sender.queued(), of_other.queued()), (6 * count, 8 * count - 8));
                of_other.send([0; 6])?;
                assert_eq!((sender.queued(), of_other.queued()), (6 * count, 8 * count));
            }
            yield_now().await;
            assert_eq!(sender.queued(), 0);
            receiver.recv().await?;
            Ok::<(), stickler::Error>(())
        }));
        let (mut peer, mut writer) = Peer::open(peer_io, Compression::None).await;
        let sender = told.await.unwrap();
        settle().await;
        assert_eq!(sender.queued(), 0);
        sender.send("outside").unwrap();
        assert_eq!(sender.queued(), 9);
        assert!(
            matches!(peer.item().await, Some(crate::peer::Item::Text(text)) if text == "outside")
        );
        assert_eq!(sender.queued(), 0);
        writer.write_all(&text("go")).await.unwrap();
        for _ in 1..5 {
            assert!(peer.item().await.is_some());
            assert!(other_peer.item().await.is_some());
        }
        writer.write_all(&text("end")).await.unwrap();
        assert_eq!(peer.count_to_close(&mut writer).await.1, 1000);
        serving.await.unwrap();
        Sent::new(0, 0).send(&other_sender).unwrap();
        other_sender.close(stickler::CloseCode::NORMAL, "").unwrap();
        assert_eq!(other_peer.line_to_close(&mut other_writer).await, (1, 1000));
        other.await.unwrap();
    });
}
