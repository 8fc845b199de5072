//! What this server serves, and to whom.

use core::{fmt, ops::Deref, str::FromStr};

use super::{allowed_origin::AllowedOrigin, authority::Authority, fields::is_token};

/// What [`judge`](super::judge) needs to know about the server.
///
/// The default serves every path on every host, speaks no subprotocol, and welcomes pages of the
/// same host and clients that are no browsers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The resources served; `None` leaves that to the application. Compared with the path of
    /// the request-target, which is not decoded.
    pub paths: Option<Vec<String>>,
    /// Besides `paths`, the resources below these: each begins and ends with a slash, and serves every path
    /// that begins with it. Of no effect where `paths` is `None`.
    pub prefixes: Vec<String>,
    /// Which origins are welcome (RFC 6455 §10.2): those that any of the rules allows.
    pub origins: Vec<AllowedOrigin>,
    /// Whether a request without Origin is refused.
    pub require_origin: bool,
    /// The authorities served; empty means any. One without a port means the default port.
    pub own_hosts: Vec<Authority>,
    /// The subprotocols spoken; of these the first in the client's order is chosen.
    pub subprotocols: Vec<Subprotocol>,
    /// Whether the first subprotocol that the client offers is agreed to, whatever its name: for trying
    /// things out only. A client takes a subprotocol that is agreed to for one that is spoken. With this
    /// `subprotocols` is empty.
    pub any_subprotocol: bool,
    /// Whether a client that offers none of them is refused.
    pub require_subprotocol: bool,
    /// Whether the connection is secured by TLS. What a trusted proxy says of that counts first, where it is
    /// believed.
    pub secure: bool,
    /// Whether the peer is a proxy that may have ended TLS in front of this server.
    pub trusted_proxy: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            paths: None,
            prefixes: Vec::new(),
            origins: vec![AllowedOrigin::SameHost],
            require_origin: false,
            own_hosts: Vec::new(),
            subprotocols: Vec::new(),
            any_subprotocol: false,
            require_subprotocol: false,
            secure: false,
            trusted_proxy: false,
        }
    }
}

impl Policy {
    /// Sets the field `paths`.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Policy {
        self.paths = Some(paths.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the field `prefixes`.
    #[must_use]
    pub fn prefixes(mut self, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Policy {
        self.prefixes = prefixes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the field `origins`.
    #[must_use]
    pub fn origins(mut self, origins: impl IntoIterator<Item = AllowedOrigin>) -> Policy {
        self.origins = origins.into_iter().collect();
        self
    }

    /// Sets the field `require_origin`.
    #[must_use]
    pub fn require_origin(mut self, require_origin: bool) -> Policy {
        self.require_origin = require_origin;
        self
    }

    /// Sets the field `own_hosts`.
    #[must_use]
    pub fn own_hosts(mut self, own_hosts: impl IntoIterator<Item = Authority>) -> Policy {
        self.own_hosts = own_hosts.into_iter().collect();
        self
    }

    /// Sets the field `subprotocols`.
    #[must_use]
    pub fn subprotocols(mut self, subprotocols: impl IntoIterator<Item = Subprotocol>) -> Policy {
        self.subprotocols = subprotocols.into_iter().collect();
        self
    }

    /// Sets the field `any_subprotocol`.
    #[must_use]
    pub fn any_subprotocol(mut self, any_subprotocol: bool) -> Policy {
        self.any_subprotocol = any_subprotocol;
        self
    }

    /// Sets the field `require_subprotocol`.
    #[must_use]
    pub fn require_subprotocol(mut self, require_subprotocol: bool) -> Policy {
        self.require_subprotocol = require_subprotocol;
        self
    }

    /// Sets the field `secure`.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Policy {
        self.secure = secure;
        self
    }

    /// Sets the field `trusted_proxy`.
    #[must_use]
    pub fn trusted_proxy(mut self, trusted_proxy: bool) -> Policy {
        self.trusted_proxy = trusted_proxy;
        self
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
