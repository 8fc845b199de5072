//! Finds the server, and what can be asked of it: is there an echo, is compression negotiated.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::connection::{Connection, Next};
use super::frame::{Event, close, ping, text};
use super::head::Head;
use super::http::{Answered, Response};
use super::play::{Unplayed, ask, shake_hands};
use super::server::{Echo, Pace, Place, Server};
use crate::connect::Url;
use crate::tls_client::TlsClient;

/// A server that completes an opening handshake.
///
/// # Errors
/// Says which address was tried and what came of it.
pub(crate) fn probe(url: &Url, tls: Option<&TlsClient>) -> Result<Server, String> {
    let addresses = url.addresses().map_err(|error| format!("the host is not found: {error}"))?;
    let mut tried = String::new();
    for address in addresses {
        let begun = Instant::now();
        let place = Place { address, tls: tls.cloned() };
        match Connection::connect(&place, PATIENCE) {
            Ok(connection) => {
                let mut server = Server {
                    place,
                    session: connection.session(),
                    path: url.target().to_owned(),
                    host: url.authority().to_owned(),
                    echo: Echo::No(String::new()),
                    compresses: false,
                    pace: Pace::of(begun.elapsed()),
                };
                greet(connection, &mut server, begun)?;
                server.compresses = compresses(&server);
                // A machine that is busy makes a near server look far.
                for _ in 0..MORE_TRIPS {
                    let begun = Instant::now();
                    if !server.pace.is_near() && matches!(knock(&server), Alive::Shown(_)) {
                        server.pace.note_round_trip(begun.elapsed());
                    }
                }
                return Ok(server);
            }
            Err(error) => {
                let _ =
                    write!(tried, "{}{address}: {error}", if tried.is_empty() { "" } else { "; " });
            }
        }
    }
    Err(if tried.is_empty() { "the host has no address".to_owned() } else { tried })
}

/// Opens, and looks whether a text comes back.
fn greet(mut connection: Connection, server: &mut Server, begun: Instant) -> Result<(), String> {
    open(&mut connection, server, &Head::new())?;
    server.pace = Pace::of(begun.elapsed());
    server.echo = echo_of(&mut connection, &mut server.pace);
    connection.half_close();
    // What happens now and then says nothing about texts.
    for _ in 0..MORE_TEXTS {
        if !matches!(server.echo, Echo::Unknown(_)) {
            break;
        }
        let Ok(mut connection) = Connection::connect(&server.place, PATIENCE) else { continue };
        if open(&mut connection, server, &Head::new()).is_ok() {
            server.echo = echo_of(&mut connection, &mut server.pace);
            connection.half_close();
        }
    }
    Ok(())
}

/// Sends a text on an open connection and looks what comes back.
fn echo_of(connection: &mut Connection, pace: &mut Pace) -> Echo {
    let until = Instant::now() + pace.quiet.max(GREETING);
    loop {
        match connection.next(until) {
            Next::Silence => break,
            Next::Event(Event::Ping(_) | Event::Pong(_)) => {}
            // Whoever speaks unasked may mean anything with what it says later.
            Next::Event(Event::Text(_) | Event::Binary(_)) => {
                return Echo::No("it speaks first".to_owned());
            }
            end => return what_ended(end, "after the 101"),
        }
    }
    connection.send(&text(PROBE));
    let begun = Instant::now();
    let mut until = begun + pace.answer;
    let mut is_asked = false;
    loop {
        match connection.next(until) {
            Next::Event(Event::Text(echo)) if echo == PROBE.as_bytes() => {
                pace.note_echo(begun.elapsed());
                return Echo::Yes;
            }
            Next::Event(Event::Text(echo)) if echo.len() == PROBE.len() => {
                return Echo::Unknown("a text came back changed".to_owned());
            }
            Next::Event(Event::Text(_)) => return Echo::No("a text gets another text".to_owned()),
            Next::Event(Event::Binary(_)) => return Echo::No("a text gets a binary".to_owned()),
            // All that came before the Ping has been dealt with.
            Next::Event(Event::Pong(pong)) if is_asked && pong == PROBE.as_bytes() => break,
            Next::Event(Event::Ping(_) | Event::Pong(_)) => {}
            Next::Silence if !is_asked => {
                // An echo that is late comes before the Pong.
                connection.send(&ping(PROBE));
                is_asked = true;
                until = Instant::now() + pace.answer;
            }
            Next::Silence => break,
            end => return what_ended(end, "after a text"),
        }
    }
    Echo::No("a text gets no answer".to_owned())
}

