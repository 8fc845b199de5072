//! Plays the rows of all cases and gathers what came of each.
//!
//! **Side by side.** `--jobs` rows are under way at a time (`schedule.rs`). Against a near server one thread at a time
//! makes its opening handshake, sends its row and waits for the first answer, a few milliseconds at most; what takes
//! longer is waited for side by side. So each handshake follows the bytes of the row before, and shows that the server
//! has survived them. Against a server far away the handshakes of the next rows are made ahead instead.
//!
//! **Time.** A verdict that rests on a deadline counts once it came out the same alone (`alone.rs`).
//!
//! **Life.** A server that does not answer any more is waited for (`alive.rs`); the row after which it was gone is a
//! violation.

mod alive;
mod alone;
mod outcome;
mod progress;
mod schedule;

use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use self::outcome::{CaseOutcome, Outcome, Standing};
pub(crate) use self::progress::Progress;
pub(crate) use self::schedule::{Death, Limits, all};

use self::alive::Watch;
use self::schedule::Lanes;
use super::case::{Case, Exchange, Group, Opening, Play, Row};
use super::connection::Connection;
use super::judge;
use super::opening;
use super::play::{self, Unplayed};
use super::server::Server;
use super::verdict::Verdict;

/// A thread that panicked while it held a lock leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What all threads share.
struct Run<'a> {
    server: &'a Server,
    cases: &'a [Case],
    /// Case and row of each row, in order.
    rows: Vec<(usize, usize)>,
    outcomes: Vec<Mutex<Option<Outcome>>>,
    watch: Watch<'a>,
    lanes: Lanes,
    /// When it has to be over.
    until: Option<Instant>,
}

