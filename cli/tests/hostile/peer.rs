//! One connection, cheap enough to have thousands of on one thread.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::SockRef;
use stickler_testing::frame::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A client's end.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
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
        Ok(Peer { stream, tls: None, unread: Vec::new() })
    }

    /// Connects and completes an opening handshake, with this offer of extensions if there is one.
    pub(crate) async fn open(address: SocketAddr, offer: Option<&str>) -> io::Result<Peer> {
        let mut peer = Peer::connect(address).await?;
        peer.upgrade(offer).await?;
        Ok(peer)
    }

    /// The same over TLS.
    pub(crate) async fn open_secure(
        address: SocketAddr,
        config: Arc<ClientConfig>,
    ) -> io::Result<Peer> {
        let mut peer = Peer::connect(address).await?;
        peer.secure(config).await?;
        peer.upgrade(None).await?;
        Ok(peer)
    }

    /// Completes a TLS handshake, and sends and reads over TLS from then on.
    pub(crate) async fn secure(&mut self, config: Arc<ClientConfig>) -> io::Result<()> {
        let tls = self.tls.insert(hello(config));
        tls.set_buffer_limit(None);
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.send(b"").await?;
            if !self.fill().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.send(b"").await
    }

    /// Leaves out the end of what a client says last of the TLS handshake: its Finished is never whole.
    pub(crate) async fn secure_but_for_the_last_byte(
        &mut self,
        config: Arc<ClientConfig>,
    ) -> io::Result<()> {
        self.tls = Some(hello(config));
        self.send(b"").await?;
        loop {
            if !self.fill().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some(tls) = &mut self.tls else { return Ok(()) };
            let said = records(tls)?;
            if let Some((_, but_for_last)) = said.split_last() {
                return self.stream.write_all(but_for_last).await;
            }
        }
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

    /// Over TLS what TLS itself has to say goes along.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.stream.write_all(bytes).await };
        tls.writer().write_all(bytes)?;
        let records = records(tls)?;
        self.stream.write_all(&records).await
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

    /// Reads some. False at the server's FIN; over TLS it is an error without close_notify before it.
    async fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).await?;
        let Some(tls) = &mut self.tls else {
            self.unread.extend_from_slice(&buffer[..count]);
            return Ok(count > 0);
        };
        let mut taken = &buffer[..count];
        loop {
            tls.read_tls(&mut taken)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            match tls.reader().read_to_end(&mut self.unread) {
                // There is close_notify; the answer to it may come too late.
                Ok(_) => {
                    tls.send_close_notify();
                    let _ = self.send(b"").await;
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if taken.is_empty() {
                return Ok(true);
            }
        }
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

/// A client of TLS that has said nothing so far.
pub(crate) fn hello(config: Arc<ClientConfig>) -> Box<ClientConnection> {
    let name = ServerName::try_from("localhost").unwrap();
    Box::new(ClientConnection::new(config, name).unwrap())
}

/// What TLS has to say.
pub(crate) fn records(tls: &mut ClientConnection) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes)?;
    }
    Ok(bytes)
}

/// A request that is accepted, with this offer of extensions.
pub(crate) fn request(offer: Option<&str>) -> String {
    let offer = offer.map_or(String::new(), |it| format!("Sec-WebSocket-Extensions: {it}\r\n"));
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    )
}
