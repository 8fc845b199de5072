//! Handles on other tasks and threads.

use std::time::Duration;

use stickler::{Binary, Error, FragmentedMessage, Fragments, Message, OwnedMessage, Text};
use stickler::{Config, Ending, Endpoint, Incoming, Receiver, Sender, WebSocket};

use crate::support::{echo, frame, open, text};

#[test]
fn everything_is_send() {
    fn is_send<T: Send>() {}
    fn is_send_and_sync<T: Send + Sync>() {}
    fn sends<T: Send>(_: T) {}
    is_send::<Incoming>();
    is_send::<WebSocket>();
    is_send::<Receiver>();
    is_send::<Fragments<'_>>();
    is_send::<Message<'_>>();
    is_send::<Text<'_>>();
    is_send::<Binary<'_>>();
    is_send::<FragmentedMessage<'_>>();
    is_send_and_sync::<Sender>();
    is_send_and_sync::<OwnedMessage>();
    is_send_and_sync::<Ending>();
    is_send_and_sync::<Error>();
    is_send_and_sync::<Endpoint>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let endpoint = Endpoint::new(Config::default());
    sends(endpoint.serve(tokio::io::duplex(1).0, None, echo));
    sends(endpoint.serve(tokio::io::duplex(1).0, None, async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        while let Some(message) = receiver.recv().await? {
            // Held over an await.
            sender.ready().await;
            sender.send(message)?;
        }
        Ok::<(), stickler::Error>(())
    }));
}

/// Everything arrives, in order, with the Receiver and Senders spread over tasks.
async fn spread() {
    const EACH: usize = 300;
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let reading = tokio::spawn({
            let sender = sender.clone();
            async move {
                let mut received = 0;
                while let Some(message) = receiver.recv().await? {
                    sender.ready().await;
                    sender.send(message)?;
                    received += 1;
                }
                Ok::<_, Error>(received)
            }
        });
        let senders: Vec<_> = (0..3)
            .map(|name| {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        sender.ready().await;
                        sender.send(format!("{name} {number}")).unwrap();
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        assert_eq!(reading.await.unwrap()?, EACH);
        Ok(())
    })
    .await;
    let mut next = [0; 4];
    let mut sent = 0;
    while next.iter().sum::<usize>() < 4 * EACH {
        if sent < EACH {
            let message = text(&format!("3 {sent}"));
            peer.send(&message[..5]);
            tokio::task::yield_now().await;
            peer.send(&message[5..]);
            sent += 1;
        }
        let message = peer.text().await;
        let (name, number) = message.split_once(' ').unwrap();
        let next = &mut next[name.parse::<usize>().unwrap()];
        assert_eq!(number.parse::<usize>().unwrap(), *next);
        *next += 1;
    }
    peer.close_cleanly(serving).await;
}

#[tokio::test(start_paused = true)]
async fn handles_work_from_other_tasks() {
    spread().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handles_work_from_other_threads() {
    let all: Vec<_> = (0..8).map(|_| tokio::spawn(spread())).collect();
    for one in all {
        tokio::time::timeout(Duration::from_secs(60), one).await.expect("an end").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_receiver_leaves_the_reading_to_the_connection() {
    let (peer, serving) = open(Config::default(), async |incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        receiver.recv().await?;
        drop(receiver);
        let ending = sender.closed().await;
        assert_eq!(ending.code().get(), 4000);
        Ok(())
    })
    .await;
    let control = [text("first"), text("behind"), frame(0x89, "p"), frame(0x01, "half")].concat();
    peer.send(control);
    assert_eq!(peer.frame().await.first, 0x8a);
    peer.send([frame(0x80, vec![b'x'; 200_000]), frame(0x89, "q")].concat());
    assert_eq!(peer.frame().await.payload, b"q");
    peer.send(frame(0x88, [15, 160]));
    assert_eq!(peer.frame().await.close_code(), 4000);
    peer.end();
    assert!(serving.await.unwrap().is_clean());
}
