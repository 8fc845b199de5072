//! Which origins may open a WebSocket here (RFC 6454, RFC 6455 §4.2.2, §10.2).

use core::{fmt, str::FromStr};

use crate::proto::rejection::Rejection;

use super::{authority::Authority, target::is_scheme};

/// One rule of an allow-list of origins.
///
/// As text: `any`, `same-host`, or the origin itself, such as `https://example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every origin, whatever it says: for servers that trust no client because of its page.
    Any,
    /// The origin whose host and port are those of the request, as the Host header field or the
    /// absolute request-target gives them; on a connection with TLS its scheme is https.
    SameHost,
    /// One origin.
    Listed(ListedOrigin),
}

/// An origin of an allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrigin {
    text: Box<str>,
    /// `None` for origins that are compared as text alone: `null`, `file://`.
    origin: Option<Origin>,
}

/// The text is neither `any`, `same-host` nor a serialised origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrigin;

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        match text {
            "any" => Ok(Self::Any),
            "same-host" => Ok(Self::SameHost),
            _ => match Serialized::parse(text).ok_or(InvalidOrigin)? {
                Serialized::Origin(origin) => {
                    Ok(Self::Listed(ListedOrigin { text: text.into(), origin: Some(origin) }))
                }
                Serialized::Opaque => {
                    Ok(Self::Listed(ListedOrigin { text: text.into(), origin: None }))
                }
            },
        }
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => "any",
            Self::SameHost => "same-host",
            Self::Listed(listed) => &listed.text,
        })
    }
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not any, same-host or an origin such as https://example.com")
    }
}

impl core::error::Error for InvalidOrigin {}

/// Checks the value of an Origin header field against the allow-list.
///
/// # Errors
/// The value is no origin, or one of its origins is not allowed.
pub(super) fn check(
    value: &[u8],
    allowed: &[AllowedOrigin],
    host: &Authority,
    secure: bool,
) -> Result<(), Rejection> {
    if allowed.contains(&AllowedOrigin::Any) {
        return Ok(());
    }
    // What is listed is allowed as it stands, before any grammar.
    let listed = |rule: &AllowedOrigin| matches!(rule, AllowedOrigin::Listed(listed) if listed.text.as_bytes() == value);
    if allowed.iter().any(listed) {
        return Ok(());
    }
    let text = core::str::from_utf8(value).map_err(|_| Rejection::OriginMalformed)?;
    let mut refused = false;
    // RFC 6454 §7.1: one or more origins with a single space between.
    for member in text.split(' ') {
        let origin = Serialized::parse(member).ok_or(Rejection::OriginMalformed)?;
        refused |= !allowed.iter().any(|rule| rule.allows(member, &origin, host, secure));
    }
    if refused { Err(Rejection::OriginRefused) } else { Ok(()) }
}

impl AllowedOrigin {
    fn allows(&self, text: &str, serialized: &Serialized, host: &Authority, secure: bool) -> bool {
        match (self, serialized) {
            (Self::Any, _) => true,
            (Self::SameHost, Serialized::Origin(origin)) => origin.is_host(host, secure),
            (Self::SameHost, Serialized::Opaque) => false,
            (Self::Listed(listed), Serialized::Origin(origin)) => {
                listed.origin.as_ref() == Some(origin)
            }
            (Self::Listed(listed), Serialized::Opaque) => &*listed.text == text,
        }
    }
}

/// A serialised origin (RFC 6454 §6).
enum Serialized {
    /// `null`, or a scheme without a host: equal to no other origin.
    Opaque,
    Origin(Origin),
}

impl Serialized {
    fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Opaque);
        }
        let (scheme, authority) = text.split_once("://")?;
        if !is_scheme(scheme) {
            return None;
        }
        if authority.is_empty() {
            return Some(Self::Opaque);
        }
        let authority = authority.parse().ok()?;
        Some(Self::Origin(Origin::new(scheme, authority)))
    }
}

