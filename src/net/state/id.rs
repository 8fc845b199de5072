//! The name of one connection.

use std::fmt;
use std::str::FromStr;

use super::context::Place;

/// Names one connection: no other of this process has the same.
///
/// It is displayed as three numbers with hyphens between them, such as `0-17-3`, and read in the same form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The number of the context.
    context: u32,
    place: Place,
}

impl ConnectionId {
    pub(super) fn new(context: u32, place: Place) -> ConnectionId {
        ConnectionId { context, place }
    }

    pub(super) fn context_number(self) -> u32 {
        self.context
    }

    #[cfg(feature = "server")]
    pub(super) fn place(self) -> Place {
        self.place
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.context, self.place)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

/// A text that no [`ConnectionId`] is displayed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseConnectionIdError;

impl fmt::Display for ParseConnectionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the id of a connection is three numbers with hyphens between them, such as 0-17-3",
        )
    }
}

impl std::error::Error for ParseConnectionIdError {}

impl FromStr for ConnectionId {
    type Err = ParseConnectionIdError;

    fn from_str(text: &str) -> Result<ConnectionId, ParseConnectionIdError> {
        let mut numbers = text.split('-').map(number);
        let mut next = || numbers.next().flatten().ok_or(ParseConnectionIdError);
        let (context, slot, generation) = (next()?, next()?, next()?);
        if numbers.next().is_some() {
            return Err(ParseConnectionIdError);
        }
        Ok(ConnectionId { context, place: Place { slot, generation } })
    }
}

/// A number in the one form in which it is displayed.
fn number(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_shortest = digits == "0" || !digits.starts_with('0');
    if is_plain && is_shortest { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_the_form_in_which_it_is_displayed_and_in_no_other() {
        for text in ["0-0-0", "3-17-4", "4294967295-4294967295-4294967295"] {
            assert_eq!(text.parse::<ConnectionId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "",
            "-",
            "0",
            "0-0",
            "0-0-",
            "0-0-0-0",
            "-0-0-0",
            "00-0-0",
            "0-01-0",
            "+1-0-0",
            "0-0-0 ",
            "4294967296-0-0",
            "0-a-0",
            "0_0_0",
        ] {
            assert_eq!(text.parse::<ConnectionId>(), Err(ParseConnectionIdError), "{text:?}");
        }
    }
}
