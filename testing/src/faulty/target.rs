//! The request-target and the value of Host (RFC 9112 §3.2; RFC 3986).

use std::net::Ipv6Addr;

/// What a target asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A path, or `http` with an authority.
    Ours {
        absolute: bool,
    },
    /// RFC 9110 §7.4: `https`, which no connection without TLS serves.
    Https,
    /// `http` without a host.
    NoHost,
    Bad,
}

pub(super) fn target(target: &[u8]) -> Target {
    if target.starts_with(b"/") {
        return if is_path(target) { Target::Ours { absolute: false } } else { Target::Bad };
    }
    let lower = target.to_ascii_lowercase();
    let (is_https, rest) = if lower.starts_with(b"http://") {
        (false, &target[7..])
    } else if lower.starts_with(b"https://") {
        (true, &target[8..])
    } else {
        return Target::Bad;
    };
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() && !path.is_empty() {
        return Target::NoHost;
    }
    match is_host(authority) && is_path(path) {
        false => Target::Bad,
        true if is_https => Target::Https,
        true => Target::Ours { absolute: true },
    }
}

/// A path with or without a query. What browsers send raw is taken as it is.
fn is_path(bytes: &[u8]) -> bool {
    let mut in_query = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'?' => in_query = true,
            b'\\' if in_query => {}
            b'%' => {
                let digits = bytes.get(at + 1..at + 3);
                if !digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) {
                    return false;
                }
            }
            byte if byte.is_ascii_alphanumeric() => {}
            byte if b"-._~!$&'()*+,;=:@/[]{}|^`".contains(byte) => {}
            _ => return false,
        }
        at += 1;
    }
    true
}

/// A host that is not empty, and a port or none.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (host, port) = if value.first() == Some(&b'[') {
        let Some(end) = value.iter().position(|byte| *byte == b']') else { return false };
        let (host, rest) = value.split_at(end + 1);
        if !is_ip_literal(&host[1..end]) {
            return false;
        }
        (host, rest)
    } else {
        let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        let (host, rest) = value.split_at(end);
        if !is_reg_name(host) {
            return false;
        }
        (host, rest)
    };
    !host.is_empty() && is_port(port)
}

fn is_ip_literal(inside: &[u8]) -> bool {
    // RFC 3986 §3.2.2: an address of a later version begins with "v", hex digits and a dot.
    if let [b'v' | b'V', rest @ ..] = inside {
        let dot = rest.iter().position(|byte| *byte == b'.').unwrap_or(0);
        let (version, address) = rest.split_at(dot);
        let is_address =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(byte);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && address.len() > 1
            && address.iter().all(is_address);
    }
    std::str::from_utf8(inside).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// A comma is left out: it would be two values of Host in one.
fn is_reg_name(host: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = host.get(at) {
        let is_good = match byte {
            b'%' => {
                host.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
            }
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(byte),
        };
        if !is_good {
            return false;
        }
        at += 1;
    }
    !host.is_empty()
}

/// Nothing, or a colon and a number below 65,536, or a colon alone.
fn is_port(rest: &[u8]) -> bool {
    let Some((colon, digits)) = rest.split_first() else { return true };
    let number = std::str::from_utf8(digits).unwrap_or("x");
    *colon == b':'
        && digits.iter().all(u8::is_ascii_digit)
        && (digits.is_empty() || number.parse::<u16>().is_ok())
}
