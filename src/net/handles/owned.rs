//! Messages that are kept, and what can be made from and of them.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

use super::message::{Binary, Message, Text};
use crate::proto::assembler::MessageKind;
use crate::proto::prepared::Prepared;
use crate::proto::utf8::{self, Checked};

/// A message that is kept. Cheap to clone.
///
/// ```
/// use stickler::OwnedMessage;
///
/// let message = OwnedMessage::text("hello");
/// assert_eq!(message, "hello");
/// assert_eq!(OwnedMessage::binary(vec![1, 2]).len(), 2);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum OwnedMessage {
    /// A text message.
    Text(OwnedText),
    /// A binary message.
    Binary(Bytes),
}

/// Text in shared memory. Cheap to clone; dereferences to `str`, and is compared, ordered and hashed
/// as one.
///
/// ```
/// use stickler::OwnedText;
///
/// let text = OwnedText::from("hello");
/// assert_eq!(text, "hello");
/// assert!(text.starts_with("he"));
/// let text = OwnedText::try_from(vec![0x68, 0x69])?; // bytes are validated
/// assert_eq!(text.into_bytes(), "hi");
/// # Ok::<(), stickler::NotUtf8>(())
/// ```
#[derive(Clone)]
pub struct OwnedText {
    /// Exactly the bytes that `checked` witnesses; never written.
    bytes: Bytes,
    checked: Checked,
}

impl OwnedMessage {
    /// A text message.
    pub fn text(text: impl Into<OwnedText>) -> OwnedMessage {
        OwnedMessage::Text(text.into())
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Bytes>) -> OwnedMessage {
        OwnedMessage::Binary(payload.into())
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
            OwnedMessage::Text(_) => MessageKind::Text,
            OwnedMessage::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload, whatever the kind.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            OwnedMessage::Text(text) => &text.bytes,
            OwnedMessage::Binary(bytes) => bytes,
        }
    }

    /// The text, if it is a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            OwnedMessage::Text(text) => Some(text),
            OwnedMessage::Binary(_) => None,
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

    /// The text, if it is a text message.
    pub fn into_text(self) -> Option<OwnedText> {
        match self {
            OwnedMessage::Text(text) => Some(text),
            OwnedMessage::Binary(_) => None,
        }
    }

    /// The payload, whatever the kind; shared, not copied.
    pub fn into_bytes(self) -> Bytes {
        match self {
            OwnedMessage::Text(text) => text.bytes,
            OwnedMessage::Binary(bytes) => bytes,
        }
    }
}

impl OwnedText {
    pub(super) fn new(bytes: Bytes, checked: Checked) -> OwnedText {
        OwnedText { bytes, checked }
    }

