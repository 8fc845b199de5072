//! Code of the application that runs inside a call of ours, and calls us.

use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use stickler::{Endpoint, Incoming, Sender};

use crate::peer::{Item, Via, config, open};

/// A payload that looks at the connection when nobody needs it any more.
struct Payload {
    bytes: Vec<u8>,
    sender: Sender,
    dropped: mpsc::Sender<bool>,
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let _ = self.sender.queued();
        let _ = self.sender.send("dropped");
        let _ = self.dropped.send(self.sender.is_open());
    }
}

/// Small payloads are copied, and dropped by `send`; large ones once they are written, or with
/// the connection.
#[test]
fn a_payload_that_sends_when_it_is_dropped_finds_no_lock_held() {
    for (len, is_read) in [(10, true), (20_000, true), (20_000, false)] {
        let (dropped, drops) = mpsc::channel();
        // Should it hang, it does so on a thread that nobody waits for.
        std::thread::spawn(move || crate::run(send_payload(len, is_read, dropped)));
        let is_dropped = drops.recv_timeout(Duration::from_secs(10));
        assert_eq!(is_dropped, Ok(is_read), "{len} bytes");
    }
}

async fn send_payload(len: usize, is_read: bool, dropped: mpsc::Sender<bool>) {
    let endpoint = Endpoint::new(config());
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept().await?.split();
        let bytes = vec![1; len];
        sender.send("go")?;
        tokio::task::yield_now().await;
        // What is in flight keeps the next one in the queue.
        sender.send(vec![0; 5000])?;
        if !is_read {
            tokio::task::yield_now().await;
        }
        sender.send(Bytes::from_owner(Payload { bytes, sender: sender.clone(), dropped }))?;
        while receiver.next().await?.is_some() {}
        Ok(())
    };
    let (mut peer, _writer, serving) = open(&endpoint, Via::Memory(1000), handler).await;
    assert_eq!(peer.item().await, Some(Item::Text("go".to_string())));
    if !is_read {
        tokio::time::sleep(Duration::from_millis(50)).await;
        serving.abort();
        return drop(serving.await);
    }
    let mut rest = vec![Item::Binary(vec![0; 5000]), Item::Binary(vec![1; len])];
    rest.push(Item::Text("dropped".to_string()));
    for expected in rest {
        assert_eq!(peer.item().await, Some(expected));
    }
    serving.abort();
}
