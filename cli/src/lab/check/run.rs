//! Plays the cases, a few at a time, and gathers what came of each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::case::{Case, Grade, Group, Play, Row};
use super::judge::{self, Verdict};
use super::opening;
use super::play::{self, Server, Unplayed};

/// What came of one case.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// `None` when it was skipped; `observed` then says why.
    pub(crate) grade: Option<Grade>,
    pub(crate) expected: String,
    pub(crate) observed: String,
    pub(crate) took: Duration,
}

impl Outcome {
    fn skipped(case: &Case, why: String) -> Outcome {
        let expected = case.rows.first().map(Row::expected).unwrap_or_default();
        Outcome { grade: None, expected, observed: why, took: Duration::ZERO }
    }
}

/// The server is not there any more.
#[derive(Debug)]
pub(crate) struct Gone {
    /// What a connection came to.
    pub(crate) why: String,
    /// The cases that were being played.
    pub(crate) during: Vec<&'static str>,
}

/// Plays all cases; `progress` is told of each that begins, with how many are done.
///
/// # Errors
/// When the server stops to take part.
pub(crate) fn all(
    server: &Server,
    cases: &[Case],
    progress: &(dyn Fn(usize, &Case) + Sync),
) -> Result<Vec<Outcome>, Gone> {
    let run = Run {
        server,
        begun: Instant::now(),
        refused: AtomicU32::new(0),
        is_over: AtomicBool::new(false),
        why: Mutex::new(None),
    };
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Option<Outcome>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    let playing: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(case), Some(slot)) = (cases.get(at), outcomes.get(at)) else { break };
                    if run.is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    progress(at, case);
                    lock(&playing).push(case.id);
                    let outcome = run.case(case);
                    if !run.is_over.load(Ordering::Relaxed) {
                        lock(&playing).retain(|id| *id != case.id);
                    }
                    *lock(slot) = Some(outcome);
                }
            });
        }
    });
    let why = lock(&run.why).take();
    if let Some(why) = why {
        return Err(Gone { why, during: std::mem::take(&mut *lock(&playing)) });
    }
    Ok(outcomes.iter().filter_map(|slot| lock(slot).take()).collect())
}

/// A thread that panicked while it held a lock leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Run<'a> {
    server: &'a Server,
    begun: Instant,
    /// How many rows in a row did not even get their opening handshake.
    refused: AtomicU32,
    is_over: AtomicBool,
    why: Mutex<Option<String>>,
}

impl Run<'_> {
    fn case(&self, case: &Case) -> Outcome {
        let begun = Instant::now();
        if case.group == Group::Deflate && !self.server.compresses {
            return Outcome::skipped(case, "permessage-deflate is not negotiated".to_owned());
        }
        let mut worst: Option<(Verdict, String)> = None;
        let mut skipped = None;
        for row in &case.rows {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            if self.begun.elapsed() > LONGEST_RUN {
                skipped = Some("the time for the whole run is over".to_owned());
                break;
            }
            match self.row(row) {
                Ok(mut verdict) => {
                    if worst.as_ref().is_none_or(|(before, _)| verdict.grade > before.grade) {
                        if case.rows.len() > 1 && verdict.grade != Grade::Strict {
                            verdict.observed = format!("{}: {}", row.what, verdict.observed);
                        }
                        worst = Some((verdict, row.expected()));
                    }
                }
                Err(why) => skipped = Some(why),
            }
            if worst.as_ref().is_some_and(|(verdict, _)| verdict.grade == Grade::Violation) {
                break;
            }
        }
        let took = begun.elapsed();
        match (worst, skipped) {
            (Some((verdict, expected)), _) => {
                Outcome { grade: Some(verdict.grade), expected, observed: verdict.observed, took }
            }
            (None, why) => Outcome::skipped(case, why.unwrap_or_else(|| "not played".to_owned())),
        }
    }

    /// One row; `Err` says why it was skipped.
    fn row(&self, row: &Row) -> Result<Verdict, String> {
        if row.needs_echo() && !self.server.echoes {
            return Err("it needs an echo, and there is none".to_owned());
        }
        let again = match row_once(self.server, row) {
            // A server that is busy for a moment gets another chance.
            Err(Unplayed::NoHandshake(_)) => {
                thread::sleep(Duration::from_millis(300));
                row_once(self.server, row)
            }
            other => other,
        };
        match again {
            Ok(verdict) => {
                self.refused.store(0, Ordering::Relaxed);
                Ok(verdict)
            }
            Err(Unplayed::Skipped(why)) => Err(why.to_owned()),
            Err(Unplayed::Fault(fault)) => Ok(Verdict::fault(&fault)),
            Err(Unplayed::Unreachable(error)) => {
                self.end(format!("no connection any more: {error}"));
                Err("the server is gone".to_owned())
            }
            Err(Unplayed::NoHandshake(what)) => {
                if self.refused.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_REFUSED {
                    self.end(format!("no opening handshake any more: {what}"));
                }
                Err(format!("the opening handshake before it came to nothing: {what}"))
            }
        }
    }

    fn end(&self, why: String) {
        self.is_over.store(true, Ordering::Relaxed);
        lock(&self.why).get_or_insert(why);
    }
}

/// Plays a row and grades it.
fn row_once(server: &Server, row: &Row) -> Result<Verdict, Unplayed> {
    match &row.play {
        Play::Opening(opening) => {
            let seen = opening::open(server, opening)?;
            Ok(opening::judge(opening, row.duty, &seen, server.echoes))
        }
        Play::Exchange(exchange) => {
            let seen = play::exchange(server, exchange)?;
            Ok(judge::judge(exchange, row.duty, &seen, server.echoes))
        }
    }
}

/// So few that a small server is not overrun.
const AT_ONCE: usize = 4;

/// However slow the server, it ends.
const LONGEST_RUN: Duration = Duration::from_secs(300);

/// Rows without an opening handshake before the server counts as gone.
const MOST_REFUSED: u32 = 12;
