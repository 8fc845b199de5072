//! Responses to an opening handshake: read with bounds, and what is wrong with them.

use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::connection::{Connection, Next};
use super::frame::{Fault, quote};
use super::grammar::fault_of_head;

/// What came instead of, or as, a response.
pub(crate) enum Answered {
    Response(Response),
    /// Bytes that are none.
    NoHttp(Vec<u8>),
    /// FIN without a byte.
    Fin,
    Reset,
    Silence,
    TooMuch,
}

/// One response; its body only if it is no 101.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    status_line: String,
    head_len: usize,
    /// What is wrong with its head as HTTP.
    pub(crate) head_fault: Option<Fault>,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the whole body came, as far as its length was told.
    is_whole: bool,
    /// Whether FIN followed.
    pub(crate) ends: bool,
    /// Whether a reset followed, which ends the connection too.
    pub(crate) is_reset: bool,
    /// Whether another response followed.
    pub(crate) is_repeated: bool,
    /// The statuses of the 1xx that came before.
    pub(crate) interim: Vec<u16>,
}

/// Reads one final response, and the 1xx before it (RFC 9110 §15.2). After a 101 nothing more is consumed; the
/// body of others is read to its end, unless the request was a HEAD.
pub(crate) fn read(connection: &mut Connection, until: Instant, is_head: bool) -> Answered {
    let mut interim = Vec::new();
    let mut taken = 0;
    loop {
        let mut response = match read_one(connection, until, taken) {
            Answered::Response(response) => response,
            // What came instead of a final response is told, not the 1xx.
            other => return other,
        };
        taken += response.head_len;
        if (100..200).contains(&response.status) && response.status != 101 {
            interim.push(response.status);
            if interim.len() > MOST_INTERIM || taken > LONGEST_HEAD {
                return Answered::TooMuch;
            }
            continue;
        }
        response.interim = interim;
        if response.status >= 200 {
            response.read_body(connection, until, is_head);
        }
        return Answered::Response(response);
    }
}

/// Reads one head, of which all together have a bound.
fn read_one(connection: &mut Connection, until: Instant, taken: usize) -> Answered {
    let end = loop {
        let unread = connection.unread();
        if let Some(at) = unread.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        let is_started = !unread.is_empty();
        if unread.len() + taken > LONGEST_HEAD {
            return Answered::TooMuch;
        }
        if connection.is_finished() {
            let all = unread.to_vec();
            return if is_started { Answered::NoHttp(all) } else { Answered::Fin };
        }
        match connection.fill(until) {
            Ok(true) => {}
            Ok(false) if is_started => return Answered::NoHttp(unread_of(connection)),
            Ok(false) => return Answered::Silence,
            Err(Next::Reset) if is_started => return Answered::NoHttp(unread_of(connection)),
            Err(Next::Reset) => return Answered::Reset,
            Err(_) => return Answered::TooMuch,
        }
    };
    let head = connection.unread().get(..end).unwrap_or_default().to_vec();
    let Some(response) = Response::parse(&head) else { return Answered::NoHttp(head) };
    connection.consume(end);
    Answered::Response(response)
}

fn unread_of(connection: &Connection) -> Vec<u8> {
    connection.unread().to_vec()
}

