//! How slowly a peer may take what is queued for it (RFC 6455 §10.4).
//!
//! A peer that takes nothing and a peer that is slow look alike for a long time: the peer's kernel tells
//! what it took in steps of about 128 KiB, and ours tells that there is room once a third of a send buffer
//! of up to 4 MiB is free. So only bytes that a write could hand over count, and the peer always has the time
//! in which the slowest rate allowed takes 256 KiB.
//!
//! ```text
//!  (all is written) --the transport refuses bytes--> a deadline, the time for 256 KiB ahead
//!        ^                                              |  ^
//!        |                                              |  +-- bytes are handed over: later by the time
//!        +-- all is written ----------------------------+      for so many, never further ahead than that
//!                                                       |
//!                                                       +-- it comes, and a write that is tried then
//!                                                           hands over nothing: the peer is too slow
//! ```

use std::time::Duration;

use super::life::Deadline;

/// The slowest rate at which a peer may take bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct DrainRate {
    /// Bytes per second.
    rate: usize,
}

impl DrainRate {
    /// So many bytes per second.
    pub(in crate::net) fn new(rate: usize) -> DrainRate {
        DrainRate { rate }
    }

    /// The time in which so many bytes are taken at this rate.
    fn time_for(self, len: usize) -> Duration {
        let nanos = (len as u128).saturating_mul(1_000_000_000) / (self.rate.max(1) as u128);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How far ahead the deadline of a peer is at most.
    pub(in crate::net) fn window(self) -> Duration {
        self.time_for(WINDOW)
    }

    /// The deadline of a peer whose transport refuses bytes from now on.
    pub(in crate::net) fn begin(self, now: Duration) -> Deadline {
        Deadline::at(now.checked_add(self.window()))
    }

    /// The deadline moves, since so many bytes were handed over; without a deadline there is none after.
    pub(in crate::net) fn credit(self, by: Deadline, taken: usize) -> Deadline {
        Deadline::at(by.time().and_then(|by| by.checked_add(self.time_for(taken))))
    }

    /// So much time was left when so many bytes were handed over: how much is left then.
    #[cfg(feature = "http")]
    pub(in crate::net) fn credit_left(self, left: Duration, taken: usize) -> Duration {
        left.saturating_add(self.time_for(taken)).min(self.window())
    }

    /// As [`DrainRate::credit`], where it is known what time it is. A deadline that came while this process
    /// did not look counts from now.
    pub(in crate::net) fn credit_at(self, by: Deadline, taken: usize, now: Duration) -> Deadline {
        if taken == 0 {
            return by;
        }
        self.credit(by.max(Deadline::at(Some(now))), taken).min(self.begin(now))
    }
}

/// A peer has the time in which the slowest rate takes so many bytes: twice what kernels tell at once.
const WINDOW: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Deadline {
        Deadline::at(Some(SECOND * seconds))
    }

    #[test]
    fn a_deadline_moves_with_what_is_taken_and_stays_within_the_window() {
        let rate = DrainRate::new(1024);
        assert_eq!(rate.window(), SECOND * 256);
        assert_eq!(rate.begin(SECOND), at(257));
        assert_eq!(rate.credit_at(at(257), 0, SECOND * 200), at(257));
        assert_eq!(rate.credit_at(at(257), 10 << 10, SECOND * 200), at(267));
        assert_eq!(rate.credit_at(at(257), 1 << 20, SECOND * 200), at(456));
        // The process was stopped: what was taken since counts from now.
        assert_eq!(rate.credit_at(at(257), 1 << 10, SECOND * 900), at(901));
        assert_eq!(rate.credit(Deadline::NEVER, 1), Deadline::NEVER);
        assert_eq!(rate.credit(at(1), 2048), at(3));
    }

    /// Kernels tell what was taken in steps: at the rate allowed and above it no step comes too late, and
    /// below it one does.
    #[test]
    fn a_steady_peer_is_judged_by_its_rate_alone() {
        let rate = DrainRate::new(1024);
        for step in [1_usize << 10, 100_000, 128 << 10, 200_000] {
            for (bytes_per_second, lasts) in
                [(1025, true), (1024, true), (5000, true), (1023, false), (500, false), (0, false)]
            {
                let mut by = rate.begin(Duration::ZERO);
                let mut told = 0;
                let survived = (1..600_000_u32).all(|second| {
                    let now = SECOND * second;
                    if by < Deadline::at(Some(now)) {
                        return false;
                    }
                    let taken = second as usize * bytes_per_second / step * step;
                    by = rate.credit_at(by, taken - told, now);
                    told = taken;
                    !by.is_past(now)
                });
                assert_eq!(survived, lasts, "{bytes_per_second} B/s in steps of {step}");
            }
        }
    }
}
