//! A read buffer, borrowed from the thread while bytes in it are unread.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};

use super::pool;
use super::read_vec::ReadVec;

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
    pub(super) fn poll_read<T: ReadVec>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(buffer) => io.poll_read_vec(cx, &mut buffer.bytes, usize::MAX),
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

    /// Writes over what was read in front of `at`, which then begins with it; `false`, with nothing
    /// done, where that is too little.
    pub(super) fn write_before(&mut self, at: &mut Range<usize>, bytes: &[u8]) -> bool {
        let Some(start) = at.start.checked_sub(bytes.len()) else { return false };
        let room = self.0.as_mut().and_then(|buffer| buffer.bytes.get_mut(start..at.start));
        let Some(room) = room else { return false };
        room.copy_from_slice(bytes);
        at.start = start;
        true
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
