//! What a server listens on, as applications see it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The address, with the real port.
    pub address: BoundAddress,
    /// Whether connections to it begin with TLS.
    pub is_tls: bool,
}

impl Binding {
    pub(super) fn tcp(address: SocketAddr, is_tls: bool) -> Binding {
        Binding { address: BoundAddress::Tcp(address), is_tls }
    }
}

/// An address of any kind that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundAddress::Tcp(address) => address.fmt(f),
            BoundAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
