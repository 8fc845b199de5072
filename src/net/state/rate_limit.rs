//! How many lines of one kind the log gets.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lets so many lines through in a second, and counts the rest.
#[derive(Debug, Default)]
pub(in crate::net) struct RateLimit(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    told: u32,
    suppressed: u64,
}

impl RateLimit {
    /// Whether to tell; if so, how many were not told since the last time.
    pub(in crate::net) fn admit(&self, now: Duration) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != now.as_secs() {
            (window.second, window.told) = (now.as_secs(), 0);
        }
        if window.told >= PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

/// Lines of one kind in a second.
const PER_SECOND: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let limit = RateLimit::default();
        let told = (0..150).filter(|_| limit.admit(Duration::from_secs(7)).is_some()).count();
        assert_eq!(told, PER_SECOND as usize);
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(50));
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(0));
    }
}
