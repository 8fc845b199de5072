//! `stickler health`: one opening handshake as a client (RFC 6455 §4.1), for
//! images that have no shell to do it with.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stickler::proto::handshake::AcceptKey;

use crate::cli;

/// Prints nothing when the server is well; says on standard error what is wrong.
pub(crate) fn run(options: &cli::Health) -> ExitCode {
    match check(&options.url, options.timeout) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "stickler: {}: {error}", options.url.text);
            ExitCode::FAILURE
        }
    }
}

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

fn check(url: &Url, within: Duration) -> io::Result<()> {
    let deadline = Instant::now() + within;
    let mut stream = connect(url, deadline)?;
    let key = key();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: stickler-health\r\n\r\n",
        url.target, url.authority
    );
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(request.as_bytes())?;
    let head = read_head(&mut stream, deadline)?;
    judge(&head, AcceptKey::of(key.as_bytes()).as_str())?;
    // The answer was all that was wanted; leave as a client should, whatever comes of it.
    let _ = leave(&mut stream, deadline);
    Ok(())
}

fn connect(url: &Url, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in url.addresses()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_head(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    let mut bytes = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let read = match stream.read(&mut bytes) {
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
            return Err(wrong("the response is too long"));
        }
    }
}

/// RFC 6455 §4.1: what the response must be.
fn judge(head: &[u8], accept: &str) -> io::Result<()> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).map_err(|error| wrong(&format!("the response is not HTTP: {error}")))?;
    match response.code {
        Some(101) => {}
        Some(status) => return Err(wrong(&format!("answered with {status}, not 101"))),
        None => return Err(wrong("the response has no status")),
    }
    let is = |name: &str, value: &dyn Fn(&str) -> bool| {
        let mut fields =
            response.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.any(|field| std::str::from_utf8(field.value).is_ok_and(value))
    };
    if !is("upgrade", &|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(wrong("the 101 is not for a WebSocket"));
    }
    if !is("sec-websocket-accept", &|value| value == accept) {
        return Err(wrong("the 101 is not an answer to this handshake"));
    }
    Ok(())
}

/// A Close frame with 1000 and a masking key of zeros, and what comes back until the end.
fn leave(stream: &mut TcpStream, deadline: Instant) -> io::Result<()> {
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])?;
    let mut bytes = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?.min(PATIENCE)))?;
        if stream.read(&mut bytes)? == 0 {
            return Ok(());
        }
    }
}

/// Sixteen bytes that no earlier handshake had (RFC 6455 §4.1): the hasher is seeded
/// by the system.
fn key() -> String {
    let mut nonce = [0; 16];
    for (half, bytes) in nonce.chunks_exact_mut(8).enumerate() {
        bytes.copy_from_slice(&RandomState::new().hash_one(half).to_be_bytes());
    }
    STANDARD.encode(nonce)
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

fn wrong(sentence: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

const LONGEST_HEAD: usize = 16 * 1024;

/// What the closing handshake may take at most between two reads.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

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

    #[test]
    fn s4_1_every_handshake_has_its_own_key() {
        assert_ne!(key(), key());
        assert_eq!(key().len(), 24);
    }

    #[test]
    fn only_the_right_101_is_well() {
        let head = |status: &str, accept: &str| {
            format!(
                "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
        };
        assert!(judge(head("101 Switching Protocols", "x=").as_bytes(), "x=").is_ok());
        assert!(judge(head("101 Switching Protocols", "X=").as_bytes(), "x=").is_err());
        assert!(judge(head("200 OK", "x=").as_bytes(), "x=").is_err());
        assert!(judge(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: x=\r\n\r\n", "x=").is_err());
        assert!(judge(b"SSH-2.0\r\n\r\n", "x=").is_err());
    }

    fn answering(answer: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes);
            stream.write_all(answer).unwrap();
            // Open until the other side has seen it.
            let _ = stream.read(&mut bytes);
        });
        url(&format!("ws://{address}/"))
    }

    #[test]
    fn a_server_that_refuses_or_says_nothing_is_not_well() {
        let refused =
            check(&answering(b"HTTP/1.1 503 no\r\n\r\n"), Duration::from_secs(10)).unwrap_err();
        assert!(refused.to_string().contains("503"), "{refused}");
        let silent = check(&answering(b""), Duration::from_millis(20)).unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
    }
}