impl Run<'_> {
    fn case(&self, at: usize) -> &Case {
        &self.cases[self.rows[at].0]
    }

    fn row(&self, at: usize) -> &Row {
        let (case, row) = self.rows[at];
        &self.cases[case].rows[row]
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Plays a row; `None` when the server is gone, and nothing can be said.
    fn play(&self, at: usize) -> Option<Outcome> {
        let row = self.row(at);
        if self.case(at).group == Group::Deflate && !self.server.compresses {
            return Some(Outcome::skipped("permessage-deflate is not negotiated"));
        }
        if row.needs_echo() && !self.server.echoes {
            return Some(Outcome::skipped("it needs an echo, and there is none"));
        }
        if self.is_late() {
            return Some(Outcome::not_played("the time limit was over"));
        }
        let mut outcome = self.play_with_retries(at, row)?;
        outcome.finished = Instant::now();
        Some(outcome)
    }

    /// Plays a row. An opening handshake that comes to nothing gets one more chance, and a server that says that it has
    /// too much to do several.
    fn play_with_retries(&self, at: usize, row: &Row) -> Option<Outcome> {
        let mut failed = false;
        let mut busy = 0..MOST_BUSY;
        loop {
            if self.watch.is_gone() {
                return None;
            }
            let unplayed = match self.play_once(at, row) {
                Ok(outcome) => return Some(outcome),
                Err(unplayed) => unplayed,
            };
            match unplayed {
                Unplayed::Skipped(why) => return Some(Outcome::skipped(why)),
                Unplayed::Fault(fault, tapes) => {
                    return Some(Outcome::judged(Verdict::fault(&fault), *tapes));
                }
                Unplayed::Busy(what, retry_after) => {
                    let Some(tries) = busy.next().filter(|_| !self.is_late()) else {
                        return Some(Outcome::not_played(format!("refused by load: {what}")));
                    };
                    let growing = FIRST_BUSY * 2_u32.pow(tries);
                    let asked = retry_after.map(Duration::from_secs).unwrap_or_default();
                    thread::sleep(growing.max(asked.min(LONGEST_RETRY)));
                }
                Unplayed::Unreachable(error, since) => {
                    // Refused, although it listened before: it may have gone, if only for a moment.
                    if !self.watch.is_still_there(since, true) {
                        return None;
                    }
                    let Some(tries) = busy.next() else {
                        return Some(Outcome::not_played(format!("no connection: {error}")));
                    };
                    thread::sleep(FIRST_BUSY * 2_u32.pow(tries));
                }
                Unplayed::NoHandshake(_) if !failed => {
                    failed = true;
                    thread::sleep(RETRY);
                }
                Unplayed::NoHandshake(refusal) => {
                    if !refusal.is_answered && !self.watch.is_still_there(Instant::now(), false) {
                        return None;
                    }
                    let clause = match &row.play {
                        Play::Exchange(Exchange { offer: Some(_), .. }) => {
                            "RFC 6455 9.1: an offer that is not wanted is declined"
                        }
                        _ => "RFC 6455 4.2.2",
                    };
                    let observed =
                        format!("the opening handshake before it: {} ({clause})", refusal.observed);
                    return Some(Outcome::judged(Verdict::violation(observed), refusal.tapes));
                }
            }
        }
    }

    fn play_once(&self, at: usize, row: &Row) -> Result<Outcome, Unplayed> {
        match &row.play {
            Play::Opening(opening) => self.open(at, row, opening),
            Play::Exchange(exchange) => self.exchange(at, row, exchange),
        }
    }

    fn open(&self, at: usize, row: &Row, opening: &Opening) -> Result<Outcome, Unplayed> {
        let turn = self.lanes.turn();
        // The rows before had no lawful handshake behind them yet.
        let is_alive = self.watch.confirm();
        let _place = self.lanes.place();
        let begun = Instant::now();
        if !is_alive {
            return Err(nobody());
        }
        self.watch.begins(at);
        let mut connection = match opening::send(self.server, opening) {
            Ok(connection) => connection,
            Err(unplayed) => {
                self.watch.never_began(at);
                return Err(unplayed);
            }
        };
        self.sent(at, &mut connection, turn);
        let seen = opening::finish(self.server, &mut connection, opening);
        self.settle(at, &connection);
        if let super::http::Answered::Response(response) = &seen.answered {
            self.watch.is_answered(at);
            if matches!(response.status, 429 | 503) && opening.answer.is_lawful() {
                return Err(Unplayed::Busy(response.summary(), response.retry_after()));
            }
        }
        let verdict = opening::judge(row, opening, &seen, self.server.echoes);
        Ok(Outcome { took: begun.elapsed(), ..Outcome::judged(verdict, seen.tapes) })
    }

    fn exchange(&self, at: usize, row: &Row, exchange: &Exchange) -> Result<Outcome, Unplayed> {
        // Near: one after the other. Far: the handshake is made before there is a place.
        let turn = self.lanes.turn();
        let mut opened = play::open(self.server, exchange)?;
        self.watch.is_shown(opened.begun);
        let asked = Instant::now();
        let _place = self.lanes.place();
        if asked.elapsed() > STALE {
            opened = play::open(self.server, exchange)?;
            self.watch.is_shown(opened.begun);
        }
        if self.watch.is_gone() {
            return Err(nobody());
        }
        let mut connection = opened.connection;
        let begun = Instant::now();
        self.watch.begins(at);
        let mut seen = play::send(self.server, &mut connection, exchange);
        self.sent(at, &mut connection, turn);
        play::finish(self.server, &mut connection, exchange, &mut seen);
        self.settle(at, &connection);
        if seen.is_answered() {
            self.watch.is_answered(at);
        }
        let verdict = judge::judge(row, exchange, &seen, self.server.echoes);
        Ok(Outcome { took: begun.elapsed(), ..Outcome::judged(verdict, connection.tapes()) })
    }
}

impl Run<'_> {
    /// The row's last byte is sent. Where rows take turns, the next one waits for the first answer to it.
    fn sent(&self, at: usize, connection: &mut Connection, turn: Option<MutexGuard<'_, ()>>) {
        self.watch.is_sent(at);
        if turn.is_some() {
            connection.wait(self.server.pace.turn());
            self.settle(at, connection);
        }
    }

    fn settle(&self, at: usize, connection: &Connection) {
        if connection.has_heard() {
            self.watch.is_settled(at);
        }
    }
}

/// Nothing is begun while the server is gone.
fn nobody() -> Unplayed {
    Unplayed::Unreachable(std::io::ErrorKind::NotConnected.into(), Instant::now())
}

/// Before an opening handshake that came to nothing is tried again.
const RETRY: Duration = Duration::from_millis(300);

/// How often a server may say that it has too much to do, and the first pause then; each is twice the one before.
const MOST_BUSY: u32 = 6;
const FIRST_BUSY: Duration = Duration::from_millis(250);
/// What it may ask for.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How long a connection is kept open before its row begins.
const STALE: Duration = Duration::from_secs(1);
