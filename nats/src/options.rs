//! What a node is told about NATS.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where NATS is, and how much the stream keeps.
///
/// The bounds of the stream count when it is made. A stream that is there already is taken as it is.
#[derive(Clone)]
pub struct Options {
    pub(crate) servers: Vec<String>,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) may_be_away: bool,
    pub(crate) stream: String,
    pub(crate) max_age: Duration,
    pub(crate) max_messages: u32,
    pub(crate) max_bytes: u64,
    pub(crate) replicas: usize,
    pub(crate) timeout: Duration,
}

impl Options {
    /// Connects to one of these servers, given as `nats://HOST:PORT` or `tls://HOST:PORT`.
    ///
    /// A name and a password may stand before the host, `nats://NAME:PASSWORD@HOST`, or a token,
    /// `nats://TOKEN@HOST`, percent-encoded where needed. The first that are given count for all servers.
    pub fn new(servers: impl IntoIterator<Item = impl Into<String>>) -> Options {
        Options {
            servers: servers.into_iter().map(Into::into).collect(),
            credentials: None,
            ca: None,
            may_be_away: false,
            stream: "STICKLER".to_owned(),
            max_age: Duration::from_secs(24 * 3_600),
            max_messages: 1_000,
            max_bytes: 256 << 20,
            replicas: 1,
            timeout: Duration::from_secs(2),
        }
    }

    /// Proves who this node is, by a credentials file of NATS (a JWT and a seed).
    #[must_use]
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> Options {
        self.credentials = Some(file.into());
        self
    }

    /// Takes TLS only, and trusts the certificates in this PEM file besides those of the system.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Options {
        self.ca = Some(file.into());
        self
    }

    /// Starts even where no server can be reached: the broker is down then, until one can.
    #[must_use]
    pub fn may_be_away(mut self) -> Options {
        self.may_be_away = true;
        self
    }

    /// The name of the stream, `STICKLER` if not set: applications that share a server take different ones.
    /// ASCII letters, digits, `-` and `_`.
    #[must_use]
    pub fn stream(mut self, name: impl Into<String>) -> Options {
        self.stream = name.into();
        self
    }

    /// Forgets messages that are older. A day if not set.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Options {
        self.max_age = max_age;
        self
    }

    /// Keeps at most so many messages of each topic. 1,000 if not set.
    #[must_use]
    pub fn max_messages(mut self, max_messages: u32) -> Options {
        self.max_messages = max_messages.max(1);
        self
    }

    /// Keeps at most so many bytes of all topics. 256 MiB if not set.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Options {
        self.max_bytes = max_bytes;
        self
    }

    /// Keeps each message on so many servers of a cluster. One if not set.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Options {
        self.replicas = replicas;
        self
    }

    /// How long an answer of the server may take. Two seconds if not set. Publishing waits for at
    /// most three times as long, for it tries again.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Options {
        self.timeout = timeout;
        self
    }
}

impl fmt::Debug for Options {
    /// Leaves the servers out: their URLs may say who logs in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("credentials", &self.credentials)
            .field("ca", &self.ca)
            .field("may_be_away", &self.may_be_away)
            .field("stream", &self.stream)
            .field("max_age", &self.max_age)
            .field("max_messages", &self.max_messages)
            .field("max_bytes", &self.max_bytes)
            .field("replicas", &self.replicas)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_not_shown() {
        let options = Options::new(["nats://ann:s3cret@host:4222", "s3cret@host"]);
        let shown = format!("{options:?}");
        assert!(shown.contains("STICKLER") && !shown.contains("s3cret"), "{shown}");
    }
}
