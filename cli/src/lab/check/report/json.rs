//! For programs.

use serde_json::{Value, json};

use super::{GRADES, Report, name};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let results: Vec<Value> = report
        .results
        .iter()
        .map(|(case, outcome)| {
            json!({
                "id": case.id,
                "requirements": case.requirements,
                "group": case.group.name(),
                "section": case.section.trim_end_matches(['.', ' ']),
                "grade": name(outcome.grade),
                "expected": outcome.expected,
                "observed": outcome.observed,
                "ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    let counts: serde_json::Map<String, Value> = GRADES
        .into_iter()
        .map(|grade| (name(grade).to_owned(), report.count(grade).into()))
        .collect();
    let all = json!({ "url": report.url, "counts": counts, "results": results });
    format!("{all:#}\n")
}
