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

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use self::outcome::{CaseOutcome, Outcome, Standing, reasons};
pub(crate) use self::progress::Progress;
pub(crate) use self::schedule::{Death, Limits, all};

use self::alive::Watch;
use self::schedule::Lanes;
use super::case::{Case, Exchange, Group, Opening, Play, Row};
use super::cases::{CLOSE_NOTIFY, WITHOUT_TLS};
use super::connection::Connection;
use super::judge;
use super::opening;
use super::play::{self, Refusal, Unplayed};
use super::server::{Echo, Server, Wait};
use super::tape::Tapes;
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
    /// Rows in a row that the server was asked for in vain, as it had too much to do.
    given_up: AtomicU32,
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
        if self.case(at).id == WITHOUT_TLS && self.server.place.tls.is_some() {
            return Some(Outcome::skipped("it is about connections without TLS"));
        }
        match &self.server.echo {
            Echo::No(what) if row.needs_echo() => {
                let why = format!("it needs an echo, and there is none: {what}");
                return Some(Outcome::skipped(why));
            }
            // A server that fails at a text has not shown that it needs none.
            Echo::Unknown(what) if row.needs_echo() => {
                let why = format!("whether there is an echo is not known: {what}");
                return Some(Outcome::not_played(why));
            }
            _ => {}
        }
        if self.is_late() {
            return Some(Outcome::not_played("the time limit was over"));
        }
        let mut outcome = self.play_with_retries(at, row)?;
        outcome.finished = Instant::now();
        Some(outcome)
    }

    /// Plays a row. One that ends TCP where something was owed is played again at once, and a server that says that
    /// it has too much to do is asked again after a pause.
    fn play_with_retries(&self, at: usize, row: &Row) -> Option<Outcome> {
        let mut before = None;
        let mut again = 0..MORE_TRIES;
        let is_overrun = self.given_up.load(Ordering::Relaxed) >= OVERRUN;
        let mut busy = 0..if is_overrun { 1 } else { MOST_BUSY };
        loop {
            if self.watch.is_gone() {
                return None;
            }
            let outcome = match self.play_once(at, row) {
                Ok(outcome) => outcome,
                Err(Unplayed::Skipped(why)) => Outcome::skipped(why),
                Err(Unplayed::Fault(fault, tapes)) => {
                    Outcome::judged(Verdict::fault(&fault), *tapes)
                }
                Err(Unplayed::NoHandshake(refusal)) => {
                    if !refusal.is_answered && !self.watch.is_still_there(Instant::now(), false) {
                        return None;
                    }
                    self.without_handshake(row, *refusal)
                }
                Err(Unplayed::Busy(what, retry_after)) => {
                    let Some(tries) = busy.next().filter(|_| !self.is_late()) else {
                        self.given_up.fetch_add(1, Ordering::Relaxed);
                        return Some(Outcome::not_played(format!("refused by load: {what}")));
                    };
                    let growing = FIRST_BUSY * 2_u32.pow(tries);
                    let asked = retry_after.map(Duration::from_secs).unwrap_or_default();
                    thread::sleep(growing.max(asked.min(LONGEST_RETRY)));
                    continue;
                }
                Err(Unplayed::Unreachable(error, since)) => {
                    // Refused, although it listened before: it may have gone, if only for a moment.
                    if !self.watch.is_still_there(since, true) {
                        return None;
                    }
                    let Some(tries) = busy.next() else {
                        self.given_up.fetch_add(1, Ordering::Relaxed);
                        return Some(Outcome::not_played(format!("no connection: {error}")));
                    };
                    thread::sleep(FIRST_BUSY * 2_u32.pow(tries));
                    continue;
                }
            };
            self.given_up.store(0, Ordering::Relaxed);
            if outcome.is_violation() && outcome.is_drop && again.next().is_some() {
                before = Some(outcome);
                thread::sleep(RETRY);
                continue;
            }
            return Some(outcome.after(before));
        }
    }

    /// The lawful opening handshake that the row needs came to this.
    fn without_handshake(&self, row: &Row, refusal: Refusal) -> Outcome {
        let clause = match &row.play {
            Play::Exchange(Exchange { offer: Some(_), .. }) => {
                "RFC 6455 9.1: an offer that is not wanted is declined"
            }
            _ => "RFC 6455 4.2.2",
        };
        let observed = format!("the opening handshake before it: {} ({clause})", refusal.observed);
        let verdict = Verdict::violation(observed);
        let verdict = match refusal.is_silent {
            true => verdict.resting_on(Wait::Answer),
            false => verdict.resting_on_end(),
        };
        let outcome = self.judged(verdict, refusal.tapes);
        if refusal.is_silent {
            self.server.pace.note_in_vain(Wait::Answer);
        }
        outcome
    }

    /// With the note whether it was waited for long enough.
    fn judged(&self, verdict: Verdict, tapes: Tapes) -> Outcome {
        let is_hasty = verdict.rests_on.is_some_and(|wait| self.server.pace.is_short(wait));
        Outcome { is_hasty, ..Outcome::judged(verdict, tapes) }
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
        let is_new = self.watch.begins(at);
        let mut connection = match opening::send(self.server, opening) {
            Ok(connection) => connection,
            Err(unplayed) => {
                if is_new {
                    self.watch.never_began(at);
                }
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
        let verdict = opening::judge(row, opening, &seen, self.server.echoes());
        Ok(Outcome { took: begun.elapsed(), ..self.judged(verdict, seen.tapes) })
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
        let judge = match self.case(at).id {
            CLOSE_NOTIFY => judge::judge_notified,
            _ => judge::judge,
        };
        let verdict = judge(row, exchange, &seen, self.server.echoes());
        Ok(Outcome { took: begun.elapsed(), ..self.judged(verdict, connection.tapes()) })
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

/// How often a row is played again that ended TCP where something was owed, and the pause before.
const MORE_TRIES: u32 = 2;
const RETRY: Duration = Duration::from_millis(50);

/// How often a server may say that it has too much to do, and the first pause then; each is twice the one before.
const MOST_BUSY: u32 = 6;
const FIRST_BUSY: Duration = Duration::from_millis(250);
/// After so many rows in a row each is asked for twice only: the whole run takes minutes then and not hours.
const OVERRUN: u32 = 8;
/// What it may ask for.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// How long a connection is kept open before its row begins.
const STALE: Duration = Duration::from_secs(1);
