//! Plays a row of frames and notes what came of it; `judge.rs` grades that.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::agreement::Agreement;
use super::case::{Context, Delivery, End, Exchange, Round};
use super::connection::{Connection, Next};
use super::frame::{Event, Fault, close, join, ping, text};
use super::head::Head;
use super::http::{self, Answered};
use super::server::{Server, Wait};
use super::tape::Tapes;
use crate::connect::random;

/// What came of a row.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// Up to the first Close frame, Pings left out.
    pub(crate) events: Vec<Event>,
    /// The body of the first Close frame.
    pub(crate) close: Option<Vec<u8>>,
    /// What came after it.
    pub(crate) afterwards: Vec<Event>,
    pub(crate) end: Ending,
    /// Whether the Ping that asks if the server goes on was answered.
    pub(crate) goes_on: bool,
    /// What was wrong with the replies to a round that was sent before the row's own bytes.
    pub(crate) broken_off: Option<String>,
    /// Whether the end was waited for after both sides had sent a Close.
    pub(crate) both_closed: bool,
    /// Whether the end came only after the client's Close.
    pub(crate) ended_late: bool,
    /// Whether FIN came over TLS without a close_notify before it.
    pub(crate) is_cut_off: bool,
}

/// How the connection ended.
#[derive(Debug, Default)]
pub(crate) enum Ending {
    /// It did not, in the time given.
    #[default]
    Silence,
    Fin,
    Reset,
    Fault(Fault),
}

impl Transcript {
    /// Whether more has come than so many events and octets, and what a server may say unasked.
    fn is_beyond(&self, events: usize, octets: usize) -> bool {
        let came = || self.events.iter().chain(&self.afterwards);
        came().count() > events + MOST_SURPLUS
            || came().map(Event::octets).sum::<usize>() > octets + MOST_SURPLUS_OCTETS
    }

    /// Whether anything came that shows the server to have dealt with the row.
    pub(crate) fn is_answered(&self) -> bool {
        self.goes_on || self.close.is_some() || !self.events.is_empty()
    }
}

/// Why a row was not played to its end.
#[derive(Debug)]
pub(crate) enum Unplayed {
    /// It does not fit this server, and why.
    Skipped(&'static str),
    /// No TCP connection comes about any more, since then.
    Unreachable(std::io::Error, Instant),
    /// The server has too much to do: the answer, and the seconds that it asks for.
    Busy(String, Option<u64>),
    /// The opening handshake did not come to a 101.
    NoHandshake(Box<Refusal>),
    /// The answer to the offer breaks a rule.
    Fault(Fault, Box<Tapes>),
}

/// A lawful opening handshake that came to something else than 101.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) observed: String,
    /// Whether an HTTP response came.
    pub(crate) is_answered: bool,
    /// Whether nothing came in time.
    pub(crate) is_silent: bool,
    pub(crate) tapes: Tapes,
}

/// A connection that is open.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// When its opening handshake began.
    pub(crate) begun: Instant,
}

/// Connects.
pub(crate) fn connect(server: &Server) -> Result<Connection, Unplayed> {
    let begun = Instant::now();
    Connection::connect(&server.place, server.pace.answer)
        .map_err(|error| Unplayed::Unreachable(error, begun))
}

/// Makes the lawful opening handshake that the row needs.
pub(crate) fn open(server: &Server, row: &Exchange) -> Result<Opened, Unplayed> {
    if row.offer.is_some() && !server.compresses {
        return Err(Unplayed::Skipped("permessage-deflate is not negotiated"));
    }
    let begun = Instant::now();
    let mut connection = connect(server)?;
    let head = match row.offer {
        Some(offer) => Head::new().set("Sec-WebSocket-Extensions", offer),
        None => Head::new(),
    };
    let agreement = shake_hands(server, &mut connection, &head, server.pace.now(Wait::Answer))?;
    if let Some(offer) = row.offer {
        let answer: Vec<&str> = agreement.iter().map(String::as_str).collect();
        let agreement = match Agreement::of(offer, &answer) {
            Ok(agreement) => agreement.ok_or(Unplayed::Skipped("the offer was declined"))?,
            Err(fault) => return Err(Unplayed::Fault(fault, Box::new(connection.tapes()))),
        };
        match (row.context, agreement.client_no_context_takeover) {
            (Context::Kept, true) => return Err(Unplayed::Skipped("no context is taken over")),
            (Context::Fresh, false) => return Err(Unplayed::Skipped("contexts are taken over")),
            _ => connection.agree(agreement),
        }
    }
    connection.begin_row();
    Ok(Opened { connection, begun })
}

