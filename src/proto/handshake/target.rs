//! The request-target and the resource name in it (RFC 9112 §3.2, RFC 6455 §3, §4.2.1).

use crate::proto::rejection::Rejection;

use super::{
    authority::{Authority, percent_encoding_is_whole},
    octet::Class,
};

/// A request-target in origin-form or absolute-form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// As it was sent, visible ASCII throughout.
    text: Box<str>,
    /// Where the path begins; after a scheme and an authority it may be empty.
    path: usize,
    /// Where the query begins, after its question mark; `path <= query <= text.len()`.
    query: Option<usize>,
    /// The scheme of an absolute-form.
    pub(super) scheme: Option<Scheme>,
}

/// The schemes in which a WebSocket resource is requested over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Target {
    /// Reads a request-target; the authority is that of an absolute-form.
    pub(super) fn parse(octets: &[u8]) -> Result<(Self, Option<Authority>), Rejection> {
        let text = core::str::from_utf8(octets).map_err(|_| Rejection::TargetOctetInvalid)?;
        // RFC 6455 §3: a fragment never leaves the client.
        if text.contains('#') {
            return Err(Rejection::TargetHasFragment);
        }
        // RFC 9112 §3.2: a path, or an absolute URI that has one.
        let (scheme, authority, path) =
            if text.starts_with('/') { (None, None, 0) } else { parse_absolute(text)? };
        let rest = text.get(path..).unwrap_or_default();
        let query = rest.find('?').map(|at| path + at + 1);
        let (path_text, query_text) = rest.split_once('?').unwrap_or((rest, ""));
        if !Class::PATH.holds_all(path_text.as_bytes())
            || !Class::QUERY.holds_all(query_text.as_bytes())
        {
            return Err(Rejection::TargetOctetInvalid);
        }
        if !percent_encoding_is_whole(rest.as_bytes()) {
            return Err(Rejection::TargetPercentInvalid);
        }
        Ok((Self { text: text.into(), path, query, scheme }, authority))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// RFC 6455 §3: the path, `/` when it is empty.
    pub(super) fn path(&self) -> &str {
        let end = self.query.map_or(self.text.len(), |query| query - 1);
        match self.text.get(self.path..end) {
            Some("") | None => "/",
            Some(path) => path,
        }
    }

    /// RFC 6455 §3: the query, unless it is empty.
    pub(super) fn query(&self) -> Option<&str> {
        let query = self.text.get(self.query?..)?;
        if query.is_empty() { None } else { Some(query) }
    }
}

/// RFC 9112 §3.2.2: scheme, authority, and where the path begins.
fn parse_absolute(text: &str) -> Result<(Option<Scheme>, Option<Authority>, usize), Rejection> {
    let (scheme, rest) = text.split_once("://").ok_or(Rejection::TargetFormInvalid)?;
    let known = if scheme.eq_ignore_ascii_case("http") {
        Scheme::Http
    } else if scheme.eq_ignore_ascii_case("https") {
        Scheme::Https
    } else if is_scheme(scheme) {
        return Err(Rejection::TargetSchemeInvalid);
    } else {
        return Err(Rejection::TargetFormInvalid);
    };
    let len = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = rest.get(..len).unwrap_or_default().parse();
    let authority = authority.map_err(|_| Rejection::TargetAuthorityInvalid)?;
    Ok((Some(known), Some(authority), text.len() - rest.len() + len))
}

/// RFC 3986 §3.1.
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6455_3_resource_names_are_taken_undecoded() {
        for (target, path, query) in [
            ("/", "/", None),
            ("/chat?room=1", "/chat", Some("room=1")),
            ("/chat?", "/chat", None),
            ("/a%2Fb?x?y", "/a%2Fb", Some("x?y")),
            ("//etc/passwd", "//etc/passwd", None),
            ("/?a=b://c", "/", Some("a=b://c")),
            ("http://h", "/", None),
            ("HTTP://h?q", "/", Some("q")),
            ("https://h:1/p?q", "/p", Some("q")),
            ("/chat?ids[]=1&f={a|b}^`\\", "/chat", Some("ids[]=1&f={a|b}^`\\")),
        ] {
            let (read, _) = Target::parse(target.as_bytes()).unwrap();
            assert_eq!((read.as_str(), read.path(), read.query()), (target, path, query));
        }
    }

    #[test]
    fn s9112_3_2_other_targets_are_refused() {
        use Rejection::*;
        for (target, rejection) in [
            ("/chat#", TargetHasFragment),
            ("http://h/#x", TargetHasFragment),
            ("*", TargetFormInvalid),
            ("h:80", TargetFormInvalid),
            ("chat", TargetFormInvalid),
            ("http:/h", TargetFormInvalid),
            ("http:h", TargetFormInvalid),
            ("1x://h/", TargetFormInvalid),
            ("://h/", TargetFormInvalid),
            ("ws://h/", TargetSchemeInvalid),
            ("wss://h/", TargetSchemeInvalid),
            ("http:///x", TargetAuthorityInvalid),
            ("http://u@h/", TargetAuthorityInvalid),
            ("http://h:99999/", TargetAuthorityInvalid),
            ("http://h\\x/", TargetAuthorityInvalid),
            ("/a\\b", TargetOctetInvalid),
            ("/\"", TargetOctetInvalid),
            ("/<", TargetOctetInvalid),
            ("/?>", TargetOctetInvalid),
            ("/a b", TargetOctetInvalid),
            ("/é", TargetOctetInvalid),
            ("/%", TargetPercentInvalid),
            ("/%zz", TargetPercentInvalid),
            ("/%a?b", TargetPercentInvalid),
            ("/%a%20", TargetPercentInvalid),
            ("/?%4", TargetPercentInvalid),
        ] {
            assert_eq!(Target::parse(target.as_bytes()), Err(rejection), "{target}");
        }
    }
}
