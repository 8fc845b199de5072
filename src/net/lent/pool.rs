//! What a thread lends: read buffers, outboxes, the core's receiving halves, buffers for large messages.
//!
//! An idle connection holds none of them. Each kind is kept up to a cap and freed beyond it;
//! a read buffer that comes back on another thread than it left is freed. Buffers of large messages are kept
//! only while they are used: see [`forget_unused`].

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::arriving::{Arriving, Timing};
use super::lease::ReadBuffer;
use super::outbox::Outbox;

#[derive(Default)]
struct Pool {
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they read")]
    read_buffers: Vec<Box<ReadBuffer>>,
    /// Large read buffers that this thread has lent and not taken back.
    lent: usize,
    /// Those of them that other threads have freed.
    strayed: Arc<AtomicUsize>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they write")]
    outboxes: Vec<Box<Outbox>>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold inside a message")]
    inbounds: Vec<Box<Arriving>>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold while a message is late")]
    timings: Vec<Box<Timing>>,
    message_buffers: Vec<Kept>,
    /// For messages that are inflated.
    small_buffers: Vec<Vec<u8>>,
}

/// The buffer of a large message.
struct Kept {
    buffer: Vec<u8>,
    /// Whether it came back since the last look.
    is_used: bool,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A read buffer, empty.
pub(in crate::net) fn take_read_buffer() -> Box<ReadBuffer> {
    POOL.try_with(|pool| {
        let pool = &mut *pool.borrow_mut();
        if pool.lent - pool.strayed.load(Ordering::Relaxed) >= MAX_LENT {
            return new_read_buffer(SMALL_READ, None);
        }
        pool.lent += 1;
        pool.read_buffers
            .pop()
            .unwrap_or_else(|| new_read_buffer(LARGE_READ, Some(pool.strayed.clone())))
    })
    .unwrap_or_else(|_| new_read_buffer(SMALL_READ, None))
}

fn new_read_buffer(size: usize, strayed: Option<Arc<AtomicUsize>>) -> Box<ReadBuffer> {
    Box::new(ReadBuffer { bytes: Vec::with_capacity(size), start: 0, strayed })
}

pub(in crate::net) fn return_read_buffer(buffer: Box<ReadBuffer>) {
    let mut buffer = Some(buffer);
    let _ = POOL.try_with(|pool| buffer.take().map(|buffer| pool.borrow_mut().take_back(buffer)));
    // While a thread ends its pool may be gone.
    if let Some(strayed) = buffer.and_then(|buffer| buffer.strayed) {
        strayed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pool {
    fn take_back(&mut self, mut buffer: Box<ReadBuffer>) {
        match &buffer.strayed {
            Some(home) if Arc::ptr_eq(home, &self.strayed) => {
                self.lent -= 1;
                buffer.start = 0;
                buffer.bytes.clear();
                keep(&mut self.read_buffers, buffer, MAX_KEPT_READ);
            }
            // Counted by the thread that made it; another thread cannot lend it on.
            Some(home) => {
                home.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
    }
}

pub(in crate::net) fn take_outbox() -> Box<Outbox> {
    POOL.try_with(|pool| pool.borrow_mut().outboxes.pop()).ok().flatten().unwrap_or_default()
}

pub(in crate::net) fn return_outbox(mut outbox: Box<Outbox>) {
    outbox.clear(MAX_KEPT_BATCH);
    with(|pool| keep(&mut pool.outboxes, outbox, MAX_KEPT_OUTBOXES));
}

/// The core's receiving half, as new.
pub(in crate::net) fn take_inbound() -> Box<Arriving> {
    POOL.try_with(|pool| pool.borrow_mut().inbounds.pop()).ok().flatten().unwrap_or_default()
}

/// Takes one back that is as new.
pub(in crate::net) fn return_inbound(inbound: Box<Arriving>) {
    debug_assert!(inbound.is_as_new());
    with(|pool| keep(&mut pool.inbounds, inbound, MAX_KEPT_INBOUNDS));
}

/// Where times of what is received are noted.
pub(in crate::net) fn take_timing() -> Box<Timing> {
    POOL.try_with(|pool| pool.borrow_mut().timings.pop()).ok().flatten().unwrap_or_default()
}

/// Takes one back that has forgotten them.
pub(in crate::net) fn return_timing(timing: Box<Timing>) {
    with(|pool| keep(&mut pool.timings, timing, MAX_KEPT_INBOUNDS));
}

/// A buffer for a large message, empty; its capacity is whatever an earlier one needed.
pub(in crate::net) fn take_message_buffer() -> Vec<u8> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().message_buffers.pop());
    kept.ok().flatten().map(|kept| kept.buffer).unwrap_or_default()
}

/// An empty buffer that is to hold so many bytes and to wait with them: one of about that size,
/// or a new one.
pub(in crate::net) fn take_fitting_buffer(len: usize) -> Vec<u8> {
    let kept = POOL.try_with(|pool| {
        let kept = &mut pool.borrow_mut().message_buffers;
        let does_fit = |size| fits(size, len) && size >= len;
        let at = kept.iter().position(|kept| does_fit(kept.buffer.capacity()));
        at.map(|at| kept.swap_remove(at).buffer)
    });
    kept.ok().flatten().unwrap_or_else(|| Vec::with_capacity(len))
}

/// Whether so many bytes may wait in a buffer of this capacity: what is queued is bounded by its
/// length, and is not to hold many times as much.
pub(in crate::net) fn fits(capacity: usize, len: usize) -> bool {
    capacity / 2 <= len
}

/// A buffer for a message that is inflated, empty; it may have no capacity.
#[cfg(feature = "deflate")]
pub(in crate::net) fn take_small_buffer() -> Vec<u8> {
    POOL.try_with(|pool| pool.borrow_mut().small_buffers.pop()).ok().flatten().unwrap_or_default()
}

pub(in crate::net) fn return_message_buffer(mut buffer: Vec<u8>) {
    buffer.clear();
    match buffer.capacity() {
        1..SMALL_MESSAGE => with(|pool| keep(&mut pool.small_buffers, buffer, MAX_KEPT_MESSAGES)),
        SMALL_MESSAGE..=MAX_KEPT_MESSAGE => {
            with(|pool| keep_largest(&mut pool.message_buffers, buffer));
        }
        _ => {}
    }
}

/// Frees the buffers of large messages that this thread has kept since the last call without a use; all of
/// them where `is_short` says that memory is.
pub(in crate::net) fn forget_unused(is_short: bool) {
    with(|pool| {
        let kept = &mut pool.message_buffers;
        kept.retain_mut(|kept| std::mem::take(&mut kept.is_used) && !is_short);
    });
}

fn with(visit: impl FnOnce(&mut Pool)) {
    // While a thread ends its pool may be gone; what comes back then is freed.
    let _ = POOL.try_with(|pool| visit(&mut pool.borrow_mut()));
}

fn keep<T>(kept: &mut Vec<T>, item: T, at_most: usize) {
    if kept.len() < at_most {
        kept.push(item);
    }
}

/// Keeps a buffer, in the place of the smallest ones if there are enough.
fn keep_largest(kept: &mut Vec<Kept>, buffer: Vec<u8>) {
    kept.push(Kept { buffer, is_used: true });
    let size = |kept: &Kept| kept.buffer.capacity();
    while kept.len() > MAX_KEPT_MESSAGES || kept.iter().map(size).sum::<usize>() > MAX_KEPT_BYTES {
        let sizes = kept.iter().map(size).enumerate();
        let Some((smallest, _)) = sizes.min_by_key(|(_, size)| *size) else { return };
        kept.swap_remove(smallest);
    }
}

/// Bytes of a read buffer: what a peer sends at once often fits, 64 KiB with their header do.
pub(in crate::net) const LARGE_READ: usize = 128 << 10;

/// Bytes of a read buffer when many are lent already.
const SMALL_READ: usize = 4 << 10;

/// Large read buffers that a thread lends at once.
const MAX_LENT: usize = 16;

const MAX_KEPT_READ: usize = 4;
const MAX_KEPT_OUTBOXES: usize = 16;
const MAX_KEPT_INBOUNDS: usize = 16;
const MAX_KEPT_BATCH: usize = 256 << 10;
const MAX_KEPT_MESSAGES: usize = 4;

/// Buffers of fewer bytes are for messages that are inflated.
const SMALL_MESSAGE: usize = 64 << 10;

/// The default of the longest message: to get such a buffer anew costs more than to fill it.
const MAX_KEPT_MESSAGE: usize = 16 << 20;

/// All buffers of large messages that a thread keeps, in bytes.
const MAX_KEPT_BYTES: usize = 20 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Vec<usize> {
        POOL.with(|pool| {
            let kept = &pool.borrow().message_buffers;
            kept.iter().map(|kept| kept.buffer.capacity()).collect()
        })
    }

    #[test]
    fn buffers_of_large_messages_are_kept_up_to_their_sum() {
        const MIB: usize = 1 << 20;
        forget_unused(true);
        for (sizes, left) in [
            (&[(16 * MIB) + 1][..], &[][..]),
            (&[16 * MIB], &[16 * MIB]),
            (&[4 * MIB], &[16 * MIB, 4 * MIB]),
            // One byte more than the sum: the smallest goes.
            (&[64 << 10], &[16 * MIB, 4 * MIB]),
            (&[16 * MIB], &[16 * MIB]),
        ] {
            for size in sizes {
                return_message_buffer(Vec::with_capacity(*size));
            }
            assert_eq!(kept(), left);
        }
        forget_unused(true);
        for _ in 0..=MAX_KEPT_MESSAGES {
            return_message_buffer(Vec::with_capacity(MIB));
        }
        assert_eq!(kept(), [MIB; MAX_KEPT_MESSAGES]);
    }

    #[test]
    fn buffers_that_nobody_uses_are_freed() {
        const MIB: usize = 1 << 20;
        forget_unused(true);
        return_message_buffer(Vec::with_capacity(2 * MIB));
        return_message_buffer(Vec::with_capacity(3 * MIB));
        forget_unused(false);
        assert_eq!(kept(), [2 * MIB, 3 * MIB]);
        return_message_buffer(take_message_buffer());
        forget_unused(false);
        assert_eq!(kept(), [3 * MIB]);
        forget_unused(false);
        assert!(kept().is_empty());
        // Where memory is short none is kept.
        return_message_buffer(Vec::with_capacity(MIB));
        forget_unused(true);
        assert!(kept().is_empty());
    }
}
