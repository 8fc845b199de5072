//! Which row is played when.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::alive::{Gone, Suspect, Watch};
use super::outcome::{CaseOutcome, Outcome, Standing};
use super::progress::Progress;
use super::{Run, alone, lock};
use crate::lab::check::case::{Case, Grade, Play};
use crate::lab::check::server::Server;
use crate::lab::check::tape::{Tape, Tapes};
use crate::lab::check::verdict::Verdict;

/// What a run may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows under way at a time, if that is said.
    pub(crate) jobs: Option<usize>,
    pub(crate) time: Option<Duration>,
}

/// A time after which the server answered nobody.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    /// Case and row that it happened after, as far as can be told.
    pub(crate) after: Option<(usize, usize)>,
    /// Whether it can be no other row, and nobody else's doing.
    pub(crate) is_certain: bool,
    /// Rows that were under way too.
    pub(crate) also: Vec<(usize, usize)>,
    pub(crate) how: String,
    /// Whether it came back.
    pub(crate) came_back: bool,
}

/// Plays all cases. What is not played says so.
pub(crate) fn all(
    server: &Server,
    cases: &[Case],
    limits: Limits,
    progress: &Progress,
) -> (Vec<CaseOutcome>, Vec<Death>) {
    let begun = Instant::now();
    let rows: Vec<(usize, usize)> = cases
        .iter()
        .enumerate()
        .flat_map(|(case, of)| (0..of.rows.len()).map(move |row| (case, row)))
        .collect();
    progress.begin(rows.len());
    let run = Run {
        server,
        cases,
        outcomes: rows.iter().map(|_| Mutex::new(None)).collect(),
        rows,
        watch: Watch::new(server),
        lanes: Lanes::new(limits.jobs, server.pace.is_near()),
        given_up: AtomicU32::new(0),
        until: limits.time.map(|time| begun + time),
    };
    let deaths = thread::scope(|scope| {
        // Dropped at the end, which ends the other thread.
        let (_sender, receiver) = mpsc::channel::<()>();
        let count = run.rows.len();
        scope.spawn(move || {
            while receiver.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                progress.tick(count);
            }
        });
        run.all(progress)
    });
    progress.end();
    (run.gathered(), deaths)
}

