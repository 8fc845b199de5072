//! A handler that drives another connection: one is polled within the poll of the other, on one thread.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use stickler::{Endpoint, Incoming, Receiver};
use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;

use crate::load::{Line, Sent};
use crate::peer::{Compression, Io, Item, Peer, Via, config, open};
use crate::random::Random;
use crate::support::text;

/// How the handler of the outer connection drives the inner one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driven {
    Awaited,
    /// While the outer handler itself sends.
    Joined,
    /// In a runtime's `block_on`, within one poll of the outer connection.
    Blocking,
    /// For a few polls, then by a task of its own.
    MovedOut,
    /// For a few polls, then it is dropped.
    Dropped,
    /// Until its handler panics.
    Panics,
}

const ALL: [Driven; 6] = [
    Driven::Awaited,
    Driven::Joined,
    Driven::Blocking,
    Driven::MovedOut,
    Driven::Dropped,
    Driven::Panics,
];

/// Both connections; the inner one once it is open.
#[derive(Clone, Debug)]
struct Lines {
    outer: Line,
    inner: Arc<OnceLock<Line>>,
}

impl Lines {
    /// Sends on either.
    fn next(&self, random: &mut Random) {
        match self.inner.get() {
            // The inner one may have ended.
            Some(inner) if random.below(2) == 0 => drop(inner.next()),
            _ => self.outer.next().unwrap(),
        }
    }

    /// Sends now and then, of a thread too, and waits in between.
    async fn send(&self, receiver: &mut Receiver, random: &mut Random, rounds: usize) {
        for _ in 0..rounds {
            for _ in 0..1 + random.below(4) {
                self.next(random);
            }
            match random.below(4) {
                0 => yield_now().await,
                1 => drop(receiver.recv().await.unwrap().unwrap()),
                2 => std::thread::scope(|scope| {
                    let mut random = Random::new(random.next());
                    scope.spawn(move || self.next(&mut random)).join().unwrap();
                }),
                _ => {}
            }
        }
    }
}

const ROUNDS: usize = 50;

async fn outer(
    incoming: Incoming,
    driven: Driven,
    io: Io,
    line: Arc<OnceLock<Line>>,
) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let lines = Lines { outer: Line::new(&sender), inner: line };
    let of_inner = lines.clone();
    let mut inner = Box::pin(Endpoint::new(config()).serve(io, None, async move |incoming| {
        let (mut receiver, sender) = Incoming::accept(incoming)?.split();
        of_inner.inner.set(Line::new(&sender)).unwrap();
        let mut random = Random::new(driven as u64 + 20);
        of_inner.send(&mut receiver, &mut random, ROUNDS).await;
        if driven == Driven::Panics {
            resume_unwind(Box::new("of the inner handler"));
        }
        Ok::<(), stickler::Error>(())
    }));
    let mut random = Random::new(driven as u64 + 10);
    lines.outer.next()?;
    match driven {
        Driven::Awaited | Driven::Panics => drop(inner.await),
        Driven::Joined => {
            tokio::join!(inner, lines.send(&mut receiver, &mut random, ROUNDS));
        }
        Driven::Blocking => {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| runtime.block_on(inner));
        }
        Driven::MovedOut | Driven::Dropped => {
            let mut polls = 0;
            while polls < 30 {
                poll_fn(|cx| Poll::Ready(inner.as_mut().poll(cx).is_ready())).await;
                // Counted from when the inner one is open.
                polls += usize::from(lines.inner.get().is_some());
                lines.next(&mut random);
                yield_now().await;
            }
            if driven == Driven::Dropped {
                drop(inner);
            } else {
                let spawned = tokio::spawn(inner);
                lines.send(&mut receiver, &mut random, ROUNDS).await;
                spawned.await.unwrap();
            }
        }
    }
    lines.send(&mut receiver, &mut random, ROUNDS).await;
    lines.outer.next()?;
    Ok::<(), stickler::Error>(())
}

