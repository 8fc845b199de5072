//! The client's side of a connection: where the server is, and a connection to it, over TLS or not, that keeps a deadline.
//!
//! What a client has to ask and may let pass, the library knows (`stickler::proto::handshake::client`); here
//! are the socket, the time and the randomness.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use stickler::proto::client_frame::{ServerContext, ServerFrame, ServerFrameFault, encode_masked};
use stickler::proto::close::{CloseCode, CloseFrame};
use stickler::proto::frame::Opcode;
use stickler::proto::handshake::HeadLimits;
use stickler::proto::handshake::client::{Agreed, Opening, ResponseFault, ResponseReader};

use crate::tls_client::{TlsClient, Trust, Wire, is_late};

/// A `ws` or `wss` URL (RFC 6455 §3), without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    /// As it stands in the Host field.
    authority: String,
    host: String,
    port: u16,
    /// Path and query.
    target: String,
    /// Whether it is a `wss` URL.
    is_secure: bool,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        // RFC 3986 §3.1: a scheme is the same in any case.
        let behind = |scheme: &str| {
            let (start, rest) = text.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let is_secure = behind("wss://").is_some();
        let rest = behind("ws://").or(behind("wss://")).filter(|_| is_plain);
        let rest =
            rest.ok_or("wanted: a URL such as ws://127.0.0.1:9001/ or wss://chat.example.com/")?;
        if rest.contains('#') {
            return Err("RFC 6455 3: there is no fragment in the URL of a WebSocket".into());
        }
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('?') => (&rest[..at], format!("/{}", &rest[at..])),
            Some(at) => (&rest[..at], rest[at..].to_owned()),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = split_authority(authority)?;
        // RFC 6455 §3: the default port.
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        let (text, authority, host) = (text.into(), authority.into(), host.into());
        Ok(Self { text, authority, host, port, target, is_secure })
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

    /// Whether it wants TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// How to speak TLS with the server, where the URL wants that: with the one of this host, or of the URL's.
    ///
    /// # Errors
    /// A sentence: what to trust is said and there is no TLS, or it cannot be read.
    pub(crate) fn tls(
        &self,
        host: Option<&str>,
        insecure: bool,
        ca: Option<&Path>,
    ) -> Result<Option<TlsClient>, String> {
        if self.is_secure {
            let name = host_of(host.unwrap_or(&self.authority))?;
            return TlsClient::new(name, &Trust::of(insecure, ca)).map(Some);
        }
        match (insecure, ca) {
            (false, None) => Ok(None),
            _ => Err(format!("--insecure and --ca are about wss:// URLs, not {}", self.text)),
        }
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

/// The host of what stands in a Host field, as certificates have it.
///
/// # Errors
/// There is none.
pub(crate) fn host_of(authority: &str) -> Result<&str, String> {
    split_authority(authority).map(|(host, _)| host)
}

/// The host, and the port where there is one.
fn split_authority(authority: &str) -> Result<(&str, Option<u16>), String> {
    if authority.contains('@') {
        return Err("RFC 6455 3: there is no user in the URL of a WebSocket".into());
    }
    let after_host = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or("an IPv6 address ends with a bracket")? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(after_host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err("the host is missing".into());
    }
    let port = match port {
        "" => None,
        _ => {
            let port = port.strip_prefix(':').and_then(|port| port.parse().ok());
            Some(port.ok_or("the port is not a number")?)
        }
    };
    Ok((host, port))
}

/// Why a server is not what a client needs: one sentence, with the clause where there is one.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no connection, or no answer in time.
    Io(io::Error),
    /// The connection ended before the response was whole.
    Ended,
    /// The answer is another status than 101.
    Status(u16),
    /// The response breaks a rule.
    Response(ResponseFault),
    /// A frame breaks a rule.
    Frame(ServerFrameFault),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Io(error) if is_late(error) => f.write_str("no answer in time"),
            Failure::Io(error) => error.fmt(f),
            Failure::Ended => f.write_str("RFC 9112 8: closed before the response was whole"),
            Failure::Status(status) => write!(f, "RFC 6455 4.1: answered with {status}, not 101"),
            Failure::Response(fault) => fault.fmt(f),
            Failure::Frame(fault) => fault.fmt(f),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<ResponseFault> for Failure {
    fn from(fault: ResponseFault) -> Self {
        Failure::Response(fault)
    }
}

impl From<ServerFrameFault> for Failure {
    fn from(fault: ServerFrameFault) -> Self {
        Failure::Frame(fault)
    }
}

/// Octets from the system's source of randomness: what RFC 6455 §4.1 wants for a key, and §5.3 for a mask.
pub(crate) fn random<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    getrandom::fill(&mut octets).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(octets)
}

/// A connection to a server, all of which has to be done by one deadline.
pub(crate) struct Connection {
    wire: Wire,
    deadline: Instant,
    /// What has arrived and was not read yet.
    unread: Vec<u8>,
}

impl Connection {
    /// Tries the addresses in order, each for its share of the time that is left. The first that takes a connection gets
    /// these bytes before all others, and then the TLS handshake.
    ///
    /// # Errors
    /// No address takes a connection, or TLS fails: a sentence about why.
    pub(crate) fn open(
        addresses: &[SocketAddr],
        before: &[u8],
        tls: Option<&TlsClient>,
        within: Duration,
    ) -> io::Result<Connection> {
        let deadline = Instant::now() + within;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for (at, address) in addresses.iter().enumerate() {
            let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
            match Wire::connect(address, left(deadline)? / others) {
                Ok(mut wire) => {
                    wire.write_all(before, deadline)?;
                    let wire = wire.secure(tls, deadline)?;
                    return Ok(Connection { wire, deadline, unread: Vec::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The opening handshake (RFC 6455 §4.1).
    ///
    /// # Errors
    /// There is no response in time, or none that opens the connection.
    pub(crate) fn handshake(&mut self, opening: &Opening) -> Result<Agreed, Failure> {
        self.wire.write_all(&opening.encode(), self.deadline)?;
        let mut reader = ResponseReader::new();
        let response = loop {
            if let Some(response) = reader.read(&self.unread, &HeadLimits::default())? {
                break response;
            }
            if self.fill(self.deadline)? == 0 {
                return Err(Failure::Ended);
            }
        };
        self.unread.drain(..response.len());
        match response.status() {
            101 => Ok(opening.asked().judge(&response)?),
            status => Err(Failure::Status(status)),
        }
    }

    /// Sends a Close with 1000 and reads what comes up to the end. A server that does not answer it, or
    /// just goes away, has opened a connection all the same.
    ///
    /// # Errors
    /// A frame breaks a rule before the server's Close.
    pub(crate) fn leave(mut self) -> Result<(), Failure> {
        let mut close = Vec::new();
        let code = CloseCode::NORMAL.get().to_be_bytes();
        encode_masked(FIN | Opcode::Close as u8, &code, random()?, &mut close);
        let _ = self.wire.write_all(&close, self.deadline);
        let mut context = ServerContext::default();
        loop {
            match self.next_frame(&mut context)? {
                Some(Opcode::Close) => break,
                Some(_) => {}
                None => return Ok(()),
            }
        }
        // RFC 6455 §7.1.1: the server ends TCP first. What it sends behind its Close is not looked at.
        while self.fill_soon().is_some() {
            self.unread.clear();
        }
        Ok(())
    }

    /// Reads one frame, and of its payload only what a Close says; `None` when nothing more comes.
    fn next_frame(&mut self, context: &mut ServerContext) -> Result<Option<Opcode>, Failure> {
        let header = loop {
            if let Some(header) = ServerFrame::parse(&self.unread, *context)? {
                break header;
            }
            if self.fill_soon().is_none() {
                return Ok(None);
            }
        };
        self.unread.drain(..header.header_len);
        let mut left = header.payload_len;
        let mut body = Vec::new();
        while left > 0 {
            if self.unread.is_empty() && self.fill_soon().is_none() {
                return Ok(None);
            }
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.unread.len());
            let part = self.unread.drain(..here);
            // At most 125 bytes (RFC 6455 §5.5).
            if header.opcode == Opcode::Close {
                body.extend(part);
            }
            left -= here as u64;
        }
        match header.opcode {
            Opcode::Close => drop(CloseFrame::parse(&body).map_err(ServerFrameFault::from)?),
            Opcode::Ping | Opcode::Pong => {}
            _ => context.message_unfinished = !header.fin,
        }
        Ok(Some(header.opcode))
    }

    /// Reads within a short time; `None` when there is nothing.
    fn fill_soon(&mut self) -> Option<usize> {
        let until = self.deadline.min(Instant::now() + PATIENCE);
        self.fill(until).ok().filter(|read| *read > 0)
    }

    /// Reads once; 0 at the end.
    fn fill(&mut self, until: Instant) -> io::Result<usize> {
        let mut bytes = [0; 1024];
        loop {
            match self.wire.read(&mut bytes, until) {
                Ok(read) => {
                    self.unread.extend_from_slice(bytes.get(..read).unwrap_or_default());
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// The bit of a frame's first byte that says that it is the last of its message.
const FIN: u8 = 0x80;

/// What the closing handshake may take at most between two reads.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn s5_3_randomness_differs_each_time() {
        let drawn: Vec<[u8; 16]> = (0..100).map(|_| random().unwrap()).collect();
        for (at, one) in drawn.iter().enumerate() {
            assert!(drawn[..at].iter().all(|other| other != one));
        }
    }

    #[test]
    fn urls_are_taken_apart() {
        for (text, host, port, target) in [
            ("ws://127.0.0.1:9001/", "127.0.0.1", 9001, "/"),
            ("ws://localhost", "localhost", 80, "/"),
            ("ws://[::1]:9001/echo?x=1", "::1", 9001, "/echo?x=1"),
            ("ws://[::1]", "::1", 80, "/"),
            ("ws://host:1?x", "host", 1, "/?x"),
            ("wss://host/", "host", 443, "/"),
            ("WSS://[::1]", "::1", 443, "/"),
            ("wss://host:80/", "host", 80, "/"),
            ("Ws://host/", "host", 80, "/"),
        ] {
            let url = url(text);
            assert_eq!((&url.host[..], url.port, &url.target[..]), (host, port, target), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (text, why) in [
            ("http://host/", WANTED),
            ("wsx://host/", WANTED),
            ("wss//host/", WANTED),
            ("wss://user@host/", "RFC 6455 3: there is no user in the URL of a WebSocket"),
            ("ws://user@host/", "RFC 6455 3: there is no user in the URL of a WebSocket"),
            ("ws://user:word@host/", "RFC 6455 3: there is no user in the URL of a WebSocket"),
            ("ws://host/#top", "RFC 6455 3: there is no fragment in the URL of a WebSocket"),
            ("ws:///", "the host is missing"),
        ] {
            assert_eq!(text.parse::<Url>().map(drop), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_to_trust_is_only_said_where_there_is_tls() {
        let (plain, secure) = (url("ws://host/"), url("wss://host/"));
        assert!(plain.tls(None, false, None).unwrap().is_none());
        assert!(secure.tls(None, true, None).unwrap().is_some());
        for said in [plain.tls(None, true, None), plain.tls(None, false, Some(Path::new("a")))] {
            assert!(said.unwrap_err().contains("about wss:// URLs, not ws://host/"));
        }
    }

    const WANTED: &str = "wanted: a URL such as ws://127.0.0.1:9001/ or wss://chat.example.com/";

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "",
            "localhost:9001",
            "wss://",
            "wss:///",
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
