//! Caps on the number of connections and of opening handshakes, as they are set, and what holds where they are not.

use super::Server;

/// How many connections there may be at once, and how many opening handshakes: what the methods of
/// [`Server`](crate::Server) with these names set, for [`Handle::reload_caps`](crate::Handle::reload_caps).
///
/// What is not set is as it is in a server where it is not set.
///
/// ```
/// let caps = stickler::Caps::default().max_connections(10_000).max_connections_per_address(20);
/// # let _ = caps;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Caps {
    pub(super) connections: Option<usize>,
    pub(super) per_address: Option<usize>,
    /// Opening handshakes in progress.
    pub(super) handshakes: Option<usize>,
    /// Opening handshakes of one address in a second.
    pub(super) handshakes_per_address: Option<u32>,
}

impl Caps {
    /// Connections at once, as [`Server::max_connections`](crate::Server::max_connections).
    #[must_use]
    pub fn max_connections(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.connections = connections.into();
        self
    }

    /// Those of one address, as
    /// [`Server::max_connections_per_address`](crate::Server::max_connections_per_address). Connections that came
    /// while there was no such cap do not count.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.per_address = connections.into();
        self
    }

    /// Opening handshakes in progress, as [`Server::max_handshakes`](crate::Server::max_handshakes).
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: impl Into<Option<usize>>) -> Self {
        self.handshakes = handshakes.into();
        self
    }

    /// Opening handshakes of one address in a second, as
    /// [`Server::max_handshakes_per_address`](crate::Server::max_handshakes_per_address).
    #[must_use]
    pub fn max_handshakes_per_address(mut self, per_second: impl Into<Option<u32>>) -> Self {
        self.handshakes_per_address = per_second.into();
        self
    }

    /// Whether anybody could be served.
    ///
    /// # Errors
    /// A sentence that names the cap that lets nobody in.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_zero = [
            ("max_connections", self.connections == Some(0)),
            ("max_connections_per_address", self.per_address == Some(0)),
            ("max_handshakes", self.handshakes == Some(0)),
            ("max_handshakes_per_address", self.handshakes_per_address == Some(0)),
        ];
        match is_zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(format!("{name} is 0: nobody could be served")),
            None => Ok(()),
        }
    }

    /// These caps, with what holds where nothing was set and the process may have so many descriptors.
    pub(super) fn with_defaults(self, descriptors: Option<usize>) -> Self {
        let nine_tenths = |all: usize| (all - all.div_ceil(10)).max(1);
        let connections = self.connections.or(descriptors.map(nine_tenths));
        // Never over half: handshakes that do not go on cannot take every place.
        let of_all = |all: usize| (all / 10).max(FEW_HANDSHAKES).min(all.div_ceil(2));
        let handshakes = self.handshakes.or(connections.map(of_all));
        Self { connections, handshakes, ..self }
    }
}

/// How many descriptors the process may have, where the system bounds them.
pub(super) fn descriptor_limit() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current?;
        usize::try_from(limit).ok()
    }
    #[cfg(not(unix))]
    None
}

impl Server {
    /// Caps the connections that are open at once, over all workers; those beyond get 503
    /// (RFC 9110 §15.6.4). It is not 0. Unless set it is nine tenths of the descriptors that the process
    /// may have when the server starts, so that some are left for other things; no cap where the system
    /// does not bound them.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.caps.connections = Some(connections);
        self
    }

    /// Caps the opening handshakes that go on at once, over all workers; connections beyond get 503. It is
    /// not 0. Unless set it is the larger of a tenth of [`max_connections`](Self::max_connections) and
    /// 1,024, and never over half of it: so peers that begin and do not go on cannot take every place.
    ///
    /// A connection counts from when it is accepted until its 101, the beginning of another answer that
    /// is no error, or its end.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.caps.handshakes = Some(handshakes);
        self
    }

    /// Caps the opening handshakes that one IPv4 address or one IPv6 /64 begins in a second; connections
    /// beyond get 429 with `Retry-After` (RFC 6585 §4). As many may come at once. No cap unless set; it is
    /// not 0.
    ///
    /// Behind a proxy that is [trusted](Self::trusted_proxies) it is the client's address that counts; behind
    /// another one every connection comes from the same address. Every connection counts that is accepted,
    /// whatever it asks for. From more than 16,384 addresses within a second only the first
    /// 16,384 are counted.
    #[must_use]
    pub fn max_handshakes_per_address(mut self, per_second: u32) -> Self {
        self.caps.handshakes_per_address = Some(per_second);
        self
    }

    /// Caps the connections that are open at once from one IPv4 address or one
    /// IPv6 /64; those beyond get 503. No cap unless set; it is not 0.
    ///
    /// Behind a proxy that is [trusted](Self::trusted_proxies) it is the client's address that counts; behind
    /// another one every connection comes from the same address.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.caps.per_address = Some(connections);
        self
    }

    /// Sets all caps at once: those that `caps` leaves out are as they are where nothing is set. For a server whose
    /// caps may change while it runs, [`Handle::reload_caps`](crate::Handle::reload_caps) takes the same.
    #[must_use]
    pub fn caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }
}

/// So many opening handshakes may go on where that is no more than half of all connections.
const FEW_HANDSHAKES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_follows_from_the_descriptors() {
        let of = |connections, descriptors| {
            let caps = Caps { connections, ..Caps::default() }.with_defaults(descriptors);
            (caps.connections, caps.handshakes)
        };
        assert_eq!(of(None, None), (None, None));
        assert_eq!(of(None, Some(1)), (Some(1), Some(1)));
        assert_eq!(of(None, Some(1024)), (Some(921), Some(461)));
        assert_eq!(of(None, Some(65_536)), (Some(58_982), Some(5898)));
        assert_eq!(of(Some(4000), Some(65_536)), (Some(4000), Some(1024)));
        assert_eq!(of(Some(2048), None), (Some(2048), Some(1024)));
        assert_eq!(of(Some(2047), None), (Some(2047), Some(1024)));
        assert_eq!(of(Some(1), None), (Some(1), Some(1)));
        let asked = Caps { connections: Some(10), handshakes: Some(9), ..Caps::default() };
        assert_eq!(asked.with_defaults(None).handshakes, Some(9));
    }
}
