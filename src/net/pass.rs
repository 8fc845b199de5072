//! Waiting for so long, of the time in which this process was awake, without a connection's clock.

#[cfg(feature = "server")]
use std::future::Future;
#[cfg(feature = "http")]
use std::pin::Pin;
#[cfg(feature = "server")]
use std::pin::pin;
#[cfg(feature = "http")]
use std::task::{Context, Poll, ready};
use std::time::Duration;

#[cfg(feature = "http")]
use tokio::time::{Instant, Sleep, sleep};

/// Waits until so much time has passed. A stop of the process counts for an eighth of it at most, and what
/// has arrived by the end is there to be read.
///
/// # Cancel safety
/// Holds no state.
pub(crate) async fn pass(time: Duration) {
    for _ in 0..STEPS {
        tokio::time::sleep(time / STEPS).await;
    }
    // After a stop the runtime may not have asked the kernel for input yet.
    tokio::task::yield_now().await;
}

/// A time that passes as [`pass`] has it, and that may be made longer meanwhile.
#[cfg(feature = "http")]
pub(crate) struct Patience {
    /// What is left from the beginning of this step.
    left: Duration,
    /// The longest step, and this one: this <= longest, this <= left
    longest: Duration,
    this: Duration,
    step: Pin<Box<Sleep>>,
}

#[cfg(feature = "http")]
impl Patience {
    /// So much time passes from now on.
    pub(crate) fn new(time: Duration) -> Patience {
        let longest = time / STEPS;
        Patience { left: time, longest, this: longest, step: Box::pin(sleep(longest)) }
    }

    /// Ready when the time is over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.left.is_zero() {
            ready!(self.step.as_mut().poll(cx));
            self.begin_step(self.left.saturating_sub(self.this));
        }
        Poll::Ready(())
    }

    /// What is left becomes what this makes of it.
    pub(crate) fn change(&mut self, change: impl FnOnce(Duration) -> Duration) {
        let ahead = self.step.deadline().saturating_duration_since(Instant::now());
        let passed = self.this.saturating_sub(ahead);
        self.begin_step(change(self.left.saturating_sub(passed)));
    }

    fn begin_step(&mut self, left: Duration) {
        self.left = left;
        self.this = left.min(self.longest);
        self.step.as_mut().reset(Instant::now() + self.this);
    }
}

/// What the future gives; `None` when so much time has passed before.
///
/// # Cancel safety
/// As the future's.
#[cfg(feature = "server")]
pub(crate) async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    tokio::select! {
        biased;
        given = &mut future => Some(given),
        () = pass(time) => None,
    }
}

const STEPS: u32 = 8;

#[cfg(all(test, feature = "server"))]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::{Instant, advance};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn so_much_time_passes() {
        let start = Instant::now();
        assert_eq!(within(SECOND, ready(7)).await, Some(7));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(within(SECOND, pending::<()>()).await, None);
        assert!(start.elapsed().abs_diff(SECOND) < SECOND / 10);
    }

    #[cfg(feature = "http")]
    #[tokio::test(start_paused = true)]
    async fn a_patience_passes_step_by_step_and_may_grow() {
        let (start, mut patience) = (Instant::now(), Patience::new(SECOND * 8));
        let mut is_changed = false;
        let mut poll = std::future::poll_fn(move |cx| {
            // Half of this step is over.
            if start.elapsed() > SECOND * 13 / 4 && !is_changed {
                is_changed = true;
                patience.change(|left| left + SECOND * 2);
            }
            patience.poll(cx)
        });
        assert!(tokio::time::timeout(SECOND * 7 / 2, &mut poll).await.is_err());
        assert!(tokio::time::timeout(SECOND, &mut poll).await.is_err());
        // A stop counts for a step.
        advance(SECOND * 100).await;
        let stopped = Instant::now();
        poll.await;
        let after = stopped.elapsed();
        assert!(after.abs_diff(SECOND * 5) <= SECOND * 5 / 4, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_of_the_time_counts_once() {
        let waiting = tokio::spawn(pass(SECOND));
        tokio::task::yield_now().await;
        advance(SECOND * 60).await;
        let start = Instant::now();
        waiting.await.unwrap();
        assert!(start.elapsed() > SECOND * 3 / 4);
    }
}
