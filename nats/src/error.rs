//! Why there is no connection, in sentences.

use std::path::PathBuf;
use std::{error, fmt, io};

use stickler::BoxError;

/// Why [`Nats::connect`](crate::Nats::connect) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// No server could be reached.
    Unreachable(BoxError),
    /// The server does not take what this node shows, or wants more.
    Unauthorized(BoxError),
    /// The credentials file or the CA file could not be read.
    File(PathBuf, io::Error),
    /// The server's version, which is too old.
    TooOld(String),
    /// The server has no JetStream, or not for this account.
    NoJetStream,
    /// The name of the stream has other characters than ASCII letters, digits, `-` and `_`.
    StreamName(String),
    /// There is a stream of this name that was not made for topics of stickler.
    ForeignStream(String),
    /// The stream could not be read or made.
    Stream(String, BoxError),
}

impl ConnectError {
    /// Whether it may go away by itself: the server is away, or is not ready yet.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, ConnectError::Unreachable(_) | ConnectError::Stream(..))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Unreachable(error) => {
                write!(f, "NATS cannot be reached: {error}")
            }
            ConnectError::Unauthorized(error) => write!(
                f,
                "NATS does not let this node in: {error}; a name and a password stand before the host in the URL, \
                 or a credentials file has a JWT and a seed"
            ),
            ConnectError::File(file, error) => {
                write!(f, "{} cannot be read: {error}", file.display())
            }
            ConnectError::TooOld(version) => write!(
                f,
                "nats-server is {version:?}, and 2.11.15 or newer is needed: older ones cannot be told to \
                 write each message to the disk, and know no expiry by key"
            ),
            ConnectError::NoJetStream => write!(
                f,
                "nats-server runs without JetStream: start it with -js, or with jetstream {{}} in its configuration"
            ),
            ConnectError::StreamName(name) => {
                write!(f, "{name:?} is no name for a stream: ASCII letters, digits, `-` and `_`")
            }
            ConnectError::ForeignStream(name) => write!(
                f,
                "the stream {name} is there, and was not made for topics: choose another name, or delete it"
            ),
            ConnectError::Stream(name, error) => {
                write!(f, "the stream {name} cannot be used: {error}")
            }
        }
    }
}

impl error::Error for ConnectError {}
