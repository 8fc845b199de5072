//! What came of rows and of cases. A case takes the worst of its rows.

use std::time::{Duration, Instant};

use super::super::case::{Case, Grade, Row};
use super::super::server::Wait;
use super::super::tape::Tapes;
use super::super::verdict::Verdict;

/// Where a row or a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Judged(Grade),
    /// It does not fit this server: no echo, no compression, another agreement.
    Skipped,
    /// It fits, and was not played or not to its end: nothing is known of it.
    NotPlayed,
}

/// What came of one row.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) standing: Standing,
    /// What was seen; why it was skipped or not played.
    pub(crate) observed: String,
    /// Where it is acceptable: what makes it so.
    pub(crate) basis: String,
    pub(crate) tapes: Tapes,
    pub(crate) rests_on: Option<Wait>,
    /// Whether it was waited for less long than at the beginning.
    pub(crate) is_hasty: bool,
    /// Whether TCP ended instead of what was owed.
    pub(crate) is_drop: bool,
    pub(crate) took: Duration,
    /// When the server was last listened to.
    pub(crate) finished: Instant,
}

impl Outcome {
    pub(crate) fn judged(verdict: Verdict, tapes: Tapes) -> Outcome {
        Outcome {
            standing: match verdict.is_unread {
                true => Standing::NotPlayed,
                false => Standing::Judged(verdict.grade),
            },
            basis: verdict.basis,
            tapes,
            rests_on: verdict.rests_on,
            is_drop: verdict.is_drop,
            ..Outcome::of(Standing::NotPlayed, verdict.observed)
        }
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Outcome {
        Outcome::of(Standing::Skipped, why.into())
    }

    pub(crate) fn not_played(why: impl Into<String>) -> Outcome {
        Outcome::of(Standing::NotPlayed, why.into())
    }

    fn of(standing: Standing, observed: String) -> Outcome {
        Outcome {
            standing,
            observed,
            basis: String::new(),
            tapes: Tapes::default(),
            rests_on: None,
            is_hasty: false,
            is_drop: false,
            took: Duration::ZERO,
            finished: Instant::now(),
        }
    }

    /// The outcome of a row that came to a violation before: what comes and goes is acceptable at best.
    pub(crate) fn after(self, before: Option<Outcome>) -> Outcome {
        use Grade::{Acceptable, Strict};
        match (before, self.standing) {
            (Some(before), Standing::Judged(Strict | Acceptable) | Standing::Skipped) => Outcome {
                standing: Standing::Judged(Acceptable),
                observed: format!("{}; but at first {}", self.observed, before.observed),
                basis: FLIPS.to_owned(),
                tapes: before.tapes,
                rests_on: None,
                ..self
            },
            _ => self,
        }
    }

    pub(crate) fn is_violation(&self) -> bool {
        self.grade() == Some(Grade::Violation)
    }

    pub(crate) fn grade(&self) -> Option<Grade> {
        match self.standing {
            Standing::Judged(grade) => Some(grade),
            Standing::Skipped | Standing::NotPlayed => None,
        }
    }
}

/// What came of one case: its rows, and what they make of it.
#[derive(Debug)]
pub(crate) struct CaseOutcome {
    pub(crate) standing: Standing,
    pub(crate) expected: String,
    pub(crate) observed: String,
    pub(crate) took: Duration,
    pub(crate) rows: Vec<Outcome>,
}

impl CaseOutcome {
    /// The worst of the rows: a violation, then what is not known, then what is acceptable.
    pub(crate) fn of(case: &Case, rows: Vec<Outcome>) -> CaseOutcome {
        let rank = |outcome: &Outcome| match outcome.standing {
            Standing::Judged(Grade::Violation) => 4,
            Standing::NotPlayed => 3,
            Standing::Judged(Grade::Acceptable) => 2,
            Standing::Judged(Grade::Strict) => 1,
            Standing::Skipped => 0,
        };
        // The first of the worst.
        let worst = (0..rows.len()).rev().max_by_key(|at| rows.get(*at).map(rank)).unwrap_or(0);
        let took = rows.iter().map(|row| row.took).sum();
        let expected = case.rows.get(worst).map(Row::expected).unwrap_or_default();
        let (standing, observed) = match rows.get(worst) {
            Some(row) => (row.standing, told(case, &rows, worst, row)),
            None => (Standing::NotPlayed, String::new()),
        };
        CaseOutcome { standing, expected, observed, took, rows }
    }
}

/// The worst row in words, and how many rows it stands for.
fn told(case: &Case, rows: &[Outcome], worst: usize, outcome: &Outcome) -> String {
    let mut text = outcome.observed.clone();
    let is_named = case.rows.len() > 1 && outcome.standing != Standing::Judged(Grade::Strict);
    if let Some(row) = case.rows.get(worst).filter(|_| is_named && outcome.grade().is_some()) {
        text = format!("{}: {text}", row.what);
    }
    let judged = rows.iter().filter(|row| row.grade().is_some()).count();
    if judged == 0 || judged == rows.len() {
        return text;
    }
    text.push_str(&format!("; {judged} of {} rows judged", rows.len()));
    for (why, count) in reasons(rows.iter().filter(|row| row.grade().is_none())) {
        text.push_str(&format!("; {count}: {why}"));
    }
    text
}

/// What was seen of these rows, or why they were not judged: each once, in order, with how many it stands for.
pub(crate) fn reasons<'a>(rows: impl Iterator<Item = &'a Outcome>) -> Vec<(&'a str, usize)> {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for row in rows {
        match reasons.iter_mut().find(|(why, _)| *why == row.observed) {
            Some((_, count)) => *count += 1,
            None => reasons.push((&row.observed, 1)),
        }
    }
    reasons
}

/// Why a row is acceptable that failed once and then did not.
const FLIPS: &str = "it came otherwise when it was played again, and RFC 6455 7.3 lets a server close whenever it likes (MAY)";
