//! What the connection task, the Receiver and the Senders may know of a connection without its lock.
//!
//! The glance is renewed whenever the lock is given up, before anybody is woken for what was done
//! under it. So it may be old, but not for long: whoever makes it old wakes the task, or is polled by
//! it. It may say that there is nothing to do; what there is to do is looked up under the lock.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The newest glance at a connection.
#[derive(Debug)]
pub(in crate::net) struct LastGlance(AtomicUsize);

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

/// What a glance shows besides the length of the queue.
pub(super) struct Looks {
    /// Frames are exchanged, and no Close was sent or received.
    pub(super) is_open: bool,
    /// The timers are to be looked at.
    pub(super) is_timer_due: bool,
    /// The task reads, no message is unfinished, and there is a Receiver.
    pub(super) is_at_rest: bool,
    /// No message is being sent in fragments, and no compression was agreed on.
    pub(super) is_plain: bool,
    /// The connection has an account in the memory of all.
    pub(super) is_charged: bool,
}

/// Bytes queued for the peer, and a bit for whatever is not as it is most of the time.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Glance(usize);

const NOT_OPEN: usize = 1;
const TIMER_DUE: usize = 2;
const NOT_AT_REST: usize = 4;
const NOT_PLAIN: usize = 8;
const CHARGED: usize = 16;
const BITS: u32 = 5;

impl Glance {
    #[inline]
    pub(super) fn new(queued: usize, looks: Looks) -> Glance {
        let queued = queued.min(usize::MAX >> BITS) << BITS;
        let set = |bit, is_set| if is_set { bit } else { 0 };
        Glance(
            queued
                | set(NOT_OPEN, !looks.is_open)
                | set(TIMER_DUE, looks.is_timer_due)
                | set(NOT_AT_REST, !looks.is_at_rest)
                | set(NOT_PLAIN, !looks.is_plain)
                | set(CHARGED, looks.is_charged),
        )
    }

    /// Whether the task reads, and nothing is to be done before that or with what was read earlier.
    #[inline]
    pub(in crate::net) fn is_at_rest(self) -> bool {
        self.0 & (NOT_OPEN | NOT_AT_REST) == 0
    }

    /// Whether messages are exchanged both ways, and less than so many bytes are queued.
    #[inline]
    pub(in crate::net) fn is_open_below(self, queued: usize) -> bool {
        self.0 & NOT_OPEN == 0 && self.queued() < queued
    }

    /// Whether a message may be sent as it is, with nothing queued before it.
    #[inline]
    pub(in crate::net) fn is_clear(self) -> bool {
        self.0 & (NOT_OPEN | NOT_PLAIN) == 0 && self.queued() == 0
    }

    /// Whether nothing is queued.
    #[inline]
    pub(in crate::net) fn is_empty(self) -> bool {
        self.queued() == 0
    }

    /// Whether the task has nothing to do but read: messages are exchanged, none is queued, no
    /// timer is due, and no account of memory is to be settled.
    #[inline]
    pub(in crate::net) fn is_quiet(self) -> bool {
        self.0 & (NOT_OPEN | TIMER_DUE | NOT_AT_REST | CHARGED) == 0 && self.queued() == 0
    }

    #[inline]
    pub(in crate::net) fn is_timer_due(self) -> bool {
        self.0 & TIMER_DUE != 0
    }

    /// Whether messages are exchanged, and no Close was sent or received.
    pub(in crate::net) fn is_open(self) -> bool {
        self.0 & NOT_OPEN == 0
    }

    /// Bytes queued for the peer, without those in a cork.
    #[inline]
    pub(in crate::net) fn queued(self) -> usize {
        self.0 >> BITS
    }
}
