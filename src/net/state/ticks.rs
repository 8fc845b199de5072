//! A clock that costs a load to read: a thread counts ticks of 25 ms.
//!
//! Asking the system for the time around each poll of a handler costs 3 % of the instructions for a
//! short message. There is one such thread in a process. Nobody who reads nothing keeps it awake: it
//! sleeps when nobody has looked for a while.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(feature = "server")]
use std::thread;
use std::thread::Thread;
use std::time::Duration;

static TICKS: AtomicU64 = AtomicU64::new(0);

/// Whether somebody has looked since the last tick.
static IS_READ: AtomicBool = AtomicBool::new(false);

/// The thread; `None` where it could not be started.
static THREAD: OnceLock<Option<Thread>> = OnceLock::new();

/// Starts the clock, unless it runs. Says whether it does.
#[cfg(feature = "server")]
pub(super) fn start() -> bool {
    let start = || {
        let clock = thread::Builder::new().name("ticks".into()).spawn(count);
        clock.map(|clock| clock.thread().clone()).ok()
    };
    THREAD.get_or_init(start).is_some()
}

/// The ticks so far.
#[inline]
pub(super) fn now() -> u64 {
    if !IS_READ.load(Ordering::Relaxed) {
        wake();
    }
    TICKS.load(Ordering::Relaxed)
}

/// The ticks since then. The thread may have been kept from counting some, but never counts too many.
#[inline]
pub(super) fn since(then: u64) -> u64 {
    TICKS.load(Ordering::Relaxed).wrapping_sub(then)
}

/// How many ticks prove that so much time has passed: the first may come at once.
#[cfg(feature = "server")]
pub(super) fn that_prove(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(PERIOD.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
}

/// The time of so many ticks.
pub(super) fn millis(ticks: u64) -> u64 {
    ticks.saturating_mul(u64::try_from(PERIOD.as_millis()).unwrap_or(u64::MAX))
}

/// Keeps the clock awake, or wakes it.
#[cold]
fn wake() {
    IS_READ.store(true, Ordering::Relaxed);
    if let Some(Some(clock)) = THREAD.get() {
        // For a clock that is about to sleep too: its next park returns at once.
        clock.unpark();
    }
}

#[cfg(feature = "server")]
fn count() {
    let mut unread = 0;
    loop {
        if unread == UNREAD {
            thread::park();
            unread = 0;
        }
        thread::sleep(PERIOD);
        TICKS.fetch_add(1, Ordering::Relaxed);
        unread = if IS_READ.swap(false, Ordering::Relaxed) { 0 } else { unread + 1 };
    }
}

const PERIOD: Duration = Duration::from_millis(25);

/// After so many ticks at which nobody looked the clock sleeps: half a minute.
#[cfg(feature = "server")]
const UNREAD: u32 = 1200;

#[cfg(all(test, feature = "server"))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn ticks_never_prove_more_time_than_has_passed() {
        assert_eq!(that_prove(Duration::from_millis(1)), 2);
        assert_eq!(that_prove(Duration::from_millis(100)), 5);
        assert_eq!(that_prove(Duration::from_millis(101)), 6);
        assert_eq!(millis(4), 100);
        assert!(start());
        let begun = (Instant::now(), now());
        while since(begun.1) < 3 {
            thread::yield_now();
        }
        assert!(begun.0.elapsed() >= 2 * PERIOD);
    }
}
