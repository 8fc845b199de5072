//! What this server serves, and to whom.

use core::{fmt, ops::Deref, str::FromStr};

use super::{authority::Authority, fields::is_token, origin::AllowedOrigin};

/// What [`judge`](super::judge) needs to know about the server.
///
/// The default serves every path on every host, speaks no subprotocol, and welcomes pages of the
/// same host and clients that are no browsers.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The resources served; `None` leaves that to the application. Compared with the path of
    /// the request-target, which is not decoded.
    pub paths: Option<Vec<String>>,
    /// Which origins are welcome (RFC 6455 §10.2): those that any of the rules allows.
    pub origins: Vec<AllowedOrigin>,
    /// Whether a request without Origin is refused.
    pub require_origin: bool,
    /// The authorities served; empty means any. One without a port means the default port.
    pub own_hosts: Vec<Authority>,
    /// The subprotocols spoken; of these the first in the client's order is chosen.
    pub subprotocols: Vec<Subprotocol>,
    /// Whether a client that offers none of them is refused.
    pub require_subprotocol: bool,
    /// Whether the connection is secured by TLS.
    pub secure: bool,
    /// Whether the peer is a proxy that may have ended TLS in front of this server.
    pub trusted_proxy: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            paths: None,
            origins: vec![AllowedOrigin::SameHost],
            require_origin: false,
            own_hosts: Vec::new(),
            subprotocols: Vec::new(),
            require_subprotocol: false,
            secure: false,
            trusted_proxy: false,
        }
    }
}

/// The name of a subprotocol: a token, compared as it is (RFC 6455 §4.1, RFC 7936 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprotocol(Box<str>);

/// The text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSubprotocol;

impl FromStr for Subprotocol {
    type Err = InvalidSubprotocol;

    fn from_str(name: &str) -> Result<Self, InvalidSubprotocol> {
        // RFC 6455 §4.1: a subprotocol is a token, so never empty.
        if is_token(name.as_bytes()) { Ok(Self(name.into())) } else { Err(InvalidSubprotocol) }
    }
}

impl Deref for Subprotocol {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidSubprotocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a subprotocol is a token: visible ASCII without separators")
    }
}

impl core::error::Error for InvalidSubprotocol {}
