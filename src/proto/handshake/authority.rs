//! Authorities: a host and an optional port (RFC 9110 §7.2, RFC 3986 §3.2).

use core::{fmt, net::Ipv6Addr, str::FromStr};

use super::octet::Class;

/// A host with an optional port, in the form in which two of them are compared.
///
/// ```
/// use stickler::proto::handshake::Authority;
///
/// let authority: Authority = "Example.COM:9001".parse()?;
/// assert_eq!((authority.host(), authority.port()), ("example.com", Some(9001)));
/// # Ok::<(), stickler::proto::handshake::InvalidAuthority>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// In lower case; IPv6 addresses in their canonical spelling, with brackets.
    host: Box<str>,
    port: Option<u16>,
}

/// The text is not `host`, `host:` or `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAuthority;

impl Authority {
    /// The host in lower case, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one was written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port, or the scheme's default when none was written (RFC 6455 §3).
    pub(super) fn port_or(&self, default: u16) -> u16 {
        self.port.unwrap_or(default)
    }

    /// Reads an authority out of a request.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, InvalidAuthority> {
        core::str::from_utf8(octets).map_err(|_| InvalidAuthority)?.parse()
    }
}

impl FromStr for Authority {
    type Err = InvalidAuthority;

    fn from_str(text: &str) -> Result<Self, InvalidAuthority> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (literal, port) = rest.split_once(']').ok_or(InvalidAuthority)?;
                (ip_literal(literal)?, port)
            }
            None => {
                let (host, port) =
                    text.split_at_checked(text.find(':').unwrap_or(text.len())).unwrap_or_default();
                (reg_name(host)?, port)
            }
        };
        Ok(Self { host, port: parse_port(port)? })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl fmt::Display for InvalidAuthority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a host with an optional port")
    }
}

impl core::error::Error for InvalidAuthority {}

/// Whether each percent sign stands before two hexadecimal digits (RFC 3986 §2.1).
pub(super) fn percent_encoding_is_whole(octets: &[u8]) -> bool {
    octets.split(|&octet| octet == b'%').skip(1).all(
        |after| matches!(after, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    )
}

/// What stands between the brackets: RFC 3986 §3.2.2, no zone identifiers.
fn ip_literal(literal: &str) -> Result<Box<str>, InvalidAuthority> {
    if let Ok(address) = literal.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]").into());
    }
    let future = literal.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    let (version, address) = future.ok_or(InvalidAuthority)?;
    let version_fits =
        !version.is_empty() && version.bytes().all(|octet| octet.is_ascii_hexdigit());
    let fits = |octet: u8| octet != b'%' && (octet == b':' || Class::REG_NAME.holds(octet));
    if version_fits && !address.is_empty() && address.bytes().all(fits) {
        return Ok(format!("[{}]", literal.to_ascii_lowercase()).into());
    }
    Err(InvalidAuthority)
}

/// A registered name or IPv4 address. The empty name is grammatical, but names no http server
/// (RFC 9110 §4.2.1).
fn reg_name(name: &str) -> Result<Box<str>, InvalidAuthority> {
    let octets = name.as_bytes();
    if octets.is_empty() || !Class::REG_NAME.holds_all(octets) || !percent_encoding_is_whole(octets)
    {
        return Err(InvalidAuthority);
    }
    Ok(name.to_ascii_lowercase().into())
}

/// What follows the host: nothing, or a colon and any number of digits.
fn parse_port(text: &str) -> Result<Option<u16>, InvalidAuthority> {
    match text.strip_prefix(':') {
        None if text.is_empty() => Ok(None),
        Some("") => Ok(None),
        // `u16::from_str` would let a plus sign pass.
        Some(digits) if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| InvalidAuthority)
        }
        _ => Err(InvalidAuthority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9110_7_2_hosts_are_read_and_normalised() {
        for (text, expect) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com:80", "example.com:80"),
            ("h:", "h"),
            ("h:0080", "h:80"),
            ("127.0.0.1:9001", "127.0.0.1:9001"),
            ("[::1]", "[::1]"),
            ("[0:0::0:1]:8080", "[::1]:8080"),
            ("[v1.Fe:x]", "[v1.fe:x]"),
            ("a%2fb", "a%2fb"),
            ("x_y~z!", "x_y~z!"),
        ] {
            let read = text.parse::<Authority>().map(|authority| authority.to_string());
            assert_eq!(read.as_deref(), Ok(expect), "{text}");
        }
    }

    #[test]
    fn s9110_7_2_anything_else_is_refused() {
        for text in [
            "",
            ":",
            ":80",
            "a b",
            "a,b",
            "user@h",
            "h/x",
            "h?",
            "h#",
            "[::1",
            "::1",
            "[::1]x",
            "[]",
            "[::g]",
            "[fe80::1%25eth0]",
            "[v.x]",
            "[v1.]",
            "h:99999",
            "h:+1",
            "h:-1",
            "h:1:2",
            "h:8 0",
            "%",
            "%2",
            "%zz",
            "é",
            "h\\",
            "[[::1]]",
            "\"h\"",
        ] {
            assert_eq!(text.parse::<Authority>(), Err(InvalidAuthority), "{text}");
        }
        assert_eq!(Authority::parse(b"h\xff"), Err(InvalidAuthority));
    }
}