impl Run<'_> {
    fn all(&self, progress: &Progress) -> Vec<Death> {
        let mut deaths = Vec::new();
        loop {
            self.side_by_side(progress);
            if !self.watch.is_gone() && self.watch.confirm() {
                alone::confirm(self);
            }
            // Whatever came last must have been survived too.
            if !self.watch.is_gone() && self.watch.confirm() {
                return deaths;
            }
            let Some((gone, suspects)) = self.watch.take() else { return deaths };
            let Some(death) = self.autopsy(&gone, &suspects) else { continue };
            let is_over = !death.came_back || deaths.len() + 1 >= MOST_DEATHS;
            deaths.push(death);
            if is_over {
                return deaths;
            }
        }
    }

    /// Plays everything that was not played yet.
    fn side_by_side(&self, progress: &Progress) {
        let left: Vec<usize> =
            (0..self.rows.len()).filter(|at| lock(&self.outcomes[*at]).is_none()).collect();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..self.lanes.threads() {
                scope.spawn(|| {
                    while let Some(at) = left.get(next.fetch_add(1, Ordering::Relaxed))
                        && !self.watch.is_gone()
                    {
                        let outcome = self.play(*at);
                        progress.step(self.case(*at).id);
                        *lock(&self.outcomes[*at]) = outcome;
                    }
                });
            }
        });
    }

    /// Finds the row after which the server was gone. If it comes back, the suspects are played one at a time. `None`
    /// when it was gone for a moment only, and none of them does that.
    fn autopsy(&self, gone: &Gone, suspects: &[Suspect]) -> Option<Death> {
        let how = gone.how.clone();
        let place = |suspect: &Suspect| self.rows[suspect.row];
        let came_back = self.watch.comes_back();
        let killer = suspects.first().filter(|_| !came_back);
        // Somebody may have ended a server that had answered the only row under way.
        let is_certain = suspects.len() == 1 && !suspects[0].is_answered;
        match killer {
            Some(suspect) if is_certain => self.is_killer(suspect.row, &how),
            Some(suspect) => self.may_be_killer(suspect.row, &how),
            None => {}
        }
        self.forget_since(gone, killer.map(|suspect| suspect.row));
        if !came_back {
            let also = suspects.iter().skip(1).map(place).collect();
            let after = killer.map(place);
            return Some(Death { after, is_certain, also, how, came_back });
        }
        for suspect in suspects {
            let outcome = self.play(suspect.row);
            if !self.watch.is_gone() && self.watch.confirm() {
                *lock(&self.outcomes[suspect.row]) = outcome;
                continue;
            }
            let how = self.watch.take().map_or(how, |(gone, _)| gone.how);
            *lock(&self.outcomes[suspect.row]) = outcome;
            self.is_killer(suspect.row, &how);
            let came_back = self.watch.comes_back();
            let after = Some(place(suspect));
            return Some(Death { after, is_certain: true, also: Vec::new(), how, came_back });
        }
        let also = suspects.iter().map(place).collect();
        let death = Death { after: None, is_certain: false, also, how, came_back };
        (!gone.is_brief).then_some(death)
    }

    /// What was waited for while the server was gone says nothing about the row.
    fn forget_since(&self, gone: &Gone, killer: Option<usize>) {
        for (at, slot) in self.outcomes.iter().enumerate() {
            let mut slot = lock(slot);
            let is_tainted = |of: &Outcome| {
                of.finished >= gone.since
                    && !matches!(of.standing, Standing::Skipped | Standing::Judged(Grade::Strict))
            };
            if Some(at) != killer && slot.as_ref().is_some_and(is_tainted) {
                *slot = None;
            }
        }
    }

    /// After this row the server answered nobody.
    fn is_killer(&self, at: usize, how: &str) {
        let observed = format!("after it the server answered nobody: {how}");
        let tapes = self.tapes_of(at);
        *lock(&self.outcomes[at]) = Some(Outcome::judged(Verdict::violation(observed), tapes));
    }

    /// After this row or another one, or when somebody ended it, the server answered nobody: nothing is known of it.
    fn may_be_killer(&self, at: usize, how: &str) {
        let observed =
            format!("after it, or for another reason, the server answered nobody: {how}");
        let tapes = self.tapes_of(at);
        *lock(&self.outcomes[at]) = Some(Outcome { tapes, ..Outcome::not_played(observed) });
    }

    fn tapes_of(&self, at: usize) -> Tapes {
        match lock(&self.outcomes[at]).take() {
            Some(outcome) if !outcome.tapes.sent.is_empty() => outcome.tapes,
            _ => Tapes { sent: self.bytes_of(at), ..Tapes::default() },
        }
    }

    /// What the row sends, its opening handshake left out.
    fn bytes_of(&self, at: usize) -> Tape {
        let mut tape = Tape::default();
        match &self.row(at).play {
            Play::Opening(opening) => {
                tape.note(&self.server.bytes_of(&opening.head));
            }
            Play::Exchange(exchange) => {
                exchange.first.iter().for_each(|round| tape.note(&round.bytes));
                tape.note(&exchange.bytes);
            }
        }
        tape
    }

    fn gathered(self) -> Vec<CaseOutcome> {
        let mut all: Vec<Vec<Outcome>> = self.cases.iter().map(|_| Vec::new()).collect();
        for ((case, _), slot) in self.rows.iter().zip(self.outcomes) {
            let outcome = slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let outcome = outcome.unwrap_or_else(|| Outcome::not_played("the server was gone"));
            all[*case].push(outcome);
        }
        self.cases.iter().zip(all).map(|(case, rows)| CaseOutcome::of(case, rows)).collect()
    }
}

/// How many rows are under way, and whether they begin one after the other.
pub(super) struct Lanes {
    jobs: usize,
    is_near: bool,
    turn: Mutex<()>,
    taken: Mutex<usize>,
    given_back: Condvar,
}

/// A row that is under way.
pub(super) struct Place<'a>(Option<&'a Lanes>);

impl Lanes {
    fn new(jobs: Option<usize>, is_near: bool) -> Lanes {
        let jobs = jobs.unwrap_or(if is_near { NEAR_JOBS } else { FAR_JOBS });
        let is_near = is_near || jobs == 1;
        Lanes {
            jobs,
            is_near,
            turn: Mutex::new(()),
            taken: Mutex::new(0),
            given_back: Condvar::new(),
        }
    }

    /// Against a far server as many again make the handshakes of the rows to come.
    fn threads(&self) -> usize {
        if self.is_near { self.jobs } else { self.jobs * 2 }
    }

    /// The right to begin a row, where only one at a time has it.
    pub(super) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.is_near.then(|| lock(&self.turn))
    }

    /// Waits until fewer than `jobs` rows are under way.
    pub(super) fn place(&self) -> Place<'_> {
        if self.is_near {
            return Place(None);
        }
        let mut taken = lock(&self.taken);
        while *taken >= self.jobs {
            taken = self.given_back.wait(taken).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        *taken += 1;
        Place(Some(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(lanes) = self.0 {
            *lock(&lanes.taken) -= 1;
            lanes.given_back.notify_one();
        }
    }
}

/// Rows under way at a time where nobody says how many.
const NEAR_JOBS: usize = 8;
const FAR_JOBS: usize = 12;

/// How often is looked whether something is to be said.
const TICK: Duration = Duration::from_millis(50);

/// How often a server is started again by somebody before the run ends.
const MOST_DEATHS: usize = 16;
