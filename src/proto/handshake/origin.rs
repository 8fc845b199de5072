//! The Origin header field: what it says, and whether that is allowed (RFC 6454, RFC 6455 §4.2.2, §10.2).

use crate::proto::rejection::Rejection;

use super::{allowed_origin::AllowedOrigin, authority::Authority, target::is_scheme};

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
    if allowed.iter().any(|rule| rule.is_text(value)) {
        return Ok(());
    }
    let text = core::str::from_utf8(value).map_err(|_| Rejection::OriginMalformed)?;
    let mut verdict = Ok(());
    // RFC 6454 §7.1: one or more origins with a single space between.
    for member in text.split(' ') {
        let origin = Serialized::parse(member).ok_or(Rejection::OriginMalformed)?;
        if !allowed.iter().any(|rule| rule.allows(member, &origin, host, secure)) {
            verdict = verdict.and(Err(origin.refusal(allowed, host, secure)));
        }
    }
    verdict
}

/// A serialised origin (RFC 6454 §6).
pub(super) enum Serialized {
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

    /// Why it is refused, where no rule allows it.
    fn refusal(&self, allowed: &[AllowedOrigin], host: &Authority, secure: bool) -> Rejection {
        let Self::Origin(origin) = self else { return Rejection::OriginWithoutHost };
        let fits_host =
            |rule: &AllowedOrigin| *rule == AllowedOrigin::SameHost && origin.is_host(host, secure);
        if allowed.iter().any(fits_host) {
            Rejection::OriginPortNotOfHost
        } else if allowed.iter().any(|rule| rule.lists_but_for_port(origin)) {
            Rejection::OriginPortNotListed
        } else {
            Rejection::OriginRefused
        }
    }
}

/// Scheme, host and port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// In lower case.
    pub(super) scheme: Box<str>,
    /// As in an [`Authority`].
    pub(super) host: Box<str>,
    /// Without a value only where the scheme has no default.
    pub(super) port: Option<u16>,
}

impl Origin {
    pub(super) fn new(scheme: &str, authority: Authority) -> Self {
        let scheme = scheme.to_ascii_lowercase();
        let port = authority.port().or(default_port(&scheme));
        Self { scheme: scheme.into(), host: authority.host().into(), port }
    }

    /// Whether a page of this origin came from the host that the request is for, but for the port.
    pub(super) fn is_host(&self, host: &Authority, secure: bool) -> bool {
        let scheme_fits = if secure {
            &*self.scheme == "https"
        } else {
            matches!(&*self.scheme, "http" | "https")
        };
        scheme_fits && &*self.host == host.host()
    }

    /// Whether it came from that port too. A Host without a port stands for the default of the page's
    /// own scheme.
    pub(super) fn is_port(&self, host: &Authority) -> bool {
        let default = if &*self.scheme == "https" { 443 } else { 80 };
        self.port == Some(host.port_or(default))
    }
}

/// The default port of a scheme in lower case (RFC 9110 §4.2, RFC 6455 §3).
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
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
            let verdict = verdict(&allowed, value.as_bytes());
            assert!(verdict.is_err_and(|why| why.status() == 403), "{value}");
        }
    }

    #[test]
    fn s6454_4_an_asterisk_stands_for_labels_or_for_the_port() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "https://*.example.com",
                &[
                    "https://a.example.com",
                    "https://a.b.example.com",
                    "HTTPS://A.Example.COM",
                    "https://a.example.com:443",
                    "https://xn--bcher-kva.example.com",
                    "https://a_b.example.com",
                    "https://a.example.com https://b.example.com",
                ],
                &[
                    "https://example.com",
                    "https://.example.com",
                    "https://a..example.com",
                    "https://evilexample.com",
                    "https://a.evilexample.com",
                    "https://example.com.evil.org",
                    "https://a.example.com.evil.org",
                    "https://a.example.com.",
                    "https://a.example.co",
                    "http://a.example.com",
                    "wss://a.example.com",
                    "https://a.example.com:8443",
                    "https://a%2e.example.com",
                    "https://*.example.com",
                    "https://a.example.com https://example.com",
                    "null",
                    "file://",
                ],
            ),
            (
                "HTTPS://*.Example.COM:8443",
                &["https://a.example.com:8443"],
                &["https://a.example.com", "https://example.com:8443"],
            ),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:80", "http://LOCALHOST:3000"],
                &[
                    "https://localhost:3000",
                    "http://localhost.evil.org:3000",
                    "http://a.localhost:3000",
                    "http://127.0.0.1:3000",
                    "http://localhost:*",
                ],
            ),
            ("http://[::1]:*", &["http://[::1]", "http://[0::1]:5173"], &["http://[::2]:5173"]),
            ("http://127.0.0.1:*", &["http://127.0.0.1:1"], &["http://127.0.0.2:1"]),
            (
                "https://*.example.com:*",
                &["https://a.example.com", "https://a.b.example.com:1"],
                &["https://example.com:1", "http://a.example.com:1"],
            ),
            ("https://*.localhost", &["https://app.localhost"], &["https://localhost"]),
            (
                "chrome-extension://abcdef",
                &["chrome-extension://abcdef"],
                &["chrome-extension://abcdeg", "chrome-extension://a.abcdef"],
            ),
        ];
        for (rule, fit, others) in table {
            for value in *fit {
                assert_eq!(verdict(&[rule], value.as_bytes()), Ok(()), "{rule}: {value}");
            }
            for value in *others {
                // An asterisk that a client sends is refused as an origin or as none.
                assert!(verdict(&[rule], value.as_bytes()).is_err(), "{rule}: {value}");
            }
        }
    }

    #[test]
    fn s6454_5_a_refusal_tells_a_wrong_port_from_a_wrong_origin() {
        use Rejection::{
            OriginPortNotListed, OriginPortNotOfHost, OriginRefused, OriginWithoutHost,
        };
        for (allowed, value, why) in [
            // The Host of the request is example.com:8080.
            ("same-host", "http://example.com", OriginPortNotOfHost),
            ("same-host", "http://example.com:8081", OriginPortNotOfHost),
            ("same-host", "https://example.com:8443", OriginPortNotOfHost),
            ("same-host", "http://evil.example:8080", OriginRefused),
            ("same-host", "ftp://example.com", OriginRefused),
            ("https://a.example", "https://a.example:8443", OriginPortNotListed),
            ("https://a.example:8443", "https://a.example", OriginPortNotListed),
            ("https://a.example", "http://a.example", OriginRefused),
            ("https://*.a.example", "https://b.a.example:8443", OriginPortNotListed),
            ("https://*.a.example", "https://a.example:8443", OriginRefused),
            ("same-host", "null", OriginWithoutHost),
            ("https://a.example", "file://", OriginWithoutHost),
            // The first that is refused is told.
            ("https://a.example", "https://a.example:1 https://evil.example", OriginPortNotListed),
            ("https://a.example", "https://evil.example https://a.example:1", OriginRefused),
        ] {
            assert_eq!(verdict(&[allowed], value.as_bytes()), Err(why), "{allowed}: {value}");
        }
        let both = ["same-host", "https://example.com"];
        assert_eq!(verdict(&both, b"https://example.com:1"), Err(OriginPortNotOfHost));
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
        assert_eq!(verdict(&["file://"], b"null"), Err(Rejection::OriginWithoutHost));
        assert_eq!(verdict(&["same-host"], b"null"), Err(Rejection::OriginWithoutHost));
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
}
