//! The transport as hyper reads and writes it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::AsyncWrite;

use crate::net::lent::lease::Lease;
use crate::net::pass::Patience;
use crate::net::read_vec::ReadVec;
use crate::net::state::drain::DrainRate;

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
    /// How slowly the peer may take the answer.
    rate: DrainRate,
    /// The peer's time, from when the transport refused bytes until all that hyper has is written.
    blocked: Option<Patience>,
    written: Written,
}

/// What the transport has taken of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    Some,
    /// Too little for too long.
    TooSlowly,
}

impl<T> HyperIo<T> {
    pub(super) fn new(io: T, head: Vec<u8>, unread: Lease, rate: DrainRate) -> HyperIo<T> {
        let written = Written::Nothing;
        HyperIo { io, head, given: 0, unread, has_ended: false, rate, blocked: None, written }
    }

    /// The transport, and what it has taken.
    pub(super) fn into_inner(self) -> (T, Written) {
        (self.io, self.written)
    }

    /// So many bytes were handed over: the peer has more time.
    fn note(&mut self, written: usize) {
        if written == 0 {
            return;
        }
        self.written = Written::Some;
        if let Some(blocked) = &mut self.blocked {
            blocked.change(|left| self.rate.credit_left(left, written));
        }
    }

    /// Nothing is taken: the peer's time runs. Ready when it is over.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let window = self.rate.window();
        self.blocked.get_or_insert_with(|| Patience::new(window)).poll(cx)
    }

    fn give_up<R>(&mut self) -> Poll<io::Result<R>> {
        self.written = Written::TooSlowly;
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: ReadVec> HyperIo<T> {
    /// A write of these bytes has come to this. If that is nothing and the peer's time is over, tries
    /// once more, whatever the transport is known to be ready for.
    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let written = match written {
            Poll::Ready(written) => written,
            Poll::Pending => {
                ready!(self.poll_patience(cx));
                match self.io.try_write(bytes) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return self.give_up(),
                    tried => tried,
                }
            }
        };
        self.note(*written.as_ref().unwrap_or(&0));
        Poll::Ready(written)
    }

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
        this.watch(written, bytes, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        let first = slices.iter().find(|slice| !slice.is_empty());
        this.watch(written, first.map_or(&[], |slice| slice), cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper calls it whenever it is polled.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.look_after_peer(cx)?;
        if let Poll::Ready(flushed) = Pin::new(&mut this.io).poll_flush(cx) {
            // hyper flushes when it has nothing left to write.
            this.blocked = None;
            return Poll::Ready(flushed);
        }
        ready!(this.poll_patience(cx));
        let held = this.io.unflushed();
        match this.io.try_flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let flushed = held.saturating_sub(this.io.unflushed());
                if flushed == 0 {
                    return this.give_up();
                }
                this.note(flushed);
                this.poll_patience(cx).map(|()| Err(ErrorKind::TimedOut.into()))
            }
            flushed => {
                this.blocked = None;
                Poll::Ready(flushed)
            }
        }
    }

    /// hyper is done, and all that it wrote is flushed. What comes now is for the task: our FIN, and what
    /// still arrives thrown away, so that no reset destroys the answer on its way (RFC 9112 §9.6).
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
