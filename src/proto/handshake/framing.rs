//! Where the message ends, and what the client expects of it (RFC 9112 §6, RFC 9110 §10.1.1).
//!
//! An opening handshake has no content, so that there is no doubt where its frames begin.

use crate::proto::rejection::Rejection;

use super::fields::{Fields, Single, is_token, list, trim};

/// Whether the request has content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Absent,
    Present,
}

/// Checks Content-Length and Transfer-Encoding.
pub(super) fn parse(fields: &Fields) -> Result<Content, Rejection> {
    // RFC 9112 §6.1: a transfer coding says how the content is framed.
    let has_codings = fields.named("transfer-encoding").next().is_some();
    match fields.single("content-length") {
        Single::Missing if has_codings => parse_codings(fields),
        Single::Missing => Ok(Content::Absent),
        // RFC 9112 §6.1: both at once smells of request smuggling.
        _ if has_codings => Err(Rejection::LengthBesideTransferEncoding),
        Single::Repeated => Err(Rejection::ContentLengthInvalid),
        Single::Value(value) if value.is_empty() || !value.iter().all(u8::is_ascii_digit) => {
            Err(Rejection::ContentLengthInvalid)
        }
        Single::Value(value) if value.iter().all(|&digit| digit == b'0') => Ok(Content::Absent),
        Single::Value(_) => Ok(Content::Present),
    }
}

/// RFC 9112 §6.1, §6.3: chunked comes last and once; what comes before it has to be known.
fn parse_codings(fields: &Fields) -> Result<Content, Rejection> {
    let (mut last_is_chunked, mut chunked, mut unknown) = (false, 0, false);
    let mut any = false;
    for coding in list(fields.named("transfer-encoding")) {
        let (name, parameters) = split_coding(coding?)?;
        any = true;
        last_is_chunked = name.eq_ignore_ascii_case(b"chunked");
        if last_is_chunked && parameters {
            return Err(Rejection::TransferEncodingMalformed);
        }
        chunked += u32::from(last_is_chunked);
        unknown |= !last_is_chunked && !is_known_coding(name);
    }
    match (any, last_is_chunked, chunked) {
        (false, ..) => Err(Rejection::TransferEncodingMalformed),
        // RFC 9112 §6.3: where another coding is last, the content has no known end.
        (_, false, _) => Err(Rejection::ChunkedNotFinal),
        (_, true, 1) if unknown => Err(Rejection::TransferCodingUnknown),
        (_, true, 1) => Ok(Content::Present),
        _ => Err(Rejection::TransferEncodingMalformed),
    }
}

/// The name of a transfer coding, and whether parameters follow it.
fn split_coding(coding: &[u8]) -> Result<(&[u8], bool), Rejection> {
    let mut parts = coding.splitn(2, |&octet| octet == b';');
    let name = trim(parts.next().unwrap_or_default());
    if is_token(name) {
        Ok((name, parts.next().is_some()))
    } else {
        Err(Rejection::TransferEncodingMalformed)
    }
}

/// RFC 9112 §7.2.
fn is_known_coding(name: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether the client waits for `100 Continue`; other expectations are refused.
pub(super) fn parse_expect(fields: &Fields) -> Result<bool, Rejection> {
    let mut continues = false;
    for expectation in list(fields.named("expect")) {
        if !expectation?.eq_ignore_ascii_case(b"100-continue") {
            return Err(Rejection::ExpectationUnknown);
        }
        continues = true;
    }
    Ok(continues)
}
