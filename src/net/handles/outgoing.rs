//! Whatever can be sent as a message.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::net::lent::lease::Lease;
use crate::net::lent::outbox::Large;
use crate::proto::assembler::MessageKind;
use crate::proto::prepared::Prepared;

/// What can be sent as one message.
///
/// | it is | and what is sent |
/// |---|---|
/// | `&str`, `String`, `&String`, `Box<str>`, `Arc<str>`, `Cow<str>` | a text message |
/// | `&[u8]`, `Vec<u8>`, `[u8; N]`, `Box<[u8]>`, `Arc<[u8]>`, `Cow<[u8]>`, `Bytes`, `BytesMut` | a binary message |
/// | [`Message`], [`OwnedMessage`], their texts and payloads | a message of that kind |
/// | [`Prepared`] | as it was encoded |
/// | `Json` (feature `json`) | a text message |
///
/// Most may be given by value or by reference. Sealed: text stays UTF-8 by its type.
///
/// [`Message`]: crate::Message
/// [`OwnedMessage`]: crate::OwnedMessage
pub trait Outgoing: sealed::Outgoing {}

impl<T: sealed::Outgoing> Outgoing for T {}

/// The payload of something that is sent.
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

impl fmt::Debug for Parts<'_> {
    /// Leaves the payload out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("len", &self.bytes().len()).finish_non_exhaustive()
    }
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
#[derive(Clone, Copy)]
pub struct Compressed<M>(pub M);

/// A message that goes uncompressed, whatever was agreed: its length tells nothing of its
/// content then (RFC 7692 §8).
#[cfg(feature = "deflate")]
#[derive(Clone, Copy)]
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

/// Leaves the message out, which may be anything.
#[cfg(feature = "deflate")]
impl<M> fmt::Debug for Compressed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressed").finish_non_exhaustive()
    }
}

/// Leaves the message out, which may be anything.
#[cfg(feature = "deflate")]
impl<M> fmt::Debug for Uncompressed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncompressed").finish_non_exhaustive()
    }
}

