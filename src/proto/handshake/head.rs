//! Finds the end of a request head while its bytes drip in (RFC 9112 §2.2, §3, §5).
//!
//! Each byte is looked at once. What a byte proves wrong is refused at that byte, not when the
//! head is complete and not when the handshake's deadline passes. Nothing is kept but positions.

use crate::proto::rejection::Rejection;

use super::{octet::Class, refusal::Refusal};

/// How much is too much for a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// The most bytes of a head, from its first byte to its empty line, both included.
    pub max_head_size: usize,
    /// The most header field lines.
    pub max_fields: usize,
}

impl Default for HeadLimits {
    /// 16 KiB and 100 fields.
    fn default() -> Self {
        Self::new()
    }
}

impl HeadLimits {
    /// The default, where a constant is needed.
    pub const fn new() -> HeadLimits {
        HeadLimits { max_head_size: 16 * 1024, max_fields: 100 }
    }

    /// Sets the field `max_head_size`.
    #[must_use]
    pub const fn max_head_size(mut self, max_head_size: usize) -> HeadLimits {
        self.max_head_size = max_head_size;
        self
    }

    /// Sets the field `max_fields`.
    #[must_use]
    pub const fn max_fields(mut self, max_fields: usize) -> HeadLimits {
        self.max_fields = max_fields;
        self
    }
}

/// Scans a request head for its end.
///
/// ```
/// use stickler::proto::handshake::{HeadLimits, HeadScanner};
///
/// let (mut scanner, limits) = (HeadScanner::new(), HeadLimits::default());
/// assert_eq!(scanner.scan(b"GET / HTTP/1.1\r\n", &limits), Ok(None));
/// assert_eq!(scanner.scan(b"GET / HTTP/1.1\r\n\r\n\x81\x85", &limits), Ok(Some(18)));
/// ```
#[derive(Clone, Debug)]
pub struct HeadScanner {
    state: State,
    /// How many bytes were looked at.
    at: usize,
    /// Where the last line with a byte looked at begins; `line <= at`.
    line: usize,
    /// How many bytes the request line has, once it is complete.
    request_line_len: usize,
    /// How many field lines have begun.
    fields: usize,
    /// Where the longest complete field line begins, and its length.
    longest: (usize, usize),
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    EmptyLineFeed,
    SecondStart,
    Method,
    TargetStart,
    Target,
    /// How many bytes of the version were read.
    Version(u8),
    RequestLineFeed,
    FirstLine,
    Line,
    Name,
    Value,
    ValueLineFeed,
    EndLineFeed,
    End,
}

