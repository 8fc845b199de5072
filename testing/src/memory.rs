//! A transport in memory whose every read and write the test decides, and the peer on it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use stickler::{Config, Ending, Endpoint, Incoming};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

pub use crate::frame::{Frame, REQUEST, binary, close, frame, text};

/// Both directions, and what the test wants of them.
#[derive(Debug)]
pub struct Wire {
    to_server: VecDeque<u8>,
    peer_ended: bool,
    pub read_error: Option<ErrorKind>,
    pub read_at_most: usize,
    /// Whether every other read is pending, and wakes at once.
    pub stutters: bool,
    has_stuttered: bool,
    to_peer: Vec<u8>,
    /// Bytes that the transport still takes.
    pub room: usize,
    pub write_at_most: usize,
    pub write_error: Option<ErrorKind>,
    pub flush_blocks: bool,
    pub shutdown_blocks: bool,
    pub has_shut_down: bool,
    pub is_gone: bool,
    pub counts: Counts,
    /// Where the large slices lay that were written.
    pub large_slices: Vec<usize>,
    reading: Option<Waker>,
    writing: Option<Waker>,
    peer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub reads: usize,
    pub writes: usize,
    pub vectored: usize,
}

/// The server's end.
#[derive(Debug)]
pub struct Transport(Arc<Mutex<Wire>>);

/// The peer's end.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Mutex<Wire>>);

pub fn wire() -> (Transport, Peer) {
    let wire = Wire {
        to_server: VecDeque::new(),
        peer_ended: false,
        read_error: None,
        read_at_most: usize::MAX,
        stutters: false,
        has_stuttered: false,
        to_peer: Vec::new(),
        room: usize::MAX,
        write_at_most: usize::MAX,
        write_error: None,
        flush_blocks: false,
        shutdown_blocks: false,
        has_shut_down: false,
        is_gone: false,
        counts: Counts::default(),
        large_slices: Vec::new(),
        reading: None,
        writing: None,
        peer: None,
    };
    let wire = Arc::new(Mutex::new(wire));
    (Transport(wire.clone()), Peer(wire))
}

/// Serves the handler and does the opening handshake. A panic in the handler is one in what
/// is spawned, also when the connection had ended before.
pub async fn open<H, F>(config: Config, handler: H) -> (Peer, JoinHandle<Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let (peer, serving, _) = open_on(&Endpoint::new(config), REQUEST, handler).await;
    (peer, serving)
}

/// As [`open`], with this request; gives the head of the 101 too.
pub async fn open_on<H, F>(
    endpoint: &Endpoint,
    request: &str,
    handler: H,
) -> (Peer, JoinHandle<Ending>, String)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let panicked = Arc::new(Mutex::new(None));
    let noted = panicked.clone();
    let (transport, peer) = wire();
    let serving = endpoint.serve(transport, None, async move |incoming| {
        let mut handler = Box::pin(handler(incoming));
        poll_fn(move |cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
            polled.unwrap_or_else(|panic| {
                *noted.lock().unwrap() = Some(panic);
                panic!("in the handler");
            })
        })
        .await
    });
    let serving = tokio::spawn(async move {
        let ending = serving.await;
        if let Some(panic) = panicked.lock().unwrap().take() {
            resume_unwind(panic);
        }
        ending
    });
    peer.send(request);
    let head = peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (peer, serving, head)
}

/// Serves the handler on a new transport.
pub fn connect<H, F>(endpoint: &Endpoint, handler: H) -> (Peer, JoinHandle<Ending>)
where
    H: FnOnce(Incoming) -> F + Send + 'static,
    F: Future<Output = stickler::Result<()>> + Send + 'static,
{
    let (transport, peer) = wire();
    (peer, tokio::spawn(endpoint.serve(transport, None, handler)))
}

pub async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}

/// Lets every other task run until it waits; no time passes.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

