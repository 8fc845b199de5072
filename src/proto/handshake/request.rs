//! The request of an opening handshake, read once (RFC 9112 §3, RFC 6455 §4.2.1).
//!
//! A [`Request`] has a usable request-target, one valid Host and content whose end is known. It is a
//! GET without content, unless the caller serves other methods too. Whether it asks for a WebSocket is
//! for [`judge`](super::judge) to say. httparse splits the fields; what it lets pass and we do not, the
//! scanner has refused before.

use core::fmt;

use crate::proto::rejection::Rejection;

use super::{
    authority::Authority,
    fields::{Fields, Single, is_token, list, token},
    framing::{self, Content},
    head::{HeadLimits, HeadScanner},
    octet::Class,
    refusal::Refusal,
    target::{Scheme, Target},
};

/// A well-formed request: a GET without content, unless [`Request::parse_any_method`] read it.
#[derive(Clone)]
pub struct Request {
    /// `None` for GET, which most are.
    method: Option<Box<str>>,
    target: Target,
    authority: Authority,
    fields: Fields,
    expects_continue: bool,
}

impl Request {
    /// Parses a complete request head, from its first byte to its empty line.
    ///
    /// # Errors
    /// The first broken rule, in the order: size, message grammar, HTTP version, Host, body
    /// framing, Expect, method, request-target.
    pub fn parse(head: &[u8], limits: &HeadLimits) -> Result<Self, Refusal> {
        Self::parse_methods(head, limits, Methods::Get)
    }

    /// As [`Request::parse`], for a server that answers plain HTTP too: a request of another method is
    /// no fault. CONNECT, TRACE and `OPTIONS *` are for no resource of such a server, and stay one.
    ///
    /// # Errors
    /// As [`Request::parse`].
    pub fn parse_any_method(head: &[u8], limits: &HeadLimits) -> Result<Self, Refusal> {
        Self::parse_methods(head, limits, Methods::Any)
    }

    fn parse_methods(head: &[u8], limits: &HeadLimits, methods: Methods) -> Result<Self, Refusal> {
        let mut scanner = HeadScanner::new();
        if scanner.scan(head, limits)? != Some(head.len()) {
            return Err(Refusal::of(Rejection::NotARequest, head));
        }
        Self::parse_scanned(head, scanner.fields(), methods)
            .map_err(|rejection| Refusal::of(rejection, head))
    }

    /// Builds a request that another HTTP/1.1 implementation has parsed. `target` is the
    /// request-target as it was sent.
    ///
    /// # Errors
    /// As [`Request::parse`], as far as the parts can show it.
    pub fn from_parts<'a>(
        method: &str,
        target: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Refusal> {
        let mut kept = Fields::default();
        let parsed = fields.into_iter().try_for_each(|(name, value)| {
            if !is_token(name.as_bytes()) {
                return Err(Rejection::FieldNameInvalid);
            }
            if !Class::FIELD.holds_all(value) {
                return Err(Rejection::ControlInField);
            }
            kept.push(name, value);
            Ok(())
        });
        let (octets, methods) = (method.as_bytes(), Methods::Get);
        let request = parsed.and_then(|()| Self::check(octets, target.as_bytes(), kept, methods));
        request.map_err(|rejection| Refusal { head_only: method == "HEAD", ..rejection.into() })
    }

    /// Parses a head that the scanner has let pass, with `count` field lines.
    fn parse_scanned(head: &[u8], count: usize, methods: Methods) -> Result<Self, Rejection> {
        let head = head.strip_prefix(b"\r\n").unwrap_or(head);
        let end = head.iter().position(|&octet| octet == b'\r').ok_or(Rejection::NotARequest)?;
        let (line, rest) = head.split_at_checked(end).ok_or(Rejection::NotARequest)?;
        let mut parts = line.split(|&octet| octet == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejection::RequestLineMalformed);
        };

