//! Code of the application that runs inside a call of ours, and calls us.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use stickler::{Endpoint, Incoming, Receiver, Sender};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Notify;

use crate::peer::{Compression, Io, Item, Peer, Via, config, open};
use crate::support::{REQUEST, frame};

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
    let sent = Arc::new(Notify::new());
    let has_sent = sent.clone();
    let handler = async move |incoming: Incoming| {
        let (mut receiver, sender) = incoming.accept()?.split();
        let bytes = vec![1; len];
        sender.send("go")?;
        tokio::task::yield_now().await;
        // What is in flight keeps the next one in the queue.
        sender.send(vec![0; 5000])?;
        if !is_read {
            tokio::task::yield_now().await;
        }
        sender.send(Bytes::from_owner(Payload { bytes, sender: sender.clone(), dropped }))?;
        has_sent.notify_one();
        while receiver.recv().await?.is_some() {}
        Ok(())
    };
    let (mut peer, _writer, serving) = open(&endpoint, Via::Memory(1000), handler).await;
    assert_eq!(peer.item().await, Some(Item::Text("go".to_string())));
    if !is_read {
        sent.notified().await;
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

/// A transport that, when it is read, has somebody look once for pieces of the message.
struct Transport {
    io: Io,
    receiver: Arc<Mutex<Option<Receiver>>>,
    /// Bytes that were read.
    read: usize,
    /// So many were read, and there were no more.
    begun: (usize, Arc<Notify>),
    asked: Option<Arc<Notify>>,
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.io.as_mut().poll_read(cx, buffer);
        self.read += buffer.filled().len() - before;
        if read.is_pending() {
            if self.read == self.begun.0 {
                self.begun.1.notify_one();
            }
            return Poll::Pending;
        }
        let slot = self.receiver.clone();
        if let Some(receiver) = slot.lock().unwrap().as_mut()
            && let Some(asked) = self.asked.take()
        {
            let next = pin!(receiver.recv_fragments());
            assert!(next.poll(&mut Context::from_waker(Waker::noop())).is_pending());
            asked.notify_one();
        }
        read
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

/// A Receiver that gave `recv` up may ask for pieces on another thread just while the rest of
/// the message is read; here it does so within the read.
#[test]
fn pieces_may_be_asked_for_while_the_message_is_read() {
    crate::run(async {
        let (io, peer_io) = Via::Memory(100_000).pair().await;
        let message = frame(0x81, "é".repeat(45_000));
        // Cut within a character, behind enough that the rest is read straight into the message.
        let (first, rest) = message.split_at(8009);
        let slot = Arc::new(Mutex::new(None));
        let [begun, given_up, asked] = [(); 3].map(|()| Arc::new(Notify::new()));
        let transport = Transport {
            io,
            receiver: slot.clone(),
            read: 0,
            begun: (REQUEST.len() + first.len(), begun.clone()),
            asked: Some(asked.clone()),
        };
        let gave_up = given_up.clone();
        let serving = Endpoint::new(config()).serve(transport, None, async move |incoming| {
            let (mut receiver, _sender) = Incoming::accept(incoming)?.split();
            // Forgotten and not dropped, it goes on waiting for the rest of the message.
            let mut next = Box::pin(receiver.recv());
            tokio::select! {
                biased;
                _ = &mut next => panic!("a part of a message"),
                () = begun.notified() => {}
            }
            std::mem::forget(next);
            *slot.lock().unwrap() = Some(receiver);
            gave_up.notify_one();
            asked.notified().await;
            let mut receiver = slot.lock().unwrap().take().unwrap();
            let mut pieces = receiver.recv_fragments().await?.expect("a message");
            let mut text = String::new();
            while let Some(piece) = pieces.recv().await? {
                text.push_str(piece.data.as_text().expect("text"));
            }
            assert_eq!(text, "é".repeat(45_000));
            Ok::<(), stickler::Error>(())
        });
        let serving = tokio::spawn(serving);
        let (mut peer, mut writer) = Peer::open(peer_io, Compression::None).await;
        writer.write_all(first).await.unwrap();
        given_up.notified().await;
        writer.write_all(rest).await.unwrap();
        assert_eq!(peer.line_to_close(&mut writer).await, (0, 1000));
        serving.await.unwrap();
    });
}

/// A waker that looks at the connection when it is woken, and when nobody needs it any more.
struct Looking {
    sender: Arc<OnceLock<Sender>>,
    looked: mpsc::Sender<&'static str>,
}

impl Looking {
    fn waker(sender: &Arc<OnceLock<Sender>>, looked: &mpsc::Sender<&'static str>) -> Waker {
        Waker::from(Arc::new(Looking { sender: sender.clone(), looked: looked.clone() }))
    }

    fn look(&self, when: &'static str) {
        let Some(sender) = self.sender.get() else { return };
        std::hint::black_box((sender.is_open(), sender.queued()));
        let _ = self.looked.send(when);
    }
}

impl Wake for Looking {
    fn wake(self: Arc<Looking>) {
        self.look("woken");
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.look("dropped");
    }
}

/// Whom the connection wakes, it wakes without its lock; so it drops those that it needs no more.
#[test]
fn a_waker_that_looks_at_the_connection_finds_no_lock_held() {
    let (looked, looks) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    // Should it hang, it does so on a thread that nobody waits for.
    std::thread::spawn(move || {
        crate::run(wake_and_drop(looked));
        tell.send(()).unwrap();
    });
    assert_eq!(
        told.recv_timeout(Duration::from_secs(10)),
        Ok(()),
        "{:?}",
        looks.try_iter().count()
    );
}

async fn wake_and_drop(looked: mpsc::Sender<&'static str>) {
    let (counted, looks) = mpsc::channel();
    let sender = Arc::new(OnceLock::new());
    let looking = || Looking::waker(&sender, &counted);
    let looks = || {
        let all: Vec<_> = looks.try_iter().collect();
        all.iter().for_each(|look| looked.send(look).unwrap());
        all
    };
    let mut config = config();
    config.limits.max_queued = 100;
    let (io, peer_io) = Via::Memory(1000).pair().await;
    let (tell, told) = mpsc::channel();
    let mut serving = Box::pin(Endpoint::new(config).serve(io, None, async move |incoming| {
        let (receiver, sender) = Incoming::accept(incoming)?.split();
        tell.send((receiver, sender.clone())).unwrap();
        sender.closed().await;
        Ok::<(), stickler::Error>(())
    }));
    let opening = Peer::open(peer_io, Compression::None);
    let (mut peer, mut writer) = tokio::select! {
        opened = opening => opened,
        _ = &mut serving => panic!("an end"),
    };
    let (mut receiver, first) = told.recv().unwrap();
    let sender = sender.get_or_init(|| first);
    // The task is woken, and remembered anew.
    let _ = serving.as_mut().poll(&mut Context::from_waker(&looking()));
    assert!(looks().is_empty());
    sender.send("to wake it").unwrap();
    assert_eq!(looks(), ["woken"]);
    let _ = serving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(looks(), ["dropped"]);
    assert_eq!(peer.item().await, Some(Item::Text("to wake it".to_string())));
    // The Receiver is woken, waits anew, and gives up.
    let mut next = Box::pin(receiver.recv());
    assert!(next.as_mut().poll(&mut Context::from_waker(&looking())).is_pending());
    assert!(next.as_mut().poll(&mut Context::from_waker(&looking())).is_pending());
    assert_eq!(looks(), ["dropped"]);
    writer.write_all(&frame(0x82, "")).await.unwrap();
    let _ = serving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(looks(), ["woken", "dropped"]);
    drop(next);
    assert!(receiver.recv().await.unwrap().is_some());
    let mut next = Box::pin(receiver.recv());
    assert!(next.as_mut().poll(&mut Context::from_waker(&looking())).is_pending());
    drop(next);
    assert_eq!(looks(), ["dropped"]);
    // Senders wait for room and for the end.
    sender.send([7; 5000]).unwrap();
    let mut ready = Box::pin(sender.ready());
    let mut closed = Box::pin(sender.closed());
    for _ in 0..2 {
        assert!(ready.as_mut().poll(&mut Context::from_waker(&looking())).is_pending());
        assert!(closed.as_mut().poll(&mut Context::from_waker(&looking())).is_pending());
    }
    assert_eq!(looks(), ["dropped", "dropped"]);
    drop((peer, writer));
    let _ = serving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(looks(), ["woken", "dropped", "woken", "dropped"]);
}

/// What is queued is written before the next message: the Receiver has its task polled again for that.
#[test]
fn a_waker_that_looks_when_the_queue_goes_first_finds_no_lock_held() {
    let (looked, looks) = mpsc::channel();
    // Should it hang, it does so on a thread that nobody waits for.
    std::thread::spawn(move || crate::run(let_the_queue_go_first(looked)));
    assert_eq!(looks.recv_timeout(Duration::from_secs(10)), Ok("woken"));
}

async fn let_the_queue_go_first(looked: mpsc::Sender<&'static str>) {
    let (io, peer_io) = Via::Memory(1_000_000).pair().await;
    let go = Arc::new(Notify::new());
    let may_go = go.clone();
    let slot = Arc::new(OnceLock::new());
    let told = slot.clone();
    let mut serving = Box::pin(Endpoint::new(config()).serve(io, None, async move |incoming| {
        let (mut receiver, sender) = Incoming::accept(incoming)?.split();
        may_go.notified().await;
        let _ = told.set(sender.clone());
        sender.send(vec![0; 70_000])?;
        while receiver.recv().await?.is_some() {}
        Ok::<(), stickler::Error>(())
    }));
    let (_peer, mut writer) = tokio::select! {
        opened = Peer::open(peer_io, Compression::None) => opened,
        _ = &mut serving => panic!("an end"),
    };
    writer.write_all(&frame(0x82, "")).await.unwrap();
    let _ = serving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    go.notify_one();
    let _ = serving.as_mut().poll(&mut Context::from_waker(&Looking::waker(&slot, &looked)));
}