/// What an end says of the echo. To close is lawful (RFC 6455 §7.3); to fail over a lawful text is not.
fn what_ended(end: Next, when: &str) -> Echo {
    match end {
        Next::Fault(fault) if !fault.section.is_empty() => Echo::Yes,
        Next::Fault(_) => Echo::Unknown(format!("more than is read {when}")),
        Next::Event(Event::Close(body)) => match Event::close_code(&body) {
            Some(code @ (1002 | 1007 | 1010 | 1011)) => {
                Echo::Unknown(format!("a Close {code} {when}"))
            }
            _ => Echo::No(format!("a Close {when}")),
        },
        Next::Reset => Echo::Unknown(format!("a reset {when}")),
        _ => Echo::Unknown(format!("FIN {when}")),
    }
}

fn open(connection: &mut Connection, server: &Server, head: &Head) -> Result<Response, String> {
    match ask(server, connection, head, PATIENCE).map_err(|error| error.to_string())? {
        Answered::Response(response) if response.status == 101 => Ok(response),
        other => Err(format!(
            "no WebSocket server: an opening handshake with {} got {other}",
            server.place.address
        )),
    }
}

fn compresses(server: &Server) -> bool {
    const OFFER: &str = "permessage-deflate; client_max_window_bits";
    // A wrong answer, or none, is not that the offer is declined, and the cases will tell.
    let Ok(mut connection) = Connection::connect(&server.place, PATIENCE) else { return true };
    let head = Head::new().set("Sec-WebSocket-Extensions", OFFER);
    match open(&mut connection, server, &head) {
        Ok(response) => {
            let answer = response.values("sec-websocket-extensions");
            !matches!(Agreement::of(OFFER, &answer), Ok(None))
        }
        Err(_) => true,
    }
}

/// What came of asking whether the server is alive.
pub(crate) enum Alive {
    /// A lawful opening handshake that began then succeeded.
    Shown(Instant),
    /// It was answered by something else.
    Answers,
    /// No connection, or no answer; the words for it.
    No(String),
}

/// Makes one lawful opening handshake and leaves.
pub(crate) fn knock(server: &Server) -> Alive {
    let begun = Instant::now();
    let patience = (server.pace.quiet * 2).max(KNOCK);
    let mut connection = match Connection::connect(&server.place, patience) {
        Ok(connection) => connection,
        Err(error) => return Alive::No(format!("no connection: {error}")),
    };
    match shake_hands(server, &mut connection, &Head::new(), patience) {
        Ok(_) => {
            connection.send(&close(1000, ""));
            connection.half_close();
            Alive::Shown(begun)
        }
        Err(Unplayed::NoHandshake(refusal)) if !refusal.is_answered => {
            Alive::No(format!("no opening handshake: {}", refusal.observed))
        }
        Err(_) => Alive::Answers,
    }
}

const PROBE: &str = "Is this an echo?";
/// Handshakes that are timed when the first one was slow.
const MORE_TRIPS: u32 = 4;
/// Connections on which a text is tried again when it says neither.
const MORE_TEXTS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(5);
const GREETING: Duration = Duration::from_millis(150);
/// How long one opening handshake may take that only asks whether the server is alive.
const KNOCK: Duration = Duration::from_secs(1);
