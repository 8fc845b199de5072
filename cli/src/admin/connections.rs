//! `/connections`: the connections of the server, page by page, and the end of one of them.

use serde::Deserialize;
use serde_json::{Value, json};
use stickler::http::request::Parts;
use stickler::http::{Response, StatusCode};
use stickler::{Body, CloseCode, ConnectionId, ConnectionInfo, ConnectionPhase, SendError};

use super::Desk;
use super::answers::{Refusal, json as answer_json};

/// Lists a page: those behind `after`, `most` of them at most. `next` names what is behind them; it is null at the
/// end.
///
/// # Errors
///
/// 400 when the query cannot be read.
pub(super) fn list(desk: &Desk, head: &Parts) -> Result<Response<Body>, Refusal> {
    let mut after: Option<ConnectionId> = None;
    let mut most = USUAL_PAGE;
    for (name, value) in query(head) {
        match &name[..] {
            "after" => {
                after = Some(value.parse().map_err(|why| invalid(&format!("after: {why}")))?)
            }
            "most" => {
                let number = value.parse().ok().filter(|most| (1..=MOST_PAGE).contains(most));
                let wanted = || invalid(&format!("most: wanted: a number from 1 to {MOST_PAGE}"));
                most = number.ok_or_else(wanted)?;
            }
            _ => return Err(invalid("the query may have after=ID and most=N")),
        }
    }
    let page = desk.served.handle.connections(after, most);
    // A page that is not full is the last one.
    let next = page.last().filter(|_| page.len() == most).map(|last| last.id.to_string());
    let connections: Vec<_> = page.iter().map(described).collect();
    Ok(answer_json(StatusCode::OK, &json!({ "connections": connections, "next": next })))
}

/// One connection, with units in the names. It has no query, no header field and nothing that was sent.
fn described(info: &ConnectionInfo) -> Value {
    json!({
        "id": info.id.to_string(),
        "peer_addr": info.peer_addr.map(|address| address.to_string()),
        "path": info.path,
        "is_tls": info.is_tls,
        "phase": match info.phase {
            ConnectionPhase::Opening => "opening",
            ConnectionPhase::Open => "open",
            _ => "closing",
        },
        "age_seconds": info.age.as_secs_f64(),
        "idle_seconds": info.idle.as_secs_f64(),
        "queued_bytes": info.queued,
        "received_messages": info.received_messages,
        "received_bytes": info.received_bytes,
        "sent_messages": info.sent_messages,
        "sent_bytes": info.sent_bytes,
        "round_trip_seconds": info.round_trip.map(|time| time.as_secs_f64()),
        "subprotocol": info.subprotocol.as_deref(),
        "extensions": info.extensions,
    })
}

/// What the peer is told: in the content as JSON, or in the query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    code: Option<u16>,
    reason: Option<String>,
}

/// Starts the closing handshake of one connection.
///
/// # Errors
///
/// 404 when there is no such connection, 409 when it has none to start, 400 when the code or the reason cannot be sent.
pub(super) fn close(
    desk: &Desk,
    id: ConnectionId,
    head: &Parts,
    content: &[u8],
) -> Result<Response<Body>, Refusal> {
    let Close { code, reason } = read_close(head, content)?;
    let (code, reason) = (code.unwrap_or(USUAL_CODE), reason.unwrap_or_default());
    match desk.served.handle.close_connection(id, CloseCode::new(code), &reason) {
        Ok(true) => {
            tracing::info!(%id, code, reason, "the admin listener was asked to close a connection");
            let told = json!({ "id": id.to_string(), "code": code, "reason": reason });
            Ok(answer_json(StatusCode::ACCEPTED, &told))
        }
        Ok(false) => Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such connection")),
        Err(SendError::Closed) => Err(Refusal::new(
            StatusCode::CONFLICT,
            "the connection is not open: its opening or its closing handshake goes on",
        )),
        Err(error) => Err(invalid(&error.to_string())),
    }
}

fn read_close(head: &Parts, content: &[u8]) -> Result<Close, Refusal> {
    let mut close = Close::default();
    if !content.is_empty() {
        let wanted = format!("the content is to be an object as {CLOSE_FORM}");
        // serde would take a list of the values as well.
        if !content.trim_ascii_start().starts_with(b"{") {
            return Err(invalid(&wanted));
        }
        close =
            serde_json::from_slice(content).map_err(|why| invalid(&format!("{wanted}: {why}")))?;
    }
    for (name, value) in query(head) {
        match &name[..] {
            "code" => {
                close.code = Some(value.parse().map_err(|_| invalid("code: wanted: a number"))?)
            }
            "reason" => close.reason = Some(value),
            _ => return Err(invalid("the query may have code=CODE and reason=TEXT")),
        }
    }
    Ok(close)
}

/// The names and values of the query, decoded.
fn query(head: &Parts) -> Vec<(String, String)> {
    let query = head.uri.query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    pairs.map(decode).collect()
}

/// A part of a query as a form writes it: plus signs for spaces, and octets in hexadecimal. What is not UTF-8 then is
/// written as the sign for that.
fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        match (first, escaped) {
            (_, Some((high, low))) => {
                octets.push(high << 4 | low);
                rest = &behind[2..];
            }
            (b'+', None) => octets.push(b' '),
            (octet, None) => octets.push(*octet),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn invalid(sentence: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, sentence)
}

/// RFC 6455 §7.4.1: what the peer did goes against a policy, which only people know.
const USUAL_CODE: u16 = 1008;

const CLOSE_FORM: &str = "{\"code\": 1008, \"reason\": \"text\"}";

/// Connections of a page unless it is said.
const USUAL_PAGE: usize = 100;

/// A longer page would keep this thread for too long.
const MOST_PAGE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_form() {
        for (text, read) in [
            ("plain", "plain"),
            ("a+b%20c", "a b c"),
            ("%C3%A4%2b", "ä+"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz1", "%zz1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(text), read, "{text}");
        }
    }
}
