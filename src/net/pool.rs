//! What a thread lends: read buffers, outboxes and buffers for large messages.
//!
//! An idle connection holds none of them. Each kind is kept up to a cap and freed beyond it;
//! a read buffer that comes back on another thread than it left is freed.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::lease::ReadBuffer;
use super::outbox::Outbox;

#[derive(Default)]
struct Pool {
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they read")]
    read_buffers: Vec<Box<ReadBuffer>>,
    /// Large read buffers of this thread that are lent at present, wherever they are.
    lent: Arc<AtomicUsize>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they write")]
    outboxes: Vec<Box<Outbox>>,
    message_buffers: Vec<Vec<u8>>,
    /// For messages that are inflated.
    small_buffers: Vec<Vec<u8>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A read buffer, empty.
pub(super) fn take_read_buffer() -> Box<ReadBuffer> {
    POOL.try_with(|pool| {
        let pool = &mut *pool.borrow_mut();
        if pool.lent.load(Ordering::Relaxed) >= MAX_LENT {
            return new_read_buffer(SMALL_READ, None);
        }
        pool.lent.fetch_add(1, Ordering::Relaxed);
        pool.read_buffers
            .pop()
            .unwrap_or_else(|| new_read_buffer(LARGE_READ, Some(pool.lent.clone())))
    })
    .unwrap_or_else(|_| new_read_buffer(SMALL_READ, None))
}

fn new_read_buffer(size: usize, lent: Option<Arc<AtomicUsize>>) -> Box<ReadBuffer> {
    Box::new(ReadBuffer { bytes: Vec::with_capacity(size), start: 0, lent })
}

pub(super) fn return_read_buffer(mut buffer: Box<ReadBuffer>) {
    let Some(lent) = &buffer.lent else { return };
    lent.fetch_sub(1, Ordering::Relaxed);
    buffer.start = 0;
    buffer.bytes.clear();
    with(|pool| {
        // Counted by the thread that made it; another thread cannot lend it on.
        if buffer.lent.as_ref().is_some_and(|lent| Arc::ptr_eq(lent, &pool.lent)) {
            keep(&mut pool.read_buffers, buffer, MAX_KEPT_READ);
        }
    });
}

pub(super) fn take_outbox() -> Box<Outbox> {
    POOL.try_with(|pool| pool.borrow_mut().outboxes.pop()).ok().flatten().unwrap_or_default()
}

pub(super) fn return_outbox(mut outbox: Box<Outbox>) {
    outbox.clear(MAX_KEPT_BATCH);
    with(|pool| keep(&mut pool.outboxes, outbox, MAX_KEPT_OUTBOXES));
}

/// A buffer for a large message, empty; its capacity is whatever an earlier one needed.
pub(super) fn take_message_buffer() -> Vec<u8> {
    POOL.try_with(|pool| pool.borrow_mut().message_buffers.pop()).ok().flatten().unwrap_or_default()
}

/// A buffer for a message that is inflated, empty; it may have no capacity.
#[cfg(feature = "deflate")]
pub(super) fn take_small_buffer() -> Vec<u8> {
    POOL.try_with(|pool| pool.borrow_mut().small_buffers.pop()).ok().flatten().unwrap_or_default()
}

pub(super) fn return_message_buffer(mut buffer: Vec<u8>) {
    buffer.clear();
    match buffer.capacity() {
        1..LARGE_READ => with(|pool| keep(&mut pool.small_buffers, buffer, MAX_KEPT_MESSAGES)),
        LARGE_READ..=MAX_KEPT_MESSAGE => {
            with(|pool| keep(&mut pool.message_buffers, buffer, MAX_KEPT_MESSAGES));
        }
        _ => {}
    }
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

/// Bytes of a read buffer.
pub(super) const LARGE_READ: usize = 64 << 10;

/// Bytes of a read buffer when many are lent already.
const SMALL_READ: usize = 4 << 10;

/// Large read buffers that a thread lends at once.
const MAX_LENT: usize = 16;

const MAX_KEPT_READ: usize = 4;
const MAX_KEPT_OUTBOXES: usize = 16;
const MAX_KEPT_BATCH: usize = 256 << 10;
const MAX_KEPT_MESSAGES: usize = 4;
const MAX_KEPT_MESSAGE: usize = 4 << 20;