/// Scheme, host and port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    /// In lower case.
    scheme: Box<str>,
    host: Box<str>,
    /// Without a value only where the scheme has no default.
    port: Option<u16>,
}

impl Origin {
    fn new(scheme: &str, authority: Authority) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        Self {
            scheme: scheme.into(),
            host: authority.host().into(),
            port: authority.port().or(default),
        }
    }

    /// Whether a page of this origin came from the host that the request is for. A Host without
    /// a port stands for the default of the page's own scheme.
    fn is_host(&self, host: &Authority, secure: bool) -> bool {
        let scheme_fits = if secure {
            &*self.scheme == "https"
        } else {
            matches!(&*self.scheme, "http" | "https")
        };
        let default = if &*self.scheme == "https" { 443 } else { 80 };
        scheme_fits && &*self.host == host.host() && self.port == Some(host.port_or(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(allowed: &[&str], value: &[u8]) -> Result<(), Rejection> {
        let allowed: Vec<_> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        check(value, &allowed, &"example.com:8080".parse().unwrap(), false)
    }

    #[test]
    fn s6454_5_listed_origins_are_compared_whole() {
        let allowed = ["https://example.com:443", "http://b.example"];
        for value in [
            "https://example.com",
            "HTTPS://Example.COM",
            "https://example.com:443",
            "http://b.example:80",
        ] {
            assert_eq!(verdict(&allowed, value.as_bytes()), Ok(()), "{value}");
        }
        assert_eq!(verdict(&allowed, b"https://example.com http://b.example"), Ok(()));
        for value in [
            "http://example.com",
            "https://example.com:8443",
            "https://example.com.evil.net",
            "https://xexample.com",
            "null",
            "file://",
            "https://example.com null",
            "https://example.com https://evil.example",
        ] {
            assert_eq!(
                verdict(&allowed, value.as_bytes()),
                Err(Rejection::OriginRefused),
                "{value}"
            );
        }
    }

    #[test]
    fn s6454_7_1_what_is_no_origin_is_malformed() {
        for value in [
            &b""[..],
            b"example.com",
            b"https://a.example/",
            b"https://a.example/x",
            b"https://u@a.example",
            b"https:a.example",
            b"https://a.example  https://b.example",
            b"https://a.example,https://b.example",
            b"\xff",
            b"NULL",
            b"1://a",
        ] {
            assert_eq!(
                verdict(&["https://a.example"], value),
                Err(Rejection::OriginMalformed),
                "{value:?}"
            );
            assert_eq!(verdict(&["any"], value), Ok(()));
        }
    }

    #[test]
    fn s6454_6_opaque_origins_are_allowed_only_when_listed() {
        assert_eq!(verdict(&["null"], b"null"), Ok(()));
        assert_eq!(verdict(&["file://"], b"file://"), Ok(()));
        assert_eq!(verdict(&["file://"], b"null"), Err(Rejection::OriginRefused));
        assert_eq!(verdict(&["same-host"], b"null"), Err(Rejection::OriginRefused));
        assert_eq!(verdict(&[], b"http://example.com"), Err(Rejection::OriginRefused));
    }

    #[test]
    fn same_host_compares_host_and_port() {
        let same = ["same-host".parse().unwrap()];
        for (value, host, secure, fits) in [
            ("http://h", "h", false, true),
            ("http://h", "h:80", false, true),
            ("http://h:8080", "h:8080", false, true),
            ("https://h", "h", false, true),
            ("https://h", "h:80", false, false),
            ("http://h:8080", "h", false, false),
            ("http://h", "g", false, false),
            ("https://h", "h", true, true),
            ("http://h", "h", true, false),
            ("ftp://h", "h", false, false),
        ] {
            let verdict = check(value.as_bytes(), &same, &host.parse().unwrap(), secure);
            assert_eq!(verdict.is_ok(), fits, "{value} {host} {secure}");
        }
    }

    #[test]
    fn configured_origins_are_checked() {
        for text in ["", "example.com", "https://a/", "*", "https://*.a/", "null null"] {
            assert_eq!(text.parse::<AllowedOrigin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
