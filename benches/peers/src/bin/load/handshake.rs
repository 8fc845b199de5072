//! The opening handshake, from the client's side.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::wire::Numbers;

/// What comes after the 101 belongs to frames, of which a server sends none here before it is asked.
const END: &[u8] = b"\r\n\r\n";
const LONGEST: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(10);

/// A request, and the answer that fits it.
pub(crate) struct Handshake {
    pub(crate) request: Vec<u8>,
    accept: String,
}

impl Handshake {
    /// A request with a key of its own, which may offer an extension.
    pub(crate) fn new(numbers: &mut Numbers, offer: Option<&str>) -> Self {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&numbers.next().to_le_bytes());
        nonce[8..].copy_from_slice(&numbers.next().to_le_bytes());
        let key = STANDARD.encode(nonce);
        let mut sha1 = Sha1::new();
        sha1.update(&key);
        sha1.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        Self { request: request(&key, offer), accept: STANDARD.encode(sha1.finalize()) }
    }

    /// Whether `response` is there, and right; from a fixed answer only the 101 is asked.
    pub(crate) fn is_answered(&self, response: &[u8], fixed: bool) -> io::Result<bool> {
        if !response.ends_with(END) {
            return if response.len() < LONGEST { Ok(false) } else { Err(wrong(response)) };
        }
        let head = str::from_utf8(response).map_err(|_| wrong(response))?;
        let accepts = |line: &str| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == self.accept
            })
        };
        if head.starts_with("HTTP/1.1 101") && (fixed || head.lines().any(accepts)) {
            Ok(true)
        } else {
            Err(wrong(response))
        }
    }
}

/// The bytes of a request.
pub(crate) fn request(key: &str, offer: Option<&str>) -> Vec<u8> {
    let offer =
        offer.map_or(String::new(), |offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    )
    .into_bytes()
}

/// A blocking connection with TCP_NODELAY, which waits for ten seconds and not longer, and ends with a reset.
///
/// Ten thousand sockets in TIME_WAIT would take the ports of whoever is measured next.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A connection to raw-tcp, the one of this number.
///
/// Nothing comes back that would show that it was accepted, so every now and then the server gets time to do it: what
/// does not fit into the queue of the listening socket, which may hold 128, is tried again only after a second.
pub(crate) fn connect_raw(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let stream = connect(address)?;
    if number % 64 == 63 {
        thread::sleep(Duration::from_millis(3));
    }
    Ok(stream)
}

/// A connection with the opening handshake behind it.
pub(crate) fn open(address: SocketAddr, numbers: &mut Numbers) -> io::Result<TcpStream> {
    let mut stream = connect(address)?;
    shake(&mut stream, numbers, None)?;
    Ok(stream)
}

/// The opening handshake, and the extensions that the server agreed to.
pub(crate) fn shake(
    stream: &mut (impl Read + Write),
    numbers: &mut Numbers,
    offer: Option<&str>,
) -> io::Result<String> {
    let handshake = Handshake::new(numbers, offer);
    stream.write_all(&handshake.request)?;
    let mut response = Vec::new();
    while !handshake.is_answered(&response, false)? {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer)? {
            0 => return Err(wrong(&response)),
            len => response.extend_from_slice(&buffer[..len]),
        }
    }
    Ok(extensions(&response))
}

fn extensions(response: &[u8]) -> String {
    let head = String::from_utf8_lossy(response);
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let extensions = fields.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-extensions"));
    extensions.map_or(String::new(), |(_, value)| value.trim().into())
}

fn wrong(response: &[u8]) -> io::Error {
    io::Error::other(format!("not the 101 that was expected: {}", response.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_to_fit_the_key() {
        let handshake =
            Handshake { request: Vec::new(), accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into() };
        let response =
            b"HTTP/1.1 101 X\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert!(handshake.is_answered(response, false).unwrap());
        assert!(!handshake.is_answered(&response[..60], false).unwrap());
        let other = Handshake::new(&mut Numbers::new(), None);
        assert!(other.is_answered(response, false).is_err());
        assert!(other.is_answered(response, true).unwrap());
    }
}