impl Response {
    fn parse(head: &[u8]) -> Option<Response> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
        let status_line = lines.next()?.to_owned();
        // Whatever version it claims: to tell an answer from noise is all that is needed here.
        let rest = status_line.strip_prefix("HTTP/")?;
        let status = rest.split(' ').nth(1).filter(|code| code.len() == 3)?.parse().ok()?;
        let fields = lines
            .map(|line| line.split_once(':').unwrap_or((line, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let (head_len, head_fault) = (head.len(), fault_of_head(head));
        Some(Response { status, status_line, head_len, head_fault, fields, ..Response::default() })
    }

    fn read_body(&mut self, connection: &mut Connection, until: Instant, is_head: bool) {
        let length = if is_head || self.status == 204 || self.status == 304 {
            Some(0)
        } else {
            match self.values("content-length")[..] {
                [one] => one.parse::<usize>().ok(),
                _ => None,
            }
        };
        // An answer to HEAD that has content shows it at once.
        let (wanted, until) = match is_head {
            true => (1, until.min(Instant::now() + AT_ONCE)),
            false => (length.unwrap_or(usize::MAX), until),
        };
        while connection.unread().len() < wanted.min(LONGEST_BODY) && !connection.is_finished() {
            match connection.fill(until) {
                Ok(true) => {}
                Ok(false) | Err(_) => break,
            }
        }
        self.body = connection.unread().to_vec();
        // What stands behind the content is no part of it: perhaps a second answer.
        self.body.truncate(length.filter(|_| !is_head).unwrap_or(usize::MAX).min(LONGEST_BODY));
        connection.consume(self.body.len());
        self.is_whole = length.is_some_and(|length| length == self.body.len());
    }

    /// All values of one field.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a list field has this member, whatever its case.
    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.members(name).iter().any(|one| one.eq_ignore_ascii_case(member))
    }

    /// The members of a list field; empty ones do not count (RFC 9110 §5.6.1.2).
    fn members(&self, name: &str) -> Vec<&str> {
        let values = self.values(name).into_iter();
        let members = values.flat_map(|value| value.split(',')).map(str::trim);
        members.filter(|member| !member.is_empty()).collect()
    }

    /// One line for reports.
    pub(crate) fn summary(&self) -> String {
        quote(self.status_line.as_bytes()).trim_matches('"').to_owned()
    }

    /// What is wrong with this 101 to a request with this key; what it says of extensions is not
    /// looked at.
    pub(crate) fn fault_of_101(&self, key: &[u8]) -> Option<Fault> {
        let fault = |section, what: String| Some(Fault::new(section, what));
        let accept = accept_value(key);
        match self.values("sec-websocket-accept")[..] {
            [only] if only == accept => {}
            ref other => {
                let what = format!("Sec-WebSocket-Accept {other:?}, not {accept:?}");
                return fault("RFC 6455 4.2.2", what);
            }
        }
        let upgrade = self.members("upgrade");
        if !upgrade.iter().any(|member| member.eq_ignore_ascii_case("websocket")) {
            return fault("RFC 6455 4.2.2", "a 101 without Upgrade: websocket".to_owned());
        }
        // RFC 6455 §4.1, item 2: a client fails the connection over any other value.
        if upgrade.len() > 1 {
            return fault("RFC 6455 4.2.2", format!("a 101 with Upgrade {upgrade:?}"));
        }
        if !self.lists("connection", "upgrade") {
            return fault("RFC 6455 4.2.2", "a 101 without Connection: Upgrade".to_owned());
        }
        if !self.values("transfer-encoding").is_empty() {
            return fault("RFC 9112 6.1", "a 101 with Transfer-Encoding".to_owned());
        }
        if !self.values("content-length").is_empty() {
            return fault("RFC 9110 8.6", "a 101 with Content-Length".to_owned());
        }
        None
    }

    /// What a MUST forbids of this refusal.
    pub(crate) fn fault_of_refusal(&self, is_head: bool) -> Option<Fault> {
        let fault = |section, what: &str| Some(Fault::new(section, what));
        if is_head {
            let has_content = !self.body.is_empty();
            return has_content
                .then(|| Fault::new("RFC 9110 9.3.2", "content in the answer to HEAD"));
        }
        if self.status == 426 && self.values("upgrade").is_empty() {
            return fault("RFC 9110 15.5.22", "a 426 without Upgrade");
        }
        if self.status == 405 && self.values("allow").is_empty() {
            return fault("RFC 9110 15.5.6", "a 405 without Allow");
        }
        if !self.values("upgrade").is_empty() && !self.lists("connection", "upgrade") {
            return fault("RFC 9110 7.8", "Upgrade without the Connection option");
        }
        if !self.values("transfer-encoding").is_empty() && !self.values("content-length").is_empty()
        {
            return fault("RFC 9112 6.2", "Content-Length beside Transfer-Encoding");
        }
        if self.is_repeated && self.says_close() {
            return fault("RFC 9112 9.6", "a second answer after Connection: close");
        }
        None
    }

    /// Whether it says that the connection ends with it, and no end came.
    pub(crate) fn is_not_ended(&self) -> bool {
        self.says_close() && !self.ends && !self.is_reset
    }

    /// Whether it says that the connection ends with it.
    pub(crate) fn says_close(&self) -> bool {
        self.lists("connection", "close")
    }

    /// How long a server that has too much to do asks to wait, in seconds (RFC 9110 §10.2.3).
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.values("retry-after").first().and_then(|value| value.parse().ok())
    }

    /// What keeps this refusal from being the best one.
    pub(crate) fn shortcoming(&self, is_head: bool) -> Option<String> {
        let some = |what: &str| Some(what.to_owned());
        if self.values("date").len() != 1 {
            return some("no Date");
        }
        if !self.says_close() {
            return some("no Connection: close");
        }
        match self.values("content-length")[..] {
            [_] if self.is_whole || is_head => {}
            [_] => return some("not so many bytes as Content-Length says"),
            _ => return some("no Content-Length"),
        }
        for name in ["sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"] {
            if !self.values(name).is_empty() {
                return Some(format!("{name} in a refusal"));
            }
        }
        if self.status == 426
            && !(self.lists("upgrade", "websocket")
                && self.lists("connection", "upgrade")
                && self.lists("sec-websocket-version", "13"))
        {
            return some("426 without Upgrade: websocket and Sec-WebSocket-Version: 13");
        }
        if self.is_reset {
            return some("a reset after it");
        }
        if !self.ends {
            return some("no FIN after it");
        }
        None
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answered::Response(response) => f.write_str(&response.summary()),
            Answered::NoHttp(bytes) => write!(f, "bytes that are no HTTP: {}", quote(bytes)),
            Answered::Fin => f.write_str("FIN without an answer"),
            Answered::Reset => f.write_str("a reset without an answer"),
            Answered::Silence => f.write_str("no answer"),
            Answered::TooMuch => f.write_str("a head without an end"),
        }
    }
}

/// base64(SHA-1(key + GUID)) (RFC 6455 §4.2.2).
fn accept_value(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// How long content may take that should not come at all.
const AT_ONCE: Duration = Duration::from_millis(500);
/// Of all heads of one answer together.
const LONGEST_HEAD: usize = 64 << 10;
/// 1xx before the final response.
const MOST_INTERIM: usize = 16;
const LONGEST_BODY: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6455_1_3_the_accept_value_is_computed() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_reset_ends_a_connection_too() {
        let fields = vec![("connection".to_owned(), "close".to_owned())];
        let response = Response { status: 431, fields, ..Response::default() };
        assert!(response.is_not_ended());
        assert!(!Response { is_reset: true, ..response }.is_not_ended());
    }
}
