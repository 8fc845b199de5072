//! Who may ask the admin listener, and for what.
//!
//! | asked over | to look | to change something |
//! |---|---|---|
//! | a Unix socket | who may open its file | the same |
//! | TCP on loopback | a permitted `Host`, no `Origin` | that, and the token; never without a token file |
//! | TCP elsewhere | a permitted `Host`, no `Origin`, the token | the same |
//!
//! The `Host` and the `Origin` keep web pages away: a page's requests that change something have an `Origin`, and a page
//! of a name that was pointed here has that name as `Host`.

use std::net::IpAddr;
use std::str::FromStr;

use stickler::http::header::{AUTHORIZATION, HOST, ORIGIN};
use stickler::http::request::Parts;
use stickler::http::{HeaderValue, StatusCode};
use stickler::proto::handshake::Authority;
use stickler::{Binding, BoundAddress};

use super::answers::Refusal;
use super::token::TokenFile;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It changes nothing.
    Look,
    /// It changes something.
    Change,
}

/// Where requests come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A Unix socket: the permissions of its file say who may ask.
    Unix,
    /// These addresses.
    Tcp(Vec<IpAddr>),
}

impl Door {
    pub(super) fn of(bindings: &[Binding]) -> Self {
        let ip = |binding: &Binding| match &binding.address {
            BoundAddress::Tcp(address) => Some(address.ip().to_canonical()),
            _ => None,
        };
        let addresses: Vec<_> = bindings.iter().filter_map(ip).collect();
        if addresses.is_empty() { Self::Unix } else { Self::Tcp(addresses) }
    }

    /// Whether other machines may come to it.
    pub(super) fn is_open_to_others(&self) -> bool {
        match self {
            Self::Unix => false,
            Self::Tcp(addresses) => !addresses.iter().all(IpAddr::is_loopback),
        }
    }
}

/// What is looked at in each request.
pub(super) struct Guard {
    pub(super) door: Door,
    /// Hosts that are ours beside the address and loopback, as `Authority::host` has them.
    pub(super) hosts: Vec<String>,
    pub(super) token: Option<TokenFile>,
}

impl Guard {
    /// Lets the request in, or says why not. It is asked first with `Look`, before anything is said about what is
    /// there.
    ///
    /// # Errors
    ///
    /// 403, 421 or 401.
    pub(super) fn admit(&self, head: &Parts, purpose: Purpose) -> Result<(), Refusal> {
        let Door::Tcp(addresses) = &self.door else { return Ok(()) };
        if head.headers.contains_key(ORIGIN) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "web pages may ask nothing here"));
        }
        let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
        let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
        // RFC 9112 §3.2.2: a target with a host stands above the field; here both have to be right.
        let are_ours = [host, target].into_iter().flatten().all(|it| self.is_ours(addresses, it));
        if host.is_none() || !are_ours {
            return Err(Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this host is not served here; --admin-host names others than the address",
            ));
        }
        let wants_token = purpose == Purpose::Change || self.door.is_open_to_others();
        if !wants_token {
            return Ok(());
        }
        let Some(token) = &self.token else {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "nothing can be changed here: there is no --admin-token-file, and this is no Unix socket",
            ));
        };
        let mut fields = head.headers.get_all(AUTHORIZATION).iter();
        let (sentence, is_shown) = match (fields.next(), fields.next()) {
            (Some(field), None) if token.is_shown_by(field.as_bytes()) => return Ok(()),
            (Some(_), None) => ("the token is not that of --admin-token-file", true),
            // Two of them are two opinions.
            (Some(_), Some(_)) => ("there is more than one Authorization field", true),
            (None, _) => ("the token is missing (Authorization: Bearer)", false),
        };
        Err(Refusal::unauthorized(sentence, is_shown))
    }

    /// Whether a host, with a port or without, is this listener's.
    fn is_ours(&self, addresses: &[IpAddr], host: &[u8]) -> bool {
        let text = str::from_utf8(host).ok();
        let Some(authority) = text.and_then(|text| Authority::from_str(text).ok()) else {
            return false;
        };
        let host = authority.host();
        let name = host.strip_suffix('.').unwrap_or(host);
        if name == "localhost" || self.hosts.iter().any(|own| own == host || own == name) {
            return true;
        }
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let Ok(ip) = literal.unwrap_or(host).parse::<IpAddr>() else { return false };
        // No name can be pointed at an address that is written out: it is right wherever all addresses are.
        let is_any = addresses.iter().any(IpAddr::is_unspecified);
        ip.is_loopback() || is_any || addresses.contains(&ip.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use stickler::http::Request;

    use super::*;

    fn guard(addresses: &[&str], hosts: &[&str]) -> Guard {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let hosts = hosts.iter().map(ToString::to_string).collect();
        Guard { door: Door::Tcp(addresses), hosts, token: None }
    }

    fn status(guard: &Guard, host: &str) -> u16 {
        let (head, ()) =
            Request::get("/metrics").header("host", host).body(()).unwrap().into_parts();
        guard.admit(&head, Purpose::Look).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_loopback_the_address_or_one_that_was_named() {
        let guard = guard(&["127.0.0.1"], &["ops.example"]);
        for host in [
            "127.0.0.1:9002",
            "127.0.0.1",
            "127.1.2.3:80",
            "localhost",
            "LocalHost:1",
            "localhost.",
            "[::1]:9002",
            "ops.example",
            "OPS.example:443",
            "ops.example.",
        ] {
            assert_eq!(status(&guard, host), 200, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xops.example",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "ops.example:x",
            "a b",
        ] {
            assert_eq!(status(&guard, host), 421, "{host}");
        }
    }

    #[test]
    fn an_address_that_is_bound_is_a_host() {
        let guard = Guard { door: Door::Tcp(vec!["::1".parse().unwrap()]), ..guard(&[], &[]) };
        assert_eq!(status(&guard, "[0:0::1]:9002"), 200);
        let open = |address: &str| Door::Tcp(vec![address.parse().unwrap()]);
        assert!(open("10.0.0.1").is_open_to_others() && open("::").is_open_to_others());
        assert!(!open("127.0.0.2").is_open_to_others() && !Door::Unix.is_open_to_others());
    }

    #[test]
    fn all_addresses_are_hosts_where_all_are_bound() {
        let (any, one) = (guard(&["0.0.0.0"], &[]), guard(&["10.0.0.1"], &[]));
        // 403: there is no token, and the host is right.
        assert_eq!(status(&any, "10.0.0.7:9002"), 403);
        assert_eq!(status(&any, "evil.example"), 421);
        assert_eq!(status(&one, "10.0.0.1"), 403);
        assert_eq!(status(&one, "10.0.0.7"), 421);
    }
}
