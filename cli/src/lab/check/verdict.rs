//! What a row comes to: a grade, what was seen, and what the grade rests on.

use super::case::{Duty, Grade, Row};
use super::frame::Fault;
use super::server::Wait;

/// A grade, what was seen, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) grade: Grade,
    pub(crate) observed: String,
    /// Where it is acceptable: what makes it so.
    pub(crate) basis: String,
    /// What did not come before a deadline, if it would have changed the grade.
    pub(crate) rests_on: Option<Wait>,
}

impl Verdict {
    fn new(grade: Grade, observed: impl Into<String>, basis: impl Into<String>) -> Verdict {
        Verdict { grade, observed: observed.into(), basis: basis.into(), rests_on: None }
    }

    pub(crate) fn strict(observed: impl Into<String>) -> Verdict {
        Verdict::new(Grade::Strict, observed, "")
    }

    /// Lawful, by this clause.
    pub(crate) fn acceptable(basis: &str, observed: impl Into<String>) -> Verdict {
        Verdict::new(Grade::Acceptable, observed, basis)
    }

    pub(crate) fn violation(observed: impl Into<String>) -> Verdict {
        Verdict::new(Grade::Violation, observed, "")
    }

    /// A violation where the row's rule is a MUST.
    pub(crate) fn against(row: &Row, observed: impl Into<String>) -> Verdict {
        Verdict::against_duty(row.duty, row, observed)
    }

    /// The same for one part of the row, which has a duty of its own.
    pub(crate) fn against_duty(duty: Duty, row: &Row, observed: impl Into<String>) -> Verdict {
        match duty {
            Duty::Must | Duty::MustStatus => Verdict::violation(observed),
            Duty::Open if row.basis.is_empty() => Verdict::acceptable(NO_MUST, observed),
            Duty::Open => Verdict::acceptable(row.basis, observed),
        }
    }

    /// A rule that the server breaks with what it sends; without a section there is only too much.
    pub(crate) fn fault(fault: &Fault) -> Verdict {
        match fault.section {
            "" => Verdict::acceptable("more is sent than is read here", &fault.what),
            _ => Verdict::violation(fault.to_string()),
        }
    }

    /// Had this come in time, the grade would be another.
    pub(crate) fn resting_on(mut self, wait: Wait) -> Verdict {
        self.rests_on = Some(wait);
        self
    }
}

/// Where a row does not say more.
const NO_MUST: &str = "no MUST demands what is expected here";
