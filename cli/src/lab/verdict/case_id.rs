//! Autobahn's case ids, such as `7.13.1`, and the patterns that select some of them.

use std::collections::BTreeSet;
use std::fmt;

/// A case's id; orders by number, so that 2.10 comes after 2.9.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CaseId(Vec<u32>);

impl CaseId {
    /// `None` for text that is not a list of numbers with dots between them.
    pub(super) fn parse(text: &str) -> Option<CaseId> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        let id = CaseId(parts?);
        (id.to_string() == text).then_some(id)
    }

    /// The first number: the family that the case belongs to.
    pub(super) fn family(&self) -> u32 {
        self.0.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.pad(&parts.join("."))
    }
}

/// The cases that are to be judged.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) cases: BTreeSet<CaseId>,
}

impl Selection {
    /// Those of `all` that a pattern of `only` names (every one if there is none) and none of `except` does.
    ///
    /// # Errors
    /// When nothing is left, or a pattern names no case: a sample that shrank unnoticed proves nothing.
    pub(super) fn new<'a>(
        all: impl Iterator<Item = &'a CaseId>,
        only: &[String],
        except: &[String],
    ) -> Result<Selection, String> {
        let all: BTreeSet<&CaseId> = all.collect();
        let idle =
            only.iter().chain(except).find(|pattern| !all.iter().any(|id| is_match(pattern, id)));
        if let Some(pattern) = idle {
            return Err(format!("the pattern {pattern} names no case"));
        }
        let is_named =
            |patterns: &[String], id: &CaseId| patterns.iter().any(|pattern| is_match(pattern, id));
        let cases: BTreeSet<CaseId> = all
            .iter()
            .filter(|id| (only.is_empty() || is_named(only, id)) && !is_named(except, id))
            .map(|id| (*id).clone())
            .collect();
        if cases.is_empty() {
            return Err("no case is selected".to_owned());
        }
        Ok(Selection { cases })
    }
}

/// As Autobahn reads `cases` in its configuration: without `*` the id itself, with it the beginning of an id.
fn is_match(pattern: &str, id: &CaseId) -> bool {
    let id = id.to_string();
    match pattern.split_once('*') {
        None => pattern == id,
        Some((start, rest)) => {
            id.strip_prefix(start).is_some_and(|left| contains_in_order(left, rest))
        }
    }
}

/// Whether the pieces of `pattern` between its stars occur in `text` one after the other.
fn contains_in_order(mut text: &str, pattern: &str) -> bool {
    for piece in pattern.split('*') {
        match text.find(piece) {
            Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CaseId {
        CaseId::parse(text).unwrap()
    }

    fn select(only: &[&str], except: &[&str]) -> Result<Vec<String>, String> {
        let all = ["1.1.1", "1.2.1", "2.9", "2.10", "10.1.1", "12.1.1"].map(id);
        let own = |patterns: &[&str]| {
            patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>()
        };
        let selection = Selection::new(all.iter(), &own(only), &own(except))?;
        Ok(selection.cases.iter().map(CaseId::to_string).collect())
    }

    #[test]
    fn ids_order_by_number() {
        assert_eq!(
            select(&[], &[]).unwrap(),
            ["1.1.1", "1.2.1", "2.9", "2.10", "10.1.1", "12.1.1"]
        );
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", ".", "1.", "1.a", "01.2", "-1", "+1.2", "1 .2"] {
            assert_eq!(CaseId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_family_pattern_stops_at_the_dot() {
        assert_eq!(select(&["1.*"], &[]).unwrap(), ["1.1.1", "1.2.1"]);
        assert_eq!(select(&["1*"], &["10.*"]).unwrap(), ["1.1.1", "1.2.1", "12.1.1"]);
        assert_eq!(select(&["*.2"], &[]).unwrap(), ["1.2.1"]);
        assert_eq!(select(&["2.9", "10.1.1"], &[]).unwrap(), ["2.9", "10.1.1"]);
    }

    #[test]
    fn a_selection_of_nothing_is_an_error() {
        assert!(select(&["3.*"], &[]).is_err());
        assert!(select(&["1.*", "3.*"], &[]).is_err());
        assert!(select(&["1.*"], &["1*"]).is_err());
        assert!(select(&["1.1"], &[]).is_err());
    }
}
