//! What a run left behind: Autobahn's `index.json`, the report of each case, and the two marks that our
//! own runners add, `.started` (the time, before the first case) and `.done` (the suite's exit status, after the last).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::case_id::CaseId;
use super::comparison::Grade;

/// A report as it lies in its folder.
#[derive(Debug)]
pub(super) struct Report {
    /// The name that the run gave to the server.
    pub(super) agent: String,
    pub(super) cases: BTreeMap<CaseId, ReportedCase>,
    /// What is wrong with the folder as a whole, in words.
    pub(super) faults: Vec<String>,
}

/// What one case came to.
#[derive(Debug)]
pub(super) struct ReportedCase {
    pub(super) grade: Grade,
    pub(super) duration_ms: u64,
    /// The case's own report, or `Null` where there is none.
    pub(super) details: Value,
}

impl Report {
    /// The reports of these servers, or of the only one.
    ///
    /// # Errors
    /// In words, when there is no `index.json` or it does not tell of exactly these servers, or of one.
    pub(super) fn read(dir: &Path, servers: &[String]) -> Result<Vec<Report>, String> {
        let index = read_json(&dir.join("index.json"))?;
        let agents = agents(&index, servers)?;
        agents.into_iter().map(|(agent, cases)| Report::of(dir, agent, cases)).collect()
    }

    fn of(dir: &Path, agent: String, entries: &Map<String, Value>) -> Result<Report, String> {
        let mut report = Report { agent, cases: BTreeMap::new(), faults: Vec::new() };
        for (id, entry) in entries {
            let parsed =
                CaseId::parse(id).ok_or_else(|| format!("{id} in index.json is no case id"))?;
            let case = ReportedCase::read(dir, entry)
                .map_err(|why| format!("case {id} in index.json: {why}"))?;
            report.cases.insert(parsed, case);
        }
        report.check_details();
        report.check_marks(dir);
        Ok(report)
    }

    /// When the first case began, as Autobahn wrote it down.
    pub(super) fn first_start(&self) -> Option<&str> {
        self.cases.values().filter_map(ReportedCase::started).min()
    }

    /// The index and the reports must be of one run: a case's report is there and says what the index says.
    /// An index that came alone, without any of the reports, is judged alone.
    fn check_details(&mut self) {
        if self.cases.values().all(|case| case.details.is_null()) {
            return;
        }
        let faults = self.cases.iter().filter_map(|(id, case)| {
            if case.details.is_null() {
                Some(format!("the report of case {id} is missing"))
            } else if Grade::parse(&case.details).as_ref() != Ok(&case.grade) {
                Some(format!("the report of case {id} is not of the same run as index.json"))
            } else {
                None
            }
        });
        self.faults.extend(faults.collect::<Vec<_>>());
    }

    /// A run that began must have ended, and each case must have begun after it.
    fn check_marks(&mut self, dir: &Path) {
        let Ok(mark) = fs::read_to_string(dir.join(".started")) else { return };
        match fs::read_to_string(dir.join(".done")).as_deref().map(str::trim) {
            Ok("0") => {}
            Ok(status) => self.faults.push(format!("the suite ended with status {status:?}")),
            Err(_) => self
                .faults
                .push("the suite began but did not finish: no .done in the folder".to_owned()),
        }
        // Both are times in UTC, written largest unit first: up to the second they order as text.
        let began = mark.trim().get(..SECONDS);
        let stale = self
            .cases
            .iter()
            .filter(|(_, case)| case.started().and_then(|time| time.get(..SECONDS)) < began);
        let faults =
            stale.map(|(id, _)| format!("case {id} is stale: it ran before this run began"));
        self.faults.extend(faults.collect::<Vec<_>>());
    }
}

impl ReportedCase {
    fn read(dir: &Path, entry: &Value) -> Result<ReportedCase, String> {
        let grade = Grade::parse(entry)?;
        let duration_ms = entry.get("duration").and_then(Value::as_u64).ok_or("no \"duration\"")?;
        let file = entry.get("reportfile").and_then(Value::as_str).unwrap_or_default();
        let is_plain_name = !file.is_empty() && !file.contains(['/', '\\']);
        let details = if is_plain_name {
            read_json(&dir.join(file)).unwrap_or_default()
        } else {
            Value::Null
        };
        Ok(ReportedCase { grade, duration_ms, details })
    }

    /// A text field of the case's own report.
    pub(super) fn detail(&self, field: &str) -> Option<&str> {
        self.details.get(field).and_then(Value::as_str)
    }

    fn started(&self) -> Option<&str> {
        self.detail("started")
    }
}

/// A server's name, and its cases.
type Agent<'a> = (String, &'a Map<String, Value>);

/// These servers, or the only one.
fn agents<'a>(index: &'a Value, servers: &[String]) -> Result<Vec<Agent<'a>>, String> {
    let agents = index.as_object().ok_or("index.json is not an object")?;
    let wanted: Vec<&String> = match servers {
        [] => agents.keys().collect(),
        _ => servers.iter().collect(),
    };
    if wanted.is_empty() {
        return Err("index.json is empty: no case ran".to_owned());
    }
    if servers.is_empty() && wanted.len() > 1 {
        return Err("index.json tells of more than one server".to_owned());
    }
    if let Some(other) = agents.keys().find(|agent| !wanted.contains(agent)) {
        return Err(format!("index.json tells of {other}, a server that was not asked for"));
    }
    let cases = |agent: &&String| {
        let cases = agents.get(*agent).and_then(Value::as_object).filter(|all| !all.is_empty());
        Ok(((*agent).clone(), cases.ok_or(format!("index.json tells of no case of {agent}"))?))
    };
    wanted.iter().map(cases).collect()
}

fn read_json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = replace_surrogates(&text);
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The suite writes down the broken UTF-8 of family 6 as escapes of surrogates, which no `str` can hold:
/// each becomes U+FFFD. It is for people to read; nothing is judged by it.
fn replace_surrogates(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let is_surrogate = matches!(
            escape.as_bytes(),
            [b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
        );
        // The character behind a backslash goes with it: it may be a backslash itself.
        let len =
            if is_surrogate { SURROGATE } else { escape.chars().next().map_or(0, char::len_utf8) };
        let (escape, after) = escape.split_at_checked(len).unwrap_or((escape, ""));
        out.push('\\');
        out.push_str(if is_surrogate { "ufffd" } else { escape });
        rest = after;
    }
    out + rest
}

/// Length of `ud800`.
const SURROGATE: usize = 5;

/// Length of `2026-01-31T23:59:59`.
const SECONDS: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_become_replacement_characters() {
        let table = [
            ("plain", "plain"),
            (r"\ud800", r"\ufffd"),
            (r"a\ud83d\udE00\n", r"a\ufffd\ufffd\n"),
            (r#"\\ud800 \" \u00e9"#, r#"\\ud800 \" \u00e9"#),
            (r"\ud8", r"\ufffd"),
            ("\\", "\\"),
            ("\\é", "\\é"),
        ];
        for (json, replaced) in table {
            assert_eq!(replace_surrogates(json), replaced);
        }
    }
}
