//! Header fields kept after parsing, and the list grammar of their values (RFC 9110 §5).

use crate::proto::rejection::Rejection;

use super::octet::Class;

/// Header fields in the order in which they arrived; values are opaque octets without the
/// whitespace around them.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    names: String,
    values: Vec<u8>,
    /// Where each field's name and value end; both grow from field to field.
    ends: Vec<(usize, usize)>,
}

impl Fields {
    /// Room for so many fields with so many bytes of names and of values.
    pub(super) fn with_capacity(count: usize, names: usize, values: usize) -> Self {
        Self {
            names: String::with_capacity(names),
            values: Vec::with_capacity(values),
            ends: Vec::with_capacity(count),
        }
    }

    /// Adds a field whose name was checked to be a token.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        self.names.push_str(name);
        // RFC 9110 §5.5: whitespace around a value is no part of it.
        self.values.extend_from_slice(trim(value));
        self.ends.push((self.names.len(), self.values.len()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let starts = core::iter::once(&(0, 0)).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| {
            let name = self.names.get(start.0..end.0).unwrap_or_default();
            (name, self.values.get(start.1..end.1).unwrap_or_default())
        })
    }

    /// The values of all fields of this name, whatever its case.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the field of this name, told apart from none and from several.
    pub(super) fn single(&self, name: &str) -> Single<'_> {
        let mut values = self.named(name);
        match (values.next(), values.next()) {
            (None, _) => Single::Missing,
            (Some(value), None) => Single::Value(value),
            (Some(_), Some(_)) => Single::Repeated,
        }
    }
}

/// A field that may occur at most once.
pub(super) enum Single<'a> {
    Missing,
    Value(&'a [u8]),
    Repeated,
}

/// Without the optional whitespace on both sides (RFC 9110 §5.6.3).
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether `octets` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && Class::TOKEN.holds_all(octets)
}

/// `octets` as text, if it is a token.
pub(crate) fn token(octets: &[u8]) -> Option<&str> {
    if is_token(octets) { core::str::from_utf8(octets).ok() } else { None }
}

/// The members of a comma list that may be spread over several lines (RFC 9110 §5.6.1), without
/// the whitespace around them. Commas inside quoted strings do not separate. Empty members are
/// skipped, up to [`MAX_EMPTY_MEMBERS`].
pub(super) fn list<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = Result<&'a [u8], Rejection>> {
    let mut empty = EmptyMembers::default();
    lines.flat_map(|line| Members { rest: Some(line) }).filter_map(move |member| match member {
        // RFC 9110 §5.6.1: empty members are skipped, up to a limit.
        b"" => empty.count().err().map(Err),
        _ => Some(Ok(member)),
    })
}

/// Counts the empty members of one list (RFC 9110 §5.6.1.2).
#[derive(Default)]
pub(crate) struct EmptyMembers(u32);

impl EmptyMembers {
    /// # Errors
    /// There are more than a sender can have meant.
    pub(crate) fn count(&mut self) -> Result<(), Rejection> {
        self.0 += 1;
        if self.0 > MAX_EMPTY_MEMBERS { Err(Rejection::TooManyEmptyMembers) } else { Ok(()) }
    }
}

/// How many empty members one list may hold.
const MAX_EMPTY_MEMBERS: u32 = 32;

/// The members of one line, empty ones included.
struct Members<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.take()?;
        let (mut quoted, mut escaped) = (false, false);
        let comma = line.iter().position(|&octet| {
            let separates = octet == b',' && !quoted;
            quoted ^= octet == b'"' && !escaped;
            escaped = octet == b'\\' && quoted && !escaped;
            separates
        });
        match comma.and_then(|at| line.split_at_checked(at)) {
            Some((member, rest)) => {
                self.rest = rest.get(1..);
                Some(trim(member))
            }
            None => Some(trim(line)),
        }
    }
}
