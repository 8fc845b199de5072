//! A read buffer, borrowed from the thread while bytes in it are unread.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::pool;

/// A leased read buffer, or none. It goes back to a thread's pool when dropped.
#[derive(Debug, Default)]
pub struct Lease(Option<Box<ReadBuffer>>);

/// A buffer that a thread lends.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    pub(super) bytes: Vec<u8>,
    /// Where the unread bytes begin: 0 <= start <= bytes.len()
    pub(super) start: usize,
    /// The thread that lent it, by its count of buffers that came back elsewhere; large buffers
    /// only.
    pub(super) strayed: Option<Arc<AtomicUsize>>,
}

impl Lease {
    pub(super) fn take() -> Lease {
        Lease(Some(pool::take_read_buffer()))
    }

    /// Whether a buffer is held, be it read to its end.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Reads once from the transport, behind what is there; 0 bytes mean its end.
    pub(super) fn poll_read<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(buffer) => poll_read_buf(io, &mut buffer.bytes, cx),
            None => Poll::Ready(Err(io::ErrorKind::InvalidInput.into())),
        }
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.0.as_ref().and_then(|buffer| buffer.bytes.get(buffer.start..)).unwrap_or_default()
    }

    pub(super) fn unread_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().and_then(|buffer| buffer.bytes.get_mut(buffer.start..)).unwrap_or_default()
    }

    /// Counts the first unread bytes as read.
    pub(super) fn consume(&mut self, len: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.start += len;
            debug_assert!(buffer.start <= buffer.bytes.len());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    /// Where the unread bytes begin in [`Lease::bytes`].
    pub(super) fn position(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.start)
    }

    /// All bytes, read ones included.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |buffer| &buffer.bytes)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            pool::return_read_buffer(buffer);
        }
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
