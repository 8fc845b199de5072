//! A read buffer, borrowed from the thread while bytes in it are unread.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::{io, mem};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::pool;

/// A leased read buffer. It goes back to a thread's pool when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    buffer: Vec<u8>,
    /// Where the unread bytes begin: 0 <= start <= buffer.len()
    start: usize,
    lent: Option<Arc<AtomicUsize>>,
}

impl Lease {
    pub(super) fn take() -> Lease {
        let (buffer, lent) = pool::take_read_buffer();
        Lease { buffer, start: 0, lent }
    }

    /// Reads once from the transport, behind what is there; 0 bytes mean its end.
    pub(super) fn poll_read<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        poll_read_buf(io, &mut self.buffer, cx)
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.start..).unwrap_or_default()
    }

    /// Counts the first unread bytes as read.
    pub(super) fn consume(&mut self, len: usize) {
        self.start += len;
        debug_assert!(self.start <= self.buffer.len());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start >= self.buffer.len()
    }

    /// Where the unread bytes begin in [`Lease::bytes`].
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// All bytes, read ones included.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        pool::return_read_buffer(mem::take(&mut self.buffer), self.lent.as_ref());
    }
}

/// Reads once into the spare capacity of `buffer`, without filling it with zeros first.
pub(super) fn poll_read_buf<T: AsyncRead + Unpin, B: bytes::BufMut>(
    io: &mut T,
    buffer: &mut B,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    pin!(io.read_buf(buffer)).poll(cx)
}
