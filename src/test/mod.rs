//! A client in memory, for the tests of applications (feature `test`).
//!
//! The handler runs as it does in production, on an [`Endpoint`] and behind the same strict opening
//! handshake; only the transport is memory. So a test needs no port, and tokio's paused time moves every
//! deadline.
//!
//! ```
//! use stickler::test::Client;
//! use stickler::{Incoming, OwnedMessage};
//!
//! async fn shout(incoming: Incoming) -> stickler::Result<()> {
//!     let mut socket = incoming.accept()?;
//!     while let Some(message) = socket.recv().await? {
//!         if let Some(text) = message.as_text() {
//!             socket.send(text.to_uppercase())?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # async fn example() -> Result<(), stickler::test::TestError> {
//! let mut client = Client::connect("/", shout).await?;
//! client.send("quiet").await?;
//! assert_eq!(client.recv().await?, Some(OwnedMessage::text("QUIET")));
//! let ending = client.close(1000, "bye").await?;
//! assert!(ending.is_clean());
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
//! #     .block_on(example()).unwrap();
//! ```

mod frames;
mod opening;

use std::fmt;
use std::future::Future;
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use self::frames::{Frame, Frames};
use crate::net::{BoxError, Config, Ending, Endpoint, Incoming, OwnedMessage, OwnedText};
use crate::proto::close::CloseCode;
use crate::proto::event::ReceivedClose;
use crate::proto::frame::Opcode;
use crate::proto::handshake::client::ResponseFault;

/// A client on a transport in memory.
///
/// It answers Pings, and the server's Close, while it receives. Text that is not UTF-8, a masked frame
/// or a compressed one is an error: the client offers no extension.
pub struct Client {
    io: DuplexStream,
    frames: Frames,
    response: http::Response<()>,
    close: Option<ReceivedClose>,
    has_closed: bool,
    serving: JoinHandle<Ending>,
}

