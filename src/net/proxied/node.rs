//! Addresses as proxies write them: RFC 7239 §6, and the members of `X-Forwarded-For`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a hop says of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Port 0 where it says none.
    Known(SocketAddr),
    /// RFC 7239 §6.2, §6.3: `unknown`, or a name that means nothing here.
    Hidden,
}

/// Reads a node of RFC 7239 §6; `None` where it is malformed.
pub(super) fn parse(text: &str) -> Option<Node> {
    // RFC 7239 §6: an IPv6 address stands in brackets.
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => 0,
            None => return None,
        };
        return Some(known(address.parse::<Ipv6Addr>().ok()?.into(), port));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, parse_port(port)?),
        None => (text, 0),
    };
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Some(Node::Hidden);
    }
    Some(known(name.parse::<Ipv4Addr>().ok()?.into(), port))
}

/// Reads a member of `X-Forwarded-For`, where an IPv6 address may have no brackets; a port is one of TCP there.
/// `None` where it is anything else.
pub(super) fn parse_member(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address.to_canonical(), 0));
    }
    let is_name = |octet: u8| octet == b'_';
    match parse(text)? {
        Node::Known(address) if !text.bytes().any(is_name) => Some(address),
        _ => None,
    }
}

fn known(address: IpAddr, port: u16) -> Node {
    Node::Known(SocketAddr::new(address.to_canonical(), port))
}

/// RFC 7239 §6: one to five digits, or an obfuscated port, which is none.
fn parse_port(text: &str) -> Option<u16> {
    if is_obfuscated(text) {
        return Some(0);
    }
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// RFC 7239 §6.3: an underscore, then letters, digits, and `.`, `_`, `-`.
fn is_obfuscated(text: &str) -> bool {
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Node> {
        Some(Node::Known(text.parse().unwrap()))
    }

    #[test]
    fn s7239_6_nodes_are_addresses_names_or_neither() {
        let hidden = Some(Node::Hidden);
        for (text, expect) in [
            ("192.0.2.43", at("192.0.2.43:0")),
            ("192.0.2.43:47011", at("192.0.2.43:47011")),
            ("192.0.2.43:_p", at("192.0.2.43:0")),
            ("[2001:db8::17]", at("[2001:db8::17]:0")),
            ("[2001:db8:cafe::17]:4711", at("[2001:db8:cafe::17]:4711")),
            ("[::ffff:192.0.2.1]:1", at("192.0.2.1:1")),
            ("unknown", hidden),
            ("Unknown:80", hidden),
            ("_gazonk", hidden),
            ("_SEVKISEK:_a-b.c", hidden),
            ("", None),
            ("_", None),
            ("2001:db8::17", None),
            ("[2001:db8::17", None),
            ("[2001:db8::17]80", None),
            ("[192.0.2.1]", None),
            ("[fe80::1%eth0]", None),
            ("192.0.2.043", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:65536", None),
            ("192.0.2.1:000080", None),
            ("192.0.2.1:+80", None),
            ("192.0.2.1 ", None),
            ("0xc0000201", None),
            ("localhost", None),
        ] {
            assert_eq!(parse(text), expect, "{text:?}");
        }
    }

    #[test]
    fn members_of_x_forwarded_for_are_addresses() {
        for (text, expect) in [
            ("192.0.2.43", Some("192.0.2.43:0")),
            ("192.0.2.43:4711", Some("192.0.2.43:4711")),
            ("2001:db8::17", Some("[2001:db8::17]:0")),
            ("[2001:db8::17]", Some("[2001:db8::17]:0")),
            ("[2001:db8::17]:80", Some("[2001:db8::17]:80")),
            ("::ffff:192.0.2.1", Some("192.0.2.1:0")),
            ("unknown", None),
            ("_hidden", None),
            ("192.0.2.1:_p", None),
            ("\"192.0.2.1\"", None),
            ("for=192.0.2.1", None),
            ("192.0.2.1 192.0.2.2", None),
        ] {
            let expect = expect.map(|text| text.parse().unwrap());
            assert_eq!(parse_member(text), expect, "{text:?}");
        }
    }
}
