//! The grammar of `Forwarded` (RFC 7239 §4): elements between commas, pairs between semicolons.

use super::node::{self, Node};
use crate::proto::handshake::Authority;
use crate::proto::handshake::fields::{is_token, trim};

/// What one proxy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// From whom the request came to it.
    pub(super) node: Option<Node>,
    /// Whether over TLS.
    pub(super) is_secure: Option<bool>,
    /// For which host.
    pub(super) host: Option<Authority>,
}

/// The elements of a line from right to left, the empty ones left out. Commas within quotes do not separate. A
/// quote that a client has left open takes all behind it along: that is one element then, and malformed.
pub(super) fn split(line: &[u8]) -> Vec<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = |&octet: &u8| {
        let separates = octet == b',' && !quoted;
        quoted ^= octet == b'"' && !escaped;
        escaped = octet == b'\\' && quoted && !escaped;
        separates
    };
    let mut elements: Vec<_> =
        line.split(separates).map(trim).filter(|text| !text.is_empty()).collect();
    elements.reverse();
    elements
}

impl Element {
    /// Reads an element; `None` where anything of it is malformed, or it has more pairs than a proxy writes.
    pub(super) fn parse(text: &[u8]) -> Option<Element> {
        let (mut element, mut seen, mut rest) = (Element::default(), Vec::new(), text);
        loop {
            // RFC 7239 §4: a pair may be missing between two semicolons.
            if let Some(behind) = rest.strip_prefix(b";") {
                rest = behind;
                continue;
            }
            if rest.is_empty() {
                return Some(element);
            }
            let (name, value, behind) = parse_pair(rest)?;
            // RFC 7239 §4: each parameter is there once, in any case.
            if seen.contains(&name) || seen.len() == MOST_PAIRS {
                return None;
            }
            element.take(&name, &value)?;
            seen.push(name);
            rest = behind;
            if !rest.is_empty() && !rest.starts_with(b";") {
                return None;
            }
        }
    }

    fn take(&mut self, name: &str, value: &[u8]) -> Option<()> {
        let text = || str::from_utf8(value).ok();
        match name {
            "for" => self.node = Some(node::parse(text()?)?),
            "by" => drop(node::parse(text()?)?),
            // RFC 7239 §5.4: any scheme may stand here, and of one that is not known nothing follows.
            "proto" => self.is_secure = text().and_then(parse_proto),
            // The client may have chosen it: one that is none must not take the client's address away.
            "host" => self.host = text().and_then(|host| host.parse().ok()),
            // RFC 7239 §5.5: extensions are passed over.
            _ => {}
        }
        Some(())
    }
}

/// Whether a scheme is that of TLS (RFC 7239 §5.4); `None` for others than those of HTTP and WebSocket.
pub(super) fn parse_proto(text: &str) -> Option<bool> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        return Some(true);
    }
    (is("http") || is("ws")).then_some(false)
}

/// `token "=" value`: the name in lower case, the value without its quotes, and what follows.
fn parse_pair(text: &[u8]) -> Option<(String, Vec<u8>, &[u8])> {
    let equals = text.iter().position(|&octet| octet == b'=')?;
    let (name, rest) = text.split_at_checked(equals)?;
    let rest = rest.get(1..)?;
    let name = str::from_utf8(name).ok().filter(|name| is_token(name.as_bytes()))?;
    let name = name.to_ascii_lowercase();
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let (value, behind) = unquote(quoted)?;
        return Some((name, value, behind));
    }
    let end = rest.iter().position(|&octet| octet == b';').unwrap_or(rest.len());
    let (value, behind) = rest.split_at_checked(end)?;
    is_token(value).then(|| (name, value.to_owned(), behind))
}

/// What stands before the closing quote (RFC 9110 §5.6.4), and what stands behind it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut octets = text.iter().enumerate();
    while let Some((at, &octet)) = octets.next() {
        match octet {
            b'"' => return Some((value, text.get(at + 1..)?)),
            b'\\' => value.push(*octets.next()?.1),
            octet => value.push(octet),
        }
    }
    None
}

