//! JSON in text messages (RFC 8259), by serde.
//!
//! What is wrong with a message is said without its words: nothing here prints a payload.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_path_to_error::{Path, Segment};

use super::message::{Message, Text};
use super::outgoing::{Parts, sealed};
use super::owned::{OwnedMessage, OwnedText};
use crate::net::error::Error;
use crate::proto::assembler::MessageKind;
use crate::proto::outbound::SendError;

/// Sends a value as JSON, in one text message.
///
/// A value that cannot be written as JSON, such as a map whose keys are no strings, is
/// [`SendError::NotSerializable`]; [`Json::to_text`] says where in the value that is.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use stickler::{Json, WebSocket};
///
/// #[derive(Deserialize)]
/// struct Question {
///     name: String,
/// }
///
/// #[derive(Serialize)]
/// struct Answer<'a> {
///     greeting: &'a str,
/// }
///
/// async fn greet(mut socket: WebSocket) -> stickler::Result<()> {
///     while let Some(message) = socket.recv().await? {
///         let question: Question = message.json()?;
///         let greeting = format!("hello, {}", question.name);
///         socket.send(Json(Answer { greeting: &greeting }))?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> Json<T> {
    /// The value as text.
    ///
    /// # Errors
    /// [`JsonErrorKind::NotSerializable`], with the path in the value.
    pub fn to_text(&self) -> Result<OwnedText, JsonError> {
        match serde_json::to_string(&self.0) {
            Ok(json) => Ok(json.into()),
            // Again, for the path.
            Err(_) => self.to_text_traced(),
        }
    }

    #[cold]
    fn to_text_traced(&self) -> Result<OwnedText, JsonError> {
        let mut json = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let mut serializer = serde_json::Serializer::new(&mut json);
        let traced = serde_path_to_error::Serializer::new(&mut serializer, &mut track);
        if let Err(error) = self.0.serialize(traced) {
            return Err(JsonError::new(JsonErrorKind::NotSerializable, &track.path(), error));
        }
        OwnedText::try_from(json).map_err(|_| JsonError::without_path(JsonErrorKind::Syntax))
    }
}

impl<T: Serialize> sealed::Outgoing for Json<T> {
    fn queue<R>(
        self,
        queue: impl FnOnce(Parts<'_>) -> Result<R, SendError>,
    ) -> Result<R, SendError> {
        let json = serde_json::to_string(&self.0).map_err(|_| SendError::NotSerializable)?;
        queue(Parts::Owned(MessageKind::Text, json.into_bytes()))
    }
}

/// Leaves the value out.
impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

macro_rules! json {
    ($($message:ty, $this:ident => $text:expr;)*) => {
        $(impl $message {
            /// Reads the message as JSON (RFC 8259). The value may borrow from it.
            ///
            /// # Errors
            /// It is no text message, no JSON, or does not fit the type; the error says where.
            pub fn json<'m, T: Deserialize<'m>>(&'m self) -> Result<T, JsonError> {
                let $this = self;
                parse($text)
            }
        })*
    };
}

json! {
    Text<'_>, text => Some(text);
    OwnedText, text => Some(text);
    Message<'_>, message => message.as_text();
    OwnedMessage, message => message.as_text();
}

fn parse<'m, T: Deserialize<'m>>(text: Option<&'m str>) -> Result<T, JsonError> {
    let text = text.ok_or_else(|| JsonError::without_path(JsonErrorKind::Binary))?;
    // Again, for the path: to keep it up costs more than to parse twice what is wrong.
    serde_json::from_str(text).or_else(|_| parse_traced(text))
}

#[cold]
fn parse_traced<'m, T: Deserialize<'m>>(text: &'m str) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let traced = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let parsed = T::deserialize(traced);
    parsed.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => JsonErrorKind::Mismatch,
            serde_json::error::Category::Eof => JsonErrorKind::Incomplete,
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                JsonErrorKind::Syntax
            }
        };
        JsonError::new(kind, &track.path(), error)
    })
}

/// Why a message could not be read as JSON, or a value not be written.
///
/// Neither `Display` nor `Debug` prints what the message says, so that both may go to a log:
///
/// ```
/// use stickler::OwnedMessage;
///
/// let message = OwnedMessage::text(r#"[{"id": 1}, {"id": "secret"}]"#);
/// #[derive(Debug, serde::Deserialize)]
/// struct Item {
///     #[allow(dead_code)]
///     id: u32,
/// }
/// let error = message.json::<Vec<Item>>().unwrap_err();
/// assert_eq!(error.path(), "[1].id");
/// assert_eq!(
///     error.to_string(),
///     "the JSON does not fit the type at [1].id, line 1 column 27: expected u32",
/// );
/// ```
pub struct JsonError {
    kind: JsonErrorKind,
    /// As it is.
    path: String,
    /// As it may be shown.
    shown: String,
    /// What was expected there.
    expected: Option<String>,
    /// `None` when it is not about JSON.
    error: Option<serde_json::Error>,
}

