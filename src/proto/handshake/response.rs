//! Final responses over HTTP/1.1: refusals, and what the application answers itself
//! (RFC 9110 §15, RFC 9112 §4, §6).
//!
//! What frames the message, closes the connection or belongs to the handshake is written here and
//! nowhere else; the application adds fields that cannot break out of their line.

use core::fmt;

use super::{
    accept::push_line,
    fields::{is_token, trim},
    octet::Class,
    refusal::Refusal,
};
use crate::proto::rejection::Rejection;

/// A final response; the connection is closed after it.
///
/// ```
/// use stickler::proto::handshake::Response;
///
/// let mut response = Response::new(401)?;
/// response.insert("WWW-Authenticate", "Bearer")?;
/// assert!(response.insert("X-Note", "a\r\nSet-Cookie: b").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// 200..=599.
    status: u16,
    fields: ResponseFields,
    body: Vec<u8>,
    /// Whether Sec-WebSocket-Version lists the versions spoken here.
    lists_versions: bool,
}

impl fmt::Debug for Response {
    /// Leaves out the content and the values of fields: they carry credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("fields", &self.fields)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A response without content.
    ///
    /// # Errors
    /// The status is not from 200 to 599: other answers are not final, or not HTTP.
    pub fn new(status: u16) -> Result<Self, StatusError> {
        if (200..=599).contains(&status) { Ok(Self::of(status)) } else { Err(StatusError(status)) }
    }

    pub(crate) fn of(status: u16) -> Self {
        debug_assert!((200..=599).contains(&status), "{status} is not final");
        Self {
            status,
            fields: ResponseFields::new(),
            body: Vec::new(),
            lists_versions: status == 426,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The fields that the application added.
    #[must_use]
    pub fn fields(&self) -> &ResponseFields {
        &self.fields
    }

    /// The content.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Adds a header field after those that are there.
    ///
    /// # Errors
    /// As [`ResponseFields::insert`].
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), FieldError> {
        self.fields.insert(name, value)
    }

    /// The same with one more header field.
    ///
    /// # Errors
    /// As [`ResponseFields::insert`].
    pub fn with_field(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, FieldError> {
        self.insert(name, value)?;
        Ok(self)
    }

    /// The same with these header fields.
    #[cfg(feature = "net")]
    pub(crate) fn with_fields(self, fields: ResponseFields) -> Self {
        Self { fields, ..self }
    }

    /// The same with this content, `text/plain` unless a Content-Type is added. Statuses that
    /// allow none (204, 205, 304) are sent without it.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Appends the response to `out`. `date` is the current time as an IMF-fixdate
    /// (RFC 9110 §5.6.7), or `None` where the clock cannot be right (RFC 9110 §6.6.1). With
    /// `head_only`, the answer to HEAD, the content is left out.
    pub fn encode<'d>(&self, date: impl Into<Option<&'d str>>, head_only: bool, out: &mut Vec<u8>) {
        let code = self.status.to_string();
        for part in ["HTTP/1.1 ", &code, " ", reason(self.status), "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        // RFC 9110 §6.6.1: an answer says when it was made, if a clock tells.
        if let Some(date) = date.into() {
            push_line(out, "Date", date);
        }
        for (name, value) in self.all_fields() {
            push_line(out, name, value);
        }
        self.encode_body(head_only, out);
    }

    /// Every header field of the response, save Date and Content-Length: for giving the answer
    /// through another implementation of HTTP, which adds those itself.
    pub fn all_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_426 = self.status == 426;
        let lacks = |name| !self.fields.contains(name);
        // RFC 9110 §15.5.22: 426 says what to upgrade to; §7.8: then Connection says so too.
        let connection = if is_426 { "Upgrade, close" } else { "close" };
        let before = [
            // RFC 9110 §15.5.22: the protocol to upgrade to.
            (is_426, "Upgrade", "websocket"),
            (true, "Connection", connection),
            // RFC 6455 §4.4: the versions that are spoken here.
            (self.lists_versions, "Sec-WebSocket-Version", "13"),
            // RFC 9110 §15.5.6, §15.6.4.
            (self.status == 405 && lacks("allow"), "Allow", "GET"),
            (self.status == 503 && lacks("retry-after"), "Retry-After", RETRY_AFTER_SECONDS),
        ];
        let has_type = !self.content().is_empty() && lacks("content-type");
        let after = has_type.then_some(("Content-Type", "text/plain; charset=utf-8"));
        let before = before.into_iter().filter(|(applies, ..)| *applies);
        before.map(|(_, name, value)| (name, value)).chain(self.fields.iter()).chain(after)
    }

    /// The content as the status allows it: RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    fn content(&self) -> &[u8] {
        match self.status {
            204 | 205 | 304 => &[],
            _ => &self.body,
        }
    }

