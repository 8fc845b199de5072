//! Where a client puts its token (RFC 6750 §2): in `Authorization`, in the list of subprotocols, or in the query.
//!
//! A browser sets no field of an opening handshake but the list of subprotocols. There the token stands as it is
//! after `bearer.`, beside the subprotocol that the client speaks.

use std::borrow::Cow;

use stickler::Incoming;

use super::refusal::Refusal;

/// The one token of an opening handshake.
///
/// # Errors
/// There is none, or more than one, or it is malformed.
pub(super) fn find(incoming: &Incoming, in_query: bool) -> Result<Cow<'_, str>, Refusal> {
    let mut found = Vec::new();
    found.extend(authorization(incoming)?.map(Cow::Borrowed));
    found.extend(incoming.head().subprotocols().filter_map(credential).map(Cow::Borrowed));
    if in_query {
        let tokens = incoming.query().filter(|(name, _)| name == "access_token");
        found.extend(tokens.map(|(_, value)| value));
    }
    // RFC 6750 §2: a client uses one way, and once.
    match found.len() {
        0 => Err(Refusal::Missing),
        1 => Ok(found.remove(0)),
        _ => Err(Refusal::Malformed("a client presents one token, in one way")),
    }
}

/// The token of `Authorization`. Other schemes than Bearer are none of ours.
fn authorization(incoming: &Incoming) -> Result<Option<&str>, Refusal> {
    let mut fields = incoming.head().fields_named("authorization");
    let Some(credentials) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(Refusal::Malformed("there is one Authorization field"));
    }
    let scheme = credentials.split(|octet| *octet == b' ').next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Ok(None);
    }
    let malformed = Refusal::Malformed("after Bearer stand spaces and a token (RFC 6750 2.1)");
    incoming.bearer().map(Some).ok_or(malformed)
}

/// Whether a name in the list of subprotocols is a token and no subprotocol.
pub(crate) fn is_credential(name: &str) -> bool {
    credential(name).is_some()
}

fn credential(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// What stands before a token in the list of subprotocols.
const PREFIX: &str = "bearer.";