impl HeadScanner {
    /// A scanner for a head of which nothing has arrived.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Start,
            at: 0,
            line: 0,
            request_line_len: 0,
            fields: 0,
            longest: (0, 0),
        }
    }

    /// Looks at the bytes that are new since the last call. `received` is all that has arrived,
    /// with the same beginning as in the calls before. `Some(n)` means that the head is
    /// `received[..n]`; what follows it belongs to the next protocol.
    ///
    /// # Errors
    /// The rule broken by the first byte that proves it broken; the same again if asked again.
    pub fn scan(&mut self, received: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        // RFC 9110 §5.4: the size of the head has a limit, however much of it comes at once.
        let window = received.get(..limits.max_head_size).unwrap_or(received);
        while self.state != State::End {
            // The long stretches of a head are of one class each.
            if let Some(class) = self.state.class() {
                self.at += window.get(self.at..).map_or(0, |rest| class.run(rest));
            }
            let Some(&byte) = window.get(self.at) else { break };
            self.state = self
                .step(byte, window, limits)
                .map_err(|rejection| Refusal::of(rejection, received))?;
            self.at += 1;
        }
        match self.state {
            State::End => Ok(Some(self.at)),
            _ if self.at >= limits.max_head_size => Err(self.refuse_size(received, limits)),
            _ => Ok(None),
        }
    }

    /// How many field lines have begun.
    pub(super) const fn fields(&self) -> usize {
        self.fields
    }

    /// The state after `byte`, which is the one at `self.at` in `head`. After an error it may be asked again.
    fn step(&mut self, byte: u8, head: &[u8], limits: &HeadLimits) -> Result<State, Rejection> {
        match self.state {
            State::Start | State::SecondStart => self.start(byte),
            State::EmptyLineFeed => line_feed(byte, State::SecondStart),
            State::Method => match byte {
                b' ' => Ok(State::TargetStart),
                _ => Err(request_line_fault(byte)),
            },
            // Version 1 goes on with TCP4, TCP6 or UNKNOWN. No target that is served begins so.
            State::TargetStart
                if matches!(byte, b'T' | b'U')
                    && head.get(self.line..self.at) == Some(b"PROXY ") =>
            {
                Err(Rejection::ProxyHeader)
            }
            State::TargetStart if Class::VISIBLE.holds(byte) => Ok(State::Target),
            State::TargetStart => Err(request_line_fault(byte)),
            State::Target => match byte {
                b' ' => Ok(State::Version(0)),
                _ => Err(request_line_fault(byte)),
            },
            State::Version(at) => version(at, byte),
            State::RequestLineFeed => {
                self.request_line_len = self.at;
                // RFC 9110 §5.3: the request is judged when all its fields are here.
                line_feed(byte, State::FirstLine)
            }
            // RFC 9112 §2.2: no whitespace between the request line and the first field.
            State::FirstLine if matches!(byte, b' ' | b'\t') => {
                Err(Rejection::WhitespaceBeforeFields)
            }
            // RFC 9112 §5.2: a field line is not folded.
            State::Line if matches!(byte, b' ' | b'\t') => Err(Rejection::FoldedField),
            State::FirstLine | State::Line => self.line_start(byte, limits),
            State::Name => match byte {
                // RFC 9112 §5.1: nothing comes between the name and its colon.
                b':' => Ok(State::Value),
                _ => Err(field_name_fault(byte)),
            },
            State::Value => match byte {
                b'\r' => Ok(State::ValueLineFeed),
                b'\n' => Err(Rejection::BareLineFeed),
                // RFC 9110 §5.5: other control characters are no part of a value.
                _ => Err(Rejection::ControlInField),
            },
            State::ValueLineFeed => {
                self.longest = self.longest_with(self.line, self.at - self.line);
                // RFC 9112 §2.2: CR stands only before LF.
                line_feed(byte, State::Line)
            }
            State::EndLineFeed => line_feed(byte, State::End),
            State::End => Ok(State::End),
        }
    }

    /// The first byte of all, or the first after an empty line.
    fn start(&mut self, byte: u8) -> Result<State, Rejection> {
        self.line = self.at;
        match byte {
            // RFC 9112 §2.2: one empty line before the request line is ignored; more are not.
            b'\r' if self.state == State::Start => Ok(State::EmptyLineFeed),
            // A header of the PROXY protocol, version 2, begins like this too: the sentence says so.
            b'\r' => Err(Rejection::EmptyLinesBeforeRequest),
            // The type of the record that a ClientHello comes in.
            0x16 if self.state == State::Start => Err(Rejection::TlsHandshake),
            b'\n' => Err(Rejection::BareLineFeed),
            _ if Class::TOKEN.holds(byte) => Ok(State::Method),
            _ => Err(Rejection::NotARequest),
        }
    }

    /// The first byte of a line after the request line.
    fn line_start(&mut self, byte: u8, limits: &HeadLimits) -> Result<State, Rejection> {
        self.line = self.at;
        match byte {
            b'\r' => Ok(State::EndLineFeed),
            _ if !Class::TOKEN.holds(byte) => Err(field_name_fault(byte)),
            // RFC 9110 §5.4: the number of fields has a limit.
            _ if self.fields >= limits.max_fields => Err(Rejection::TooManyFields),
            _ => {
                self.fields += 1;
                Ok(State::Name)
            }
        }
    }

    /// The longest field line seen, with one more taken into account.
    fn longest_with(&self, line: usize, len: usize) -> (usize, usize) {
        if len > self.longest.1 { (line, len) } else { self.longest }
    }

    /// The head did not end within its limit: what made it too large?
    #[cold]
    fn refuse_size(&self, received: &[u8], limits: &HeadLimits) -> Refusal {
        let most = limits.max_head_size / 2;
        let (line, len) = self.longest_with(self.line, self.at - self.line);
        match self.state {
            State::Start | State::EmptyLineFeed | State::SecondStart | State::Method => {
                Refusal::of(Rejection::MethodTooLong, received)
            }
            _ if method_len(received) > most => Refusal::of(Rejection::MethodTooLong, received),
            State::TargetStart | State::Target | State::Version(_) | State::RequestLineFeed => {
                // RFC 9112 §3: 414 says that the request-target is too long.
                Refusal::of(Rejection::TargetTooLong, received)
            }
            _ if self.request_line_len > most => Refusal::of(Rejection::TargetTooLong, received),
            // RFC 6585 §5: where one field is too large, the answer names it.
            _ if len > most => {
                let field = received.get(line..).and_then(known_field);
                Refusal { field, ..Refusal::of(Rejection::FieldTooLarge, received) }
            }
            _ => Refusal::of(Rejection::HeadTooLarge, received),
        }
    }
}

