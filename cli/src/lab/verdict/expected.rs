//! The expected file: what each case ought to come to, and why where that is not OK.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::case_id::CaseId;
use super::comparison::Grade;

/// The expected file, whole.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) cases: BTreeMap<CaseId, ExpectedCase>,
}

/// What one case ought to come to.
#[derive(Clone, Debug)]
pub(super) struct ExpectedCase {
    pub(super) grade: Grade,
    /// Why the case is not OK; empty where it is.
    pub(super) reason: String,
}

impl Expected {
    /// # Errors
    /// In words, when the file cannot be read or is not of the form described in `autobahn/README.md`.
    pub(super) fn read(path: &Path) -> Result<Expected, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Expected::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Expected, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entries = value.get("cases").and_then(Value::as_object).ok_or("no object \"cases\"")?;
        let mut cases = BTreeMap::new();
        for (id, entry) in entries {
            let id = CaseId::parse(id).ok_or_else(|| format!("{id} is no case id"))?;
            let case = ExpectedCase::parse(entry).map_err(|why| format!("case {id}: {why}"))?;
            cases.insert(id, case);
        }
        if cases.is_empty() {
            return Err("it lists no case".to_owned());
        }
        Ok(Expected { cases })
    }
}

impl ExpectedCase {
    fn parse(entry: &Value) -> Result<ExpectedCase, String> {
        let reason = entry.get("reason").and_then(Value::as_str).unwrap_or_default();
        Ok(ExpectedCase { grade: Grade::parse(entry)?, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_described_form_is_taken() {
        let ok = r#"{"behavior": "OK", "behaviorClose": "OK", "remoteCloseCode": null}"#;
        assert!(Expected::parse(&format!(r#"{{"cases": {{"1.1.1": {ok}}}}}"#)).is_ok());
        for text in [
            "",
            "[]",
            r#"{"cases": {}}"#,
            r#"{"cases": {"1.1.1": {}}}"#,
            r#"{"cases": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK"}}}"#,
            r#"{"cases": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "remoteCloseCode": "1000"}}}"#,
            &format!(r#"{{"cases": {{"one": {ok}}}}}"#),
        ] {
            assert!(Expected::parse(text).is_err(), "{text}");
        }
    }
}