impl Client {
    /// Opens a connection to this handler, with a configuration of its own, on the current runtime.
    /// `path` is the request target: a path that begins with `/`, with a query or without.
    ///
    /// # Errors
    /// As [`Client::open`]; and `path` is no request target.
    ///
    /// # Cancel safety
    /// Dropped, the connection ends without a Close.
    pub async fn connect<H, F, E>(path: &str, handler: H) -> Result<Client, TestError>
    where
        H: FnOnce(Incoming) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        // RFC 9112 §3.2.1: the origin-form has no fragment, and no octet beyond ASCII.
        let is_target = |octet: u8| octet.is_ascii_graphic() && octet != b'#';
        if !path.starts_with('/') || !path.bytes().all(is_target) {
            return Err(TestError::Request(format!("{path:?} is no path with a query")));
        }
        let request = http::Request::get(path).body(());
        let request = request.map_err(|error| TestError::Request(error.to_string()))?;
        Client::open(&Endpoint::new(Config::default()), request, handler).await
    }

    /// Opens a connection of this endpoint. What the request lacks of an opening handshake is added;
    /// what it has stays as it is, right or wrong.
    ///
    /// # Errors
    /// [`TestError::Refused`] with the response, if its status is not 101; [`TestError::Opening`], if it is
    /// a 101 that RFC 6455 §4.1 does not let pass.
    ///
    /// # Cancel safety
    /// Dropped, the connection ends without a Close.
    pub async fn open<H, F, E>(
        endpoint: &Endpoint,
        request: http::Request<()>,
        handler: H,
    ) -> Result<Client, TestError>
    where
        H: FnOnce(Incoming) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let (io, theirs) = tokio::io::duplex(IN_FLIGHT);
        let serving = tokio::spawn(endpoint.serve(theirs, None, handler));
        let mut frames = Frames::default();
        let (io, response) = opening::open(io, &request, &mut frames).await?;
        Ok(Client { io, frames, response, close: None, has_closed: false, serving })
    }

    /// The 101.
    pub fn response(&self) -> &http::Response<()> {
        &self.response
    }

    /// The subprotocol that the 101 names.
    pub fn subprotocol(&self) -> Option<&str> {
        self.response.headers().get("sec-websocket-protocol")?.to_str().ok()
    }

    /// Sends a message, and waits until the transport has taken it. The transport holds 64 KiB that
    /// the server has not read.
    ///
    /// # Errors
    /// The connection has ended.
    ///
    /// # Cancel safety
    /// Dropped, a part of the message may have been sent: the connection is of no use any more.
    pub async fn send(&mut self, message: impl Into<OwnedMessage>) -> Result<(), TestError> {
        let message = message.into();
        let opcode = match &message {
            OwnedMessage::Text(_) => Opcode::Text,
            OwnedMessage::Binary(_) => Opcode::Binary,
        };
        self.send_frame(opcode as u8 | 0x80, message.as_bytes()).await
    }

    /// Sends a frame with this first byte: FIN, the reserved bits and the opcode (RFC 6455 §5.2). It is
    /// masked, and nothing else is looked at: it may break any rule.
    ///
    /// # Errors
    /// As [`Client::send`].
    ///
    /// # Cancel safety
    /// As [`Client::send`].
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) -> Result<(), TestError> {
        self.send_bytes(&frames::encode(first, payload)).await
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// As [`Client::send`].
    ///
    /// # Cancel safety
    /// As [`Client::send`].
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), TestError> {
        self.io.write_all(bytes).await.map_err(TestError::Io)
    }

    /// Waits for the next message; `None` once the server's Close was received, or the transport has
    /// ended.
    ///
    /// # Errors
    /// The server sent what a server may not.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped, unless it was just answering a Ping.
    pub async fn recv(&mut self) -> Result<Option<OwnedMessage>, TestError> {
        while self.close.is_none() {
            let Some(frame) = self.frames.next(&mut self.io).await? else { return Ok(None) };
            match frame {
                Frame::Text(text) => {
                    let text = OwnedText::try_from(Bytes::from(text));
                    let text = text.map_err(|_| TestError::Broken("text that is not UTF-8"))?;
                    return Ok(Some(text.into()));
                }
                Frame::Binary(bytes) => return Ok(Some(Bytes::from(bytes).into())),
                // A server that is gone takes no answer: what it sent before is still to be read, and then its end.
                Frame::Ping(data) => drop(self.send_frame(0x8a, &data).await),
                Frame::Pong => {}
                Frame::Close(close) => {
                    let code = close.code;
                    self.close = Some(close);
                    if !self.has_closed {
                        drop(self.send_close(code, "").await);
                    }
                }
            }
        }
        Ok(None)
    }

    /// As [`Client::recv`], for who expects a text message.
    ///
    /// # Errors
    /// As [`Client::recv`]; and what comes is no text message.
    ///
    /// # Cancel safety
    /// As [`Client::recv`].
    pub async fn recv_text(&mut self) -> Result<String, TestError> {
        match self.recv().await? {
            Some(OwnedMessage::Text(text)) => Ok(text.into()),
            Some(OwnedMessage::Binary(_)) => Err(TestError::Unexpected("a binary message")),
            None => Err(TestError::Unexpected("the end")),
        }
    }

    /// The server's Close, once [`Client::recv`] has found it.
    pub fn received_close(&self) -> Option<&ReceivedClose> {
        self.close.as_ref()
    }

    /// Closes with this status code and reason, receives what is left, and waits for the end. Gives the
    /// ending as the server saw it.
    ///
    /// # Errors
    /// As [`Client::ended`].
    ///
    /// # Cancel safety
    /// Dropped, the connection ends without a closing handshake.
    pub async fn close(mut self, code: u16, reason: &str) -> Result<Ending, TestError> {
        // A server that has closed already is answered with its own code.
        if self.close.is_none() {
            self.send_close(Some(CloseCode::new(code)), reason).await?;
        }
        self.ended().await
    }

    /// Receives what is left up to the end, ends the transport, and gives the ending as the server saw
    /// it.
    ///
    /// # Errors
    /// As [`Client::recv`]; and the task of the connection panicked or was aborted.
    ///
    /// # Cancel safety
    /// Dropped, the connection ends without a closing handshake.
    pub async fn ended(mut self) -> Result<Ending, TestError> {
        while self.recv().await?.is_some() {}
        drop(self.io);
        self.serving.await.map_err(|error| TestError::Io(io::Error::other(error)))
    }

    async fn send_close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), TestError> {
        self.has_closed = true;
        let mut body = code.map_or_else(Vec::new, |code| code.get().to_be_bytes().to_vec());
        body.extend_from_slice(reason.as_bytes());
        self.send_frame(0x88, &body).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.response.status().as_u16();
        f.debug_struct("Client").field("status", &status).finish_non_exhaustive()
    }
}

/// Why a test does not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum TestError {
    /// The path is no request target.
    Request(String),
    /// The opening handshake was answered with another status than 101.
    Refused(Box<http::Response<Bytes>>),
    /// The opening handshake was answered with what RFC 6455 §4.1 does not let pass.
    Opening(ResponseFault),
    /// The server sent what a server may not.
    Broken(&'static str),
    /// Something else came than was asked for.
    Unexpected(&'static str),
    /// The transport or the task of the connection failed.
    Io(io::Error),
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestError::Request(error) => write!(f, "no request: {error}"),
            TestError::Refused(response) => write!(f, "refused with {}", response.status()),
            TestError::Opening(fault) => fault.fmt(f),
            TestError::Broken(what) => write!(f, "the server sent {what}"),
            TestError::Unexpected(what) => write!(f, "{what} came instead"),
            TestError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TestError {}

/// Bytes that each direction holds.
const IN_FLIGHT: usize = 64 << 10;