impl Default for HeadScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The octets that leave this state as it is.
    const fn class(self) -> Option<Class> {
        match self {
            Self::Method | Self::Name => Some(Class::TOKEN),
            Self::Target => Some(Class::VISIBLE),
            Self::Value => Some(Class::FIELD),
            _ => None,
        }
    }
}

/// The length of the method at the front of a head.
fn method_len(received: &[u8]) -> usize {
    Class::TOKEN.run(received.strip_prefix(b"\r\n").unwrap_or(received))
}

/// The byte after a CR.
fn line_feed(byte: u8, next: State) -> Result<State, Rejection> {
    match byte {
        b'\n' => Ok(next),
        _ => Err(Rejection::BareCarriageReturn),
    }
}

/// RFC 9112 §2.3: the version is `HTTP/`, a digit, a dot and a digit, in this case.
fn version(at: u8, byte: u8) -> Result<State, Rejection> {
    let fits = match at {
        5 | 7 => byte.is_ascii_digit(),
        8 if byte == b'\r' => return Ok(State::RequestLineFeed),
        8 => false,
        _ => b"HTTP/ .".get(usize::from(at)) == Some(&byte),
    };
    match byte {
        _ if fits => Ok(State::Version(at + 1)),
        b'\n' => Err(Rejection::BareLineFeed),
        b' ' => Err(Rejection::RequestLineMalformed),
        _ => Err(Rejection::HttpVersionMalformed),
    }
}

/// A byte that can stand nowhere, or not here, in a request line.
fn request_line_fault(byte: u8) -> Rejection {
    match byte {
        b'\n' => Rejection::BareLineFeed,
        b' ' | b'\t' | b'\r' => Rejection::RequestLineMalformed,
        _ if Class::VISIBLE.holds(byte) => Rejection::RequestLineMalformed,
        _ => Rejection::RequestLineOctet,
    }
}

/// A byte that cannot stand in a field name, nor end it.
pub(super) fn field_name_fault(byte: u8) -> Rejection {
    match byte {
        b'\n' => Rejection::BareLineFeed,
        b'\r' => Rejection::FieldWithoutColon,
        b' ' | b'\t' => Rejection::SpaceInFieldName,
        _ if byte.is_ascii_control() => Rejection::ControlInField,
        _ => Rejection::FieldNameInvalid,
    }
}

/// The name of the field line, if it is one that is worth naming.
fn known_field(line: &[u8]) -> Option<&'static str> {
    let name = line.get(..Class::TOKEN.run(line))?;
    KNOWN_FIELDS.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name)).copied()
}

/// Fields that grow large in practice, or that an opening handshake reads.
const KNOWN_FIELDS: [&str; 16] = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Connection",
    "Cookie",
    "Forwarded",
    "Host",
    "Origin",
    "Referer",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
];
