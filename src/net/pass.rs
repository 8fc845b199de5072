//! Waiting for so long, of the time in which this process was awake, without a connection's clock.

#[cfg(feature = "server")]
use std::future::Future;
#[cfg(feature = "server")]
use std::pin::pin;
use std::time::Duration;

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
