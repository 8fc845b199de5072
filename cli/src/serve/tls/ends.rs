//! When certificates end, and from when on the log says so: within two weeks of it, once a day.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The end of the certificate in a file.
pub(in crate::serve) struct End {
    pub(super) file: PathBuf,
    pub(super) at: SystemTime,
}

/// What a look at the ends came to.
pub(in crate::serve) struct Look<'a> {
    /// The files whose certificates end soon, and what is left.
    soon: Vec<(&'a PathBuf, Duration)>,
    ended: Vec<&'a PathBuf>,
    /// When to look again.
    pub(in crate::serve) again: Duration,
}

/// What is to be said of them at this time.
pub(in crate::serve) fn look(ends: &[End], now: SystemTime) -> Look<'_> {
    let mut look = Look { soon: Vec::new(), ended: Vec::new(), again: A_DAY };
    for End { file, at } in ends {
        match at.duration_since(now) {
            // A clock may be set anew, so nobody waits for more than a day.
            Ok(left) if left > SOON => look.again = look.again.min(left - SOON),
            Ok(left) if !left.is_zero() => look.soon.push((file, left)),
            _ => look.ended.push(file),
        }
    }
    look
}

impl Look<'_> {
    /// Tells all of it in the log.
    pub(in crate::serve) fn report(&self) {
        self.report_soon();
        for file in &self.ended {
            tracing::warn!(file = %file.display(), "the certificate has ended");
        }
    }

    /// Tells only what the library has not told when the file was read.
    pub(super) fn report_soon(&self) {
        for (file, left) in &self.soon {
            let days = left.as_secs() / A_DAY.as_secs();
            tracing::warn!(file = %file.display(), days, "the certificate ends soon");
        }
    }
}

/// From when on it is said.
const SOON: Duration = Duration::from_secs(14 * 86_400);

const A_DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A look at certificates of which so much is left.
    fn at(left: &[Duration]) -> (Vec<(usize, Duration)>, Duration) {
        let now = UNIX_EPOCH + 1000 * A_DAY;
        let end = |(index, left): (usize, &Duration)| End {
            file: index.to_string().into(),
            at: now + *left,
        };
        let ends: Vec<_> = left.iter().enumerate().map(end).collect();
        let look = look(&ends, now);
        let index = |file: &PathBuf| file.to_str().unwrap().parse().unwrap();
        (look.soon.iter().map(|(file, left)| (index(file), *left)).collect(), look.again)
    }

    #[test]
    fn nothing_is_said_earlier_than_14_days_before_the_end() {
        assert_eq!(at(&[]), (vec![], A_DAY));
        assert_eq!(at(&[90 * A_DAY]), (vec![], A_DAY));
        assert_eq!(at(&[14 * A_DAY + HOUR]), (vec![], HOUR));
        assert_eq!(at(&[15 * A_DAY, 14 * A_DAY + HOUR]), (vec![], HOUR));
    }

    #[test]
    fn from_then_on_it_is_said_every_day() {
        assert_eq!(at(&[14 * A_DAY]), (vec![(0, 14 * A_DAY)], A_DAY));
        assert_eq!(at(&[90 * A_DAY, HOUR]), (vec![(1, HOUR)], A_DAY));
        assert_eq!(at(&[3 * A_DAY, 4 * A_DAY]).0.len(), 2);
        // One that becomes due in between is not kept waiting.
        assert_eq!(at(&[14 * A_DAY + HOUR, A_DAY]), (vec![(1, A_DAY)], HOUR));
    }

    #[test]
    fn one_that_has_ended_is_named_every_day_too() {
        let now = UNIX_EPOCH + 1000 * A_DAY;
        let ends = [End { file: "a.pem".into(), at: now - A_DAY }];
        let look = look(&ends, now);
        assert_eq!((look.soon.len(), look.ended.len(), look.again), (0, 1, A_DAY));
    }
}