pub(super) mod sealed {
    use std::borrow::Cow;
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};

    use super::{Choice, Parts};
    #[cfg(feature = "deflate")]
    use super::{Compressed, Uncompressed};
    use crate::net::handles::message::{Binary, Lent, Message, Text};
    use crate::net::handles::owned::{OwnedMessage, OwnedText};
    use crate::net::handles::sending::is_large;
    use crate::proto::assembler::MessageKind::{self, Binary as B, Text as T};
    use crate::proto::outbound::SendError;
    use crate::proto::prepared::Prepared;

    /// Hands the payload to `queue`.
    pub trait Outgoing {
        /// Whether to compress it.
        const CHOICE: Choice = Choice::Auto;

        /// Calls `queue` with the parts, unless there are none to be had.
        fn queue<R>(
            self,
            queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
        ) -> Result<R, SendError>;
    }

    macro_rules! outgoing {
        ($([$($generics:tt)*] $type:ty, $value:ident => $parts:expr;)*) => {
            $(impl<$($generics)*> Outgoing for $type {
                #[inline]
                fn queue<R>(
                    self,
                    queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
                ) -> Result<R, SendError> {
                    let $value = self;
                    queue($parts)
                }
            })*
        };
    }

    outgoing! {
        ['a] &'a str, text => Parts::Copied(T, text.as_bytes());
        ['a, 'b] &'a &'b str, text => Parts::Copied(T, text.as_bytes());
        ['a] &'a String, text => Parts::Copied(T, text.as_bytes());
        [] String, text => Parts::Owned(T, text.into_bytes());
        [] Box<str>, text => Parts::Owned(T, String::from(text).into_bytes());
        [] Arc<str>, text => referenced(T, text.as_bytes(), || text.clone().into());
        ['a] &'a Arc<str>, text => referenced(T, text.as_bytes(), || text.clone().into());
        ['a] &'a [u8], bytes => Parts::Copied(B, bytes);
        ['a, const N: usize] &'a [u8; N], bytes => Parts::Copied(B, bytes);
        [const N: usize] [u8; N], bytes => Parts::Copied(B, &bytes);
        ['a] &'a Vec<u8>, bytes => Parts::Copied(B, bytes);
        [] Vec<u8>, bytes => Parts::Owned(B, bytes);
        [] Box<[u8]>, bytes => Parts::Owned(B, bytes.into());
        [] Arc<[u8]>, bytes => referenced(B, &bytes, || bytes.clone());
        ['a] &'a Arc<[u8]>, bytes => referenced(B, bytes, || bytes.clone());
        [] Bytes, bytes => Parts::Shared(B, bytes);
        ['a] &'a Bytes, bytes => shared(B, bytes);
        [] BytesMut, bytes => Parts::Shared(B, bytes.freeze());
        [] OwnedText, text => Parts::Shared(T, text.into_bytes());
        ['a] &'a OwnedText, text => shared(T, text.bytes());
        ['a, 'b] &'a Message<'b>, message => Parts::Copied(message.kind(), message.as_bytes());
        ['a, 'b] &'a Text<'b>, text => Parts::Copied(T, text.as_bytes());
        ['a, 'b] &'a Binary<'b>, binary => Parts::Copied(B, binary);
        [] Prepared, prepared => Parts::Prepared(&prepared);
        ['a] &'a Prepared, prepared => Parts::Prepared(prepared);
    }

    /// Shares a payload where it is not copied anyway.
    fn shared(kind: MessageKind, bytes: &Bytes) -> Parts<'_> {
        if is_large(bytes.len()) {
            Parts::Shared(kind, bytes.clone())
        } else {
            Parts::Copied(kind, bytes)
        }
    }

    /// As `shared`, for memory that is counted by an `Arc`.
    fn referenced(kind: MessageKind, bytes: &[u8], share: impl FnOnce() -> Arc<[u8]>) -> Parts<'_> {
        if is_large(bytes.len()) {
            Parts::Shared(kind, Bytes::from_owner(share()))
        } else {
            Parts::Copied(kind, bytes)
        }
    }

    macro_rules! forward {
        ($([$($generics:tt)*] $type:ty, $value:ident => $queue:ident $arms:tt)*) => {
            $(impl<$($generics)*> Outgoing for $type {
                #[inline]
                fn queue<R>(
                    self,
                    $queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
                ) -> Result<R, SendError> {
                    let $value = self;
                    match $value $arms
                }
            })*
        };
    }

    forward! {
        [] OwnedMessage, message => queue {
            OwnedMessage::Text(text) => text.queue(queue),
            OwnedMessage::Binary(bytes) => bytes.queue(queue),
        }
        ['a] &'a OwnedMessage, message => queue {
            OwnedMessage::Text(text) => text.queue(queue),
            OwnedMessage::Binary(bytes) => bytes.queue(queue),
        }
        ['a] Cow<'a, str>, text => queue {
            Cow::Borrowed(text) => text.queue(queue),
            Cow::Owned(text) => text.queue(queue),
        }
        ['a] Cow<'a, [u8]>, bytes => queue {
            Cow::Borrowed(bytes) => bytes.queue(queue),
            Cow::Owned(bytes) => bytes.queue(queue),
        }
    }

    impl Outgoing for Message<'_> {
        #[inline]
        fn queue<R>(
            self,
            queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
        ) -> Result<R, SendError> {
            let kind = self.kind();
            let (Message::Text(Text { payload, .. }) | Message::Binary(Binary { payload })) = self;
            match payload {
                Lent::Slice(bytes) => queue(Parts::Copied(kind, bytes)),
                Lent::Lease(lease, at) => queue(Parts::Leased(kind, lease, at)),
                Lent::Buffer(bytes) => queue(Parts::Taken(kind, bytes)),
            }
        }
    }

    forward! {
        ['a] Text<'a>, text => queue {
            text => Message::Text(text).queue(queue),
        }
        ['a] Binary<'a>, binary => queue {
            binary => Message::Binary(binary).queue(queue),
        }
    }

    #[cfg(feature = "deflate")]
    impl<M: Outgoing> Outgoing for Compressed<M> {
        const CHOICE: Choice = Choice::Compressed;

        fn queue<R>(
            self,
            queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
        ) -> Result<R, SendError> {
            self.0.queue(queue)
        }
    }

    #[cfg(feature = "deflate")]
    impl<M: Outgoing> Outgoing for Uncompressed<M> {
        const CHOICE: Choice = Choice::Uncompressed;

        #[inline]
        fn queue<R>(
            self,
            queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
        ) -> Result<R, SendError> {
            self.0.queue(queue)
        }
    }
}
