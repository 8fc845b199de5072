//! The head of the response, found in what arrives (RFC 9112 §4, §5; RFC 9110 §15.2).
//!
//! httparse splits it; what httparse lets pass and we do not is looked at here.

use core::fmt;

use crate::proto::handshake::{
    fields::{Fields, Single},
    head::HeadLimits,
};

use super::fault::ResponseFault;

/// How many interim responses are passed over.
pub const MAX_INTERIM: usize = 16;

/// Finds the response in what a server sends, behind any 1xx that comes before it.
#[derive(Clone, Debug, Default)]
pub struct ResponseReader {
    /// How many bytes the interim responses have that were passed over.
    passed: usize,
    /// How many there were; `interim <= MAX_INTERIM`.
    interim: usize,
    /// Up to which line end the head was looked at; `passed <= looked`.
    looked: usize,
}

impl ResponseReader {
    /// A reader that has passed over nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { passed: 0, interim: 0, looked: 0 }
    }

    /// Looks for the head of the first response that is no interim one, or is a 101. `received` is all that
    /// has arrived, with the same beginning as in the calls before. `None` means that more has to come.
    ///
    /// Up to [`MAX_INTERIM`] interim responses are passed over, also those that nobody asked for
    /// (RFC 9110 §15.2). They and the response together keep to `limits.max_head_size`, each of them to
    /// `limits.max_fields`.
    ///
    /// # Errors
    /// What came can be no response, or is longer than is read. The same again if asked again.
    pub fn read(
        &mut self,
        received: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<ResponseHead>, ResponseFault> {
        // RFC 9110 §5.4: a recipient bounds what it reads of a head.
        let window = received.get(..limits.max_head_size).unwrap_or(received);
        loop {
            let rest = window.get(self.passed..).unwrap_or_default();
            // RFC 9112 §2.2: only a server skips empty lines before a message.
            if rest.iter().zip(b"HTTP/1.").any(|(came, due)| came != due) {
                return Err(ResponseFault::NotHttp);
            }
            // A head ends with a line, so it is looked at once for each line and not for each read.
            let Some(at) = rest.iter().rposition(|&octet| octet == b'\n') else { break };
            let lines_end = self.passed + at + 1;
            if lines_end == self.looked {
                break;
            }
            let lines = rest.get(..=at).unwrap_or_default();
            let Some(head) = ResponseHead::parse(lines, limits)? else {
                self.looked = lines_end;
                break;
            };
            let end = self.passed + head.len;
            // RFC 9110 §15.2: every 1xx is read and passed over; a 101 says that HTTP ends here.
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(Some(ResponseHead { len: end, ..head }));
            }
            if self.interim == MAX_INTERIM {
                return Err(ResponseFault::TooManyInterim);
            }
            (self.passed, self.interim) = (end, self.interim + 1);
        }
        if received.len() >= limits.max_head_size {
            return Err(ResponseFault::HeadTooLarge);
        }
        Ok(None)
    }
}

/// The head of a response.
#[derive(Clone)]
pub struct ResponseHead {
    status: u16,
    fields: Fields,
    /// How many bytes it took, with the interim responses before it.
    len: usize,
}

impl ResponseHead {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// How many bytes of what was received it took, with the interim responses before it. What follows
    /// a 101 are frames.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a head is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Names and values of the fields in order, without the whitespace around the values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter()
    }

    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.named(name)
    }

    pub(super) fn single(&self, name: &str) -> Single<'_> {
        self.fields.single(name)
    }

    /// Reads a head out of whole lines; `None` while its empty line is not among them.
    fn parse(octets: &[u8], limits: &HeadLimits) -> Result<Option<Self>, ResponseFault> {
        let mut lines = vec![httparse::EMPTY_HEADER; limits.max_fields];
        let mut response = httparse::Response::new(&mut lines);
        let mut config = httparse::ParserConfig::default();
        // RFC 9112 §5.2: a user agent reads folded lines as one.
        config.allow_obsolete_multiline_headers_in_responses(true);
        let len = match config.parse_response(&mut response, octets) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(grammar_fault(error)),
        };
        let head = octets.get(..len).unwrap_or_default();
        // RFC 9112 §2.2: a client may read a bare LF as the end of a line; this one does not.
        if head.windows(2).any(|pair| matches!(pair, [before, b'\n'] if *before != b'\r')) {
            return Err(ResponseFault::BareLineFeed);
        }
        let status = response.code.ok_or(ResponseFault::StatusLineMalformed)?;
        // RFC 9110 §15.2: HTTP/1.0 has no 1xx, so it cannot switch protocols either.
        if response.version == Some(0) && (100..200).contains(&status) {
            return Err(ResponseFault::InterimBeforeHttp11);
        }
        let mut fields = Fields::default();
        for line in response.headers.iter() {
            match line.value.contains(&b'\n') {
                false => fields.push(line.name, line.value),
                true => fields.push(line.name, &unfolded(line.value)),
            }
        }
        Ok(Some(Self { status, fields, len }))
    }
}

impl fmt::Debug for ResponseHead {
    /// Leaves out the values of fields: they carry credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("fields", &self.fields.iter().count())
            .field("len", &self.len)
            .finish()
    }
}

/// RFC 9112 §5.2: each fold is a space to whoever reads the value.
fn unfolded(value: &[u8]) -> Vec<u8> {
    value.iter().map(|&octet| if matches!(octet, b'\r' | b'\n') { b' ' } else { octet }).collect()
}

fn grammar_fault(error: httparse::Error) -> ResponseFault {
    match error {
        httparse::Error::Version => ResponseFault::NotHttp,
        httparse::Error::Status => ResponseFault::StatusLineMalformed,
        httparse::Error::NewLine => ResponseFault::BareCarriageReturn,
        httparse::Error::TooManyHeaders => ResponseFault::TooManyFields,
        _ => ResponseFault::FieldMalformed,
    }
}
