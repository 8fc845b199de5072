//! Finds the server, and what can be asked of it: is there an echo, is compression negotiated.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::connection::{Connection, Next};
use super::frame::{Event, text};
use super::head::Head;
use super::http::{self, Answered, Response};
use super::play::{Pace, Server};
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
    let Ok(response) = open(&mut connection, server, &head) else { return false };
    let answer = response.values("sec-websocket-extensions");
    // A wrong answer is still one, and a case will tell.
    !matches!(Agreement::of(OFFER, &answer), Ok(None))
}

const PROBE: &str = "Is this an echo?";
const PATIENCE: Duration = Duration::from_secs(5);
const GREETING: Duration = Duration::from_millis(150);
