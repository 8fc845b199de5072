//! The addresses of `--listen`: where `serve` listens, and so where `health` looks.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::{Path, PathBuf};

/// Where `serve` listens unless it is told.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:9001";

/// One `--listen` of `serve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(Listen),
    /// The path of a socket.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Place {
    /// Reads `ADDR:PORT`, or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// A sentence about what is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            #[cfg(unix)]
            Some("") => Err("the path is missing, as in unix:/run/stickler.sock".into()),
            #[cfg(unix)]
            Some(path) if path.starts_with('@') => {
                Err("only sockets with a file are listened on; write ./ before a path with @"
                    .into())
            }
            #[cfg(unix)]
            Some(path) => Ok(Self::Unix(path.into())),
            #[cfg(not(unix))]
            Some(_) => Err("this system has no Unix sockets".into()),
            None => Listen::parse(text).map(Self::Tcp),
        }
    }

    /// The address, if it is one.
    pub(crate) fn tcp(&self) -> Option<&Listen> {
        match self {
            Self::Tcp(listen) => Some(listen),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The path, if it is one.
    #[cfg(unix)]
    pub(crate) fn unix(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

/// How the path of a Unix socket begins.
const UNIX: &str = "unix:";

/// An address of TCP: what a name and a port are to be resolved into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Address(SocketAddr),
    /// RFC 6761 §6.3: never asked of a resolver, and both families here.
    Localhost(u16),
    Name(String, u16),
}

impl Listen {
    /// Reads `ADDR:PORT`.
    ///
    /// # Errors
    ///
    /// A sentence about what is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.starts_with(UNIX) {
            return Err("a Unix socket has no place here; wanted ADDR:PORT".into());
        }
        let (host, port) = text.rsplit_once(':').ok_or("the port is missing; wanted ADDR:PORT")?;
        let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or("the port is not a number from 0 to 65535")?;
        match host {
            "" => {
                Err("the address is missing; to listen on all of them write 0.0.0.0 or [::]".into())
            }
            _ if host.contains(':') => {
                Err("an IPv6 address is written in brackets, as in [::1]:9001".into())
            }
            _ if host.eq_ignore_ascii_case("localhost") => Ok(Self::Localhost(port)),
            _ if host.bytes().all(is_of_a_name) => Ok(Self::Name(host.into(), port)),
            _ => Err("that is neither an IP address nor a host name".into()),
        }
    }

    /// The port, 0 for any that is free.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Localhost(port) | Self::Name(_, port) => *port,
        }
    }

    /// The addresses to bind, each once.
    ///
    /// # Errors
    ///
    /// When the name cannot be resolved.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Address(address) => Ok(vec![*address]),
            Self::Localhost(port) => {
                Ok(vec![(Ipv4Addr::LOCALHOST, *port).into(), (Ipv6Addr::LOCALHOST, *port).into()])
            }
            Self::Name(name, port) => {
                let found = (name.as_str(), *port).to_socket_addrs();
                let found = found
                    .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
                let mut addresses = Vec::new();
                for address in found {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                Ok(addresses)
            }
        }
    }
}

/// The addresses to bind, those together of which one may be missing on this machine: the two of
/// `localhost`, and `[::]` with `0.0.0.0` on the same port, which mean all addresses of both families.
///
/// # Errors
///
/// When a name cannot be resolved.
pub(crate) fn groups<'a>(
    listen: impl IntoIterator<Item = &'a Listen>,
) -> io::Result<Vec<Vec<SocketAddr>>> {
    let is_whole_family = |one: &SocketAddr| one.ip().is_unspecified();
    let mut groups: Vec<Vec<SocketAddr>> = Vec::new();
    for listen in listen {
        let addresses = listen.addresses()?;
        let other = |group: &&mut Vec<SocketAddr>| match (&group[..], &addresses[..]) {
            ([a], [b]) => {
                let are_both = is_whole_family(a) && is_whole_family(b);
                are_both && a.port() == b.port() && a.is_ipv4() != b.is_ipv4()
            }
            _ => false,
        };
        match groups.iter_mut().find(other) {
            Some(group) => group.extend(addresses),
            None => groups.push(addresses),
        }
    }
    Ok(groups)
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_names_are_told_apart() {
        assert_eq!(Listen::parse("127.0.0.1:0"), Ok(Listen::Address(([127, 0, 0, 1], 0).into())));
        assert_eq!(
            Listen::parse("[::1]:9001"),
            Ok(Listen::Address((Ipv6Addr::LOCALHOST, 9001).into()))
        );
        assert_eq!(Listen::parse("LocalHost:80"), Ok(Listen::Localhost(80)));
        assert_eq!(Listen::parse("host.example:80"), Ok(Listen::Name("host.example".into(), 80)));
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_told_from_addresses() {
        assert_eq!(Place::parse("unix:/run/a:1"), Ok(Place::Unix("/run/a:1".into())));
        assert_eq!(Place::parse("unix:a.sock"), Ok(Place::Unix("a.sock".into())));
        assert_eq!(Place::parse("localhost:1"), Ok(Place::Tcp(Listen::Localhost(1))));
        for text in ["unix:", "unix:@name", "unix", "/run/a", "Unix:/run/a"] {
            assert!(Place::parse(text).is_err(), "{text:?}");
        }
        assert!(Listen::parse("unix:/run/a:1").is_err());
    }

    #[test]
    fn localhost_is_both_families() {
        let addresses = Listen::Localhost(9001).addresses().unwrap();
        assert_eq!(addresses, ["127.0.0.1:9001".parse().unwrap(), "[::1]:9001".parse().unwrap()]);
    }

    #[test]
    fn all_addresses_of_both_families_are_bound_together() {
        let groups = |listen: &[&str]| {
            let listen: Vec<_> = listen.iter().map(|text| Listen::parse(text).unwrap()).collect();
            let lens = super::groups(&listen).unwrap();
            lens.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(groups(&["0.0.0.0:9001", "[::]:9001"]), [2]);
        assert_eq!(groups(&["[::]:1", "127.0.0.1:1", "0.0.0.0:1"]), [2, 1]);
        assert_eq!(groups(&["0.0.0.0:1", "[::]:2", "[::1]:1", "localhost:1"]), [1, 1, 1, 2]);
        assert_eq!(groups(&["127.0.0.1:1", "[::1]:1"]), [1, 1]);
        assert_eq!(groups(&["0.0.0.0:1", "0.0.0.0:1"]), [1, 1]);
    }

    #[test]
    fn other_forms_get_a_sentence() {
        for text in [
            "",
            "9001",
            "localhost",
            "127.0.0.1",
            ":9001",
            "::1:9001",
            "[::1]",
            "host:",
            "host:+1",
            "host:65536",
            "a b:1",
            "*:1",
            "ws://127.0.0.1:9001",
        ] {
            assert!(Listen::parse(text).is_err(), "{text:?}");
        }
    }
}
