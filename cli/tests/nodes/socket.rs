//! A WebSocket client whose connection may break at any time: that is an error here, never a panic.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use stickler_testing::frame::{Frame, frame, text};

/// An open connection with the subprotocol of the chat.
pub(crate) struct Socket {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Socket {
    /// Connects and completes the opening handshake on `/chat`, as a page of this server does.
    pub(crate) fn open(address: SocketAddr) -> Result<Socket, String> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(said("connect"))?;
        stream.set_nodelay(true).map_err(said("connect"))?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(said("connect"))?;
        let mut socket = Socket { stream, received: Vec::new() };
        let request = format!(
            "GET /chat HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: stickler.chat.v1\r\n\r\n"
        );
        socket.write(request.as_bytes())?;
        socket.read_head()?;
        Ok(socket)
    }

    fn read_head(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill(until)? {
                return Err("no response in time".into());
            }
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let head = String::from_utf8_lossy(&head);
        let is_agreed =
            head.to_lowercase().contains("\r\nsec-websocket-protocol: stickler.chat.v1\r\n");
        if head.starts_with("HTTP/1.1 101 ") && is_agreed { Ok(()) } else { Err(head.into_owned()) }
    }

    /// Sends a text message.
    pub(crate) fn send(&mut self, message: &str) -> Result<(), String> {
        self.write(&text(message))
    }

    /// The next text message, or `None` if none comes until then. A Ping is answered.
    pub(crate) fn next(&mut self, until: Instant) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some((len, next)) = Frame::parse(&self.received) {
                self.received.drain(..len);
                match next.first {
                    0x81 => return Ok(Some(next.payload)),
                    0x89 => self.write(&frame(0x8a, next.payload))?,
                    0x8a => {}
                    0x88 => return Err(format!("closed: {:?}", next.payload)),
                    first => return Err(format!("a frame that begins with {first:#x}")),
                }
            } else if !self.fill(until)? {
                return Ok(None);
            }
        }
    }

    /// Whether bytes came until then.
    fn fill(&mut self, until: Instant) -> Result<bool, String> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).map_err(said("read"))?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err("the server has ended the connection".into()),
            Ok(len) => {
                self.received.extend_from_slice(&buffer[..len]);
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(false),
                _ => Err(format!("read: {error}")),
            },
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(said("write"))
    }
}

fn said(what: &str) -> impl FnOnce(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// How long a node may take to answer a connection.
const PATIENCE: Duration = Duration::from_secs(5);
