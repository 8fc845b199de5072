//! A row of the opening handshake: a request head, and the answer it must get. Each row is played
//! whole and byte by byte; a refusal also with a second, good request behind the first.
//!
//! Held on every refusal, whatever the row, besides `HELD_ON_REFUSAL`: 9110-7.8-02, 9110-7.8-03,
//! 9110-15.5.6-01, 9110-15.5.22-01, 9112-9.3-01, 6455-11.3.5-02. On every 101:
//! 6455-4.1-02, 6455-4.2.2-07, 6455-4.2.2-17, 6455-4.2.2-18, 6455-4.2.2-20 to 6455-4.2.2-27,
//! 6455-11.3.2-02, 6455-11.3.3-01, 6455-11.3.4-02, 9112-6.1-01, 9112-6.3-04.

use std::thread;

use crate::case::{Case, DEFAULT, Profile};
use crate::client::{Client, Outcome, PROMPT};
use crate::frame::{Event, ping, text};
use crate::http::{Head, MARKER};
use crate::server::Server;

/// The answer a row wants.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 101 with this subprotocol or none; the connection then works.
    Accept(Option<&'static str>),
    /// 100 first, then 101.
    ContinueAndAccept,
    /// One of these statuses, with a body.
    Refuse(&'static [u16]),
    /// One of these statuses without a body, because the method is HEAD.
    RefuseWithoutContent(&'static [u16]),
    /// This status and `Sec-WebSocket-Version: 13` with it.
    RefuseListingVersion(&'static [u16]),
}

/// What every refusal proves: nothing of it switches protocols, it ends the connection, and its
/// length is told.
const HELD_ON_REFUSAL: &[&str] = &[
    "6455-4.2.1-01",
    "6455-4.2.2-24",
    "6455-4.2.2-28",
    "6455-10.7-02",
    "9110-6.6.1-01",
    "9112-6.3-05",
    "9112-9.3.2-01",
    "9112-9.6-01",
    "9112-9.6-02",
];

/// A row on a server with default flags that must be accepted.
pub(crate) fn accepted(id: &'static str, rule: impl Into<String>, head: Head) -> Case {
    opening(DEFAULT, id, rule, head, Answer::Accept(None))
}

/// A row on a server with default flags that must be refused with one of these statuses.
pub(crate) fn refused(
    id: &'static str,
    rule: impl Into<String>,
    statuses: &'static [u16],
    head: Head,
) -> Case {
    opening(DEFAULT, id, rule, head, Answer::Refuse(statuses))
}

/// A row on a server with these flags.
pub(crate) fn opening(
    profile: Profile,
    id: &'static str,
    rule: impl Into<String>,
    head: Head,
    answer: Answer,
) -> Case {
    let held = match answer {
        Answer::Accept(_) | Answer::ContinueAndAccept => &[][..],
        _ => HELD_ON_REFUSAL,
    };
    Case::on(profile, id, rule, move |server| play_all(server, &head, &answer)).holding(held)
}

/// A row of plain bytes that are no request at all.
pub(crate) fn refused_bytes(
    id: &'static str,
    rule: impl Into<String>,
    statuses: &'static [u16],
    bytes: Vec<u8>,
) -> Case {
    Case::on(DEFAULT, id, rule, move |server| {
        let mut client = Client::connect(server.address())?;
        client.send(&bytes)?;
        judge_refusal(&mut client, statuses, true, false)
    })
}

fn play_all(server: &Server, head: &Head, answer: &Answer) -> Outcome {
    let named = |name: &'static str| move |why| format!("    delivery  {name}\n{why}");
    let bytes = head.bytes();
    let mut client = Client::connect(server.address())?;
    client.send(&bytes)?;
    judge(&mut client, head, answer).map_err(named("whole"))?;

    let mut client = Client::connect(server.address())?;
    // One byte each; in a very long head a few, or the handshake deadline comes first.
    for piece in bytes.chunks(bytes.len().div_ceil(700)) {
        client.send(piece)?;
        thread::yield_now();
    }
    judge(&mut client, head, answer).map_err(named("byte by byte"))?;

    let mut client = Client::connect(server.address())?;
    match answer {
        // Frames that come before the 101 belong to the connection; after a refusal nothing counts.
        Answer::Accept(_) | Answer::ContinueAndAccept => {
            client.send(&[&bytes[..], &ping("early")].concat())?;
            accept(&mut client, head, answer)
                .map_err(named("with a ping right behind the head"))?;
            client.expect(&Event::Pong(b"early".to_vec()))?;
            client.close_normally()
        }
        _ => {
            let second = Head::new().target(format!("/{MARKER}")).bytes();
            client.send(&[&bytes[..], &second, &text(MARKER)].concat())?;
            judge(&mut client, head, answer).map_err(named("with a second request behind it"))
        }
    }
}

fn judge(client: &mut Client, head: &Head, answer: &Answer) -> Outcome {
    match answer {
        Answer::Accept(_) | Answer::ContinueAndAccept => {
            accept(client, head, answer)?;
            client.send(&text("hello"))?;
            client.expect(&Event::Text(b"hello".to_vec()))?;
            client.close_normally()
        }
        Answer::Refuse(statuses) => judge_refusal(client, statuses, true, false),
        Answer::RefuseWithoutContent(statuses) => judge_refusal(client, statuses, false, false),
        Answer::RefuseListingVersion(statuses) => judge_refusal(client, statuses, true, true),
    }
}

fn accept(client: &mut Client, head: &Head, answer: &Answer) -> Outcome {
    let mut response = client.response(PROMPT)?;
    if let Answer::ContinueAndAccept = answer {
        if response.status != 100 {
            return Err(client.report("100 Continue", &response.summary()));
        }
        response = client.response(PROMPT)?;
    }
    let subprotocol = if let Answer::Accept(name) = answer { *name } else { None };
    let expected = format!("101 Switching Protocols, subprotocol {subprotocol:?}");
    response.accepts_with(head, subprotocol).map_err(|why| client.report(&expected, &why))
}

fn judge_refusal(
    client: &mut Client,
    statuses: &[u16],
    has_content: bool,
    lists_version: bool,
) -> Outcome {
    let response = client.response(PROMPT)?;
    let expected = format!("refusal with {statuses:?} and its fields, then FIN");
    response
        .refuses(statuses, has_content)
        .and_then(
            |()| if lists_version { response.has("Sec-WebSocket-Version", "13") } else { Ok(()) },
        )
        .map_err(|why| client.report(&expected, &why))?;
    client.expect_no_reset()
}
