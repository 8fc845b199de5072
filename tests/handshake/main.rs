//! The opening handshake by clause, without a socket: tables of requests and the answers they get.
//!
//! Each row is fed whole, byte by byte, cut at every position if it is short, and with bytes of
//! the next protocol behind it; the answer is the same every time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stickler::proto::{
    handshake::{
        HeadLimits, HeadScanner, Policy, Refusal, Request, Response, ResponseFields, Verdict,
        encode_accept, judge, refuse_plain,
    },
    rejection::Rejection,
};
use stickler_testing::claims;

mod answers;
mod client;
mod errors;
mod fields;
mod limits;
mod methods;
mod order;
mod policy;
mod request_line;
mod splits;
mod upgrade;

pub(crate) const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

pub(crate) const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// One request and the answer it gets.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The catalogue's id.
    pub(crate) id: &'static str,
    pub(crate) request: Vec<u8>,
    pub(crate) policy: Policy,
    pub(crate) expect: Expect,
}

#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// A 101 with exactly these field lines besides Upgrade, Connection and Sec-WebSocket-Accept.
    Open(&'static [&'static str]),
    /// A refusal with this status and, besides what every refusal has, these field lines.
    Refused(u16, Rejection, &'static [&'static str]),
    /// More bytes are awaited.
    Incomplete,
}

pub(crate) const OPEN: Expect = Expect::Open(&[]);
pub(crate) const UPGRADE_FIELDS: &[&str] =
    &["Upgrade: websocket", "Connection: Upgrade, close", "Sec-WebSocket-Version: 13"];

pub(crate) fn refused(status: u16, rejection: Rejection) -> Expect {
    Expect::Refused(status, rejection, &[])
}

/// A row under a policy that asks for nothing.
pub(crate) fn row(id: &'static str, request: impl Into<Vec<u8>>, expect: Expect) -> Row {
    let policy = Policy::default().origins(["any".parse().unwrap()]);
    Row { id, request: request.into(), policy, expect }
}

/// The handshake with another request line.
pub(crate) fn line(line: &str) -> String {
    HANDSHAKE.replacen("GET /chat HTTP/1.1", line, 1)
}

/// The handshake with a request line, a target in it.
pub(crate) fn target(target: &str) -> String {
    line(&format!("GET {target} HTTP/1.1"))
}

/// The handshake with more field lines at its end.
pub(crate) fn with(lines: &str) -> String {
    format!("{}\r\n{lines}\r\n\r\n", HANDSHAKE.strip_suffix("\r\n\r\n").unwrap())
}

/// The handshake with these bytes as the value of one more field.
pub(crate) fn with_value(value: &[u8]) -> Vec<u8> {
    let mut request = with("X: ").into_bytes();
    let end = request.len() - 4;
    request.splice(end..end, value.iter().copied());
    request
}

/// The handshake with the line of one field replaced by other lines, or by none.
pub(crate) fn replace(name: &str, lines: &str) -> String {
    let start = HANDSHAKE.find(&format!("{name}:")).unwrap();
    let end = start + HANDSHAKE[start..].find("\r\n").unwrap() + 2;
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\r\n") };
    format!("{}{lines}{}", &HANDSHAKE[..start], &HANDSHAKE[end..])
}

/// What came of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Incomplete,
    Refused(Refusal),
    Open { head: usize, request: String, subprotocol: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) bytes: Vec<u8>,
}

/// Feeds the request in pieces that end at `cuts`, as a connection would.
pub(crate) fn answer(request: &[u8], cuts: impl Iterator<Item = usize>, policy: &Policy) -> Answer {
    let limits = HeadLimits::default();
    let mut scanner = HeadScanner::new();
    for cut in cuts {
        match scanner.scan(&request[..cut], &limits) {
            Ok(None) => {}
            Ok(Some(head)) => {
                let parsed = Request::parse(&request[..head], &limits);
                return conclude(parsed, head, policy);
            }
            Err(refusal) => {
                assert_eq!(scanner.scan(&request[..cut], &limits), Err(refusal), "asked again");
                return refuse(refusal);
            }
        }
    }
    Answer { outcome: Outcome::Incomplete, bytes: Vec::new() }
}

