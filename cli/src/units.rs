//! Sizes and durations as they are written on a command line.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, at least one: `65536`, `64KiB`, `16MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::parse_from_zero(text)? {
            Self(0) => Err("must be at least 1 byte".into()),
            size => Ok(size),
        }
    }
}

impl Size {
    /// The same where 0 is a size too.
    pub(crate) fn parse_from_zero(text: &str) -> Result<Self, String> {
        let (digits, unit) = split(text);
        let factor: usize = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("{SIZE_FORM}; there is no unit \"{}\"", unit.escape_debug())),
        };
        let number: usize = number(digits, SIZE_FORM)?;
        match number.checked_mul(factor) {
            Some(bytes) if isize::try_from(bytes).is_ok() => Ok(Self(bytes)),
            _ => Err("is more than this machine can address".into()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// A time span: `500ms`, `10s`, `2m`, `1h`, or a bare number of seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split(text);
    let millis_each = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{DURATION_FORM}; there is no unit \"{}\"", unit.escape_debug())),
    };
    let number: u64 = number(digits, DURATION_FORM)?;
    let millis = number.checked_mul(millis_each).filter(|millis| *millis <= LONGEST_MILLIS);
    millis.map(Duration::from_millis).ok_or_else(|| "must be at most one year".into())
}

/// A time span during which something has to happen, so not zero.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() { Err("must be longer than zero".into()) } else { Ok(duration) }
}

/// How often something happens, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    Off,
    Every(Duration),
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        match parse_duration(text) {
            Ok(Duration::ZERO) => Err("must be longer than zero; to have none write off".into()),
            Ok(duration) => Ok(Self::Every(duration)),
            Err(error) => Err(format!("{error}, or off")),
        }
    }
}

/// The digits at the beginning, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn number<N: FromStr<Err = ParseIntError>>(digits: &str, form: &str) -> Result<N, String> {
    if digits.is_empty() {
        return Err(form.into());
    }
    // Only digits are left, so the one thing that can be wrong is their number.
    digits.parse().map_err(|_| "is too large a number".into())
}

const SIZE_FORM: &str = "wanted: a number of bytes such as 65536, 64KiB or 16MiB";
const DURATION_FORM: &str = "wanted: a time such as 500ms, 10s or 2m, or a number of seconds";
const LONGEST_MILLIS: u64 = 365 * 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in [
            ("1", 1),
            ("65536", 65536),
            ("125B", 125),
            ("64KiB", 65536),
            ("16MiB", 16 << 20),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        let huge = "9223372036854775808";
        let too_many_digits = "99999999999999999999999999";
        for text in [
            "",
            "0",
            "0KiB",
            "-1",
            "+1",
            "1.5MiB",
            "16MB",
            "16mib",
            "16 MiB",
            " 1",
            "MiB",
            "1e3",
            huge,
            too_many_digits,
        ] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_print_as_they_are_read() {
        for text in ["1", "1000", "64KiB", "16MiB", "1GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
            ("0ms", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn other_durations_are_refused() {
        for text in [
            "",
            "s",
            "1.5s",
            "-1s",
            "10 s",
            "10S",
            "10sec",
            "1d",
            "off",
            "99999999999999999999",
            "366000h",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_timeout_is_not_zero() {
        assert!(parse_timeout("0").is_err());
        assert_eq!(parse_timeout("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn an_interval_may_be_off_but_not_zero() {
        assert_eq!("off".parse(), Ok(Interval::Off));
        assert_eq!("25s".parse(), Ok(Interval::Every(Duration::from_secs(25))));
        assert!("0".parse::<Interval>().is_err());
        assert!("OFF".parse::<Interval>().is_err());
    }
}
