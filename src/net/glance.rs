//! What the connection task and the Receiver may know of a connection without its lock.
//!
//! A glance is renewed whenever the lock is given up, before anybody is woken for what was
//! done under it. It may be old, never wrong for long: who makes one old wakes the task. So it
//! may say that there is nothing to do; what there is to do is looked up under the lock.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The newest glance at a connection.
#[derive(Debug)]
pub(super) struct LastGlance(AtomicUsize);

impl LastGlance {
    #[inline]
    pub(super) fn store(&self, glance: Glance) {
        self.0.store(glance.0, Ordering::Release);
    }

    #[inline]
    pub(super) fn load(&self) -> Glance {
        Glance(self.0.load(Ordering::Acquire))
    }
}

impl Default for LastGlance {
    fn default() -> LastGlance {
        LastGlance(AtomicUsize::new(NOT_OPEN))
    }
}

/// Bytes queued for the peer, and four bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance(usize);

/// A Close was sent or received, or frames are not exchanged yet or any more.
const NOT_OPEN: usize = 1;
/// The timers are to be looked at.
const TIMER_DUE: usize = 2;
/// Nobody waits for input, or it is not to be read into a lease.
const NOT_READING: usize = 4;
/// A message is being sent in fragments, or compression was agreed on.
const NOT_PLAIN: usize = 8;
const BITS: u32 = 4;

impl Glance {
    #[inline]
    pub(super) fn new(
        queued: usize,
        is_open: bool,
        timer_due: bool,
        is_reading: bool,
        is_plain: bool,
    ) -> Glance {
        let queued = queued.min(usize::MAX >> BITS) << BITS;
        let not_open = if is_open { 0 } else { NOT_OPEN };
        let timer_due = if timer_due { TIMER_DUE } else { 0 };
        let not_reading = if is_reading { 0 } else { NOT_READING };
        let not_plain = if is_plain { 0 } else { NOT_PLAIN };
        Glance(queued | not_open | timer_due | not_reading | not_plain)
    }

    /// Whether the task is to read for the Receiver, into a lease.
    #[inline]
    pub(super) fn is_reading(self, max_queued: usize) -> bool {
        self.0 & (NOT_OPEN | NOT_READING) == 0 && self.queued() < max_queued
    }

    /// Whether messages are exchanged both ways, and less than so many bytes are queued.
    #[inline]
    pub(super) fn is_open_below(self, queued: usize) -> bool {
        self.0 & NOT_OPEN == 0 && self.queued() < queued
    }

    /// Whether a message may be sent as it is, with nothing queued before it.
    #[inline]
    pub(super) fn is_clear(self) -> bool {
        self.0 & (NOT_OPEN | NOT_PLAIN) == 0 && self.queued() == 0
    }

    /// Whether frames are exchanged, none is queued, and no timer is due.
    #[inline]
    pub(super) fn is_at_rest(self) -> bool {
        self.0 & (NOT_OPEN | TIMER_DUE) == 0 && self.queued() == 0
    }

    #[inline]
    pub(super) fn is_timer_due(self) -> bool {
        self.0 & TIMER_DUE != 0
    }

    fn queued(self) -> usize {
        self.0 >> BITS
    }
}
