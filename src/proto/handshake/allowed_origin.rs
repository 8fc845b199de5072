//! Which origins a server allows, as somebody writes them down (RFC 6454 §4, RFC 6455 §10.2).

use core::{fmt, str::FromStr};

use super::{
    authority::Authority,
    origin::{Origin, Serialized, default_port},
    target::is_scheme,
};

/// One rule of an allow-list of origins.
///
/// As text: `any`, `same-host`, or an origin such as `https://example.com`. In front of a host
/// `*.` stands for one or more labels, so that `https://*.example.com` allows
/// `https://a.b.example.com` and not `https://example.com`; `:*` stands for every port. Pages without
/// a host have the origin `null`, and in some browsers `file://`: both may be listed as they are.
///
/// ```
/// use stickler::AllowedOrigin;
///
/// for text in ["https://example.com", "https://*.example.com", "http://localhost:*", "null"] {
///     assert!(text.parse::<AllowedOrigin>().is_ok());
/// }
/// assert!("https://example.*".parse::<AllowedOrigin>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every origin, whatever it says: for servers that trust no client because of its page.
    Any,
    /// The origin whose host and port are those of the request, as the Host header field or the
    /// absolute request-target gives them; on a connection with TLS its scheme is https.
    SameHost,
    /// One origin, or those of one pattern.
    Listed(ListedOrigin),
}

/// An origin of an allow-list, or a pattern of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrigin {
    text: Box<str>,
    matches: Matches,
}

/// What a listed origin allows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Matches {
    /// The text alone: `null`, `file://`.
    Text,
    Pattern(Pattern),
}

/// The text is neither `any`, `same-host`, an origin nor a pattern of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOrigin {
    /// It is not a scheme, `://`, a host and perhaps a port.
    Malformed,
    /// It is `*`; `any` says that.
    AsteriskAlone,
    /// An asterisk stands elsewhere than as the first label of a domain or as the port.
    AsteriskMisplaced,
    /// It has no scheme.
    NoScheme,
    /// A path, a query or a user stands beside the host.
    MoreThanOrigin,
    /// It is `http://` or the like, without a host.
    NoHost,
}

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        match text {
            "any" => Ok(Self::Any),
            "same-host" => Ok(Self::SameHost),
            _ => {
                Ok(Self::Listed(ListedOrigin { text: text.into(), matches: Matches::parse(text)? }))
            }
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
        formatter.write_str(match self {
            Self::Malformed => "not any, same-host or an origin such as https://example.com",
            Self::AsteriskAlone => "to allow every origin, null too, write any",
            Self::AsteriskMisplaced => {
                "an asterisk stands for the first labels of a domain, as in https://*.example.com, \
                 or for the port, as in http://localhost:*, and nowhere else"
            }
            Self::NoScheme => {
                "neither any, same-host nor null, and an origin begins with its scheme, as in \
                 https://example.com"
            }
            Self::MoreThanOrigin => {
                "one origin is a scheme, a host and perhaps a port, without a path, a slash at its end \
                 or a second origin"
            }
            Self::NoHost => "an origin of this scheme has a host, as in https://example.com",
        })
    }
}

impl core::error::Error for InvalidOrigin {}

impl AllowedOrigin {
    /// Whether the value is what this rule lists, to the octet.
    pub(super) fn is_text(&self, value: &[u8]) -> bool {
        matches!(self, Self::Listed(listed) if !listed.is_wild() && listed.text.as_bytes() == value)
    }

    /// Whether it allows this origin, which was sent as `text`, in a request for this host.
    pub(super) fn allows(
        &self,
        text: &str,
        serialized: &Serialized,
        host: &Authority,
        secure: bool,
    ) -> bool {
        match (self, serialized) {
            (Self::Any, _) => true,
            (Self::SameHost, Serialized::Origin(origin)) => {
                origin.is_host(host, secure) && origin.is_port(host)
            }
            (Self::SameHost, Serialized::Opaque) => false,
            (Self::Listed(listed), Serialized::Origin(origin)) => {
                listed.pattern().is_some_and(|pattern| {
                    pattern.fits_but_for_port(origin) && pattern.fits_port(origin)
                })
            }
            (Self::Listed(listed), Serialized::Opaque) => &*listed.text == text,
        }
    }

    /// Whether it lists this origin with another port, or with this one.
    pub(super) fn lists_but_for_port(&self, origin: &Origin) -> bool {
        let Self::Listed(listed) = self else { return false };
        listed.pattern().is_some_and(|pattern| pattern.fits_but_for_port(origin))
    }
}

impl ListedOrigin {
    fn pattern(&self) -> Option<&Pattern> {
        match &self.matches {
            Matches::Text => None,
            Matches::Pattern(pattern) => Some(pattern),
        }
    }

    /// Whether it has an asterisk, so that its own text is no origin.
    fn is_wild(&self) -> bool {
        self.pattern().is_some_and(|pattern| {
            pattern.port == Port::Any || matches!(pattern.host, Host::Below(_))
        })
    }
}

/// Origins that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// In lower case.
    scheme: Box<str>,
    host: Host,
    port: Port,
}

/// The hosts of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    This(Box<str>),
    /// Every domain that has one or more labels and a dot before this one.
    Below(Box<str>),
}