        let mut lines = vec![httparse::EMPTY_HEADER; count];
        // RFC 9112 §2.1: the field lines begin behind the request line.
        let rest = rest.strip_prefix(b"\r\n").unwrap_or_default();
        let parsed = match httparse::parse_headers(rest, &mut lines) {
            Ok(httparse::Status::Complete((_, parsed))) => parsed,
            Ok(httparse::Status::Partial) => return Err(Rejection::FieldWithoutColon),
            Err(error) => return Err(grammar_fault(error)),
        };
        check_version(version)?;
        let names = parsed.iter().map(|field| field.name.len()).sum();
        let values = parsed.iter().map(|field| field.value.len()).sum();
        let mut fields = Fields::with_capacity(count, names, values);
        // RFC 9110 §5.5: the octets of a value stay what they are.
        parsed.iter().for_each(|field| fields.push(field.name, field.value));
        Self::check(method, target, fields, methods)
    }

    /// The checks between the HTTP version and Upgrade.
    fn check(
        method: &[u8],
        target: &[u8],
        fields: Fields,
        methods: Methods,
    ) -> Result<Self, Rejection> {
        let host = match fields.single("host") {
            // RFC 9112 §3.2: there is one Host, and it is valid.
            Single::Missing => return Err(Rejection::HostMissing),
            Single::Repeated => return Err(Rejection::HostRepeated),
            Single::Value(value) => Authority::parse(value).map_err(|_| Rejection::HostInvalid)?,
        };
        let content = framing::parse(&fields)?;
        // RFC 9110 §9.3.1: content of a GET means nothing and is refused.
        if method == b"GET" && content == Content::Present {
            return Err(Rejection::RequestHasContent);
        }
        let expects_continue = framing::parse_expect(&fields)?;
        let method = parse_method(method, target, methods)?;
        let (target, authority) = Target::parse(target)?;
        // RFC 9112 §3.2.2: the authority of an absolute-form replaces Host.
        Ok(Self { method, target, authority: authority.unwrap_or(host), fields, expects_continue })
    }

    /// The method: GET, unless [`Request::parse_any_method`] read the request.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    /// The request-target as it was sent.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    /// The path of the request-target, not decoded; `/` where an absolute-form has none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The query of the request-target, not decoded; `None` if it is missing or empty.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// The host and port that the request is for: of an absolute-form, else of Host. What a trusted proxy says
    /// stands above both, where it is believed.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The request is for this host: a proxy that is believed says so.
    #[cfg(feature = "net")]
    pub(crate) fn believe_authority(&mut self, authority: Authority) {
        self.authority = authority;
    }

    /// The value of Origin, if there is one.
    #[must_use]
    pub fn origin(&self) -> Option<&[u8]> {
        self.field("origin")
    }

    /// All header fields in the order in which they arrived, with opaque values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter()
    }

    /// The value of the first field of this name, whatever its case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.named(name).next()
    }

    /// The values of all fields of this name, whatever its case, in order.
    pub fn fields_named(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.named(name)
    }

    /// The subprotocols that the client offers, the one that it prefers first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        list(self.fields.named("sec-websocket-protocol")).filter_map(|member| token(member.ok()?))
    }

    /// Whether the client waits for `100 Continue`, which then precedes the 101
    /// (RFC 9110 §7.8).
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    pub(super) fn scheme(&self) -> Option<Scheme> {
        self.target.scheme
    }

    pub(super) fn single(&self, name: &str) -> Single<'_> {
        self.fields.single(name)
    }
}

/// How much of a path `Debug` shows, in bytes.
const SHOWN_PATH_LEN: usize = 100;

impl fmt::Debug for Request {
    /// Leaves the query and the fields out: they carry credentials. A path that is long is cut.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        let shown = path.get(..SHOWN_PATH_LEN).unwrap_or(path);
        formatter
            .debug_struct("Request")
            .field("method", &self.method())
            .field("path", &shown)
            .field("has_query", &self.query().is_some())
            .field("fields", &self.fields().count())
            .finish_non_exhaustive()
    }
}

/// A fault that httparse found and the scanner did not. None is known; the fuzzer looks for one.
fn grammar_fault(error: httparse::Error) -> Rejection {
    match error {
        httparse::Error::HeaderName => Rejection::FieldNameInvalid,
        httparse::Error::NewLine => Rejection::BareCarriageReturn,
        httparse::Error::TooManyHeaders => Rejection::TooManyFields,
        _ => Rejection::ControlInField,
    }
}

/// RFC 9110 §2.5, §15.6.6: higher minor versions are read as 1.1, other major versions are not.
fn check_version(version: &[u8]) -> Result<(), Rejection> {
    match version {
        // RFC 9110 §7.8: Upgrade means nothing in HTTP/1.0.
        b"HTTP/1.0" => Err(Rejection::HttpVersionTooLow),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Rejection::HttpVersionUnsupported)
        }
        _ => Err(Rejection::HttpVersionMalformed),
    }
}

/// Which methods are no fault.
#[derive(Clone, Copy)]
enum Methods {
    Get,
    Any,
}

/// RFC 9110 §9.1: methods are compared as they are; known ones get 405, others 501. `None` is GET.
fn parse_method(
    method: &[u8],
    target: &[u8],
    methods: Methods,
) -> Result<Option<Box<str>>, Rejection> {
    match (method, methods) {
        // RFC 6455 §4.2.1: a handshake is a GET.
        (b"GET", _) => Ok(None),
        // RFC 9110 §9.3.6 to §9.3.8: a tunnel, the request itself, the server as a whole.
        (b"CONNECT" | b"TRACE", _) => Err(Rejection::MethodNotAllowed),
        (b"OPTIONS", _) if target == b"*" => Err(Rejection::MethodNotAllowed),
        (other, Methods::Any) => {
            token(other).map(|name| Some(name.into())).ok_or(Rejection::RequestLineMalformed)
        }
        (b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"OPTIONS" | b"PATCH", Methods::Get) => {
            Err(Rejection::MethodNotAllowed)
        }
        (_, Methods::Get) => Err(Rejection::MethodUnknown),
    }
}