/// What is wrong with a message that is to be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// It is no text message.
    Binary,
    /// It is no JSON.
    Syntax,
    /// It ends inside a JSON text.
    Incomplete,
    /// It is JSON, and does not fit the type.
    Mismatch,
    /// A value to be sent cannot be written as JSON.
    NotSerializable,
}

impl JsonError {
    #[cold]
    fn new(kind: JsonErrorKind, path: &Path, error: serde_json::Error) -> JsonError {
        let is_mismatch = kind == JsonErrorKind::Mismatch;
        JsonError {
            kind,
            path: written(path, usize::MAX, |_| true),
            shown: written(path, SHOWN_SEGMENTS, is_name),
            expected: if is_mismatch { expected(&error) } else { None },
            error: Some(error),
        }
    }

    fn without_path(kind: JsonErrorKind) -> JsonError {
        JsonError { kind, path: String::new(), shown: String::new(), expected: None, error: None }
    }

    /// What is wrong.
    pub fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// Where in the value it is wrong: `users[3].name`; empty for the whole. Keys in it may be the
    /// peer's own words; `Display` shows those only that look like a name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line in the message, from 1; 0 where there is none.
    pub fn line(&self) -> usize {
        self.error.as_ref().map_or(0, serde_json::Error::line)
    }

    /// The column in the line, in bytes, from 1; 0 before the first.
    pub fn column(&self) -> usize {
        self.error.as_ref().map_or(0, serde_json::Error::column)
    }

    /// The error as serde_json has it; `None` for a binary message. Its text may quote the message,
    /// which is why it is no `source`.
    pub fn serde(&self) -> Option<&serde_json::Error> {
        self.error.as_ref()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            JsonErrorKind::Binary => "a binary message, where JSON is text",
            JsonErrorKind::Syntax => "the message is no JSON",
            JsonErrorKind::Incomplete => "the JSON is not complete",
            JsonErrorKind::Mismatch => "the JSON does not fit the type",
            JsonErrorKind::NotSerializable => "the value cannot be written as JSON",
        })?;
        let mut before = " at ";
        if !self.shown.is_empty() {
            write!(f, "{before}{}", self.shown)?;
            before = ", ";
        }
        if self.line() > 0 {
            write!(f, "{before}line {} column {}", self.line(), self.column())?;
        }
        self.expected.as_ref().map_or(Ok(()), |expected| write!(f, ": {expected}"))
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError")
            .field("kind", &self.kind)
            .field("path", &self.shown)
            .field("line", &self.line())
            .field("column", &self.column())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for JsonError {}

/// It is the application's own: the handler ends with 1011, unless it says otherwise.
impl From<JsonError> for Error {
    fn from(error: JsonError) -> Error {
        Error::application(error)
    }
}

/// The path, with the first so many segments and the keys that may be shown.
fn written(path: &Path, segments: usize, is_shown: impl Fn(&str) -> bool) -> String {
    let mut written = String::new();
    for (at, segment) in path.iter().enumerate() {
        let name = match segment {
            _ if at == segments => ELLIPSIS,
            Segment::Seq { index } => {
                written.push_str(&format!("[{index}]"));
                continue;
            }
            Segment::Map { key: name } | Segment::Enum { variant: name } if is_shown(name) => name,
            Segment::Map { .. } | Segment::Enum { .. } => ELLIPSIS,
            Segment::Unknown => continue,
        };
        if !written.is_empty() {
            written.push('.');
        }
        written.push_str(name);
        if at == segments {
            break;
        }
    }
    written
}

/// Whether a key looks like a name. One of a map may be anything that the peer says.
fn is_name(key: &str) -> bool {
    (1..=SHOWN_KEY_LEN).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// What the type expects, without what serde quotes of the message before it.
fn expected(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    let expected = if text.starts_with("missing field `") {
        text
    } else if QUOTING.iter().any(|quoting| text.starts_with(quoting))
        && !NOTHING.iter().any(|nothing| text.ends_with(nothing))
    {
        // What is quoted may have these words too; the type's own come last.
        text.get(text.rfind(", expected ")? + ", ".len()..)?
    } else {
        return None;
    };
    Some(expected.chars().take(SHOWN_EXPECTED_LEN).collect())
}

/// How the errors begin in which serde quotes the message before it says what it expected.
const QUOTING: [&str; 5] = [
    "invalid type: ",
    "invalid value: ",
    "invalid length ",
    "unknown field `",
    "unknown variant `",
];

/// How those of them end in which it expected nothing.
const NOTHING: [&str; 2] = [", there are no fields", ", there are no variants"];

const ELLIPSIS: &str = "…";

/// Segments of a path that `Display` shows.
const SHOWN_SEGMENTS: usize = 16;

/// The longest key of a path that `Display` shows, in bytes.
const SHOWN_KEY_LEN: usize = 40;

/// How much of what a type expects `Display` shows, in characters.
const SHOWN_EXPECTED_LEN: usize = 100;
