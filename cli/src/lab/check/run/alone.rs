//! What rests on a deadline counts once it came out the same while nothing else was under way.
//!
//! Of each kind only the first few are played again. If one of these comes out otherwise, all of its kind are.

use super::outcome::Outcome;
use super::{Run, lock};
use crate::lab::check::case::Grade;
use crate::lab::check::server::Wait;

/// Plays again what did not come in its time.
pub(super) fn confirm(run: &Run<'_>) {
    for wait in Wait::ALL {
        let rests = |at: &usize| {
            lock(&run.outcomes[*at]).as_ref().is_some_and(|outcome| outcome.rests_on == Some(wait))
        };
        let all: Vec<usize> = (0..run.rows.len()).filter(rests).collect();
        let is_violation = |at: &usize| {
            lock(&run.outcomes[*at]).as_ref().and_then(Outcome::grade) == Some(Grade::Violation)
        };
        // A violation must not rest on a busy moment. What is acceptable changes nobody's exit status, and each one
        // costs the whole deadline.
        let first = match wait {
            Wait::Early => FEW,
            Wait::Answer | Wait::Fin if all.iter().any(is_violation) => FEW,
            Wait::Answer | Wait::Fin => 1,
        };
        let mut differs = false;
        for (count, at) in all.into_iter().enumerate() {
            if count >= first && !differs {
                break;
            }
            if run.is_late() {
                uncertain(run, at);
                continue;
            }
            run.server.pace.forget();
            let Some(outcome) = run.play(at) else { return };
            let mut slot = lock(&run.outcomes[at]);
            differs |= slot.as_ref().is_none_or(|before| before.standing != outcome.standing);
            *slot = Some(outcome);
        }
    }
}

/// There is no time to see it again: a violation that rests on time alone does not count.
fn uncertain(run: &Run<'_>, at: usize) {
    let mut slot = lock(&run.outcomes[at]);
    if slot.as_ref().and_then(Outcome::grade) == Some(Grade::Violation) {
        *slot = Some(Outcome::not_played("the time limit was over before it could be seen again"));
    }
}

/// How many of a kind are played again at first.
const FEW: usize = 3;
