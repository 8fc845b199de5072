//! How often the log says the same thing: peers decide how often it happens.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line a second into the log, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Told {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl Told {
    /// How many lines were left out since the last one, if this one is to be written.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < ONE_IN) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

const ONE_IN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_is_written_and_says_what_was_left_out() {
        let (told, now) = (Told::default(), Instant::now());
        let after = |milliseconds| told.admit(now + Duration::from_millis(milliseconds));
        assert_eq!(after(0), Some(0));
        assert_eq!([after(1), after(500), after(999)], [None; 3]);
        assert_eq!(after(1_000), Some(3));
        assert_eq!(after(2_500), Some(0));
    }
}
