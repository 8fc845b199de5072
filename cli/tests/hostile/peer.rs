//! One connection, cheap enough to have thousands of on one thread.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use stickler_testing::frame::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A client's end.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Peer> {
        Peer::connect_with_buffer(address, None).await
    }

    /// Connects with a receive buffer of about this size.
    pub(crate) async fn connect_with_buffer(
        address: SocketAddr,
        receive: Option<u32>,
    ) -> io::Result<Peer> {
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive {
            socket.set_recv_buffer_size(size)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Peer { stream, unread: Vec::new() })
    }

    /// Connects and completes an opening handshake, with this offer of extensions if there is one.
    pub(crate) async fn open(address: SocketAddr, offer: Option<&str>) -> io::Result<Peer> {
        let mut peer = Peer::connect(address).await?;
        peer.upgrade(offer).await?;
        Ok(peer)
    }

    pub(crate) async fn upgrade(&mut self, offer: Option<&str>) -> io::Result<()> {
        self.send(request(offer).as_bytes()).await?;
        let head = self.head().await?;
        let agreed = head.to_ascii_lowercase().contains("permessage-deflate");
        if head.starts_with("HTTP/1.1 101 ") && agreed == offer.is_some() {
            return Ok(());
        }
        Err(io::Error::other(format!("answer to the opening handshake: {head:?}")))
    }

    /// The head of a response; an end before it is an error.
    pub(crate) async fn head(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.unread.split_off(at + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame, `None` at the server's FIN.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some((length, frame)) = Frame::parse(&self.unread) {
                self.unread.drain(..length);
                return Ok(Some(frame));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Reads some. False at the server's FIN.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).await?;
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    /// Reads and throws away until the server ends or resets the connection.
    pub(crate) async fn discard(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(1..) = self.stream.read(&mut buffer).await {}
    }

    /// Ends with a RST, which leaves nothing behind on either side.
    pub(crate) fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
    }
}

/// A request that is accepted, with this offer of extensions.
pub(crate) fn request(offer: Option<&str>) -> String {
    let offer = offer.map_or(String::new(), |it| format!("Sec-WebSocket-Extensions: {it}\r\n"));
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    )
}
