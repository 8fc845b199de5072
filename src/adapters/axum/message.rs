//! Messages with the names that axum gives them.

use std::fmt;

use axum_core::Error;
use bytes::Bytes;

use super::Utf8Bytes;
use crate::net::OwnedMessage;
use crate::proto::event::ReceivedClose;

/// A message, or a control frame to be sent.
///
/// Only `Text`, `Binary` and, at the end, `Close` are received: the library answers Pings itself and
/// keeps Pongs to itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A Ping with at most 125 bytes, to be sent; never received.
    Ping(Bytes),
    /// A Pong with at most 125 bytes, to be sent unasked (RFC 6455 §5.5.3); never received.
    Pong(Bytes),
    /// A Close: to be sent, or the one that the peer sent.
    Close(Option<CloseFrame>),
}

/// The status code and the reason of a Close.
#[derive(Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code (RFC 6455 §7.4).
    pub code: CloseCode,
    /// The reason, at most 123 bytes.
    pub reason: Utf8Bytes,
}

/// A status code as axum has it: a number.
pub type CloseCode = u16;

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Message {
        Message::Text(text.into())
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Bytes>) -> Message {
        Message::Binary(payload.into())
    }

    /// The payload; of a Close its reason.
    pub fn into_data(self) -> Bytes {
        match self {
            Message::Text(text) => text.into_bytes(),
            Message::Binary(data) | Message::Ping(data) | Message::Pong(data) => data,
            Message::Close(frame) => {
                frame.map(|frame| frame.reason.into_bytes()).unwrap_or_default()
            }
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Error> {
        match self {
            Message::Text(text) => Ok(text),
            other => Utf8Bytes::try_from(other.into_data()).map_err(Error::new),
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Error> {
        match self {
            Message::Text(text) => Ok(text),
            Message::Binary(data) | Message::Ping(data) | Message::Pong(data) => {
                std::str::from_utf8(data).map_err(Error::new)
            }
            Message::Close(frame) => Ok(frame.as_ref().map_or("", |frame| &frame.reason)),
        }
    }
}

impl From<OwnedMessage> for Message {
    fn from(message: OwnedMessage) -> Message {
        match message {
            OwnedMessage::Text(text) => Message::Text(text),
            OwnedMessage::Binary(payload) => Message::Binary(payload),
        }
    }
}

impl From<&ReceivedClose> for Message {
    fn from(close: &ReceivedClose) -> Message {
        let reason = || Utf8Bytes::from(&*close.reason);
        Message::Close(close.code.map(|code| CloseFrame { code: code.get(), reason: reason() }))
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::text(text)
    }
}

impl From<Bytes> for Message {
    fn from(payload: Bytes) -> Message {
        Message::Binary(payload)
    }
}

impl From<Vec<u8>> for Message {
    fn from(payload: Vec<u8>) -> Message {
        Message::binary(payload)
    }
}

impl From<&[u8]> for Message {
    fn from(payload: &[u8]) -> Message {
        Message::Binary(Bytes::copy_from_slice(payload))
    }
}

impl From<Message> for Vec<u8> {
    fn from(message: Message) -> Vec<u8> {
        message.into_data().into()
    }
}

impl fmt::Debug for Message {
    /// Leaves the payload out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, len) = match self {
            Message::Text(text) => ("Text", text.len()),
            Message::Binary(data) => ("Binary", data.len()),
            Message::Ping(data) => ("Ping", data.len()),
            Message::Pong(data) => ("Pong", data.len()),
            Message::Close(frame) => return formatter.debug_tuple("Close").field(frame).finish(),
        };
        formatter.debug_struct(name).field("len", &len).finish_non_exhaustive()
    }
}

impl fmt::Debug for CloseFrame {
    /// Leaves the reason out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CloseFrame").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Status codes with the names that axum gives them (RFC 6455 §7.4.1).
pub mod close_code {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The peer, or the server, goes away.
    pub const AWAY: u16 = 1001;
    /// A rule of the protocol was broken.
    pub const PROTOCOL: u16 = 1002;
    /// Data of a kind that is not accepted.
    pub const UNSUPPORTED: u16 = 1003;
    /// There was no status code; never sent.
    pub const STATUS: u16 = 1005;
    /// There was no Close; never sent.
    pub const ABNORMAL: u16 = 1006;
    /// Data that is not what its kind says.
    pub const INVALID: u16 = 1007;
    /// A policy of the application was broken.
    pub const POLICY: u16 = 1008;
    /// A message is too large.
    pub const SIZE: u16 = 1009;
    /// The client misses an extension; never sent by a server.
    pub const EXTENSION: u16 = 1010;
    /// The server failed.
    pub const ERROR: u16 = 1011;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// The server is overloaded; try again later.
    pub const AGAIN: u16 = 1013;
}
