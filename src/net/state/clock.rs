//! The time of a context: the time in which this process was awake to listen to its peers.
//!
//! A process may be stopped, a machine frozen, a thread blocked by a handler. Peers go on meanwhile, and
//! what they send waits in the kernel. So two rules hold for every deadline. Time in which nobody could
//! listen does not count. And a deadline is judged only after what had arrived by then was read: after a
//! stop tokio may know of no input for one turn, since the call that waits for it is interrupted, and then
//! of 1,024 sockets at a time.
//!
//! The clock task of the context (`context.rs`) drives this:
//!
//! ```text
//!  plan: sleep, a second at most --awake--> wake: what is beyond the plan did not count
//!    ^                                        |
//!    |                                        v
//!  fire what is due <--- judge up to now <--- the IO driver has its turns
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time in which this process was awake, and up to when deadlines may be judged.
#[derive(Debug)]
pub(in crate::net) struct Clock {
    start: Instant,
    /// Nanoseconds since `start` that do not count.
    asleep: AtomicU64,
    /// The time goes no further before the clock task has its turn, in nanoseconds.
    horizon: AtomicU64,
    /// Up to this time everything that had arrived was read, in nanoseconds. judged <= now
    judged: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Clock {
        Clock {
            start: Instant::now(),
            asleep: AtomicU64::new(0),
            horizon: AtomicU64::new(0),
            judged: AtomicU64::new(0),
        }
    }

    /// The time since the beginning in which this process was awake. It never goes back.
    #[inline]
    pub(in crate::net) fn now(&self) -> Duration {
        // Before `asleep`: whoever sees a new horizon sees what was left out before it, too.
        let horizon = self.horizon.load(Ordering::Acquire);
        Duration::from_nanos(self.uncounted(Instant::now()).min(horizon))
    }

    /// What deadlines are judged by: a deadline after this time is not over, whatever the clock says.
    #[inline]
    pub(in crate::net) fn judged(&self) -> Duration {
        Duration::from_nanos(self.judged.load(Ordering::Acquire))
    }

    /// The clock task begins, or has its turn again: what has passed beyond the horizon did not count.
    /// Says whether that is so.
    pub(super) fn wake(&self) -> bool {
        self.wake_at(Instant::now(), is_paused())
    }

    /// What had arrived by now was read: deadlines up to now are judged.
    pub(super) fn judge(&self) -> Duration {
        let now = self.now();
        self.judged.store(nanos(now), Ordering::Release);
        now
    }

    /// The clock task sleeps until `until`, or shorter: gives how long it may.
    pub(super) fn plan(&self, until: Option<Duration>) -> Duration {
        self.plan_at(Instant::now(), until, is_paused())
    }

    fn wake_at(&self, at: Instant, is_paused: bool) -> bool {
        let horizon = self.horizon.load(Ordering::Relaxed);
        let late = self.uncounted(at).saturating_sub(horizon);
        self.asleep.fetch_add(late, Ordering::Relaxed);
        self.plan_at(at, None, is_paused);
        late > 0
    }

    fn plan_at(&self, at: Instant, until: Option<Duration>, is_paused: bool) -> Duration {
        let now = Duration::from_nanos(self.uncounted(at));
        let sleep = until.map_or(LONGEST, |until| until.saturating_sub(now).min(LONGEST));
        // A time that tests move by hand jumps, and no stop of the process moves it.
        let horizon = if is_paused { u64::MAX } else { nanos(now + sleep + SLACK) };
        self.horizon.store(horizon, Ordering::Release);
        sleep
    }

    /// The time without what does not count, up to this instant.
    #[inline]
    fn uncounted(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.start))
            .saturating_sub(self.asleep.load(Ordering::Relaxed))
    }
}

/// Whether tokio's time stands still, as tests have it: the system's goes on between two looks at it.
fn is_paused() -> bool {
    let before = (Instant::now(), std::time::Instant::now());
    while std::time::Instant::now() == before.1 {
        std::hint::spin_loop();
    }
    Instant::now() == before.0
}

/// Five hundred years fit.
#[inline]
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The longest sleep of the clock task while there are connections.
const LONGEST: Duration = Duration::from_secs(1);

/// So late the clock task may be without having been kept from listening.
const SLACK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A clock that was begun, and what it says at a time.
    fn begun() -> (Clock, impl Fn(&Clock, u64) -> Duration) {
        let clock = Clock::new();
        clock.wake_at(clock.start, false);
        let now = |clock: &Clock, millis| {
            let horizon = clock.horizon.load(Ordering::Acquire);
            let at = clock.start + Duration::from_millis(millis);
            Duration::from_nanos(clock.uncounted(at).min(horizon))
        };
        (clock, now)
    }

    #[test]
    fn time_in_which_nobody_could_listen_does_not_count() {
        let (clock, now) = begun();
        assert_eq!(clock.plan_at(clock.start, Some(SECOND / 2), false), SECOND / 2);
        // In time, and as late as a busy machine may be.
        assert_eq!(now(&clock, 749), Duration::from_millis(749));
        assert!(!clock.wake_at(clock.start + Duration::from_millis(750), false));
        assert_eq!(now(&clock, 750), Duration::from_millis(750));
        // The next plan is of a second. The process is stopped for 22 s.
        clock.plan_at(clock.start + SECOND, None, false);
        assert_eq!(now(&clock, 23_000), Duration::from_millis(2250));
        assert!(clock.wake_at(clock.start + SECOND * 23, false));
        assert_eq!(now(&clock, 23_000), Duration::from_millis(2250));
        assert_eq!(now(&clock, 23_500), Duration::from_millis(2750));
    }

    #[test]
    fn the_clock_stands_still_until_it_is_begun() {
        let clock = Clock::new();
        assert_eq!(clock.now(), Duration::ZERO);
        assert!(clock.wake_at(clock.start + SECOND * 100, false));
        assert_eq!(clock.asleep.load(Ordering::Relaxed), nanos(SECOND * 100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_tests_move_counts_as_it_is_moved() {
        let clock = Clock::new();
        clock.wake();
        clock.plan(None);
        tokio::time::advance(SECOND * 60).await;
        assert_eq!(clock.now(), SECOND * 60);
        assert!(!clock.wake());
        assert_eq!(clock.judged(), Duration::ZERO);
        assert_eq!(clock.judge(), SECOND * 60);
        assert_eq!(clock.judged(), SECOND * 60);
    }

    #[tokio::test]
    async fn a_time_that_runs_is_not_paused() {
        assert!(!is_paused());
        tokio::time::pause();
        assert!(is_paused());
    }
}