/// Pairs of one element. Four have a meaning, and extensions are rare.
const MOST_PAIRS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Option<Node> {
        Some(Node::Known(text.parse().unwrap()))
    }

    #[test]
    fn s7239_4_elements_are_pairs_in_any_order() {
        let read = |text: &str| Element::parse(text.as_bytes());
        let element = read("for=192.0.2.60;proto=HTTPS;by=203.0.113.43;Host=Example.com").unwrap();
        assert_eq!((element.node, element.is_secure), (node("192.0.2.60:0"), Some(true)));
        assert_eq!(element.host.unwrap().host(), "example.com");
        let element = read("For=\"[2001:db8:cafe::17]:4711\"").unwrap();
        assert_eq!(element.node, node("[2001:db8:cafe::17]:4711"));
        let element = read("proto=http;for=\"_ga\\zonk\";ext=\"a;b,c\\\"\"").unwrap();
        assert_eq!((element.node, element.is_secure), (Some(Node::Hidden), Some(false)));
        assert_eq!(read(";;for=192.0.2.1;").unwrap().node, node("192.0.2.1:0"));
        assert_eq!(read(";"), Some(Element::default()));
    }

    #[test]
    fn s7239_5_4_a_scheme_or_a_host_that_is_not_known_takes_nothing_else_along() {
        for pair in [
            "proto=ftp",
            "proto=h2",
            "host=\"a/b\"",
            "host=\"\"",
            "ext=\"\u{e9}\"",
            "proto=\"\u{e9}\"",
        ] {
            for text in [format!("for=192.0.2.1;{pair}"), format!("{pair};for=192.0.2.1")] {
                let element = Element::parse(text.as_bytes()).expect(&text);
                let only = Element { node: node("192.0.2.1:0"), ..Element::default() };
                assert_eq!(element, only, "{text}");
            }
        }
        let element = Element::parse(b"for=192.0.2.1;ext=\"\xe9\"").unwrap();
        assert_eq!(element.node, node("192.0.2.1:0"));
    }

    #[test]
    fn an_element_has_so_many_pairs_at_most() {
        let element = |count: usize| {
            let pairs: String = (1..count).map(|at| format!(";x{at}=y")).collect();
            Element::parse(format!("for=192.0.2.1{pairs}").as_bytes())
        };
        assert_eq!(element(MOST_PAIRS).unwrap().node, node("192.0.2.1:0"));
        assert_eq!(element(MOST_PAIRS + 1), None);
    }

    #[test]
    fn s7239_4_anything_else_is_malformed() {
        for text in [
            "for",
            "for=",
            "=192.0.2.1",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1; proto=https",
            "for=192.0.2.1 ;proto=https",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;FOR=192.0.2.2",
            "for=192.0.2.1:80",
            "for=[2001:db8::1]",
            "for=2001:db8::1",
            "for=\"2001:db8::1\"",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\"x",
            "for=\"192.0.2.1\\",
            "for=localhost",
            "by=nobody",
            "host=a/b",
            "for=192.0.2.1;x",
            "f\"or=192.0.2.1",
        ] {
            assert_eq!(Element::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn s7239_4_commas_separate_outside_of_quotes() {
        let all = |text: &'static str| {
            let elements = split(text.as_bytes()).into_iter();
            elements.map(|text| str::from_utf8(text).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(all("for=a, for=b"), ["for=b", "for=a"]);
        assert_eq!(all(" , for=a ,,\t, for=b,"), ["for=b", "for=a"]);
        assert_eq!(all("for=\"a,b\",c"), ["c", "for=\"a,b\""]);
        assert_eq!(all("x=\"\\\",\", y"), ["y", "x=\"\\\",\""]);
        assert_eq!(all("x=\", for=b"), ["x=\", for=b"]);
    }
}