/// Sends a lawful head, with a key that no other connection has (RFC 6455 §4.1), and reads the answer.
///
/// # Errors
/// The system gives no octets for the key.
pub(crate) fn ask(
    server: &Server,
    connection: &mut Connection,
    head: &Head,
    within: Duration,
) -> std::io::Result<Answered> {
    let key = STANDARD.encode(random::<16>()?);
    let head = head.clone().set("Sec-WebSocket-Key", key);
    connection.send(&server.bytes_of(&head));
    Ok(http::read(connection, Instant::now() + within, false))
}

/// Sends a lawful head and wants a 101; the values of its Sec-WebSocket-Extensions.
pub(crate) fn shake_hands(
    server: &Server,
    connection: &mut Connection,
    head: &Head,
    within: Duration,
) -> Result<Vec<String>, Unplayed> {
    let answered = ask(server, connection, head, within)
        .map_err(|error| Unplayed::Unreachable(error, Instant::now()))?;
    match &answered {
        Answered::Response(response) if response.status == 101 => {
            let values = response.values("sec-websocket-extensions");
            Ok(values.into_iter().map(str::to_owned).collect())
        }
        Answered::Response(response) if matches!(response.status, 429 | 503) => {
            Err(Unplayed::Busy(response.summary(), response.retry_after()))
        }
        other => Err(Unplayed::NoHandshake(Box::new(Refusal {
            observed: other.to_string(),
            is_answered: matches!(other, Answered::Response(_)),
            is_silent: matches!(other, Answered::Silence),
            tapes: connection.tapes(),
        }))),
    }
}

/// Sends the row's bytes, and before them its rounds.
pub(crate) fn send(server: &Server, connection: &mut Connection, row: &Exchange) -> Transcript {
    let mut seen = Transcript::default();
    if row.first.iter().all(|round| warm(connection, round, server, &mut seen)) {
        deliver(connection, &row.bytes, row.delivery);
        if row.asks_at_once(server) {
            connection.send(&ping(PROBE));
        }
    }
    seen
}

/// Reads what comes of it, up to the end.
pub(crate) fn finish(
    server: &Server,
    connection: &mut Connection,
    row: &Exchange,
    seen: &mut Transcript,
) {
    if seen.broken_off.is_none() {
        listen(connection, row, server, seen);
    }
    // A Close of the server is answered, and what is still open gets a lawful end.
    let is_silent = matches!(seen.end, Ending::Silence);
    let has_closed = matches!(row.end, End::Closed(_)) || row.delivery == Delivery::Followed;
    if is_silent && !(has_closed && seen.broken_off.is_none()) {
        connection.send(&close(1000, ""));
    }
    if is_silent && seen.close.is_some() {
        seen.both_closed = true;
        if !has_closed {
            listen(connection, row, server, seen);
            seen.ended_late = !matches!(seen.end, Ending::Silence);
        }
        if matches!(seen.end, Ending::Silence) {
            server.pace.note_in_vain(Wait::Fin);
        }
    }
    seen.is_cut_off = connection.is_cut_off();
    connection.half_close();
}

/// Plays a round that comes before the row's own bytes; `false` when it did not go as it must.
fn warm(
    connection: &mut Connection,
    round: &Round,
    server: &Server,
    seen: &mut Transcript,
) -> bool {
    connection.send(&round.bytes);
    for wanted in &round.replies {
        let until = Instant::now() + server.pace.now(Wait::Answer);
        let event = loop {
            match connection.next(until) {
                Next::Event(Event::Ping(_)) => {}
                // A server that speaks unasked may do so without an end.
                Next::Event(event) if event.is_data() && !server.echoes() => {
                    if !seen.is_beyond(0, 0) {
                        note(seen, event);
                    }
                }
                other => break other,
            }
        };
        match event {
            Next::Event(event) if event == *wanted => continue,
            Next::Event(event) => note(seen, event),
            Next::Fin => seen.end = Ending::Fin,
            Next::Reset => seen.end = Ending::Reset,
            Next::Fault(fault) => seen.end = Ending::Fault(fault),
            Next::Silence => server.pace.note_in_vain(Wait::Answer),
        }
        seen.broken_off = Some(format!("before it, {wanted} was owed"));
        return false;
    }
    true
}

