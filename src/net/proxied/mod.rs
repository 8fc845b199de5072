//! What is believed of the proxies in front: the client's address, and what it asked for.
//!
//! A proxy says so in `X-Forwarded-For` and its like, or in `Forwarded` (RFC 7239), or before the first byte
//! (PROXY protocol, which is the server's). Anybody can write these fields: they are read only where the peer
//! is a proxy that is trusted, and never further than trust goes.

mod element;
mod node;
mod walk;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::{error, fmt};

use ipnet::IpNet;

pub(in crate::net) use self::walk::Believed;

/// Which proxies are believed, and what.
///
/// Of the addresses in the fields the rightmost that is not trusted is the client's. A hop that is unknown,
/// obfuscated or malformed ends the walk at the last trusted address: what is left of it, anybody may have
/// written.
///
/// ```
/// use stickler::{ForwardedFields, TrustedProxies};
///
/// let proxies = TrustedProxies::new(["10.0.0.0/8", "2001:db8::7"])?
///     .fields(ForwardedFields::Forwarded)
///     .believe_proto(true);
/// assert!(proxies.trusts("10.1.2.3".parse().unwrap()));
/// assert!(!proxies.trusts("192.0.2.1".parse().unwrap()));
/// # Ok::<(), stickler::InvalidNetwork>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    /// Whether peers without an address are trusted.
    unix: bool,
    fields: ForwardedFields,
    proto: bool,
    host: bool,
}

/// The family of fields that the proxies write. The other one is never read: a proxy passes on what a client
/// has forged there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A text that is no IP address and no network, or one that can never be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidNetwork {
    why: &'static str,
}

impl TrustedProxies {
    /// The proxies at these addresses, or in these networks: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
    ///
    /// # Errors
    /// A text is none, its address has bits behind the prefix, or it is an IPv6 form of IPv4: peers are
    /// compared by their IPv4 address then.
    pub fn new(
        networks: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<TrustedProxies, InvalidNetwork> {
        let networks: Result<Vec<_>, _> =
            networks.into_iter().map(|text| parse_network(text.as_ref())).collect();
        Ok(TrustedProxies {
            networks: networks?.into(),
            unix: false,
            fields: ForwardedFields::default(),
            proto: false,
            host: false,
        })
    }

    /// Whether peers without an address are trusted, as those of a Unix socket are; false unless set. Who may
    /// connect there, the permissions of its file say.
    #[must_use]
    pub fn unix(mut self, is_trusted: bool) -> TrustedProxies {
        self.unix = is_trusted;
        self
    }

    /// Which fields they write; `X-Forwarded-For` unless set.
    #[must_use]
    pub fn fields(mut self, fields: ForwardedFields) -> TrustedProxies {
        self.fields = fields;
        self
    }

    /// Whether `X-Forwarded-Proto`, or `proto` of `Forwarded`, says if the client asked over TLS, instead of
    /// the transport and [`Policy::secure`](crate::Policy::secure): for `https` targets, for origins of the same
    /// host, and for `Strict-Transport-Security`. False unless set: set it only where the proxies write it.
    #[must_use]
    pub fn believe_proto(mut self, is_believed: bool) -> TrustedProxies {
        self.proto = is_believed;
        self
    }

    /// Whether `X-Forwarded-Host`, or `host` of `Forwarded`, is the host that the request is for, instead of
    /// Host. False unless set: set it only where the proxies write it.
    #[must_use]
    pub fn believe_host(mut self, is_believed: bool) -> TrustedProxies {
        self.host = is_believed;
        self
    }

    /// Whether a proxy at this address is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether any address is trusted.
    #[cfg(feature = "server")]
    pub(crate) fn names_networks(&self) -> bool {
        !self.networks.is_empty()
    }

    /// As [`TrustedProxies::trusts`], of a peer that may have no address.
    pub(crate) fn trusts_peer(&self, peer: Option<SocketAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.trusts(peer.ip()))
    }
}

fn parse_network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let invalid = |why| InvalidNetwork { why };
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| invalid(NO_NETWORK))?,
    };
    if network.trunc() != network {
        return Err(invalid(
            "the address has bits behind the prefix: as 10.0.0.0/8 is a network, and 10.0.0.1/8 is none",
        ));
    }
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            Err(invalid("this is IPv4 in an IPv6 form: write it as IPv4"))
        }
        network => Ok(network),
    }
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl error::Error for InvalidNetwork {}

/// The address of the transport's peer, among the extensions of a plain request: a proxy's, where the address
/// of the client beside it, a [`SocketAddr`], is what the proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportAddr(pub SocketAddr);

/// What a proxy says of the client of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address; port 0 where the port is not said. `None`: that of the peer.
    pub(crate) address: Option<SocketAddr>,
    /// Whether it asked over TLS, where that is said.
    pub(crate) is_secure: Option<bool>,
    /// The host that it named to the proxy's TLS.
    pub(crate) server_name: Option<Box<str>>,
}

const NO_NETWORK: &str = "wanted: an IP address or a network, such as 192.0.2.1 or 10.0.0.0/8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_addresses_with_or_without_a_prefix() {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
        let proxies = proxies.unwrap();
        for (address, is_trusted) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("::ffff:11.1.2.3", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("::1", true),
        ] {
            assert_eq!(proxies.trusts(address.parse().unwrap()), is_trusted, "{address}");
        }
        assert!(!proxies.trusts_peer(None) && proxies.unix(true).trusts_peer(None));
    }

    #[test]
    fn all_of_a_family_says_nothing_of_the_other() {
        let everyone = TrustedProxies::new(["0.0.0.0/0"]).unwrap();
        assert!(everyone.trusts("192.0.2.1".parse().unwrap()));
        assert!(!everyone.trusts("2001:db8::1".parse().unwrap()));
        let everyone = TrustedProxies::new(["::/0"]).unwrap();
        assert!(!everyone.trusts("::ffff:192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0",
            "010.0.0.1",
            "10.0.0.0/08x",
            "::ffff:10.0.0.1",
            "::ffff:10.0.0.0/104",
            "2001:db8::1/32",
            "[::1]",
            "localhost",
            " 10.0.0.1",
            "10.0.0.1:80",
        ] {
            assert!(TrustedProxies::new([text]).is_err(), "{text:?}");
        }
    }
}
