//! What a peer has sent, as it may stand on a terminal or in a line; and points in time.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// Bytes in quotation marks: text where they are that, but for a character that is cut off at the end; else each
/// byte that is no printable ASCII as `\x..`. Nothing in it ends a line, drives a terminal or reorders text.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let text = match str::from_utf8(bytes) {
        Ok(text) => Some((text, &[][..])),
        Err(error) if error.error_len().is_none() => {
            let (whole, cut) = bytes.split_at(error.valid_up_to());
            str::from_utf8(whole).ok().map(|whole| (whole, cut))
        }
        Err(_) => None,
    };
    let (text, cut) = text.unwrap_or(("", bytes));
    let mut shown = String::with_capacity(bytes.len() + 2);
    shown.push('"');
    shown.push_str(&escaped(text));
    // Writing to a string cannot fail.
    let _ = write!(shown, "{}", cut.escape_ascii());
    shown.push('"');
    shown
}

/// Text of which nothing ends a line, drives a terminal or reorders other text.
pub(super) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Letters and signs of all languages stay; of what is above ASCII, whatever has no shape of its own does not.
        if c == '\'' || c.is_alphanumeric() {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}

/// A point in time as RFC 3339 has it, in UTC, with microseconds.
pub(super) fn time(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day, so many days after the first of January 1970.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    // Whole cycles of the calendar are left out at once.
    let mut year = 1970 + days / CYCLE * 400;
    days %= CYCLE;
    loop {
        let of_year = if is_leap(year) { 366 } else { 365 };
        if days < of_year {
            break;
        }
        days -= of_year;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < of_month {
            break;
        }
        days -= of_month;
        month += 1;
    }
    (year, month, days + 1)
}

/// Days in 400 years.
const CYCLE: u64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (1_735_689_600, "2025-01-01T00:00:00.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), shown);
        }
        let micros = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_890);
        assert_eq!(time(micros), "1970-01-01T00:00:01.234567Z");
    }

    #[test]
    fn what_a_peer_sends_cannot_leave_its_quotation_marks() {
        for (bytes, shown) in [
            (&b"Hello"[..], "\"Hello\""),
            ("Grüße, 世界".as_bytes(), "\"Grüße, 世界\""),
            (b"a\"b\\c", "\"a\\\"b\\\\c\""),
            (b"\x1b[31m\r\n\0", "\"\\u{1b}[31m\\r\\n\\0\""),
            (
                "\u{9b}1m\u{202e}x\u{2028}\u{200f}".as_bytes(),
                "\"\\u{9b}1m\\u{202e}x\\u{2028}\\u{200f}\"",
            ),
            // The end of a character is missing, as the payload was cut there.
            (b"Gr\xc3", "\"Gr\\xc3\""),
            (b"\xff\xfe\x1b", "\"\\xff\\xfe\\x1b\""),
        ] {
            assert_eq!(quoted(bytes), shown);
        }
    }
}
