//! The walk from the peer to the client, through what each trusted proxy says of the one before it.

use std::net::SocketAddr;

use super::element::{Element, parse_proto, split};
use super::node::{self, Node};
use super::{ForwardedFields, TrustedProxies};
use crate::proto::handshake::fields::trim;
use crate::proto::handshake::{Authority, Request};

/// What a request says of its client, as far as that is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Believed {
    /// The address; that of the peer where nothing else is said.
    pub(in crate::net) client: Option<SocketAddr>,
    pub(in crate::net) is_secure: Option<bool>,
    pub(in crate::net) host: Option<Authority>,
}

impl TrustedProxies {
    /// Reads the fields of a request from a peer that is trusted.
    pub(in crate::net) fn read(&self, peer: Option<SocketAddr>, request: &Request) -> Believed {
        let believed = match self.fields {
            ForwardedFields::XForwardedFor => self.read_x_forwarded(peer, request),
            ForwardedFields::Forwarded => self.read_forwarded(peer, request),
        };
        Believed {
            is_secure: believed.is_secure.filter(|_| self.proto),
            host: believed.host.filter(|_| self.host),
            ..believed
        }
    }

    /// Of the scheme and the host the rightmost counts: the proxy next to us wrote it.
    fn read_x_forwarded(&self, peer: Option<SocketAddr>, request: &Request) -> Believed {
        let mut client = peer;
        for member in members(request, "x-forwarded-for").into_iter().take(MOST_HOPS) {
            let Some(address) = str::from_utf8(member).ok().and_then(node::parse_member) else {
                break;
            };
            client = Some(address);
            if !self.trusts(address.ip()) {
                break;
            }
        }
        let last = |name| {
            let member = members(request, name).into_iter().next()?;
            str::from_utf8(member).ok()
        };
        Believed {
            client,
            is_secure: last("x-forwarded-proto").and_then(parse_proto),
            host: last("x-forwarded-host").and_then(|host| host.parse().ok()),
        }
    }

    /// The element at which the walk ends was written by the last proxy that is trusted: its scheme and host
    /// are those that the client asked that proxy for.
    fn read_forwarded(&self, peer: Option<SocketAddr>, request: &Request) -> Believed {
        let mut believed = Believed { client: peer, ..Believed::default() };
        let lines: Vec<_> = request.fields_named("forwarded").collect();
        let elements = lines.into_iter().rev().flat_map(split);
        for element in elements.take(MOST_HOPS) {
            let Some(element) = Element::parse(element) else { break };
            believed.is_secure = element.is_secure;
            believed.host = element.host;
            let Some(Node::Known(address)) = element.node else { break };
            believed.client = Some(address);
            if !self.trusts(address.ip()) {
                break;
            }
        }
        believed
    }
}

/// The members of a list from right to left: several lines are one list, and empty members none.
fn members<'a>(request: &'a Request, name: &str) -> Vec<&'a [u8]> {
    let lines: Vec<_> = request.fields_named(name).collect();
    let split = |line: &'a [u8]| line.rsplit(|&octet| octet == b',');
    let members = lines.into_iter().rev().flat_map(split).map(trim);
    members.filter(|member| !member.is_empty()).collect()
}

/// Proxies one behind the other that are followed. A longer chain is none of ours: the walk ends.
const MOST_HOPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &str) -> Request {
        let head = format!("GET / HTTP/1.1\r\nHost: inner.example\r\n{fields}\r\n");
        Request::parse(head.as_bytes(), &Default::default()).unwrap()
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8"]).unwrap().believe_proto(true).believe_host(true)
    }

    fn read(proxies: &TrustedProxies, fields: &str) -> (String, Option<bool>, Option<String>) {
        let believed = proxies.read(Some("10.0.0.1:5".parse().unwrap()), &request(fields));
        let client = believed.client.unwrap().to_string();
        (client, believed.is_secure, believed.host.map(|host| host.to_string()))
    }

    #[test]
    fn the_scheme_and_the_host_of_x_forwarded_are_those_of_the_next_proxy() {
        let of = |fields| {
            let (_, is_secure, host) = read(&proxies(), fields);
            (is_secure, host)
        };
        let host = Some("a.example".to_owned());
        let both = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: A.example\r\n";
        assert_eq!(of(both), (Some(true), host.clone()));
        let lists = "X-Forwarded-Proto: https, http\r\nX-Forwarded-Host: b, a.example\r\n";
        assert_eq!(of(lists), (Some(false), host.clone()));
        let lines = "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: HTTPS,\r\n";
        assert_eq!(of(lines), (Some(true), None));
        assert_eq!(of("X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a/b\r\n"), (None, None));
        assert_eq!(of("Forwarded: proto=https;host=a.example\r\n"), (None, None));
    }

    #[test]
    fn s7239_5_the_scheme_and_the_host_are_of_the_element_that_has_the_client() {
        let forwarded = proxies().fields(ForwardedFields::Forwarded);
        let chain = "Forwarded: for=198.51.100.9;proto=http;host=forged.example\r\n\
                     Forwarded: for=192.0.2.1;proto=https;host=a.example, for=10.0.0.2;proto=http\r\n";
        let host = Some("a.example".to_owned());
        assert_eq!(read(&forwarded, chain), ("192.0.2.1:0".into(), Some(true), host.clone()));
        let hidden = "Forwarded: for=_x;proto=https;host=a.example\r\n";
        assert_eq!(read(&forwarded, hidden), ("10.0.0.1:5".into(), Some(true), host));
        let odd = "Forwarded: for=192.0.2.1;proto=h2;host=\"a/b\"\r\n";
        assert_eq!(read(&forwarded, odd), ("192.0.2.1:0".into(), None, None));
        let malformed = "Forwarded: for=192.0.2.1;proto=https;host\r\n";
        assert_eq!(read(&forwarded, malformed), ("10.0.0.1:5".into(), None, None));
    }

    #[test]
    fn what_is_not_switched_on_is_not_believed() {
        let fields =
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n";
        let modest = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
        assert_eq!(read(&modest, fields), ("192.0.2.1:0".into(), None, None));
    }

    #[test]
    fn a_chain_is_followed_for_so_many_hops() {
        let chain = |hops: usize| {
            let trusted = "10.0.0.2, ".repeat(hops);
            format!("X-Forwarded-For: 192.0.2.1, {}\r\n", trusted.trim_end_matches(", "))
        };
        assert_eq!(read(&proxies(), &chain(MOST_HOPS - 1)).0, "192.0.2.1:0");
        assert_eq!(read(&proxies(), &chain(MOST_HOPS)).0, "10.0.0.2:0");
    }
}
