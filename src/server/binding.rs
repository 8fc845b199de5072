//! Where a server listens, as the application sees it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One listener of a server. It is displayed as the URL that clients of it use, without a path:
/// `ws://127.0.0.1:9001`, `wss://[::1]:443`, or `ws+unix:/run/chat.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Binding {
    /// Where it listens.
    pub address: BoundAddress,
    /// Whether its connections speak TLS.
    pub is_tls: bool,
}

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BoundAddress {
    /// An IP address and the real port, also where port 0 was asked for.
    Tcp(SocketAddr),
    /// The path of a Unix socket; empty for one that was handed in and has none.
    Unix(PathBuf),
}

impl BoundAddress {
    pub(super) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.is_tls, &self.address) {
            (false, BoundAddress::Tcp(_)) => "ws://",
            (true, BoundAddress::Tcp(_)) => "wss://",
            (false, BoundAddress::Unix(_)) => "ws+unix:",
            (true, BoundAddress::Unix(_)) => "wss+unix:",
        };
        write!(f, "{scheme}{}", self.address)
    }
}
