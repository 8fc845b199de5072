//! What rests on a deadline, or on an end of TCP, counts once it came out the same while nothing else was under way.
//!
//! Of each kind only the first few in each group are played again. If one of these comes out otherwise, all of its kind
//! in that group are.

use super::outcome::Outcome;
use super::{Run, lock};
use crate::lab::check::case::Group;
use crate::lab::check::server::Wait;

/// What an outcome rests on.
#[derive(Clone, Copy)]
enum Kind {
    Late(Wait),
    Dropped,
}

impl Kind {
    const ALL: [Kind; 4] =
        [Kind::Late(Wait::Early), Kind::Late(Wait::Answer), Kind::Late(Wait::Fin), Kind::Dropped];

    fn is_of(self, outcome: &Outcome) -> bool {
        match self {
            Kind::Late(wait) => outcome.rests_on == Some(wait),
            Kind::Dropped => outcome.is_drop && outcome.is_violation(),
        }
    }
}

/// What was played again in a group, of violations or of what is acceptable.
#[derive(Default)]
struct Again {
    count: usize,
    /// Whether one came out otherwise.
    differs: bool,
}

/// Plays again what did not come, or not in its time.
pub(super) fn confirm(run: &Run<'_>) {
    for kind in Kind::ALL {
        let rests = |at: &usize| {
            lock(&run.outcomes[*at]).as_ref().is_some_and(|outcome| kind.is_of(outcome))
        };
        let all: Vec<usize> = (0..run.rows.len()).filter(rests).collect();
        let mut groups = Group::ALL.map(|_| [Again::default(), Again::default()]);
        for at in all {
            let is_violation = lock(&run.outcomes[at]).as_ref().is_some_and(Outcome::is_violation);
            let group = &mut groups[run.case(at).group as usize][usize::from(is_violation)];
            group.count += 1;
            // What is acceptable changes nobody's exit status, and each costs the whole deadline.
            let few = if is_violation { FEW } else { 1 };
            if group.count > few && !group.differs {
                continue;
            }
            if run.is_late() {
                if let Kind::Late(_) = kind {
                    uncertain(run, at);
                }
                continue;
            }
            run.server.pace.forget();
            let Some(outcome) = run.play(at) else { return };
            let mut slot = lock(&run.outcomes[at]);
            group.differs |= slot.as_ref().is_none_or(|before| before.standing != outcome.standing);
            // Where the whole time was waited, the server was silent once.
            let before = slot.take().filter(|before| before.is_violation() && !before.is_hasty);
            *slot = Some(outcome.after(before));
        }
    }
}

/// There is no time to see it again: a violation that rests on time alone does not count.
fn uncertain(run: &Run<'_>, at: usize) {
    let mut slot = lock(&run.outcomes[at]);
    if slot.as_ref().is_some_and(Outcome::is_violation) {
        *slot = Some(Outcome::not_played("the time limit was over before it could be seen again"));
    }
}

/// How many violations of a kind in a group are played again at first.
const FEW: usize = 3;
