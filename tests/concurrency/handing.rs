//! A Receiver that goes to another thread with input unread, while its handler is still polled, and
//! comes back.

use std::sync::mpsc;

use stickler::{Endpoint, Incoming, Receiver, Sender};
use tokio::io::AsyncWriteExt;

use crate::peer::{Item, Peer, Via, config, open};
use crate::random::Random;
use crate::support::{close, frame, text};

/// Where the Receiver goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Thread,
    Task,
}

/// Messages that are written, and so read, at once.
const BATCH: usize = 3;

/// Answers one message. Gives which it was; `None` at the end.
async fn echo(receiver: &mut Receiver, sender: &Sender) -> Option<usize> {
    let message = receiver.recv().await.unwrap()?;
    let number = message.as_text().unwrap().parse().unwrap();
    sender.send(message).unwrap();
    Some(number)
}

/// Answers so many messages elsewhere, tells of each, and gives the Receiver back.
async fn go_on(
    mut receiver: Receiver,
    sender: Sender,
    messages: usize,
    tell: mpsc::Sender<()>,
) -> Option<Receiver> {
    for _ in 0..messages {
        echo(&mut receiver, &sender).await?;
        let _ = tell.send(());
    }
    Some(receiver)
}

async fn handle(incoming: Incoming, to: To, seed: u64) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    let mut random = Random::new(seed);
    while let Some(number) = echo(&mut receiver, &sender).await {
        if random.below(4) == 0 {
            continue;
        }
        // So many were read with this one.
        let rest = BATCH - 1 - number % BATCH;
        let (tell, told) = mpsc::channel();
        let going = go_on(receiver, sender.clone(), random.below(6), tell);
        let gone = match to {
            To::Task => tokio::spawn(going),
            To::Thread => {
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(going))
            }
        };
        // This poll goes on until some of them, or all, were answered there.
        let answered = random.below(rest + 1);
        tokio::task::block_in_place(|| {
            for _ in 0..answered {
                // Fewer were to be answered.
                let Ok(()) = told.recv() else { break };
            }
            (0..random.below(3000)).for_each(|_| std::hint::spin_loop());
        });
        let Some(back) = gone.await.unwrap() else { return Ok(()) };
        receiver = back;
    }
    Ok(())
}

async fn converse(mut peer: Peer, mut writer: tokio::io::WriteHalf<crate::peer::Io>, seed: u64) {
    let mut random = Random::new(seed);
    let (mut sent, mut seen) = (0, 0);
    let (mut pings, mut pongs) = (0, 0);
    while seen < 600 {
        while sent < seen + 1 + random.below(4 * BATCH) {
            let mut batch = Vec::new();
            for _ in 0..BATCH {
                if random.below(6) == 0 {
                    batch.extend(frame(0x89, pings.to_string()));
                    pings += 1;
                }
                batch.extend(text(&sent.to_string()));
                sent += 1;
            }
            writer.write_all(&batch).await.unwrap();
        }
        match peer.item().await.expect("an answer") {
            Item::Text(number) => {
                assert_eq!(number, seen.to_string());
                seen += 1;
            }
            Item::Pong(number) => {
                assert_eq!(number, pongs.to_string().into_bytes());
                pongs += 1;
            }
            item => panic!("{item:?}"),
        }
    }
    while (seen, pongs) < (sent, pings) {
        match peer.item().await.expect("an answer") {
            Item::Pong(_) => pongs += 1,
            _ => seen += 1,
        }
    }
    writer.write_all(&close(1000)).await.unwrap();
    assert_eq!(peer.item().await, Some(Item::Close(1000)));
    writer.shutdown().await.unwrap();
    assert_eq!(peer.item().await, None);
}

#[test]
fn a_receiver_with_input_unread_goes_on_elsewhere_while_its_handler_is_polled() {
    crate::run(async {
        let mut all = Vec::new();
        for seed in 0..4 {
            for to in [To::Thread, To::Task] {
                all.push(tokio::spawn(async move {
                    let handler = async move |incoming| handle(incoming, to, seed).await;
                    // A batch fits in it however full it is.
                    let via = Via::Memory(1 << 16);
                    let (peer, writer, serving) =
                        open(&Endpoint::new(config()), via, handler).await;
                    converse(peer, writer, seed + 100).await;
                    assert!(serving.await.unwrap().is_clean());
                }));
            }
        }
        for one in all {
            one.await.unwrap();
        }
    });
}
