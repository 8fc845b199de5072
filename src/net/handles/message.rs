//! Messages: lent by the Receiver, owned, and whatever may be sent.

use std::ops::{Deref, Range};

use bytes::Bytes;

use crate::net::lent::lease::Lease;
use crate::net::lent::outbox::Large;
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
#[derive(Debug)]
pub struct Text<'a> {
    /// Exactly the bytes that `checked` witnesses; never written.
    payload: Lent<'a>,
    checked: Checked,
}

/// A binary message; dereferences to `[u8]`.
#[derive(Debug)]
pub struct Binary<'a> {
    payload: Lent<'a>,
}

/// Where a lent payload lies.
#[derive(Debug)]
pub(super) enum Lent<'a> {
    /// In the read buffer.
    Slice(&'a [u8]),
    /// At the end of the read buffer, which sending may take.
    Lease(&'a mut Lease, Range<usize>),
    /// In a buffer of its own, which sending may take.
    Buffer(&'a mut Vec<u8>),
}

impl Lent<'_> {
    fn bytes(&self) -> &[u8] {
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
    /// The text for keeping, moved or copied as by [`Message::into_owned`].
    pub fn into_owned(self) -> OwnedText {
        OwnedText { bytes: self.payload.into_bytes(), checked: self.checked }
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

/// A message that is kept. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedMessage {
    /// A text message.
    Text(OwnedText),
    /// A binary message.
    Binary(Bytes),
}

/// Text in shared memory. Cheap to clone; dereferences to `str`.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedText {
    /// Exactly the bytes that `checked` witnesses; never written.
    bytes: Bytes,
    checked: Checked,
}

impl OwnedText {
    /// Text that lives as long as the program; not copied.
    pub fn from_static(text: &'static str) -> OwnedText {
        OwnedText { bytes: Bytes::from_static(text.as_bytes()), checked: Checked::of(text) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for OwnedText {
    type Target = str;

    fn deref(&self) -> &str {
        utf8::text(&self.bytes, self.checked)
    }
}

impl std::fmt::Debug for OwnedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl std::fmt::Display for OwnedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl From<&str> for OwnedText {
    fn from(text: &str) -> OwnedText {
        OwnedText::from(text.to_owned())
    }
}

impl From<String> for OwnedText {
    fn from(text: String) -> OwnedText {
        let checked = Checked::of(&text);
        OwnedText { bytes: text.into(), checked }
    }
}

impl TryFrom<Bytes> for OwnedText {
    type Error = std::string::FromUtf8Error;

    fn try_from(bytes: Bytes) -> Result<OwnedText, Self::Error> {
        String::from_utf8(bytes.into()).map(OwnedText::from)
    }
}

impl PartialEq<&str> for OwnedText {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

/// What can be sent as one message: text, bytes, lent, owned and prepared messages.
///
/// Sealed: text stays UTF-8 by its type.
pub trait Outgoing: sealed::Outgoing {}

impl<T: sealed::Outgoing> Outgoing for T {}

/// The payload of something that is sent.
#[derive(Debug)]
pub enum Parts<'a> {
    /// To be copied.
    Copied(MessageKind, &'a [u8]),
    /// May be referenced; copied when it is small.
    Owned(MessageKind, Vec<u8>),
    /// May be referenced; copied when it is small.
    Shared(MessageKind, Bytes),
    /// May be taken; copied when it is small.
    Taken(MessageKind, &'a mut Vec<u8>),
    /// May be taken with the read buffer that it lies in.
    Leased(MessageKind, &'a mut Lease, Range<usize>),
    /// A frame that was encoded before.
    Prepared(&'a Prepared),
}

impl Parts<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Parts::Copied(_, bytes) => bytes,
            Parts::Owned(_, bytes) => bytes,
            Parts::Shared(_, bytes) => bytes,
            Parts::Taken(_, bytes) => bytes,
            Parts::Leased(_, lease, at) => lease.bytes().get(at.clone()).unwrap_or_default(),
            Parts::Prepared(prepared) => prepared.frame(),
        }
    }

    /// The payload, without the header of a frame that was encoded before.
    #[cfg(feature = "deflate")]
    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Parts::Prepared(prepared) => prepared.payload(),
            _ => self.bytes(),
        }
    }

    /// The payload for referencing, if that needs no copy.
    pub(super) fn into_large(self) -> Result<Large, Self> {
        match self {
            Parts::Owned(_, bytes) => Ok(Large::Owned(bytes)),
            Parts::Shared(_, bytes) => Ok(Large::Bytes(bytes)),
            Parts::Taken(_, bytes) => Ok(Large::Owned(std::mem::take(bytes))),
            Parts::Leased(_, lease, at) => Ok(Large::Lease(std::mem::take(lease), at)),
            Parts::Prepared(prepared) => Ok(Large::Shared(prepared.frame().clone())),
            Parts::Copied(..) => Err(self),
        }
    }
}

/// A message that goes compressed whatever its length, where permessage-deflate was agreed and
/// makes it shorter.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug)]
pub struct Compressed<M>(pub M);

/// A message that goes uncompressed, whatever was agreed: its length tells nothing of its
/// content then (RFC 7692 §8).
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug)]
pub struct Uncompressed<M>(pub M);

/// Whether to compress a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As the configuration has it.
    Auto,
    /// Where it makes it shorter.
    Compressed,
    /// Never.
    Uncompressed,
}

mod sealed {
    use bytes::Bytes;

    use super::{Binary, Choice, Lent, Message, OwnedMessage, OwnedText, Parts, Text};
    #[cfg(feature = "deflate")]
    use super::{Compressed, Uncompressed};
    use crate::proto::assembler::MessageKind::{Binary as B, Text as T};
    use crate::proto::prepared::Prepared;

    /// Hands the payload to `queue`.
    pub trait Outgoing {
        /// Whether to compress it.
        const CHOICE: Choice = Choice::Auto;

        /// Calls `queue` with the parts.
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R;
    }

    macro_rules! outgoing {
        ($([$($generics:tt)*] $type:ty, $value:ident => $parts:expr;)*) => {
            $(impl<$($generics)*> Outgoing for $type {
                #[inline]
                fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
                    let $value = self;
                    queue($parts)
                }
            })*
        };
    }

    outgoing! {
        ['a] &'a str, text => Parts::Copied(T, text.as_bytes());
        ['a] &'a String, text => Parts::Copied(T, text.as_bytes());
        [] String, text => Parts::Owned(T, text.into_bytes());
        ['a] &'a [u8], bytes => Parts::Copied(B, bytes);
        ['a, const N: usize] &'a [u8; N], bytes => Parts::Copied(B, bytes);
        ['a] &'a Vec<u8>, bytes => Parts::Copied(B, bytes);
        [] Vec<u8>, bytes => Parts::Owned(B, bytes);
        [] Bytes, bytes => Parts::Shared(B, bytes);
        [] OwnedText, text => Parts::Shared(T, text.bytes);
        ['a] &'a Prepared, prepared => Parts::Prepared(prepared);
    }

    impl Outgoing for OwnedMessage {
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            match self {
                OwnedMessage::Text(text) => text.queue(queue),
                OwnedMessage::Binary(bytes) => bytes.queue(queue),
            }
        }
    }

    impl Outgoing for Message<'_> {
        #[inline]
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            let kind = self.kind();
            let (Message::Text(Text { payload, .. }) | Message::Binary(Binary { payload })) = self;
            match payload {
                Lent::Slice(bytes) => queue(Parts::Copied(kind, bytes)),
                Lent::Lease(lease, at) => queue(Parts::Leased(kind, lease, at)),
                Lent::Buffer(bytes) => queue(Parts::Taken(kind, bytes)),
            }
        }
    }

    #[cfg(feature = "deflate")]
    impl<M: Outgoing> Outgoing for Compressed<M> {
        const CHOICE: Choice = Choice::Compressed;

        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            self.0.queue(queue)
        }
    }

    #[cfg(feature = "deflate")]
    impl<M: Outgoing> Outgoing for Uncompressed<M> {
        const CHOICE: Choice = Choice::Uncompressed;

        #[inline]
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            self.0.queue(queue)
        }
    }

    impl Outgoing for Text<'_> {
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            Message::Text(self).queue(queue)
        }
    }

    impl Outgoing for Binary<'_> {
        fn queue<R>(self, queue: impl FnOnce(Parts<'_>) -> R) -> R {
            Message::Binary(self).queue(queue)
        }
    }
}
