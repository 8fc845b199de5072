//! The one error type of the asynchronous API, so that `?` works everywhere.

use std::{fmt, io};

use super::ending::Timer;
use crate::proto::handshake::{FieldError, Refusal, StatusError, SubprotocolNotOffered};
use crate::proto::outbound::SendError;
use crate::proto::violation::Violation;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule; the connection has been failed with its status code.
    Violation(Violation),
    /// The opening handshake was refused.
    Refused(Refusal),
    /// A message could not be sent.
    Send(SendError),
    /// A timer ended the connection.
    Timeout(Timer),
    /// The transport failed, or ended without a closing handshake.
    Io(io::Error),
    /// The application's own error; it ends the connection with 1011.
    Application(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps an error of the application, for returning it from a handler.
    pub fn application(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Application(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Violation(violation) => write!(f, "the peer broke a rule: {violation}"),
            Error::Refused(refusal) => write!(f, "handshake refused: {}", refusal.rejection),
            Error::Send(error) => error.fmt(f),
            Error::Timeout(timer) => write!(f, "{timer}"),
            Error::Io(error) => error.fmt(f),
            Error::Application(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Violation(violation) => Some(violation),
            Error::Refused(refusal) => Some(&refusal.rejection),
            Error::Send(error) => Some(error),
            Error::Timeout(_) => None,
            Error::Io(error) => Some(error),
            Error::Application(error) => Some(&**error),
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
        Error::application(error)
    }
}

impl From<StatusError> for Error {
    fn from(error: StatusError) -> Error {
        Error::application(error)
    }
}

impl From<SubprotocolNotOffered> for Error {
    fn from(error: SubprotocolNotOffered) -> Error {
        Error::application(error)
    }
}
