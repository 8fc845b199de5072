//! Finds the server, and what can be asked of it: is there an echo, is compression negotiated.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::connection::{Connection, Next};
use super::frame::{Event, close, text};
use super::head::Head;
use super::http::{self, Answered, Response};
use super::play::{Unplayed, shake_hands};
use super::server::{Pace, Server};
use crate::connect::Url;

/// A server that completes an opening handshake.
///
/// # Errors
/// Says which address was tried and what came of it.
pub(crate) fn probe(url: &Url) -> Result<Server, String> {
    let addresses = url.addresses().map_err(|error| format!("the host is not found: {error}"))?;
    let mut tried = String::new();
    for address in addresses {
        let begun = Instant::now();
        match Connection::connect(address, PATIENCE) {
            Ok(connection) => {
                let mut server = Server {
                    address,
                    path: url.target().to_owned(),
                    host: url.authority().to_owned(),
                    echoes: false,
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
    // Whoever speaks unasked is no echo, and nothing can be told from what it says.
    let greeting = connection.next(Instant::now() + server.pace.quiet.max(GREETING));
    if !matches!(greeting, Next::Silence) {
        return Ok(());
    }
    connection.send(&text(PROBE));
    let until = Instant::now() + server.pace.answer;
    server.echoes = loop {
        match connection.next(until) {
            Next::Event(Event::Ping(_) | Event::Pong(_)) => {}
            Next::Event(Event::Text(echo)) => break echo == PROBE.as_bytes(),
            _ => break false,
        }
    };
    connection.half_close();
    Ok(())
}

fn open(connection: &mut Connection, server: &Server, head: &Head) -> Result<Response, String> {
    connection.send(&head.bytes_for(&server.path, &server.host));
    match http::read(connection, Instant::now() + PATIENCE, false) {
        Answered::Response(response) if response.status == 101 => Ok(response),
        other => Err(format!(
            "no WebSocket server: an opening handshake with {} got {other}",
            server.address
        )),
    }
}

fn compresses(server: &Server) -> bool {
    const OFFER: &str = "permessage-deflate; client_max_window_bits";
    let Ok(mut connection) = Connection::connect(server.address, PATIENCE) else { return false };
    let head = Head::new().set("Sec-WebSocket-Extensions", OFFER);
    // A wrong answer, or none, is not that the offer is declined, and the cases will tell.
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
    let mut connection = match Connection::connect(server.address, patience) {
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
const PATIENCE: Duration = Duration::from_secs(5);
const GREETING: Duration = Duration::from_millis(150);
/// How long one opening handshake may take that only asks whether the server is alive.
const KNOCK: Duration = Duration::from_secs(1);
