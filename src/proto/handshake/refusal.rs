//! A refusal: the broken rule and how to say so to this peer.

use crate::proto::rejection::Rejection;

use super::octet::Class;

/// An opening handshake refused: why, and how the answer has to look for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub rejection: Rejection,
    /// Whether the request was read as HEAD, so that the answer has no content
    /// (RFC 9110 §9.3.2), whatever its status.
    pub head_only: bool,
    /// The header field at fault (RFC 6585 §5), out of a fixed list of ours.
    pub field: Option<&'static str>,
}

impl Refusal {
    /// Refuses a request of which `received` has arrived, perhaps not yet to its end: the first
    /// octets tell whether the answer may have content.
    #[must_use]
    pub fn of(rejection: Rejection, received: &[u8]) -> Self {
        let line = received.strip_prefix(b"\r\n").unwrap_or(received);
        let after = line.strip_prefix(b"HEAD").and_then(<[u8]>::first);
        Self {
            head_only: after.is_some_and(|&octet| !Class::TOKEN.holds(octet)),
            ..Self::from(rejection)
        }
    }

    /// The sentence for a person: the clause and what broke it.
    #[must_use]
    pub fn body(&self) -> String {
        let (section, sentence) = (self.rejection.section(), self.rejection.sentence());
        match self.field {
            Some(field) => format!("{section}: {sentence}: {field}\n"),
            None => format!("{section}: {sentence}\n"),
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, head_only: false, field: None }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.field {
            Some(field) => write!(formatter, "{}: {field}", self.rejection),
            None => self.rejection.fmt(formatter),
        }
    }
}

impl core::error::Error for Refusal {}
