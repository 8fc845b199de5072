//! What an opening handshake asks, in the types of the crate `http`, and what handlers ask most often:
//! cookies, the bearer token, the query (RFC 6265 §4.2, RFC 6750 §2.1).
//!
//! The strict head of `proto` is what was judged; this is another view of it, made when asked for.

use std::borrow::Cow;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use super::incoming::Incoming;
use crate::proto::handshake::fields::trim;
use crate::proto::handshake::{AllowedOrigin, Request as Head, Scheme, judge_origin};
use crate::proto::rejection::Rejection;

impl Incoming {
    /// The request, in the types of the crate `http`; made when it is first asked for.
    pub fn request(&self) -> &Parts {
        let inner = self.inner();
        inner.parts.get_or_init(|| Box::new(parts(&inner.head)))
    }

    /// The request as strictly as it was read: the request-target as it was sent, and all header fields
    /// in the order and the spelling in which they came. Clone it to keep it after the answer.
    pub fn head(&self) -> &Head {
        &self.inner().head
    }

    /// The request-target.
    pub fn uri(&self) -> &Uri {
        &self.request().uri
    }

    /// The header fields, by name.
    pub fn headers(&self) -> &HeaderMap {
        &self.request().headers
    }

    /// The path of the request-target, undecoded.
    pub fn path(&self) -> &str {
        self.head().path()
    }

    /// Judges the Origin of the request by other rules than the policy's: where one path of a server is for
    /// pages of fewer origins than another (RFC 6455 §10.2). A request without Origin passes, as no
    /// browser sends one.
    ///
    /// # Errors
    /// The Origin is allowed by none of the rules, or malformed: what to reject the handshake with.
    pub fn check_origin(&self, allowed: &[AllowedOrigin]) -> Result<(), Rejection> {
        let is_secured = self.shared.is_secured(&self.shared.lock());
        let reached = if is_secured { Scheme::Https } else { Scheme::Http };
        judge_origin(reached, self.head(), allowed)
    }

    /// The value of the first cookie of this name, without quotes around it (RFC 6265 §4.2.1). `None`
    /// also if the value is not UTF-8.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let fields = self.head().fields_named("cookie");
        let pairs = fields.flat_map(|field| field.split(|&octet| octet == b';'));
        let value = pairs.map(trim).find_map(|pair| {
            let at = pair.iter().position(|&octet| octet == b'=')?;
            let (known, value) = pair.split_at_checked(at)?;
            (trim(known) == name.as_bytes()).then(|| trim(value.get(1..).unwrap_or_default()))
        })?;
        let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        str::from_utf8(unquoted.unwrap_or(value)).ok()
    }

    /// The token of `Authorization: Bearer` (RFC 6750 §2.1). `None` also if the field is there more than
    /// once, or the token is malformed.
    pub fn bearer(&self) -> Option<&str> {
        let mut fields = self.head().fields_named("authorization");
        let (credentials, None) = (fields.next()?, fields.next()) else { return None };
        let at = credentials.iter().position(|&octet| octet == b' ')?;
        let (scheme, token) = credentials.split_at_checked(at)?;
        // RFC 9110 §11.4: only spaces stand between, so no tab.
        let token = str::from_utf8(token).ok()?.trim_start_matches(' ');
        let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer");
        (is_bearer && is_token68(token)).then_some(token)
    }

    /// The names and values of the query in order, decoded (`application/x-www-form-urlencoded`).
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.head().query().unwrap_or_default().as_bytes())
    }

    /// The first value of this name in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Another view of the head. The scanner lets pass less than the crate `http`.
fn parts(head: &Head) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = Uri::try_from(head.target()).unwrap_or_default();
    for (name, value) in head.fields() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            // Only beyond 24,576 fields there is no more room.
            let _ = parts.headers.try_append(name, value);
        }
    }
    parts
}

/// RFC 9110 §11.2: letters, digits and a few marks, then padding.
fn is_token68(token: &str) -> bool {
    let unpadded = token.trim_end_matches('=');
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    !unpadded.is_empty() && unpadded.bytes().all(is_of_it)
}
