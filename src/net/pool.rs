//! What a thread lends: read buffers, outboxes and buffers for large messages.
//!
//! An idle connection holds none of them. Each kind is kept up to a cap and freed beyond it;
//! what comes back on another thread than it left is kept there.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::outbox::Outbox;

#[derive(Default)]
struct Pool {
    read_buffers: Vec<Vec<u8>>,
    /// Large read buffers of this thread that are lent at present, wherever they are.
    lent: Arc<AtomicUsize>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they write")]
    outboxes: Vec<Box<Outbox>>,
    message_buffers: Vec<Vec<u8>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A read buffer, empty, and the count to lower when it comes back (large ones only).
pub(super) fn take_read_buffer() -> (Vec<u8>, Option<Arc<AtomicUsize>>) {
    POOL.try_with(|pool| {
        let pool = &mut *pool.borrow_mut();
        if pool.lent.load(Ordering::Relaxed) >= MAX_LENT {
            return (Vec::with_capacity(SMALL_READ), None);
        }
        pool.lent.fetch_add(1, Ordering::Relaxed);
        let buffer = pool.read_buffers.pop().unwrap_or_else(|| Vec::with_capacity(LARGE_READ));
        (buffer, Some(pool.lent.clone()))
    })
    .unwrap_or_else(|_| (Vec::with_capacity(SMALL_READ), None))
}

pub(super) fn return_read_buffer(mut buffer: Vec<u8>, lent: Option<&Arc<AtomicUsize>>) {
    let Some(lent) = lent else { return };
    lent.fetch_sub(1, Ordering::Relaxed);
    buffer.clear();
    with(|pool| keep(&mut pool.read_buffers, buffer, MAX_KEPT_READ));
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

pub(super) fn return_message_buffer(mut buffer: Vec<u8>) {
    if (LARGE_READ..=MAX_KEPT_MESSAGE).contains(&buffer.capacity()) {
        buffer.clear();
        with(|pool| keep(&mut pool.message_buffers, buffer, MAX_KEPT_MESSAGES));
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