pub(crate) fn deliver(connection: &mut Connection, bytes: &[u8], delivery: Delivery) {
    match delivery {
        Delivery::Whole => connection.send(bytes),
        Delivery::Bytewise => {
            for byte in bytes {
                connection.send(std::slice::from_ref(byte));
                std::thread::yield_now();
            }
        }
        Delivery::CutAt(at) => {
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            connection.send(first);
            // Long enough that the two parts are usually read apart; nothing depends on it.
            std::thread::sleep(Duration::from_millis(1));
            connection.send(second);
        }
        Delivery::Followed => {
            let more = join(&[text("after"), ping("after"), close(1000, "")]);
            connection.send(&[bytes, &more].concat());
        }
    }
}

/// Reads until the row has ended, one way or another.
fn listen(connection: &mut Connection, row: &Exchange, server: &Server, seen: &mut Transcript) {
    let pace = &server.pace;
    let mut asked = row.asks_at_once(server);
    let expected = row.replies.iter().map(Event::octets).sum();
    // A server that only pings on and on makes no progress.
    let mut progress = Instant::now();
    loop {
        let is_complete = seen.events.len() >= row.replies.len();
        if row.end == End::Open && is_complete && seen.close.is_none() {
            if seen.goes_on {
                return;
            }
            if !asked {
                connection.send(&ping(PROBE));
                asked = true;
                progress = Instant::now();
            }
        }
        let (patience, awaited) = match (&seen.close, &row.end) {
            (Some(_), _) => (pace.now(Wait::Fin), None),
            (None, End::FailEarly(_)) if is_complete => (pace.now(Wait::Early), Some(Wait::Early)),
            (None, End::Fail(_)) if is_complete && !asked => (pace.quiet, None),
            _ => (pace.now(Wait::Answer), Some(Wait::Answer)),
        };
        match connection.next(progress + patience) {
            Next::Event(Event::Pong(payload)) if asked && payload == PROBE => {
                seen.goes_on = true;
                if row.end != End::Open || is_complete {
                    return;
                }
            }
            Next::Event(Event::Ping(_)) => {}
            Next::Event(event) => {
                progress = Instant::now();
                note(seen, event);
                if seen.is_beyond(row.replies.len(), expected) {
                    return;
                }
            }
            Next::Silence if seen.close.is_none() && row.must_fail() && !asked => {
                connection.send(&ping(PROBE));
                asked = true;
                progress = Instant::now();
            }
            Next::Silence => {
                if let Some(wait) = awaited {
                    pace.note_in_vain(wait);
                }
                return;
            }
            Next::Fin => {
                seen.end = Ending::Fin;
                return;
            }
            Next::Reset => {
                seen.end = Ending::Reset;
                return;
            }
            Next::Fault(fault) => {
                seen.end = Ending::Fault(fault);
                return;
            }
        }
    }
}

fn note(seen: &mut Transcript, event: Event) {
    match (event, &seen.close) {
        (Event::Close(body), None) => seen.close = Some(body),
        (event, None) => seen.events.push(event),
        (event, Some(_)) => seen.afterwards.push(event),
    }
}

impl Exchange {
    /// Whether whole frames must end the connection, so that a Ping tells if they did.
    fn must_fail(&self) -> bool {
        matches!(self.end, End::Fail(_))
    }

    /// Whether the Ping that asks if the server goes on follows the row's bytes at once, which saves a round trip
    /// where one is long. Not where Pongs are wanted: the newest of several Pings may be answered alone.
    fn asks_at_once(&self, server: &Server) -> bool {
        let is_pong = |reply: &Event| matches!(reply, Event::Pong(_));
        self.end == End::Open && !server.pace.is_near() && !self.replies.iter().any(is_pong)
    }
}

/// The payload of the Ping that asks whether the server goes on.
const PROBE: &[u8] = b"still open?";

/// Events beyond the expected ones before a server is no longer listened to.
const MOST_SURPLUS: usize = 16;

/// The same in octets of messages.
const MOST_SURPLUS_OCTETS: usize = 1 << 20;
