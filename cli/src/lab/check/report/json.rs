//! For programs.

use serde_json::{Value, json};

use super::super::case::{Case, Grade, Row};
use super::super::run::{CaseOutcome, Outcome, Standing};
use super::{Report, STANDINGS, name, row_name, section, told_rows};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let results: Vec<Value> =
        report.results.iter().map(|(case, outcome)| result(case, outcome)).collect();
    let counts: serde_json::Map<String, Value> = STANDINGS
        .into_iter()
        .map(|standing| (name(standing).to_owned(), report.count(standing).into()))
        .collect();
    let incomplete = report.incomplete();
    let deaths: Vec<String> = report.deaths.iter().map(|death| report.told(death)).collect();
    let tls = report.server.session.as_ref().map(|session| {
        json!({
            "version": session.version,
            "cipher": session.cipher,
            "verified": session.is_verified,
        })
    });
    let all = json!({
        "url": report.url,
        "tls": tls,
        "complete": incomplete.is_none(),
        "why": incomplete,
        "gone": deaths,
        "counts": counts,
        "results": results,
    });
    format!("{all:#}\n")
}

fn result(case: &Case, outcome: &CaseOutcome) -> Value {
    let rows: Vec<Value> = told_rows(case, outcome).map(|(row, of)| row_result(row, of)).collect();
    json!({
        "id": case.id,
        "requirements": case.requirements,
        "group": case.group.name(),
        "section": section(case),
        "rule": case.rule,
        "grade": name(outcome.standing),
        "expected": outcome.expected,
        "observed": outcome.observed,
        "ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "rows": rows,
    })
}

/// The bytes of rows that are strict, skipped or not begun are left out.
fn row_result(row: &Row, outcome: &Outcome) -> Value {
    let is_told =
        matches!(outcome.standing, Standing::Judged(Grade::Acceptable | Grade::Violation))
            || (outcome.standing == Standing::NotPlayed && !outcome.tapes.sent.is_empty());
    let told = |text: String| if is_told { Value::from(text) } else { Value::Null };
    json!({
        "what": row.what,
        "grade": row_name(outcome.standing),
        "expected": row.expected(),
        "observed": outcome.observed,
        "sent": told(outcome.tapes.sent.to_string()),
        "received": told(outcome.tapes.received.to_string()),
        "basis": if outcome.basis.is_empty() { Value::Null } else { outcome.basis.as_str().into() },
    })
}