/// The ports of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// Without a value only where the scheme has no default.
    This(Option<u16>),
    Any,
}

impl Matches {
    fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Err(InvalidOrigin::AsteriskAlone);
        }
        if text == "null" {
            return Ok(Self::Text);
        }
        let asterisk =
            |error| if text.contains('*') { InvalidOrigin::AsteriskMisplaced } else { error };
        let (scheme, rest) = text.split_once("://").ok_or(asterisk(InvalidOrigin::NoScheme))?;
        if !is_scheme(scheme) {
            return Err(asterisk(InvalidOrigin::Malformed));
        }
        if rest.is_empty() {
            // RFC 9110 §4.2.1: a page of http has a host. RFC 6454 §4: others may have none.
            let has_host = default_port(&scheme.to_ascii_lowercase()).is_some();
            return if has_host { Err(InvalidOrigin::NoHost) } else { Ok(Self::Text) };
        }
        if rest.contains(['/', '?', '#', '@']) {
            return Err(asterisk(InvalidOrigin::MoreThanOrigin));
        }
        let (rest, any_port) = rest.strip_suffix(":*").map_or((rest, false), |rest| (rest, true));
        let (rest, below) = rest.strip_prefix("*.").map_or((rest, false), |rest| (rest, true));
        // What follows the colon of a port that is any would be a second port.
        if rest.contains('*') || below && !is_domain(rest) || any_port && !ends_with_host(rest) {
            return Err(asterisk(InvalidOrigin::Malformed));
        }
        let authority = rest.parse().map_err(|_| asterisk(InvalidOrigin::Malformed))?;
        let Origin { scheme, host, port } = Origin::new(scheme, authority);
        let host = if below { Host::Below(host) } else { Host::This(host) };
        let port = if any_port { Port::Any } else { Port::This(port) };
        Ok(Self::Pattern(Pattern { scheme, host, port }))
    }
}

impl Pattern {
    fn fits_but_for_port(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme
            && match &self.host {
                Host::This(host) => *host == origin.host,
                Host::Below(domain) => is_below(&origin.host, domain),
            }
    }

    fn fits_port(&self, origin: &Origin) -> bool {
        match self.port {
            Port::Any => true,
            Port::This(port) => port == origin.port,
        }
    }
}

/// Whether a host is a domain with one or more labels before this one.
fn is_below(host: &str, domain: &str) -> bool {
    let labels = host.strip_suffix(domain).and_then(|labels| labels.strip_suffix('.'));
    labels.is_some_and(|labels| labels.split('.').all(is_label))
}

/// Whether this is a domain that others may be below, perhaps with a port behind it: labels between
/// dots, the last of which makes it no IPv4 address.
fn is_domain(text: &str) -> bool {
    let host = text.split(':').next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.as_bytes().first().is_some_and(u8::is_ascii_digit);
    host.split('.').all(is_label) && !is_number
}

/// What browsers have between the dots of a domain; names in other scripts come as ASCII.
fn is_label(label: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    !label.is_empty() && label.bytes().all(fits)
}

/// Whether no port follows the host.
fn ends_with_host(text: &str) -> bool {
    text.ends_with(']') || !text.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_origins_are_checked() {
        use InvalidOrigin::*;
        for (text, why) in [
            ("", NoScheme),
            ("example.com", NoScheme),
            ("localhost:8080", NoScheme),
            ("NULL", NoScheme),
            ("null null", NoScheme),
            ("ANY", NoScheme),
            ("https://", NoHost),
            ("HTTP://", NoHost),
            ("https://a/", MoreThanOrigin),
            ("https://a/x", MoreThanOrigin),
            ("https://u@a", MoreThanOrigin),
            ("file:///home", MoreThanOrigin),
            ("1://a", Malformed),
            ("https://a b", Malformed),
            ("https://a:99999", Malformed),
            ("*", AsteriskAlone),
        ] {
            assert_eq!(text.parse::<AllowedOrigin>(), Err(why), "{text}");
        }
        for text in [
            "*.example.com",
            "*://example.com",
            "http*://example.com",
            "https://*",
            "https://*:*",
            "https://*.",
            "https://*:8080",
            "https://a.*.example.com",
            "https://example.*",
            "https://a*.example.com",
            "https://*a.example.com",
            "https://*example.com",
            "https://**.example.com",
            "https://*.*.example.com",
            "https://*..example.com",
            "https://*.example.com.",
            "https://*.0.0.1",
            "https://*.example.0x1",
            "https://*.[::1]",
            "https://[*::1]",
            "https://example.com:80*",
            "https://example.com:*80",
            "https://example.com:80:*",
            "https://example.com:*:*",
            "https://example.com:**",
            "https://*.example.com/",
            "https://u@*.example.com",
            "chrome-extension://*",
        ] {
            assert_eq!(text.parse::<AllowedOrigin>(), Err(AsteriskMisplaced), "{text}");
        }
    }

    #[test]
    fn a_rule_prints_as_it_was_written() {
        for text in ["any", "same-host", "null", "file://", "HTTPS://*.Example.com:*"] {
            assert_eq!(text.parse::<AllowedOrigin>().unwrap().to_string(), text);
        }
    }
}
