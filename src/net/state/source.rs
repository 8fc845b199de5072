//! Where connections come from, as far as counting goes.

use std::net::{IpAddr, Ipv6Addr};

/// Where connections come from: an IPv4 address, or the /64 of an IPv6 address,
/// which is what one household or machine has all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// Where this peer comes from.
    pub(crate) fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}