#[test]
fn a_connection_within_the_handler_of_another_keeps_both_in_order() {
    crate::run(async {
        for driven in ALL {
            let (io, inner_io) = Via::Memory(3000).pair().await;
            let line = Arc::new(OnceLock::new());
            let of_inner = line.clone();
            let endpoint = Endpoint::new(config());
            let handler = async move |incoming| outer(incoming, driven, io, of_inner).await;
            let reading = tokio::spawn(async move {
                let (mut peer, mut writer) = Peer::open(inner_io, Compression::None).await;
                peer.may_be_cut = driven == Driven::Dropped;
                let go = text("go").repeat(ROUNDS);
                let written = writer.write_all(&go).await;
                assert!(written.is_ok() || driven == Driven::Dropped, "{driven:?}");
                let mut count = 0;
                while let Some(item) = peer.item().await {
                    if let Item::Close(code) = item {
                        let expected = if driven == Driven::Panics { 1011 } else { 1000 };
                        assert_eq!(code, expected, "{driven:?}");
                        peer.end(&mut writer).await;
                        return (count, true);
                    }
                    assert_eq!(Sent::of(&item), Sent::new(0, count), "{driven:?}");
                    count += 1;
                }
                (count, false)
            });
            let (mut peer, mut writer, serving) = open(&endpoint, Via::Memory(3000), handler).await;
            writer.write_all(&text("go").repeat(2 * ROUNDS)).await.unwrap();
            let (count, code) = peer.line_to_close(&mut writer).await;
            assert_eq!(code, 1000, "{driven:?}");
            assert!(count >= ROUNDS, "{driven:?}: {count}");
            serving.await.unwrap();
            let (count, is_closed) = reading.await.unwrap();
            assert_eq!(is_closed, driven != Driven::Dropped);
            if is_closed {
                assert_eq!(count, line.get().unwrap().len(), "{driven:?}");
            }
        }
    });
}

/// Each handler sends on the other's connection, from other threads than its own.
#[test]
fn handlers_send_on_each_others_connections_in_order() {
    crate::run(async {
        let endpoint = Endpoint::new(config());
        let lines: [Arc<OnceLock<Line>>; 2] = Default::default();
        let mut all = Vec::new();
        for me in 0..2 {
            let lines = lines.clone();
            let handler = async move |incoming: Incoming| {
                let (mut receiver, sender) = incoming.accept()?.split();
                lines[me].set(Line::new(&sender)).unwrap();
                while lines[1 - me].get().is_none() {
                    yield_now().await;
                }
                let mut random = Random::new(me as u64);
                for _ in 0..300 {
                    let line = &lines[random.below(2)];
                    line.get().unwrap().next()?;
                    match random.below(8) {
                        0 => yield_now().await,
                        1 => tokio::task::block_in_place(yield_thread),
                        _ => {}
                    }
                }
                // Both end when both are done.
                receiver.recv().await?;
                Ok(())
            };
            all.push(open(&endpoint, Via::Memory(5000), handler).await);
        }
        let mut reading = Vec::new();
        let mut writers = Vec::new();
        for (mut peer, writer, serving) in all {
            writers.push(writer);
            reading.push(tokio::spawn(async move {
                let counted = peer.count_before_close().await;
                (peer, counted, serving)
            }));
        }
        while lines.iter().filter_map(|line| line.get()).map(Line::len).sum::<usize>() < 600 {
            yield_now().await;
        }
        for writer in &mut writers {
            writer.write_all(&text("end")).await.unwrap();
        }
        for ((reading, line), mut writer) in reading.into_iter().zip(&lines).zip(writers) {
            let (mut peer, (counts, code), serving) = reading.await.unwrap();
            assert_eq!((counts[&0], code), (line.get().unwrap().len(), 1000));
            peer.end(&mut writer).await;
            serving.await.unwrap();
        }
    });
}

fn yield_thread() {
    std::thread::yield_now();
}
