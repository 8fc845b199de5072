//! Frames as a client writes them, well-formed and not, and as it must be able to read them
//! (RFC 6455 §5.2). What a server's frame breaks is a [`Fault`] with its clause.

use std::fmt;

/// A rule that the server breaks with what it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where the rule stands.
    pub(crate) section: &'static str,
    /// What the server does.
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(section: &'static str, what: impl Into<String>) -> Fault {
        Fault { section, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.section)
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> String {
        fault.to_string()
    }
}

/// The longest payload that is read; nothing that is sent here asks for more.
const LONGEST: u64 = 32 << 20;

/// The masking key of every frame built here that does not name another.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Bytes from hex text; spaces mean nothing.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| u8::try_from((byte as char).to_digit(16).expect("hex digit")).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "odd number of hex digits in {text:?}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A masked frame with this first byte and the shortest length form.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    masked_with(first, KEY, payload)
}

/// The same with another masking key.
pub(crate) fn masked_with(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend_from_slice(&key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// First byte, mask bit and the shortest length form; the masking key is left out.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => bytes.push(0x80 | short),
        (_, Ok(medium)) => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes
}

/// A whole text message.
pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x81, payload.as_ref())
}

/// A whole binary message.
pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x82, payload.as_ref())
}

/// A Ping.
pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x89, payload.as_ref())
}

/// A Pong.
pub(crate) fn pong(payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x8a, payload.as_ref())
}

/// A Close frame with a status code and a reason.
pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x88, &close_body(code, reason))
}

/// The payload of a Close frame.
pub(crate) fn close_body(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_ref()].concat()
}

/// Frames one after another.
pub(crate) fn join(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.concat()
}

/// One frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// RSV1: this message is compressed (RFC 7692 §6).
    pub(crate) rsv1: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// The first frame of `bytes` and its length, or `None` while it is incomplete.
///
/// # Errors
/// Says which rule for frames from a server is broken.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Fault> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (fin, rsv1, opcode) = (first & 0x80 != 0, first & 0x40 != 0, first & 0x0f);
    let fault = |section, what: &str| {
        Err(Fault::new(section, format!("a server frame {what}: {first:02x} {second:02x}")))
    };
    if first & 0x30 != 0 {
        return fault("RFC 6455 5.2", "with a reserved bit");
    }
    if !matches!(opcode, 0..=2 | 8..=10) {
        return fault("RFC 6455 5.2", "with a reserved opcode");
    }
    // Whether RSV1 on a data frame is agreed on, the reader of messages knows.
    if rsv1 && !matches!(opcode, 1 | 2) {
        return fault("RFC 7692 6.1", "with RSV1 where it never stands");
    }
    if second & 0x80 != 0 {
        return fault("RFC 6455 5.1", "with the mask bit set");
    }
    if opcode >= 8 && (!fin || second & 0x7f > 125) {
        return fault("RFC 6455 5.5", "of control, fragmented or too long");
    }
    let (length, taken) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(field) => (u64::from(u16::from_be_bytes(*field)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(field) => (u64::from_be_bytes(*field), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    if (taken == 4 && length < 126) || (taken == 10 && length < 65_536) {
        return fault("RFC 6455 5.2", "whose length is not in its shortest form");
    }
    if length >> 63 != 0 {
        return fault("RFC 6455 5.2", "whose length has its top bit set");
    }
    let Some(end) = usize::try_from(length.min(LONGEST)).ok().map(|length| taken + length) else {
        return Ok(None);
    };
    if length > LONGEST {
        return Err(Fault::new("", format!("a server frame of {length} bytes, more than is read")));
    }
    let Some(payload) = bytes.get(taken..end) else { return Ok(None) };
    Ok(Some((Frame { fin, rsv1, opcode, payload: payload.to_vec() }, end)))
}

/// What the server said: a whole message or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Vec<u8>),
}

impl Event {
    /// Whether it is a message, and so the application's.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self, Event::Text(_) | Event::Binary(_))
    }

    /// How long its payload is.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Event::Text(payload)
            | Event::Binary(payload)
            | Event::Ping(payload)
            | Event::Pong(payload)
            | Event::Close(payload) => payload.len(),
        }
    }

    /// The code of a Close frame's body, `None` when it is empty.
    pub(crate) fn close_code(body: &[u8]) -> Option<u16> {
        body.first_chunk::<2>().map(|code| u16::from_be_bytes(*code))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Text(payload) => write!(f, "text {}", quote(payload)),
            Event::Binary(payload) => write!(f, "binary {}", dump(payload)),
            Event::Ping(payload) => write!(f, "ping {}", dump(payload)),
            Event::Pong(payload) => write!(f, "pong {}", dump(payload)),
            Event::Close(body) => match Event::close_code(body) {
                Some(code) => write!(f, "close {code} {}", quote(&body[2..])),
                None => write!(f, "close with body [{}]", dump(body)),
            },
        }
    }
}

/// Readable text, shortened.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(120)];
    let mut text = format!("\"{}\"", shown.escape_ascii());
    if shown.len() < bytes.len() {
        text.push_str(&format!(" ... {} bytes in all", bytes.len()));
    }
    text
}

/// Hex, shortened in the middle.
pub(crate) fn dump(bytes: &[u8]) -> String {
    let line = |part: &[u8]| part.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
    match bytes.len() {
        0 => "(empty)".to_owned(),
        1..=72 => line(bytes),
        many => format!("{} .. {} ({many} bytes)", line(&bytes[..40]), line(&bytes[many - 12..])),
    }
}
