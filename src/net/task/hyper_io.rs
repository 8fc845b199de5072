//! The transport as hyper reads and writes it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

use crate::net::lent::lease::Lease;
use crate::net::read_vec::ReadVec;

/// A transport of which the head of the request was read before.
pub(super) struct HyperIo<T> {
    io: T,
    /// The head, as long as hyper has not read it; then nothing.
    head: Vec<u8>,
    /// How much of the head hyper has: 0 <= given <= head.len()
    given: usize,
    /// What was read and not given on.
    unread: Lease,
    /// Whether the peer's FIN was read.
    has_ended: bool,
    /// How long the peer may take nothing of the answer.
    patience: Duration,
    /// While the transport takes nothing.
    blocked: Option<Pin<Box<Sleep>>>,
    written: Written,
}

/// What the transport has taken of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    Some,
    /// Nothing for too long.
    TooSlowly,
}

impl<T> HyperIo<T> {
    pub(super) fn new(io: T, head: Vec<u8>, unread: Lease, patience: Duration) -> HyperIo<T> {
        let written = Written::Nothing;
        HyperIo { io, head, given: 0, unread, has_ended: false, patience, blocked: None, written }
    }

    /// The transport, and what it has taken.
    pub(super) fn into_inner(self) -> (T, Written) {
        (self.io, self.written)
    }

    fn note(&mut self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.written = Written::Some;
        }
    }

    /// A write has come to this: if that is nothing, the peer's time runs.
    fn watch<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.blocked = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.blocked.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        self.written = Written::TooSlowly;
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: ReadVec> HyperIo<T> {
    /// Reads once.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unread = ready!(Lease::poll_read(&mut self.io, cx))?;
        self.has_ended = self.unread.is_empty();
        Poll::Ready(Ok(()))
    }

    /// Looks whether the peer is still there while hyper does not read: the answer may take long, and
    /// nobody is to work for a peer that has reset the connection. One that has sent FIN is there.
    fn look_after_peer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.given < self.head.len() || self.has_ended || !self.unread.is_empty() {
            return Ok(());
        }
        if self.read(cx)?.is_ready() {
            // It waits here, and hyper may wait for it.
            self.unread.settle();
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

impl<T: ReadVec + Unpin> Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(rest) = this.head.get(this.given..).filter(|rest| !rest.is_empty()) {
            this.given += put(rest, &mut buffer);
            return Poll::Ready(Ok(()));
        }
        this.head = Vec::new();
        if this.unread.is_empty() && !this.has_ended {
            ready!(this.read(cx))?;
        }
        let given = put(this.unread.unread(), &mut buffer);
        this.unread.consume(given);
        if this.unread.is_empty() {
            // The thread gets its buffer back.
            this.unread = Lease::default();
        } else {
            this.unread.settle();
        }
        Poll::Ready(Ok(()))
    }
}

/// Copies what fits, and gives its length.
fn put(bytes: &[u8], buffer: &mut ReadBufCursor<'_>) -> usize {
    let len = bytes.len().min(buffer.remaining());
    buffer.put_slice(bytes.get(..len).unwrap_or_default());
    len
}

impl<T: ReadVec + AsyncWrite + Unpin> Write for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.note(&written);
        this.watch(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.note(&written);
        this.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper calls it whenever it is polled.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.look_after_peer(cx)?;
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.watch(flushed, cx)
    }

    /// hyper is done, and all that it wrote is flushed. What comes now is for the task: our FIN, and what
    /// still arrives thrown away, so that no reset destroys the answer on its way (RFC 9112 §9.6).
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
