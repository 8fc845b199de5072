//! Expected against reported, case by case, and what the whole comes to.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Outcome;
use super::case_id::{CaseId, Selection};
use super::expected::{Expected, ExpectedCase};
use super::report::{Report, ReportedCase};

/// The three things that a case is judged by, in Autobahn's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grade {
    pub(super) behavior: String,
    pub(super) behavior_close: String,
    /// The code in the server's Close frame, if it sent one with a code.
    pub(super) remote_close_code: Option<u64>,
}

/// One selected case that was run.
#[derive(Debug)]
pub(super) struct JudgedCase {
    pub(super) expected: ExpectedCase,
    pub(super) came: ReportedCase,
    pub(super) finding: Finding,
}

/// How what came stands to what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    AsExpected,
    Better,
    Worse,
}

/// Everything there is to say about a run.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) agent: String,
    pub(super) began: Option<String>,
    pub(super) cases: BTreeMap<CaseId, JudgedCase>,
    /// Selected cases that the report does not have.
    pub(super) missing: Vec<CaseId>,
    /// Cases of the report that were not selected or do not exist.
    pub(super) unknown: Vec<CaseId>,
    /// What else is wrong with the run.
    pub(super) faults: Vec<String>,
    /// Number of cases left out on purpose.
    pub(super) unselected: usize,
}

impl Grade {
    /// # Errors
    /// When one of the three fields is absent or of another type.
    pub(super) fn parse(entry: &Value) -> Result<Grade, String> {
        let text = |field: &str| {
            let value = entry.get(field).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("no \"{field}\""))
        };
        let remote_close_code = match entry.get("remoteCloseCode") {
            Some(Value::Null) => None,
            Some(Value::Number(code)) if code.is_u64() => code.as_u64(),
            _ => return Err("no \"remoteCloseCode\"".to_owned()),
        };
        Ok(Grade {
            behavior: text("behavior")?,
            behavior_close: text("behaviorClose")?,
            remote_close_code,
        })
    }

    pub(super) fn is_ok(&self) -> bool {
        self.behavior == "OK" && self.behavior_close == "OK"
    }

    pub(super) fn is_failure(&self) -> bool {
        rank(&self.behavior) == 0 || rank(&self.behavior_close) == 0
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, close {}, ", self.behavior, self.behavior_close)?;
        match self.remote_close_code {
            Some(code) => write!(f, "code {code}"),
            None => f.write_str("no code"),
        }
    }
}

/// How good one of Autobahn's words is; 0 is a failure, and NON-STRICT is one.
fn rank(word: &str) -> u8 {
    match word {
        "OK" => 3,
        "INFORMATIONAL" => 2,
        "UNIMPLEMENTED" => 1,
        _ => 0,
    }
}

impl Finding {
    /// A failure is never as expected, whatever the expected file says.
    fn new(expected: &Grade, came: &Grade) -> Finding {
        if came.is_failure() {
            return Finding::Worse;
        }
        if came == expected {
            return Finding::AsExpected;
        }
        let was = (rank(&expected.behavior), rank(&expected.behavior_close));
        let is = (rank(&came.behavior), rank(&came.behavior_close));
        if is != was && is.0 >= was.0 && is.1 >= was.1 { Finding::Better } else { Finding::Worse }
    }
}

impl Comparison {
    pub(super) fn new(expected: Expected, selection: &Selection, report: Report) -> Comparison {
        let began = report.first_start().map(str::to_owned);
        let listed = expected.cases.len();
        let mut reported = report.cases;
        let mut cases = BTreeMap::new();
        let mut missing = Vec::new();
        for (id, expected) in expected.cases {
            if !selection.cases.contains(&id) {
                continue;
            }
            let Some(came) = reported.remove(&id) else {
                missing.push(id);
                continue;
            };
            let finding = Finding::new(&expected.grade, &came.grade);
            cases.insert(id, JudgedCase { expected, came, finding });
        }
        Comparison {
            agent: report.agent,
            began,
            cases,
            missing,
            unknown: reported.into_keys().collect(),
            faults: report.faults,
            unselected: listed - selection.cases.len(),
        }
    }

    /// A broken run says nothing about the server, so it is named first; a regression outweighs gains.
    pub(super) fn outcome(&self) -> Outcome {
        if !(self.missing.is_empty() && self.unknown.is_empty() && self.faults.is_empty()) {
            Outcome::BrokenRun
        } else if self.count(Finding::Worse) > 0 {
            Outcome::Regression
        } else if self.count(Finding::Better) > 0 {
            Outcome::Better
        } else {
            Outcome::AsExpected
        }
    }

    pub(super) fn count(&self, finding: Finding) -> usize {
        self.cases.values().filter(|case| case.finding == finding).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grade(behavior: &str, behavior_close: &str, code: u64) -> Grade {
        Grade {
            behavior: behavior.to_owned(),
            behavior_close: behavior_close.to_owned(),
            remote_close_code: Some(code),
        }
    }

    #[test]
    fn findings() {
        let ok = || grade("OK", "OK", 1000);
        let informational = || grade("INFORMATIONAL", "INFORMATIONAL", 1000);
        let unimplemented = || grade("UNIMPLEMENTED", "OK", 1000);
        let failed = || grade("FAILED", "OK", 1000);
        let table = [
            (ok(), ok(), Finding::AsExpected),
            (ok(), grade("NON-STRICT", "OK", 1000), Finding::Worse),
            (ok(), grade("OK", "UNCLEAN", 1000), Finding::Worse),
            (ok(), grade("OK", "FAILED BY CLIENT", 1000), Finding::Worse),
            (ok(), grade("OK", "OK", 1002), Finding::Worse),
            (ok(), informational(), Finding::Worse),
            (ok(), unimplemented(), Finding::Worse),
            (informational(), informational(), Finding::AsExpected),
            (informational(), ok(), Finding::Better),
            (informational(), grade("INFORMATIONAL", "OK", 1000), Finding::Better),
            (informational(), unimplemented(), Finding::Worse),
            (unimplemented(), ok(), Finding::Better),
            (unimplemented(), failed(), Finding::Worse),
            (failed(), failed(), Finding::Worse),
            (failed(), ok(), Finding::Better),
        ];
        for (expected, came, finding) in table {
            assert_eq!(Finding::new(&expected, &came), finding, "{expected} came {came}");
        }
    }
}
