//! Plays a row of frames and notes what came of it; `judge.rs` grades that.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::case::{Context, Delivery, End, Exchange, Round};
use super::connection::{Connection, Next};
use super::frame::{Event, Fault, close, join, ping, text};
use super::head::Head;
use super::http::{self, Answered};

/// The server under check, and how patient to be with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Path and query of the URL.
    pub(crate) path: String,
    /// As it stands in the Host field.
    pub(crate) host: String,
    pub(crate) echoes: bool,
    pub(crate) compresses: bool,
    pub(crate) pace: Pace,
}

/// How long to wait for what.
pub(crate) struct Pace {
    /// For an answer that is owed.
    pub(crate) answer: Duration,
    /// Before a silent server is asked whether it goes on.
    pub(crate) quiet: Duration,
    /// For a fault to be told by the beginning of a frame alone.
    pub(crate) early: Duration,
    /// For FIN after the last word.
    pub(crate) fin: Duration,
    /// How often FIN did not come in that time.
    lingering: AtomicU32,
    /// How often a fault was not told early.
    waiting: AtomicU32,
}

impl Pace {
    /// For a server whose answers take about so long.
    pub(crate) fn of(round_trip: Duration) -> Pace {
        Pace {
            answer: (round_trip * 10).clamp(Duration::from_secs(3), Duration::from_secs(10)),
            quiet: (round_trip * 4).clamp(Duration::from_millis(60), Duration::from_secs(2)),
            early: (round_trip * 4).clamp(Duration::from_millis(500), Duration::from_secs(2)),
            fin: (round_trip * 4).clamp(Duration::from_millis(800), Duration::from_secs(2)),
            lingering: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
        }
    }

    /// For FIN: a server that leaves it to the client time and again is not waited for so long.
    pub(crate) fn fin_now(&self) -> Duration {
        let often = self.lingering.load(Ordering::Relaxed) >= OFTEN;
        if often { self.quiet.min(self.fin) } else { self.fin }
    }

    /// For a fault told early: a server that waits for the whole frame time and again waits on.
    fn early_now(&self) -> Duration {
        let often = self.waiting.load(Ordering::Relaxed) >= OFTEN;
        if often { self.quiet.min(self.early) } else { self.early }
    }

    pub(crate) fn note_end(&self, finished: bool) {
        if !finished {
            self.lingering.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How often something must fail to come before less time is spent on it.
const OFTEN: u32 = 6;

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

/// Why a row was not played to its end.
#[derive(Debug)]
pub(crate) enum Unplayed {
    /// It does not fit this server, and why.
    Skipped(&'static str),
    /// Nobody answers any more.
    Unreachable(std::io::Error),
    /// The opening handshake did not come to a 101.
    NoHandshake(String),
    /// The answer to the offer breaks a rule.
    Fault(Fault),
}

/// Opens a connection and plays the row on it.
pub(crate) fn exchange(server: &Server, row: &Exchange) -> Result<Transcript, Unplayed> {
    let mut connection = open(server, row)?;
    let mut transcript = Transcript::default();
    let is_warm =
        row.first.iter().all(|round| warm(&mut connection, round, server, &mut transcript));
    if is_warm {
        deliver(&mut connection, &row.bytes, row.delivery);
        listen(&mut connection, row, &server.pace, &mut transcript);
    }
    // A lawful end for what is still open; whoever does not care sees FIN.
    if transcript.close.is_none() && matches!(transcript.end, Ending::Silence) {
        connection.send(&close(1000, ""));
    }
    connection.half_close();
    Ok(transcript)
}

/// Connects; a server that is busy for a moment gets another try.
pub(crate) fn connect(server: &Server) -> Result<Connection, Unplayed> {
    let mut tries = 0..TRIES;
    loop {
        match Connection::connect(server.address, server.pace.answer) {
            Ok(connection) => return Ok(connection),
            Err(_) if tries.next().is_some() => std::thread::sleep(Duration::from_millis(150)),
            Err(error) => return Err(Unplayed::Unreachable(error)),
        }
    }
}

const TRIES: u32 = 4;

fn open(server: &Server, row: &Exchange) -> Result<Connection, Unplayed> {
    if row.offer.is_some() && !server.compresses {
        return Err(Unplayed::Skipped("permessage-deflate is not negotiated"));
    }
    let mut connection = connect(server)?;
    let head = match row.offer {
        Some(offer) => Head::new().set("Sec-WebSocket-Extensions", offer),
        None => Head::new(),
    };
    connection.send(&head.bytes_for(&server.path, &server.host));
    let until = Instant::now() + server.pace.answer;
    match http::read(&mut connection, until, false) {
        Answered::Response(response) if response.status == 101 => {
            let Some(offer) = row.offer else { return Ok(connection) };
            let answer = response.values("sec-websocket-extensions");
            let agreement = Agreement::of(offer, &answer).map_err(Unplayed::Fault)?;
            let agreement = agreement.ok_or(Unplayed::Skipped("the offer was declined"))?;
            match (row.context, agreement.client_no_context_takeover) {
                (Context::Kept, true) => Err(Unplayed::Skipped("no context is taken over")),
                (Context::Fresh, false) => Err(Unplayed::Skipped("contexts are taken over")),
                _ => {
                    connection.agree(agreement);
                    Ok(connection)
                }
            }
        }
        other => Err(Unplayed::NoHandshake(other.to_string())),
    }
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
        let event = loop {
            match connection.next(Instant::now() + server.pace.answer) {
                Next::Event(Event::Ping(_)) => {}
                other => break other,
            }
        };
        match event {
            Next::Event(event) if event == *wanted => continue,
            Next::Event(event) => note(seen, event),
            Next::Fin => seen.end = Ending::Fin,
            Next::Reset => seen.end = Ending::Reset,
            Next::Fault(fault) => seen.end = Ending::Fault(fault),
            Next::Silence => {}
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
fn listen(connection: &mut Connection, row: &Exchange, pace: &Pace, seen: &mut Transcript) {
    let mut asked = false;
    // A server that only pings on and on makes no progress.
    let mut progress = Instant::now();
    loop {
        let is_complete = seen.events.len() >= row.replies.len();
        if row.end == End::Open && is_complete && !asked && seen.close.is_none() {
            connection.send(&ping(PROBE));
            asked = true;
            progress = Instant::now();
        }
        let patience = match (&seen.close, &row.end) {
            (Some(_), _) => pace.fin_now(),
            (None, End::FailEarly(_)) if is_complete => pace.early_now(),
            (None, End::Fail(_)) if is_complete && !asked => pace.quiet,
            _ => pace.answer,
        };
        match connection.next(progress + patience) {
            Next::Event(Event::Pong(payload)) if asked && payload == PROBE => {
                seen.goes_on = true;
                return;
            }
            Next::Event(Event::Ping(_)) => {}
            Next::Event(event) => {
                progress = Instant::now();
                note(seen, event);
                if seen.events.len() + seen.afterwards.len() > row.replies.len() + MOST_SURPLUS {
                    return;
                }
            }
            Next::Silence if row.must_fail() && !asked && seen.close.is_none() => {
                connection.send(&ping(PROBE));
                asked = true;
                progress = Instant::now();
            }
            Next::Silence => {
                if seen.close.is_some() {
                    pace.note_end(false);
                } else if matches!(row.end, End::FailEarly(_)) {
                    pace.waiting.fetch_add(1, Ordering::Relaxed);
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
}

/// The payload of the Ping that asks whether the server goes on.
const PROBE: &[u8] = b"still open?";

/// Events beyond the expected ones before a server is no longer listened to.
const MOST_SURPLUS: usize = 16;