    /// The length of the content, the empty line, and the content.
    fn encode_body(&self, head_only: bool, out: &mut Vec<u8>) {
        let body = self.content();
        // RFC 9110 §8.6.
        if !matches!(self.status, 204 | 304) {
            push_line(out, "Content-Length", &body.len().to_string());
        }
        out.extend_from_slice(b"\r\n");
        // RFC 9110 §9.3.2: the answer to HEAD has no content.
        if !head_only {
            out.extend_from_slice(body);
        }
    }
}

impl From<Refusal> for Response {
    /// The answer that names the clause. Whether it is the answer to HEAD is not in it: that is
    /// [`Refusal::head_only`].
    fn from(refusal: Refusal) -> Self {
        let lists_versions = refusal.rejection.lists_versions();
        // RFC 6455 §4.2.1: a request that breaks a rule gets the status of an error.
        let mut answer = Self { lists_versions, ..Self::of(refusal.rejection.status()) };
        if refusal.rejection == Rejection::TooManyHandshakes {
            // RFC 6585 §4: it may say how long to wait. The name is a token, the value visible ASCII.
            let _ = answer.insert("Retry-After", RETRY_AFTER_SECONDS);
        }
        answer.with_body(refusal.body())
    }
}

impl From<Rejection> for Response {
    fn from(rejection: Rejection) -> Self {
        Refusal::from(rejection).into()
    }
}

impl Refusal {
    /// Appends the whole answer to `out`; `date` as for [`Response::encode`].
    pub fn encode<'d>(&self, date: impl Into<Option<&'d str>>, out: &mut Vec<u8>) {
        Response::from(*self).encode(date, self.head_only, out);
    }
}

/// Header fields that an application adds to a response, or to the 101.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ResponseFields(Vec<(String, String)>);

impl fmt::Debug for ResponseFields {
    /// How many there are: their values carry credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResponseFields").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

impl ResponseFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field after those that are there.
    ///
    /// # Errors
    /// The name is no token or the server's own to set, or the value holds a control character,
    /// such as CR, LF or NUL.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<(), FieldError> {
        let (name, value) = (name.into(), value.into());
        if !is_token(name.as_bytes()) {
            return Err(FieldError::NameInvalid);
        }
        if is_own_field(&name) || is_handshake_field(&name) {
            return Err(FieldError::NameReserved);
        }
        // RFC 9110 §5.5: a value neither holds controls nor begins or ends with whitespace.
        if !Class::FIELD.holds_all(value.as_bytes()) || trim(value.as_bytes()).len() != value.len()
        {
            return Err(FieldError::ValueInvalid);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Whether there is a field of this name, whatever its case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|(name, value)| push_line(out, name, value));
    }
}

/// A status that no final response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusError(u16);

/// Why a header field cannot be added to a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldError {
    /// The name is no token.
    NameInvalid,
    /// The field frames the message, governs the connection or belongs to the handshake.
    NameReserved,
    /// The value holds a control character, or begins or ends with whitespace.
    ValueInvalid,
}

impl fmt::Display for StatusError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is not the status of a final response (200 to 599)", self.0)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NameInvalid => "the name of a header field is a token",
            Self::NameReserved => "this header field is set by the server alone",
            Self::ValueInvalid => "the value of a header field holds no control characters and no whitespace around it",
        })
    }
}

impl core::error::Error for StatusError {}
impl core::error::Error for FieldError {}

/// Fields that frame the message or govern the connection.
const OWN_FIELDS: [&str; 9] = [
    "Connection",
    "Content-Length",
    "Date",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

/// Whether the field frames the message or governs the connection.
fn is_own_field(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// RFC 6455 §11.3: the fields of the handshake itself.
pub(crate) fn is_handshake_field(name: &str) -> bool {
    name.get(..14).is_some_and(|prefix| prefix.eq_ignore_ascii_case("sec-websocket-"))
}

/// When to try again, by default.
const RETRY_AFTER_SECONDS: &str = "1";

/// The reason phrase as the register of IANA has it, and for a status that nobody has registered the
/// name of its class: it is never empty (RFC 9112 §4, RFC 9110 §15).
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => match status / 100 {
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}
