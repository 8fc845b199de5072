//! Which connections are shown: `all`, or what has to hold of them, separated by commas.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use stickler::Inspected;

/// What is asked of a connection.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The peer is in one of these; any will do where there is none.
    addresses: Vec<IpNet>,
    /// The path is one of these; any will do where there is none.
    paths: Vec<String>,
    /// Of those that are left, the first and every so many after it.
    one_in: Option<NonZeroU64>,
    /// How many were left so far.
    passed: AtomicU64,
}

impl Filter {
    /// # Errors
    /// A sentence about the term that is none.
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let mut filter = Filter::default();
        if text.trim() == "all" {
            return Ok(filter);
        }
        for term in text.split(',').map(str::trim) {
            let shown = term.escape_debug();
            let Some((name, value)) = term.split_once('=') else {
                return Err(match term {
                    "" => format!("nothing stands between two commas; {WANTED}"),
                    "all" => format!("all stands alone; {WANTED}"),
                    _ => format!("\"{shown}\" is no condition; {WANTED}"),
                });
            };
            match name {
                "address" => filter.addresses.push(match parse_address(value) {
                    Some(net) if is_mapped(&net) => {
                        return Err(format!(
                            "\"{shown}\" is IPv4 in an IPv6 form, which no peer has: write it as IPv4"
                        ));
                    }
                    Some(net) => net,
                    None => {
                        return Err(format!(
                            "\"{shown}\" has no address or CIDR, such as 192.0.2.0/24 or ::1"
                        ));
                    }
                }),
                "path" if value.starts_with('/') && !value.bytes().all(is_of_path) => {
                    return Err(format!(
                        "\"{shown}\" has a path that no request has: it is visible ASCII without ? and #"
                    ));
                }
                "path" if value.starts_with('/') => filter.paths.push(value.to_owned()),
                "path" => return Err(format!("\"{shown}\" has no path, which begins with /")),
                "one-in" if filter.one_in.is_some() => {
                    return Err("one-in stands there twice".to_owned());
                }
                "one-in" => {
                    let number = value.parse().map_err(|_| {
                        format!("\"{shown}\" has no whole number, which is at least 1")
                    })?;
                    filter.one_in = Some(number);
                }
                _ => return Err(format!("\"{shown}\" is no condition; {WANTED}")),
            }
        }
        Ok(filter)
    }

    /// Whether a connection is to be shown, which is asked once for each.
    pub(super) fn takes(&self, connection: &Inspected) -> bool {
        self.takes_one(connection.peer_addr().map(|peer| peer.ip()), connection.path())
    }

    fn takes_one(&self, peer: Option<IpAddr>, path: &str) -> bool {
        let peer = peer.map(|peer| peer.to_canonical());
        let is_within = |net: &IpNet| peer.is_some_and(|peer| net.contains(&peer));
        if !self.addresses.is_empty() && !self.addresses.iter().any(is_within) {
            return false;
        }
        if !self.paths.is_empty() && !self.paths.iter().any(|wanted| wanted == path) {
            return false;
        }
        let number = self.passed.fetch_add(1, Ordering::Relaxed);
        self.one_in.is_none_or(|one_in| number % one_in == 0)
    }
}

fn parse_address(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}

/// Peers are known by their IPv4 address.
fn is_mapped(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some())
}

/// RFC 3986 §3.3: a path has no other octets; a query is none of it.
fn is_of_path(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"?#".contains(&octet)
}

const WANTED: &str = "wanted: all, or address=CIDR, path=/PATH and one-in=N, separated by commas";

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(filter: &Filter, peer: &str, path: &str) -> bool {
        filter.takes_one(peer.parse().ok(), path)
    }

    #[test]
    fn what_comes_twice_is_a_choice_and_all_else_has_to_hold() {
        for (text, taken, left) in [
            ("all", &[("192.0.2.7", "/"), ("", "/x")][..], &[][..]),
            (
                "address=192.0.2.0/24",
                &[("192.0.2.7", "/"), ("::ffff:192.0.2.9", "/x")],
                &[("192.0.3.7", "/"), ("::1", "/"), ("", "/")],
            ),
            ("address=::1", &[("::1", "/")], &[("::2", "/"), ("127.0.0.1", "/")]),
            (
                "address=10.0.0.0/8, address=::/0",
                &[("10.9.9.9", "/"), ("2001:db8::1", "/")],
                &[("11.0.0.1", "/")],
            ),
            ("path=/chat", &[("::1", "/chat"), ("", "/chat")], &[("::1", "/chat/"), ("::1", "/")]),
            (
                "path=/a,address=10.1.1.1,path=/b",
                &[("10.1.1.1", "/a"), ("10.1.1.1", "/b")],
                &[("10.1.1.1", "/c"), ("10.1.1.2", "/a")],
            ),
        ] {
            let filter = Filter::parse(text).unwrap();
            for (peer, path) in taken {
                assert!(takes(&filter, peer, path), "{text}: {peer} {path}");
            }
            for (peer, path) in left {
                assert!(!takes(&filter, peer, path), "{text}: {peer} {path}");
            }
        }
    }

    #[test]
    fn one_in_counts_only_those_that_the_rest_leaves() {
        let filter = Filter::parse("one-in=3,path=/x").unwrap();
        let seen: Vec<bool> = (0..7)
            .map(|_| {
                assert!(!takes(&filter, "::1", "/other"));
                takes(&filter, "::1", "/x")
            })
            .collect();
        assert_eq!(seen, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn what_is_no_filter_is_named() {
        for (text, told) in [
            ("", "nothing stands between"),
            ("path=/a,", "nothing stands between"),
            ("all,path=/", "all stands alone"),
            ("everything", "\"everything\" is no condition"),
            ("host=x", "\"host=x\" is no condition"),
            ("path=chat", "\"path=chat\" has no path"),
            ("address=10.0.0.0/33", "\"address=10.0.0.0/33\" has no address"),
            ("address=localhost", "\"address=localhost\" has no address"),
            ("address=::ffff:127.0.0.1", "\"address=::ffff:127.0.0.1\" is IPv4 in an IPv6 form"),
            ("path=/,address=::ffff:10.0.0.0/104", "\"address=::ffff:10.0.0.0/104\" is IPv4"),
            ("path=/echo?x=1", "\"path=/echo?x=1\" has a path that no request has"),
            ("path=/#", "\"path=/#\" has a path that no request has"),
            ("path=/a b", "\"path=/a b\" has a path that no request has"),
            ("path=/\u{e4}", "\"path=/\u{e4}\" has a path that no request has"),
            ("one-in=0", "\"one-in=0\" has no whole number"),
            ("one-in=1.5", "\"one-in=1.5\" has no whole number"),
            ("one-in=2,one-in=3", "one-in stands there twice"),
            ("path=x\u{1b}", "\"path=x\\u{1b}\" has no path"),
        ] {
            let refused = Filter::parse(text).unwrap_err();
            assert!(refused.starts_with(told), "{text}: {refused}");
        }
    }
}
