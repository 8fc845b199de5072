//! Messages that the Receiver lends.

use std::fmt;
use std::ops::{Deref, Range};

use bytes::Bytes;

use super::owned::{OwnedMessage, OwnedText};
use crate::net::lent::lease::Lease;
use crate::proto::assembler::MessageKind;
use crate::proto::prepared::Prepared;
use crate::proto::utf8::{self, Checked};

/// A received message, lent until the next call of the Receiver.
#[derive(Debug)]
pub enum Message<'a> {
    /// A text message.
    Text(Text<'a>),
    /// A binary message.
    Binary(Binary<'a>),
}

/// A text message, valid UTF-8; dereferences to `str`.
pub struct Text<'a> {
    /// Exactly the bytes that `checked` witnesses; never written.
    pub(super) payload: Lent<'a>,
    checked: Checked,
}

/// A binary message; dereferences to `[u8]`.
pub struct Binary<'a> {
    pub(super) payload: Lent<'a>,
}

/// Where a lent payload lies.
pub(super) enum Lent<'a> {
    /// In the read buffer.
    Slice(&'a [u8]),
    /// At the end of the read buffer, which sending may take.
    Lease(&'a mut Lease, Range<usize>),
    /// In a buffer of its own, which sending may take.
    Buffer(&'a mut Vec<u8>),
}

impl Lent<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Lent::Slice(bytes) => bytes,
            Lent::Lease(lease, at) => lease.bytes().get(at.clone()).unwrap_or_default(),
            Lent::Buffer(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Lent::Slice(_) | Lent::Lease(..) => Bytes::copy_from_slice(self.bytes()),
            Lent::Buffer(bytes) => {
                let mut bytes = std::mem::take(bytes);
                if bytes.capacity() / 2 > bytes.len() {
                    // A buffer for inflating has room that nobody needs any more.
                    bytes.shrink_to_fit();
                }
                Bytes::from(bytes)
            }
        }
    }
}

impl<'a> Message<'a> {
    pub(super) fn new(payload: Lent<'a>, text: Option<Checked>) -> Message<'a> {
        match text {
            Some(checked) => Message::Text(Text { payload, checked }),
            None => Message::Binary(Binary { payload }),
        }
    }

    /// Whether it is a text message.
    pub fn is_text(&self) -> bool {
        self.kind() == MessageKind::Text
    }

    /// Whether it is a binary message.
    pub fn is_binary(&self) -> bool {
        self.kind() == MessageKind::Binary
    }

    /// The kind of the message.
    pub fn kind(&self) -> MessageKind {
        match self {
            Message::Text(_) => MessageKind::Text,
            Message::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload, whatever the kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.payload.bytes(),
            Message::Binary(binary) => binary.payload.bytes(),
        }
    }

    /// The text, if it is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }

    /// The length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload has no byte.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The text for keeping, if it is a text message.
    pub fn into_text(self) -> Option<OwnedText> {
        match self {
            Message::Text(text) => Some(text.into_owned()),
            Message::Binary(_) => None,
        }
    }

    /// The payload for keeping, whatever the kind.
    pub fn into_bytes(self) -> Bytes {
        let (Message::Text(Text { payload, .. }) | Message::Binary(Binary { payload })) = self;
        payload.into_bytes()
    }

    /// The message for keeping. What lies in the read buffer is copied; what had to be assembled,
    /// from fragments, several reads or its compressed form, is moved.
    pub fn into_owned(self) -> OwnedMessage {
        match self {
            Message::Text(text) => OwnedMessage::Text(text.into_owned()),
            Message::Binary(binary) => OwnedMessage::Binary(binary.into_owned()),
        }
    }
}

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        self
    }

    /// The text for keeping, moved or copied as by [`Message::into_owned`].
    pub fn into_owned(self) -> OwnedText {
        OwnedText::new(self.payload.into_bytes(), self.checked)
    }
}

impl Binary<'_> {
    /// The payload for keeping, moved or copied as by [`Message::into_owned`].
    pub fn into_owned(self) -> Bytes {
        self.payload.into_bytes()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        utf8::text(self.payload.bytes(), self.checked)
    }
}

impl Deref for Binary<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.payload.bytes()
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Binary<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsRef<[u8]> for Message<'_> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Leaves the payload out, and so does that of [`Message`].
impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Leaves the payload out.
impl fmt::Debug for Binary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binary").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl PartialEq<[u8]> for Binary<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Binary<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == other[..]
    }
}

impl PartialEq<&[u8]> for Binary<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        **self == **other
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> String {
        text.as_str().to_owned()
    }
}

impl From<Text<'_>> for Bytes {
    fn from(text: Text<'_>) -> Bytes {
        text.payload.into_bytes()
    }
}

impl From<Binary<'_>> for Bytes {
    fn from(binary: Binary<'_>) -> Bytes {
        binary.into_owned()
    }
}

impl From<Message<'_>> for Bytes {
    fn from(message: Message<'_>) -> Bytes {
        message.into_bytes()
    }
}

impl From<&Message<'_>> for Prepared {
    fn from(message: &Message<'_>) -> Prepared {
        match message {
            Message::Text(text) => Prepared::text(text),
            Message::Binary(binary) => Prepared::binary(binary),
        }
    }
}

impl From<Message<'_>> for Prepared {
    fn from(message: Message<'_>) -> Prepared {
        Prepared::from(&message)
    }
}