fn conclude(parsed: Result<Request, Refusal>, head: usize, policy: &Policy) -> Answer {
    let request = match parsed {
        Ok(request) => request,
        Err(refusal) => return refuse(refusal),
    };
    match judge(&request, policy) {
        Err(refusal) => refuse(refusal),
        Ok(Verdict::PlainHttp) => refuse(refuse_plain(&request, policy)),
        Ok(Verdict::WebSocket(offer)) => {
            let subprotocol = offer.subprotocol.as_deref();
            let mut bytes = Vec::new();
            encode_accept(
                &request,
                &offer.accept_key,
                subprotocol,
                None,
                &ResponseFields::new(),
                &mut bytes,
            );
            let subprotocol = subprotocol.map(str::to_owned);
            let request =
                format!("{} {:?} {}", request.path(), request.query(), request.authority());
            Answer { outcome: Outcome::Open { head, request, subprotocol }, bytes }
        }
    }
}

fn refuse(refusal: Refusal) -> Answer {
    let mut bytes = Vec::new();
    refusal.encode(DATE, &mut bytes);
    let mut twin = Vec::new();
    Response::from(refusal).encode(DATE, refusal.head_only, &mut twin);
    assert_eq!(bytes, twin);
    Answer { outcome: Outcome::Refused(refusal), bytes }
}

/// Runs rows through every way of feeding them; all of them, also when one fails.
pub(crate) fn run(rows: &[Row]) {
    let fails = |row: &&Row| catch_unwind(AssertUnwindSafe(|| run_row(row))).is_err();
    let failed = rows.iter().filter(fails).count();
    assert_eq!(failed, 0, "of {} rows", rows.len());
}

fn run_row(row: &Row) {
    claims!(row.id);
    let (id, len) = (row.id, row.request.len());
    let shown = String::from_utf8_lossy(&row.request);
    let whole = answer(&row.request, [len].into_iter(), &row.policy);
    check(row, &whole);
    assert_eq!(answer(&row.request, 1..=len, &row.policy), whole, "{id} byte by byte: {shown:?}");
    if len < 1024 {
        for cut in 0..=len {
            assert_eq!(
                answer(&row.request, [cut, len].into_iter(), &row.policy),
                whole,
                "{id} at {cut}: {shown:?}"
            );
        }
    }
    if whole.outcome != Outcome::Incomplete {
        claims!("6455-4.1-02", "9112-6.3-04", "9112-9.3.2-01");
        // What follows the head is not part of it.
        let longer = [&row.request[..], b"\x81\x85\x00\x00\r\n\r\nGET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(
            answer(&longer, [longer.len()].into_iter(), &row.policy),
            whole,
            "{id} and more: {shown:?}"
        );
    }
}

fn check(row: &Row, answer: &Answer) {
    let context =
        format!("{}: {:?} got {:?}", row.id, String::from_utf8_lossy(&row.request), answer.outcome);
    match (&row.expect, &answer.outcome) {
        (Expect::Incomplete, Outcome::Incomplete) => {}
        (Expect::Open(fields), Outcome::Open { head, .. }) => {
            assert_eq!(*head, row.request.len(), "{context}");
            answers::check_open(&answer.bytes, fields, &context);
        }
        (Expect::Refused(status, rejection, fields), Outcome::Refused(refusal)) => {
            assert_eq!(refusal.rejection, *rejection, "{context}");
            assert_eq!(rejection.status(), *status, "{context}");
            let head =
                row.request.strip_prefix(b"\r\n").unwrap_or(&row.request).starts_with(b"HEAD ");
            assert_eq!(refusal.head_only, head, "{context}");
            answers::check_refused(&answer.bytes, refusal, fields, &context);
        }
        _ => panic!("{context}"),
    }
}

#[test]
fn every_rejection_has_a_vector() {
    let rows =
        [request_line::rows(), fields::rows(), limits::rows(), upgrade::rows(), policy::rows()]
            .concat();
    for rejection in Rejection::ALL {
        let shown =
            |row: &Row| matches!(&row.expect, Expect::Refused(_, shown, _) if shown == rejection);
        // Those of content are about plain requests, the last six about the server's own state; their
        // answers are in `answers`.
        let own = matches!(
            rejection,
            Rejection::ContentTooLarge
                | Rejection::ContentTooSlow
                | Rejection::ContentMalformed
                | Rejection::HandshakeTooSlow
                | Rejection::HandlerFailed
                | Rejection::HandlerTooSlow
                | Rejection::Overloaded
                | Rejection::TooManyHandshakes
                | Rejection::ShuttingDown
        );
        assert_ne!(rows.iter().any(shown), own, "{rejection:?}");
    }
}
