//! A client that says exactly what a test has.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use stickler_testing::blocking::read_head;
use stickler_testing::frame::Frame;

use crate::server::PATIENCE;

/// A connection, and the head and content of the answer to its opening handshake.
pub(crate) struct Client {
    stream: TcpStream,
    pub(crate) head: String,
    pub(crate) content: String,
    unread: Vec<u8>,
}

impl Client {
    /// Opens with these fields besides those of every handshake, each with its line end.
    pub(crate) fn open(address: SocketAddr, target: &str, fields: &str) -> Client {
        Client::open_on(Client::silent(address), address, target, fields)
    }

    /// A connection on which nothing is said yet.
    pub(crate) fn silent(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The same on a connection that is there.
    pub(crate) fn open_on(
        mut stream: TcpStream,
        address: SocketAddr,
        target: &str,
        fields: &str,
    ) -> Client {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        let length = field(&head, "content-length").and_then(|length| length.parse().ok());
        let mut content = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut content).unwrap();
        let content = String::from_utf8(content).unwrap();
        Client { stream, head, content, unread: Vec::new() }
    }

    /// With `Authorization: Bearer` and this.
    pub(crate) fn bearing(address: SocketAddr, target: &str, token: &str) -> Client {
        Client::open(address, target, &format!("Authorization: Bearer {token}\r\n"))
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// A field of the answer.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame, or `None` at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((len, frame)) = Frame::parse(&self.unread) {
                self.unread.drain(..len);
                return Some(frame);
            }
            let mut octets = [0; 16 << 10];
            match self.stream.read(&mut octets).unwrap() {
                0 => return None,
                len => self.unread.extend_from_slice(&octets[..len]),
            }
        }
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    })
}
