//! What came of a run, in four forms.

pub(super) mod html;
pub(super) mod json;
pub(super) mod junit;
pub(super) mod table;

use super::case::{Case, Grade, Group};
use super::play::Server;
use super::run::Outcome;

/// A whole run.
pub(super) struct Report<'a> {
    pub(super) url: &'a str,
    pub(super) server: &'a Server,
    pub(super) results: Vec<(&'a Case, &'a Outcome)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        url: &'a str,
        server: &'a Server,
        cases: &'a [Case],
        outcomes: &'a [Outcome],
    ) -> Report<'a> {
        Report { url, server, results: cases.iter().zip(outcomes).collect() }
    }

    /// How many came to this; `None` counts what was skipped.
    pub(super) fn count(&self, grade: Option<Grade>) -> usize {
        self.results.iter().filter(|(_, outcome)| outcome.grade == grade).count()
    }

    /// The same in one group.
    fn count_in(&self, group: Group, grade: Option<Grade>) -> usize {
        let is_here =
            |(case, outcome): &&(&Case, &Outcome)| case.group == group && outcome.grade == grade;
        self.results.iter().filter(is_here).count()
    }

    /// What the server was found to be able to do.
    fn abilities(&self) -> String {
        let echo = if self.server.echoes { "an echo" } else { "no echo" };
        let deflate = if self.server.compresses { "permessage-deflate" } else { "no compression" };
        format!("{echo}, {deflate}")
    }
}

/// The grades in the order of the reports.
const GRADES: [Option<Grade>; 4] =
    [Some(Grade::Strict), Some(Grade::Acceptable), Some(Grade::Violation), None];

fn name(grade: Option<Grade>) -> &'static str {
    grade.map_or("skipped", Grade::name)
}

/// Text as HTML or XML has it; control characters, which XML cannot hold, as their escapes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(control.escape_default());
            }
            other => escaped.push(other),
        }
    }
    escaped
}