    /// Text that lives as long as the program; not copied.
    pub const fn from_static(text: &'static str) -> OwnedText {
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

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Deref for OwnedText {
    type Target = str;

    fn deref(&self) -> &str {
        utf8::text(&self.bytes, self.checked)
    }
}

/// The bytes of a text that is to be made are no UTF-8. They come back with it.
#[derive(Clone, PartialEq, Eq)]
pub struct NotUtf8(Bytes);

impl NotUtf8 {
    /// The bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not UTF-8")
    }
}

impl std::error::Error for NotUtf8 {}

/// Leaves the bytes out.
impl fmt::Debug for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotUtf8").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// Leaves the payload out.
impl fmt::Debug for OwnedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedText").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Leaves the payload out.
impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedMessage")
            .field("kind", &self.kind())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for OwnedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl PartialEq for OwnedText {
    fn eq(&self, other: &OwnedText) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for OwnedText {}

impl PartialOrd for OwnedText {
    fn partial_cmp(&self, other: &OwnedText) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OwnedText {
    fn cmp(&self, other: &OwnedText) -> std::cmp::Ordering {
        self.as_str().cmp(other)
    }
}

/// As `str`, so that it may be borrowed as one.
impl Hash for OwnedText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for OwnedText {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for OwnedText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for OwnedText {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for OwnedMessage {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// A text message shows its text, a binary message its length.
macro_rules! display_message {
    ($($message:ty),*) => {
        $(impl fmt::Display for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.as_text() {
                    Some(text) => text.fmt(f),
                    None => write!(f, "{} bytes", self.len()),
                }
            }
        })*
    };
}

display_message!(Message<'_>, OwnedMessage);

/// A text is compared as one; a binary message is like no text.
macro_rules! equals_text {
    ($([$($text:ty),*] $this:ident => $as_text:expr;)*) => {
        $($(
            impl PartialEq<str> for $text {
                fn eq(&self, other: &str) -> bool {
                    let $this = self;
                    $as_text == Some(other)
                }
            }

            impl PartialEq<&str> for $text {
                fn eq(&self, other: &&str) -> bool {
                    *self == **other
                }
            }

            impl PartialEq<String> for $text {
                fn eq(&self, other: &String) -> bool {
                    *self == **other
                }
            }
        )*)*
    };
}

equals_text! {
    [Text<'_>, OwnedText] text => Some(text.as_str());
    [Message<'_>, OwnedMessage] message => message.as_text();
}

macro_rules! from {
    ($($from:ty => $into:ty, $value:ident => $made:expr;)*) => {
        $(impl From<$from> for $into {
            fn from($value: $from) -> $into {
                $made
            }
        })*
    };
}

from! {
    &str => OwnedText, text => text.to_owned().into();
    String => OwnedText, text => {
        let checked = Checked::of(&text);
        OwnedText { bytes: text.into(), checked }
    };
    &String => OwnedText, text => text.as_str().into();
    Box<str> => OwnedText, text => String::from(text).into();
    Cow<'_, str> => OwnedText, text => text.into_owned().into();
    Text<'_> => OwnedText, text => text.into_owned();
    OwnedText => String, text => text.as_str().to_owned();
    OwnedText => Bytes, text => text.bytes;
    OwnedText => Prepared, text => Prepared::text(text);
    &OwnedText => Prepared, text => Prepared::text(text);

    &str => OwnedMessage, text => OwnedMessage::text(text);
    String => OwnedMessage, text => OwnedMessage::text(text);
    OwnedText => OwnedMessage, text => OwnedMessage::Text(text);
    Text<'_> => OwnedMessage, text => OwnedMessage::Text(text.into_owned());
    Bytes => OwnedMessage, payload => OwnedMessage::Binary(payload);
    Vec<u8> => OwnedMessage, payload => OwnedMessage::binary(payload);
    &[u8] => OwnedMessage, payload => OwnedMessage::Binary(Bytes::copy_from_slice(payload));
    Binary<'_> => OwnedMessage, payload => OwnedMessage::Binary(payload.into_owned());
    Message<'_> => OwnedMessage, message => message.into_owned();
    OwnedMessage => Bytes, message => message.into_bytes();
    OwnedMessage => Prepared, message => Prepared::from(&message);
    &OwnedMessage => Prepared, message => match message {
        OwnedMessage::Text(text) => Prepared::text(text),
        OwnedMessage::Binary(payload) => Prepared::binary(payload),
    };
    Bytes => Prepared, payload => Prepared::binary(payload);
}

impl TryFrom<Bytes> for OwnedText {
    type Error = NotUtf8;

    fn try_from(bytes: Bytes) -> Result<OwnedText, NotUtf8> {
        match utf8::check(&bytes) {
            Ok(checked) => Ok(OwnedText { bytes, checked }),
            Err(_) => Err(NotUtf8(bytes)),
        }
    }
}

impl TryFrom<Vec<u8>> for OwnedText {
    type Error = NotUtf8;

    fn try_from(bytes: Vec<u8>) -> Result<OwnedText, NotUtf8> {
        OwnedText::try_from(Bytes::from(bytes))
    }
}

impl TryFrom<&[u8]> for OwnedText {
    type Error = NotUtf8;

    fn try_from(bytes: &[u8]) -> Result<OwnedText, NotUtf8> {
        OwnedText::try_from(Bytes::copy_from_slice(bytes))
    }
}
