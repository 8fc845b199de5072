//! The client's side of a connection: where the server is, and a TCP connection to it that keeps a deadline.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A `ws` URL (RFC 6455 §3), without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    /// As it stands in the Host field.
    authority: String,
    host: String,
    port: u16,
    /// Path and query.
    target: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        let rest = text.strip_prefix("ws://").filter(|_| is_plain && !text.contains('#'));
        let rest = rest.ok_or("wanted: a URL such as ws://127.0.0.1:9001/")?;
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('?') => (&rest[..at], format!("/{}", &rest[at..])),
            Some(at) => (&rest[..at], rest[at..].to_owned()),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = split_authority(authority)?;
        Ok(Self { text: text.into(), authority: authority.into(), host: host.into(), port, target })
    }
}

impl Url {
    /// As it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// As it stands in the Host field.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Every address of the host; `localhost` means both families, as it does for `--listen`.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if self.host.eq_ignore_ascii_case("localhost") {
            let families: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(families.map(|address| SocketAddr::new(address, self.port)).into());
        }
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.collect())
    }
}

fn split_authority(authority: &str) -> Result<(&str, u16), String> {
    let after_host = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or("an IPv6 address ends with a bracket")? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(after_host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains('@') {
        return Err("the host is missing, or not one".into());
    }
    let port = match port {
        "" => 80,
        _ => port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .ok_or("the port is not a number")?,
    };
    Ok((host, port))
}

/// A connection to a server, all of which has to be done by one deadline.
pub(crate) struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    /// Tries every address of the host.
    pub(crate) fn open(url: &Url, within: Duration) -> io::Result<Connection> {
        let deadline = Instant::now() + within;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in url.addresses()? {
            match TcpStream::connect_timeout(&address, left(deadline)?) {
                Ok(stream) => return Ok(Connection { stream, deadline }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write_all(bytes)
    }

    /// Reads until the empty line that ends a response, and what came with it.
    pub(crate) fn read_head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::with_capacity(1024);
        let mut bytes = [0; 1024];
        loop {
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            let read = match self.stream.read(&mut bytes) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "closed before the response was whole",
                    ));
                }
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => return Err(too_late()),
                Err(error) => return Err(error),
            };
            head.extend_from_slice(&bytes[..read]);
            if head.windows(4).any(|end| end == b"\r\n\r\n") {
                return Ok(head);
            }
            if head.len() > LONGEST_HEAD {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the response is too long"));
            }
        }
    }

    /// A Close frame with 1000 and a masking key of zeros, and what comes back until the end.
    pub(crate) fn leave(mut self) -> io::Result<()> {
        self.stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])?;
        let mut bytes = [0; 1024];
        loop {
            self.stream.set_read_timeout(Some(left(self.deadline)?.min(PATIENCE)))?;
            if self.stream.read(&mut bytes)? == 0 {
                return Ok(());
            }
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(too_late()),
        left => Ok(left),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

const LONGEST_HEAD: usize = 16 * 1024;

/// What the closing handshake may take at most between two reads.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn urls_are_taken_apart() {
        for (text, host, port, target) in [
            ("ws://127.0.0.1:9001/", "127.0.0.1", 9001, "/"),
            ("ws://localhost", "localhost", 80, "/"),
            ("ws://[::1]:9001/echo?x=1", "::1", 9001, "/echo?x=1"),
            ("ws://[::1]", "::1", 80, "/"),
            ("ws://host:1?x", "host", 1, "/?x"),
        ] {
            let url = url(text);
            assert_eq!((&url.host[..], url.port, &url.target[..]), (host, port, target), "{text}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "",
            "localhost:9001",
            "wss://host/",
            "http://host/",
            "ws://",
            "ws:///",
            "ws://:80/",
            "ws://host:port/",
            "ws://host:65536/",
            "ws://[::1",
            "ws://[::1]x/",
            "ws://host/#x",
            "ws://host/\r\nX:",
            "ws://user@host/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text:?}");
        }
    }
}
