//! The Date of an answer (RFC 9110 §6.6.1).

use std::time::{SystemTime, UNIX_EPOCH};

/// The time as an IMF-fixdate (RFC 9110 §5.6.7), or `None` where the clock cannot be right: before 1970,
/// which is where machines without a battery begin, and after 9999. An answer then goes without a Date.
pub(crate) fn http_date(now: SystemTime) -> Option<String> {
    let seconds = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds < YEAR_10000).then(|| httpdate::fmt_http_date(now))
}

/// 10000-01-01 in seconds since 1970: its year does not fit into four digits.
const YEAR_10000: u64 = 253_402_300_800;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn s9110_6_6_1_a_clock_that_cannot_be_right_gives_no_date() {
        let second = Duration::from_secs(1);
        let date = |since: u64| http_date(UNIX_EPOCH + Duration::from_secs(since));
        assert_eq!(date(0).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(date(784_111_777).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(date(YEAR_10000 - 1).as_deref(), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
        assert_eq!(date(YEAR_10000), None);
        assert_eq!(http_date(UNIX_EPOCH - Duration::from_nanos(1)), None);
        assert_eq!(http_date(UNIX_EPOCH - second), None);
        assert_eq!(http_date(UNIX_EPOCH - 4_000_000_000 * second), None);
    }
}
