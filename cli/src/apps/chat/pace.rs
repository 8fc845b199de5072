//! How often something may be done: a few times at once, then at a steady rate.

use std::time::Duration;

use tokio::time::Instant;

/// Tokens that come back with time.
pub(super) struct Pace {
    burst: u32,
    every: Duration,
    /// When all tokens are there again.
    full_at: Instant,
}

impl Pace {
    /// `burst` at once, and then one `every` so long.
    pub(super) fn new(burst: u32, every: Duration) -> Pace {
        Pace { burst, every, full_at: Instant::now() }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        let full_at = self.full_at.max(now) + self.every;
        let is_there = full_at - now <= self.every * self.burst;
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_a_rate() {
        let mut pace = Pace::new(3, Duration::from_millis(500));
        let taken = (0..5).filter(|_| pace.take()).count();
        assert_eq!(taken, 3);
        tokio::time::advance(Duration::from_millis(499)).await;
        assert!(!pace.take());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(pace.take());
        assert!(!pace.take());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((0..5).filter(|_| pace.take()).count(), 3);
    }
}