impl Peer {
    pub fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut wire = self.wire();
        wire.to_server.extend(bytes.as_ref());
        wake(&mut wire.reading);
    }

    /// Ends this direction: FIN.
    pub fn end(&self) {
        let mut wire = self.wire();
        wire.peer_ended = true;
        wake(&mut wire.reading);
    }

    pub fn fail_reading(&self, kind: ErrorKind) {
        let mut wire = self.wire();
        wire.read_error = Some(kind);
        wake(&mut wire.reading);
    }

    /// Lets the transport take so many bytes from now on.
    pub fn give_room(&self, room: usize) {
        let mut wire = self.wire();
        wire.room = room;
        wake(&mut wire.writing);
    }

    /// Lets the transport be flushed, or not, from now on.
    pub fn block_flush(&self, flush_blocks: bool) {
        let mut wire = self.wire();
        wire.flush_blocks = flush_blocks;
        wake(&mut wire.writing);
    }

    /// Bytes that the server has not taken.
    pub fn untaken(&self) -> usize {
        self.wire().to_server.len()
    }

    /// Everything that the server has written and nobody has read.
    pub fn written(&self) -> Vec<u8> {
        self.wire().to_peer.clone()
    }

    pub fn has_ended(&self) -> bool {
        let wire = self.wire();
        wire.has_shut_down || wire.is_gone
    }

    /// Closes with 1000, as the server does then, and ends: so does the connection.
    pub async fn close_cleanly(&self, serving: JoinHandle<Ending>) {
        self.send(close(1000));
        assert_eq!(self.frame().await.close_code(), 1000);
        self.end();
        assert!(serving.await.unwrap().is_clean());
    }

    /// The next header section from the server.
    pub async fn head(&self) -> String {
        self.take(|bytes| {
            let len = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
            Some((len, String::from_utf8(bytes[..len].to_vec()).unwrap()))
        })
        .await
        .expect("a header section")
    }

    /// The next frame; `None` when the server has ended its direction.
    pub async fn next_frame(&self) -> Option<Frame> {
        self.take(Frame::parse).await
    }

    pub async fn frame(&self) -> Frame {
        self.next_frame().await.expect("a frame")
    }

    /// The next message of one text frame.
    pub async fn text(&self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame.first, 0x81, "{frame:?}");
        String::from_utf8(frame.payload).unwrap()
    }

    /// All frames that the server has written.
    pub fn frames(&self) -> Vec<Frame> {
        let mut wire = self.wire();
        let mut frames = Vec::new();
        while let Some((len, frame)) = Frame::parse(&wire.to_peer) {
            wire.to_peer.drain(..len);
            frames.push(frame);
        }
        frames
    }

    /// Whatever is left until the server ends its direction.
    pub async fn rest(&self) -> Vec<u8> {
        poll_fn(|cx| {
            let mut wire = self.wire();
            if wire.has_shut_down || wire.is_gone {
                return Poll::Ready(std::mem::take(&mut wire.to_peer));
            }
            wire.peer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    async fn take<R>(&self, parse: impl Fn(&[u8]) -> Option<(usize, R)>) -> Option<R> {
        poll_fn(|cx| {
            let mut wire = self.wire();
            if let Some((len, parsed)) = parse(&wire.to_peer) {
                wire.to_peer.drain(..len);
                return Poll::Ready(Some(parsed));
            }
            if wire.has_shut_down || wire.is_gone {
                return Poll::Ready(None);
            }
            wire.peer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if wire.stutters && !std::mem::replace(&mut wire.has_stuttered, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        wire.has_stuttered = false;
        if wire.to_server.is_empty() {
            if let Some(kind) = wire.read_error {
                return Poll::Ready(Err(kind.into()));
            }
            if wire.peer_ended {
                return Poll::Ready(Ok(()));
            }
            wire.reading = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.counts.reads += 1;
        let len = wire.to_server.len().min(buffer.remaining()).min(wire.read_at_most);
        let bytes: Vec<u8> = wire.to_server.drain(..len).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        assert!(!wire.has_shut_down, "written after the end");
        if let Some(kind) = wire.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        let room = wire.room.min(wire.write_at_most);
        if room == 0 {
            wire.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.counts.writes += 1;
        wire.counts.vectored += usize::from(slices.len() > 1);
        let mut written = 0;
        for slice in slices {
            if slice.len() >= 16 << 10 {
                wire.large_slices.push(slice.as_ptr() as usize);
            }
            let len = slice.len().min(room - written);
            wire.to_peer.extend_from_slice(&slice[..len]);
            written += len;
        }
        wire.room = wire.room.saturating_sub(written);
        wake(&mut wire.peer);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if wire.flush_blocks {
            wire.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if wire.shutdown_blocks {
            wire.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.has_shut_down = true;
        wake(&mut wire.peer);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let mut wire = self.0.lock().unwrap();
        wire.is_gone = true;
        wake(&mut wire.peer);
    }
}

/// Context takeover in both directions, with windows of 32 KiB.
#[cfg(feature = "deflate")]
pub fn takeover() -> Config {
    let mut config = Config::default();
    config.deflate.policy = Some(
        stickler::proto::deflate::Policy::new()
            .server_context_takeover(true)
            .client_context_takeover(true)
            .client_max_window_bits(stickler::proto::deflate::WindowBits::MAX),
    );
    config
}
