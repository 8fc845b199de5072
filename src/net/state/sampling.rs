//! Which polls of handlers are timed: one in 64 of each thread, since asking for the time twice costs more than 1 %
//! of a short message.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static POLLS: Cell<u8> = const { Cell::new(0) };
}

/// One poll of a handler, timed or not.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Sample(Option<Instant>);

impl Sample {
    /// A handler is about to be polled.
    #[inline]
    pub(in crate::net) fn begin() -> Sample {
        let polls = POLLS.get().wrapping_add(1);
        POLLS.set(polls);
        if polls.is_multiple_of(EACH) { Sample::timed() } else { Sample(None) }
    }

    #[cold]
    fn timed() -> Sample {
        Sample(Some(Instant::now()))
    }

    /// The handler has given the thread back: for how long it had it, if that was timed.
    #[inline]
    pub(in crate::net) fn end(self) -> Option<Duration> {
        self.0.map(|begun| begun.elapsed())
    }
}

/// Of so many polls one is timed: a divisor of 256.
const EACH: u8 = 64;
