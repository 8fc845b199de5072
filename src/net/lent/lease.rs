//! A read buffer, borrowed from the thread while bytes in it are unread.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};

use super::pool;
use crate::net::read_vec::ReadVec;

/// A leased read buffer, or none. It goes back to a thread's pool when dropped.
#[derive(Default)]
pub struct Lease(Option<Box<ReadBuffer>>);

/// A buffer that a thread lends.
#[derive(Default)]
pub(in crate::net) struct ReadBuffer {
    pub(in crate::net) bytes: Vec<u8>,
    /// Where the unread bytes begin: 0 <= start <= bytes.len()
    pub(in crate::net) start: usize,
    /// The thread that lent it, by its count of buffers that came back elsewhere; large buffers
    /// only.
    pub(in crate::net) strayed: Option<Arc<AtomicUsize>>,
}

impl fmt::Debug for Lease {
    /// Leaves the bytes out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("unread", &self.len()).finish_non_exhaustive()
    }
}

impl Lease {
    /// Moves unread bytes that are to wait into memory of their length, and gives the thread its
    /// large buffer back.
    pub(in crate::net) fn settle(&mut self) {
        if self.0.as_ref().is_some_and(|buffer| buffer.strayed.is_some()) {
            let bytes = self.unread().to_vec();
            *self = Lease(Some(Box::new(ReadBuffer { bytes, start: 0, strayed: None })));
        }
    }

    /// Reads once from the transport. The lease comes back by value, with what was read; empty is the
    /// end of the transport.
    #[inline]
    pub(in crate::net) fn poll_read<T: ReadVec>(
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Lease>> {
        let mut buffer = pool::take_read_buffer();
        let read = io.poll_read_vec(cx, &mut buffer.bytes, usize::MAX);
        let lease = Lease(Some(buffer));
        read.map_ok(|_| lease)
    }

    pub(in crate::net) fn unread(&self) -> &[u8] {
        self.0.as_ref().and_then(|buffer| buffer.bytes.get(buffer.start..)).unwrap_or_default()
    }

    pub(in crate::net) fn unread_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().and_then(|buffer| buffer.bytes.get_mut(buffer.start..)).unwrap_or_default()
    }

    /// Counts the first unread bytes as read.
    pub(in crate::net) fn consume(&mut self, len: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.start += len;
            debug_assert!(buffer.start <= buffer.bytes.len());
        }
    }

    pub(in crate::net) fn is_empty(&self) -> bool {
        self.unread().is_empty()
    }

    /// How many bytes are unread.
    pub(in crate::net) fn len(&self) -> usize {
        self.unread().len()
    }

    /// Bytes of memory that it takes.
    pub(in crate::net) fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.bytes.capacity())
    }

    /// Where the unread bytes begin in [`Lease::bytes`].
    pub(in crate::net) fn position(&self) -> usize {
        self.0.as_ref().map_or(0, |buffer| buffer.start)
    }

    /// Writes over what was read in front of `at`, which then begins with it; `false`, with nothing
    /// done, where that is too little.
    pub(in crate::net) fn write_before(&mut self, at: &mut Range<usize>, bytes: &[u8]) -> bool {
        let Some(start) = at.start.checked_sub(bytes.len()) else { return false };
        let room = self.0.as_mut().and_then(|buffer| buffer.bytes.get_mut(start..at.start));
        let Some(room) = room else { return false };
        room.copy_from_slice(bytes);
        at.start = start;
        true
    }

    /// All bytes, read ones included.
    pub(in crate::net) fn bytes(&self) -> &[u8] {
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
