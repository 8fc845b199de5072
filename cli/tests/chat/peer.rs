//! A client of the chat over TCP.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::server::{PATIENCE, Server};

/// A request for the chat, which offers its subprotocol.
pub(crate) fn handshake(server: &Server, path: &str, origin: Option<&str>) -> String {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: stickler.chat.v1\r\n{origin}\r\n",
        server.address()
    )
}

/// The status code of the answer.
pub(crate) fn status(server: &Server, request: &str) -> u16 {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let head = head(&mut stream);
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.extend_from_slice(&octet);
    }
    String::from_utf8(head).unwrap()
}

pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) fn connect(server: &Server) -> Peer {
        let mut stream = connect(server);
        stream.write_all(handshake(server, "/chat", None).as_bytes()).unwrap();
        let head = head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Peer(stream)
    }

    pub(crate) fn join(server: &Server, room: &str, nickname: &str) -> Peer {
        let mut peer = Peer::connect(server);
        peer.send(&json!({"type": "join", "room": room, "nickname": nickname}));
        peer.next("joined");
        peer
    }

    /// One masked text frame; the masking key is 0.
    pub(crate) fn send(&mut self, message: &Value) {
        let payload = message.to_string().into_bytes();
        let mut frame = vec![0x81, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        assert!(payload.len() < 126);
        frame.extend_from_slice(&payload);
        self.send_bytes(&frame);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let [first, short] = self.read();
        let len = match short {
            126 => u16::from_be_bytes(self.read()).into(),
            127 => u64::from_be_bytes(self.read()),
            short => short.into(),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.0.read_exact(&mut payload).unwrap();
        (first, payload)
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.0.read_exact(&mut octets).unwrap();
        octets
    }

    /// The next message of a type; others are left out.
    pub(crate) fn next(&mut self, kind: &str) -> Value {
        loop {
            let (first, payload) = self.frame();
            assert_eq!(first, 0x81, "{payload:?}");
            let message: Value = serde_json::from_slice(&payload).unwrap();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The status code of the Close.
    pub(crate) fn close_code(&mut self) -> u16 {
        loop {
            if let (0x88, payload) = self.frame() {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}
