//! `stickler health`: one opening handshake as a client (RFC 6455 §4.1), for
//! images that have no shell to do it with.
//!
//! Without a URL it looks where a `stickler serve` with the same variables listens. Over TLS no certificate is verified
//! then, unless it is said what to trust: the address is one of this machine, and no certificate has it.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use stickler::Authority;
use stickler::proto::handshake::client::Opening;

use crate::connect::{Connection, Failure, Url, host_of, random};
use crate::listen::{DEFAULT_LISTEN, Listen};
use crate::tls_client::{TlsClient, Trust};
use crate::units::parse_timeout;
use crate::variables;

/// What `stickler health` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the server is, ws:// or wss:// [default: the first address of STICKLER_LISTEN, else of
    /// STICKLER_LISTEN_TLS, else of STICKLER_PROXY_PROTOCOL, the first path of STICKLER_PATH, the first host of STICKLER_OWN_HOST]
    #[arg(env = "STICKLER_HEALTH_URL", value_name = "URL")]
    url: Option<Url>,

    /// Host to ask for, whatever the address is; over TLS the certificate has to be for it
    #[arg(long, env = "STICKLER_HEALTH_HOST", value_name = "HOST[:PORT]")]
    #[arg(value_parser = parse_host)]
    host: Option<String>,

    /// Over TLS: take whatever certificate the server has; nothing is verified
    #[arg(long, env = "STICKLER_HEALTH_INSECURE")]
    insecure: bool,

    /// Over TLS: trust the certificates of this PEM file, and no others [default: the system's]
    #[arg(long, env = "STICKLER_HEALTH_CA", value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,

    /// Begin with a header of the PROXY protocol, which says that the check speaks for itself
    ///
    /// Without a URL that is so by itself where STICKLER_PROXY_PROTOCOL names the address.
    #[arg(long, env = "STICKLER_HEALTH_PROXY_HEADER", value_parser = BoolishValueParser::new())]
    proxy_header: bool,

    /// Time for the whole handshake
    #[arg(long, env = "STICKLER_HEALTH_TIMEOUT", value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = parse_timeout)]
    timeout: Duration,
}

/// A server to ask.
struct Place {
    addresses: Vec<SocketAddr>,
    /// What the Host field says.
    host: String,
    target: String,
    /// Whether a header of the PROXY protocol comes first.
    is_proxied: bool,
}

/// Prints nothing when the server is well; says on standard error what is wrong.
///
/// # Errors
/// A variable of `serve` that says where to look is none.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let host = options.host.as_deref();
    let (url, place, tls) = match &options.url {
        Some(url) => {
            let tls = url.tls(host, options.insecure, options.ca.as_deref())?;
            (url.text().to_owned(), Place::of_url(url), tls)
        }
        None => {
            let served = Served::of_variables()?;
            let tls = served.tls(options)?;
            (served.url(), served.place(), tls)
        }
    };
    let checked = place.map_err(Failure::Io).and_then(|mut place| {
        if let Some(host) = &options.host {
            place.host.clone_from(host);
        }
        place.is_proxied |= options.proxy_header;
        check(&place, tls.as_ref(), options.timeout)
    });
    Ok(match checked {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "stickler: {url}: {failure}");
            ExitCode::FAILURE
        }
    })
}

fn check(place: &Place, tls: Option<&TlsClient>, within: Duration) -> Result<(), Failure> {
    let opening = Opening::new(&place.target, &place.host, random()?)
        .and_then(|opening| opening.field("User-Agent", "stickler-health"))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let before = if place.is_proxied { LOCAL } else { &[] };
    let mut connection = Connection::open(&place.addresses, before, tls, within)?;
    connection.handshake(&opening)?;
    connection.leave()
}

impl Place {
    fn of_url(url: &Url) -> io::Result<Place> {
        Ok(Place {
            addresses: url.addresses()?,
            host: url.authority().to_owned(),
            target: url.target().to_owned(),
            is_proxied: false,
        })
    }
}

/// What a `serve` with these variables serves first.
struct Served {
    listen: Listen,
    path: String,
    own_host: Option<String>,
    is_secure: bool,
    is_proxied: bool,
}

impl Served {
    fn of_variables() -> Result<Served, String> {
        let first = |name: &str| -> Result<Option<String>, String> {
            let Some(value) = variables::read(name)? else { return Ok(None) };
            Ok(variables::members(name, [&value[..]])?.into_iter().next())
        };
        let (name, listen, is_secure) = match first("STICKLER_LISTEN")? {
            Some(listen) => ("STICKLER_LISTEN", listen, false),
            None => match first("STICKLER_LISTEN_TLS")? {
                Some(listen) => ("STICKLER_LISTEN_TLS", listen, true),
                None => match first(PROXY_PROTOCOL)? {
                    Some(listen) => (PROXY_PROTOCOL, listen, false),
                    None => ("STICKLER_LISTEN", DEFAULT_LISTEN.to_owned(), false),
                },
            },
        };
        let listen = Listen::parse(&listen).map_err(|why| format!("{name}: {why}"))?;
        if listen.port() == 0 {
            return Err(format!("{name} takes any free port: say by a URL where to look"));
        }
        let path = first("STICKLER_PATH")?.unwrap_or_else(|| "/".to_owned());
        let own_host = first("STICKLER_OWN_HOST")?;
        if let Some(host) = &own_host {
            parse_host(host).map_err(|why| format!("STICKLER_OWN_HOST: {why}"))?;
        }
        // The host is looked at above, or is an address or a name.
        Opening::new(&path, "localhost", [0; 16]).map_err(|why| format!("STICKLER_PATH: {why}"))?;
        let is_proxied = is_proxied(&listen)?;
        Ok(Served { listen, path, own_host, is_secure, is_proxied })
    }

