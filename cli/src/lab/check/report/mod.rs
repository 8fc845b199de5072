//! What came of a run, in four forms.

pub(super) mod html;
pub(super) mod json;
pub(super) mod junit;
pub(super) mod table;

use super::case::{Case, Grade, Group, Row};
use super::run::{CaseOutcome, Death, Outcome, Standing, reasons};
use super::server::{Echo, Server};

/// A whole run.
pub(super) struct Report<'a> {
    pub(super) url: &'a str,
    pub(super) server: &'a Server,
    pub(super) results: Vec<(&'a Case, &'a CaseOutcome)>,
    pub(super) deaths: &'a [Death],
}

impl<'a> Report<'a> {
    pub(super) fn new(
        url: &'a str,
        server: &'a Server,
        cases: &'a [Case],
        outcomes: &'a [CaseOutcome],
        deaths: &'a [Death],
    ) -> Report<'a> {
        Report { url, server, results: cases.iter().zip(outcomes).collect(), deaths }
    }

    /// How many cases came to this.
    pub(super) fn count(&self, standing: Standing) -> usize {
        self.results.iter().filter(|(_, outcome)| outcome.standing == standing).count()
    }

    /// The same in one group.
    fn count_in(&self, group: Group, standing: Standing) -> usize {
        let is_here = |(case, outcome): &&(&Case, &CaseOutcome)| {
            case.group == group && outcome.standing == standing
        };
        self.results.iter().filter(is_here).count()
    }

    /// What the server was found to be able to do.
    fn abilities(&self) -> String {
        let echo = match &self.server.echo {
            Echo::Yes => "an echo".to_owned(),
            Echo::No(what) => format!("no echo ({what})"),
            Echo::Unknown(what) => format!("perhaps an echo ({what})"),
        };
        let deflate = if self.server.compresses { "permessage-deflate" } else { "no compression" };
        match &self.server.session {
            Some(session) => format!("{echo}, {deflate}, over {session}"),
            None => format!("{echo}, {deflate}"),
        }
    }

    /// Why the run is not complete, if it is not.
    pub(super) fn incomplete(&self) -> Option<String> {
        let rows = self.results.iter().flat_map(|(_, outcome)| &outcome.rows);
        let rows = rows.filter(|row| row.standing == Standing::NotPlayed);
        let mut all: Vec<String> = reasons(rows)
            .into_iter()
            .take(MOST_REASONS)
            .map(|(why, count)| {
                let plural = if count == 1 { "" } else { "s" };
                format!("{count} row{plural} not played: {why}")
            })
            .collect();
        let unexplained = self.deaths.iter().filter(|death| death.after.is_none());
        all.extend(
            unexplained
                .map(|death| format!("the server answered nobody for a while: {}", death.how)),
        );
        let is_judged =
            |(_, outcome): &(&Case, &CaseOutcome)| matches!(outcome.standing, Standing::Judged(_));
        if all.is_empty() && !self.results.iter().any(is_judged) {
            all.push("nothing could be judged".to_owned());
        }
        if all.is_empty() { None } else { Some(all.join("; ")) }
    }

    /// The row after which the server was gone, and those that were under way too, in words.
    fn told(&self, death: &Death) -> String {
        let name = |(case, row): &(usize, usize)| match self.results.get(*case) {
            Some((case, _)) => match case.rows.get(*row) {
                Some(row) => format!("{}: {}", case.id, row.what),
                None => case.id.to_owned(),
            },
            None => String::new(),
        };
        let after = match &death.after {
            Some(place) if death.is_certain => format!("after {}", name(place)),
            Some(place) => format!("any more, likeliest after {}", name(place)),
            None => "for a while, and no row does it alone".to_owned(),
        };
        let mut text = format!("the server answered nobody {after} ({})", death.how);
        if !death.also.is_empty() {
            let also: Vec<String> = death.also.iter().take(MOST_ALSO).map(name).collect();
            text.push_str(&format!("; also under way: {}", also.join(", ")));
            let more = death.also.len().saturating_sub(MOST_ALSO);
            if more > 0 {
                text.push_str(&format!(" and {more} more"));
            }
        }
        text.push_str(if death.came_back { "; it came back" } else { "; it did not come back" });
        text
    }
}

/// Rows of a case that have something to tell, each with what came of it.
fn told_rows<'a>(
    case: &'a Case,
    outcome: &'a CaseOutcome,
) -> impl Iterator<Item = (&'a Row, &'a Outcome)> {
    case.rows.iter().zip(&outcome.rows)
}

/// Where a case may stand, in the order of the reports.
const STANDINGS: [Standing; 5] = [
    Standing::Judged(Grade::Strict),
    Standing::Judged(Grade::Acceptable),
    Standing::Judged(Grade::Violation),
    Standing::Skipped,
    Standing::NotPlayed,
];

fn name(standing: Standing) -> &'static str {
    match standing {
        Standing::Judged(grade) => grade.name(),
        Standing::Skipped => "skipped",
        Standing::NotPlayed => "incomplete",
    }
}

/// The same of one row.
fn row_name(standing: Standing) -> &'static str {
    if standing == Standing::NotPlayed { "not-played" } else { name(standing) }
}

/// The section as people write it.
fn section(case: &Case) -> &str {
    case.section.trim_end_matches(['.', ' '])
}

/// What each grade means, in the order of [`STANDINGS`].
const LEGEND: [(&str, &str); 5] = [
    ("strict", "exactly what the rule demands"),
    (
        "acceptable",
        "lawful: the RFC leaves it open, or this is a weaker way; what it rests on is told",
    ),
    ("violation", "a MUST or MUST NOT is broken"),
    ("skipped", "it needs an echo, an extension or an agreement that is not there, or no TLS"),
    ("incomplete", "a row of it was not played, so nothing is known; the run is incomplete too"),
];

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

/// Rows that are told to have been under way too.
const MOST_ALSO: usize = 16;

/// Reasons that are told why a run is incomplete.
const MOST_REASONS: usize = 5;
