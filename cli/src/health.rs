//! `stickler health`: one opening handshake as a client (RFC 6455 §4.1), for
//! images that have no shell to do it with.
//!
//! Without a URL it looks where a `stickler serve` with the same variables listens.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use stickler::Authority;
use stickler::proto::handshake::client::Opening;

use crate::connect::{Connection, Failure, Url, random};
use crate::listen::{DEFAULT_LISTEN, Listen};
use crate::units::parse_timeout;
use crate::variables;

/// What `stickler health` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the server is [default: the first address of STICKLER_LISTEN, the first path of
    /// STICKLER_PATH, the first host of STICKLER_OWN_HOST]
    #[arg(env = "STICKLER_HEALTH_URL", value_name = "URL")]
    url: Option<Url>,

    /// Host to ask for, whatever the address is
    #[arg(long, env = "STICKLER_HEALTH_HOST", value_name = "HOST[:PORT]")]
    #[arg(value_parser = parse_host)]
    host: Option<String>,

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
}

/// Prints nothing when the server is well; says on standard error what is wrong.
///
/// # Errors
/// A variable of `serve` that says where to look is none.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let (url, place) = match &options.url {
        Some(url) => (url.text().to_owned(), Place::of_url(url)),
        None => {
            let served = Served::of_variables()?;
            (served.url(), served.place())
        }
    };
    let checked = place.map_err(Failure::Io).and_then(|mut place| {
        if let Some(host) = &options.host {
            place.host.clone_from(host);
        }
        check(&place, options.timeout)
    });
    Ok(match checked {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "stickler: {url}: {failure}");
            ExitCode::FAILURE
        }
    })
}

fn check(place: &Place, within: Duration) -> Result<(), Failure> {
    let opening = Opening::new(&place.target, &place.host, random()?)
        .and_then(|opening| opening.field("User-Agent", "stickler-health"))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut connection = Connection::open(&place.addresses, within)?;
    connection.handshake(&opening)?;
    connection.leave()
}

impl Place {
    fn of_url(url: &Url) -> io::Result<Place> {
        Ok(Place {
            addresses: url.addresses()?,
            host: url.authority().to_owned(),
            target: url.target().to_owned(),
        })
    }
}

/// What a `serve` with these variables serves first.
struct Served {
    listen: Listen,
    path: String,
    own_host: Option<String>,
}

impl Served {
    fn of_variables() -> Result<Served, String> {
        let first = |name: &str| -> Result<Option<String>, String> {
            let Some(value) = variables::read(name)? else { return Ok(None) };
            Ok(variables::members(name, [&value[..]])?.into_iter().next())
        };
        let listen = first("STICKLER_LISTEN")?.unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
        let listen = Listen::parse(&listen).map_err(|why| format!("STICKLER_LISTEN: {why}"))?;
        if listen.port() == 0 {
            return Err("STICKLER_LISTEN takes any free port: say by a URL where to look".into());
        }
        let path = first("STICKLER_PATH")?.unwrap_or_else(|| "/".to_owned());
        let own_host = first("STICKLER_OWN_HOST")?;
        if let Some(host) = &own_host {
            parse_host(host).map_err(|why| format!("STICKLER_OWN_HOST: {why}"))?;
        }
        // The host is looked at above, or is an address or a name.
        Opening::new(&path, "localhost", [0; 16]).map_err(|why| format!("STICKLER_PATH: {why}"))?;
        Ok(Served { listen, path, own_host })
    }

    fn url(&self) -> String {
        format!("ws://{}{}", self.authority(), self.path)
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
        Ok(Place { addresses, host, target: self.path })
    }
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
        let host = |listen: &str, own_host: Option<&str>| {
            let listen = Listen::parse(listen).unwrap();
            let own_host = own_host.map(str::to_owned);
            let served = Served { listen, path: "/ws".into(), own_host };
            let (url, place) = (served.url(), served.place().unwrap());
            (url, place.host)
        };
        let pair = |url: &str, host: &str| (url.to_owned(), host.to_owned());
        let own = Some("chat.example.com");
        assert_eq!(host("0.0.0.0:1", None), pair("ws://127.0.0.1:1/ws", "127.0.0.1:1"));
        assert_eq!(host("0.0.0.0:1", own), pair("ws://127.0.0.1:1/ws", "chat.example.com"));
        assert_eq!(host("[::]:1", None), pair("ws://[::1]:1/ws", "[::1]:1"));
        assert_eq!(host("LOCALHOST:1", None), pair("ws://localhost:1/ws", "localhost:1"));
    }
}
