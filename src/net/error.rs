//! The one error type of the asynchronous API, so that `?` works everywhere.

use std::{fmt, io};

use super::ending::TimeoutKind;
use crate::proto::handshake::{FieldError, Refusal, StatusError, SubprotocolNotOffered};
use crate::proto::outbound::SendError;
use crate::proto::violation::Violation;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of any kind: what a handler's error is turned into.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a connection failed.
///
/// A handler may return it, or any other error. What the peer did, a [`Violation`] for instance, is no
/// failure of the handler that passes it on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule; the connection has been failed with its status code.
    Violation(Violation),
    /// The opening handshake was refused.
    Refused(Refusal),
    /// A message could not be sent.
    Send(SendError),
    /// A deadline ended the connection.
    Timeout(TimeoutKind),
    /// The transport failed, or ended without a closing handshake.
    Transport(io::Error),
    /// There is no memory left for the connection to go on; it has been failed with 1013.
    Overload,
    /// A Close came inside a message that was received piece by piece: what there is of it is not
    /// the whole.
    CloseInsideMessage,
    /// A header field cannot be added to a response.
    InvalidField(FieldError),
    /// A response cannot have this status.
    InvalidStatus(StatusError),
    /// The client did not offer the subprotocol.
    SubprotocolNotOffered(SubprotocolNotOffered),
    /// The application's own input or output failed.
    Io(io::Error),
    /// The application's own error.
    Application(BoxError),
}

impl Error {
    /// Wraps an error of the application.
    pub fn application(error: impl Into<BoxError>) -> Error {
        Error::Application(error.into())
    }

    /// Whether it says how the connection fared, and nothing about the application.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Error::Violation(_)
                | Error::Refused(_)
                | Error::Send(SendError::Closed)
                | Error::Timeout(_)
                | Error::Transport(_)
                | Error::Overload
                | Error::CloseInsideMessage
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Violation(violation) => write!(f, "the peer broke a rule: {violation}"),
            Error::Refused(refusal) => write!(f, "handshake refused: {}", refusal.rejection),
            Error::Send(error) => error.fmt(f),
            Error::Timeout(timeout) => timeout.fmt(f),
            Error::Transport(error) | Error::Io(error) => error.fmt(f),
            Error::Overload => f.write_str("no memory is left for the connection to go on"),
            Error::CloseInsideMessage => f.write_str("a Close came inside a message"),
            Error::InvalidField(error) => error.fmt(f),
            Error::InvalidStatus(error) => error.fmt(f),
            Error::SubprotocolNotOffered(error) => error.fmt(f),
            Error::Application(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    /// What is behind the error that this one holds: that one's own words are in `Display`.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Transport(error) | Error::Io(error) => error.source(),
            Error::Application(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Error {
        Error::Violation(violation)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        Error::Send(error)
    }
}

impl From<io::Error> for Error {
    /// The application's: what the transport failed with is [`Error::Transport`].
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Error {
        Error::InvalidField(error)
    }
}

impl From<StatusError> for Error {
    fn from(error: StatusError) -> Error {
        Error::InvalidStatus(error)
    }
}

impl From<SubprotocolNotOffered> for Error {
    fn from(error: SubprotocolNotOffered) -> Error {
        Error::SubprotocolNotOffered(error)
    }
}
