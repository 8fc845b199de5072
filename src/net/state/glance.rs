//! What the connection task, the Receiver and the Senders may know of a connection without its
//! lock.
//!
//! A glance is renewed whenever the lock is given up, before anybody is woken for what was
//! done under it. It may be old, never wrong for long: who makes one old wakes the task. So it
//! may say that there is nothing to do; what there is to do is looked up under the lock.
//!
//! Three things make one old and wake nobody, and do no harm. That a fragmented message has begun,
//! or was given up before its first fragment, matters to Senders only; what the handler's thread
//! holds meanwhile goes before the first fragment. For a Receiver that no longer waits the task
//! may read once more; what it read is kept.

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

/// What a glance shows besides the queue.
pub(super) struct Looks {
    /// Frames are exchanged, and no Close was sent or received.
    pub(super) is_open: bool,
    /// The timers are to be looked at.
    pub(super) is_timer_due: bool,
    /// Somebody waits for input, and it is to be read into a lease.
    pub(super) is_reading: bool,
    /// The Receiver waits for a message in the handler that the task polls.
    pub(super) is_waiting_here: bool,
    /// No message is being sent in fragments, and no compression was agreed on.
    pub(super) is_plain: bool,
}

/// Bytes queued for the peer, and a bit for whatever is not as it is most of the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance(usize);

const NOT_OPEN: usize = 1;
const TIMER_DUE: usize = 2;
const NOT_READING: usize = 4;
const NOT_WAITING_HERE: usize = 8;
const NOT_PLAIN: usize = 16;
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
                | set(NOT_READING, !looks.is_reading)
                | set(NOT_WAITING_HERE, !looks.is_waiting_here)
                | set(NOT_PLAIN, !looks.is_plain),
        )
    }

    /// Whether the task is to read for the Receiver, into a lease.
    #[inline]
    pub(super) fn is_reading(self, max_queued: usize) -> bool {
        self.0 & (NOT_OPEN | NOT_READING) == 0 && self.queued() < max_queued
    }

    /// Whether input may be handed to the Receiver without the lock. Nobody has any then.
    #[inline]
    pub(super) fn is_waiting_here(self) -> bool {
        self.0 & (NOT_OPEN | NOT_READING | NOT_WAITING_HERE) == 0
    }

    /// Whether less than so many bytes are queued.
    #[inline]
    pub(super) fn is_below(self, queued: usize) -> bool {
        self.queued() < queued
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

    /// Whether nothing is queued.
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.queued() == 0
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

    #[inline]
    fn queued(self) -> usize {
        self.0 >> BITS
    }
}
