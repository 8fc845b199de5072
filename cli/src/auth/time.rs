//! Points in time as people write them (RFC 3339), in UTC.

use toml::value::{Datetime, Offset};

/// Reads a date, which is its midnight, or a date with a time; in seconds since 1970.
///
/// # Errors
/// It is neither, or not in UTC, or before 1970.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wanted = || {
        format!(
            "'{}' is no time: wanted is 2027-01-31 or 2027-01-31T12:00:00Z",
            text.escape_debug()
        )
    };
    let datetime: Datetime = text.parse().map_err(|_| wanted())?;
    let is_utc = match (&datetime.time, &datetime.offset) {
        (None, None) | (Some(_), Some(Offset::Z)) => true,
        (_, offset) => *offset == Some(Offset::Custom { minutes: 0 }),
    };
    let date = datetime.date.filter(|_| is_utc).ok_or_else(wanted)?;
    let days = days(date.year.into(), date.month.into(), date.day.into());
    let seconds = datetime.time.map_or(0, |time| {
        let second = i64::from(time.second.unwrap_or(0));
        i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + second
    });
    u64::try_from(days * 86_400 + seconds).map_err(|_| wanted())
}

/// The days from 1970-01-01 to a date. Years begin in March here, so that a leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let of_year = (153 * since_march + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + of_year - MARCH_0_TO_1970
}

/// From the first of March of the year 0.
const MARCH_0_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01Z", 1),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-30T09:30:15Z", 1_796_031_015),
            ("2100-03-01", 4_107_542_400),
        ] {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "soon",
            "2027-13-01",
            "2027-01-31T12:00:00",
            "1969-12-31",
            "12:00:00",
            "2027-01-31T12:00:00+01:00",
        ] {
            assert!(parse(text).unwrap_err().contains("is no time"), "{text}");
        }
    }
}