    fn url(&self) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }

    /// How to speak TLS with it. Nothing is verified unless it is said what to trust.
    fn tls(&self, options: &Options) -> Result<Option<TlsClient>, String> {
        let ca = options.ca.as_deref();
        if !self.is_secure {
            return match (options.insecure, ca) {
                (false, None) => Ok(None),
                _ => Err(format!(
                    "--insecure and --ca, or STICKLER_HEALTH_INSECURE and STICKLER_HEALTH_CA, are about TLS, \
                     and {} has none",
                    self.url()
                )),
            };
        }
        let own = options.host.clone().or_else(|| self.own_host.clone());
        let own = own.unwrap_or_else(|| self.authority());
        TlsClient::new(host_of(&own)?, &Trust::of(ca.is_none(), ca)).map(Some)
    }

    /// The address as this machine reaches it.
    fn authority(&self) -> String {
        match &self.listen {
            Listen::Address(address) => reachable(*address)[0].to_string(),
            Listen::Localhost(port) => format!("localhost:{port}"),
            Listen::Name(name, port) => format!("{name}:{port}"),
        }
    }

    fn place(self) -> io::Result<Place> {
        let addresses = match &self.listen {
            Listen::Address(address) => reachable(*address),
            other => other.addresses()?,
        };
        let host = self.own_host.clone().unwrap_or_else(|| self.authority());
        Ok(Place { addresses, host, target: self.path, is_proxied: self.is_proxied })
    }
}

/// Whether `serve` takes the PROXY protocol at this address.
fn is_proxied(listen: &Listen) -> Result<bool, String> {
    let Some(value) = variables::read(PROXY_PROTOCOL)? else { return Ok(false) };
    let places = variables::members(PROXY_PROTOCOL, [&value[..]])?;
    Ok(places.iter().any(|place| Listen::parse(place).as_ref() == Ok(listen)))
}

/// All addresses of a machine are not one to connect to: its own, of the same family first.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    let here: &[IpAddr] = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            &[IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
        }
        _ => return vec![address],
    };
    here.iter().map(|ip| SocketAddr::new(*ip, address.port())).collect()
}

fn parse_host(text: &str) -> Result<String, String> {
    match text.parse::<Authority>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Where `serve` takes the PROXY protocol.
const PROXY_PROTOCOL: &str = "STICKLER_PROXY_PROTOCOL";

/// A header of the PROXY protocol by which the peer speaks for itself (version 2, LOCAL).
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_looked_for_on_this_machine() {
        for (listen, expect) in [
            ("0.0.0.0:9001", &["127.0.0.1:9001"][..]),
            ("[::]:9001", &["[::1]:9001", "127.0.0.1:9001"]),
            ("192.0.2.1:80", &["192.0.2.1:80"]),
            ("[2001:db8::1]:80", &["[2001:db8::1]:80"]),
        ] {
            let expect: Vec<SocketAddr> = expect.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(reachable(listen.parse().unwrap()), expect, "{listen}");
        }
    }

    #[test]
    fn the_host_is_the_own_one_or_where_it_listens() {
        let host_over = |is_secure, listen: &str, own_host: Option<&str>| {
            let listen = Listen::parse(listen).unwrap();
            let own_host = own_host.map(str::to_owned);
            let served =
                Served { listen, path: "/ws".into(), own_host, is_secure, is_proxied: false };
            let (url, place) = (served.url(), served.place().unwrap());
            (url, place.host)
        };
        let host = |listen: &str, own_host| host_over(false, listen, own_host);
        let pair = |url: &str, host: &str| (url.to_owned(), host.to_owned());
        let own = Some("chat.example.com");
        assert_eq!(host("0.0.0.0:1", None), pair("ws://127.0.0.1:1/ws", "127.0.0.1:1"));
        assert_eq!(host("0.0.0.0:1", own), pair("ws://127.0.0.1:1/ws", "chat.example.com"));
        assert_eq!(host("[::]:1", None), pair("ws://[::1]:1/ws", "[::1]:1"));
        assert_eq!(host("LOCALHOST:1", None), pair("ws://localhost:1/ws", "localhost:1"));
        assert_eq!(host_over(true, "[::]:1", own), pair("wss://[::1]:1/ws", "chat.example.com"));
    }
}
