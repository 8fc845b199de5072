//! Where the value of each option of `serve` came from.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

use super::variable_of;
use crate::config_file::{ConfigFile, Place};
use crate::variables;

/// Where a value came from; each beats those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Variable,
    File(Place),
    Default,
}

/// Where the value of each option came from, and what it says, by the option's name in clap. Options that have
/// no value are not here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, (Source, Vec<String>)>);

impl Sources {
    /// Reads them all; `file` has what no flag and no variable says.
    ///
    /// # Errors
    /// A list from a variable has no member: a sentence that names the variable.
    pub(super) fn read(
        matches: &ArgMatches,
        file: Option<&ConfigFile>,
        command: &Command,
    ) -> Result<Sources, String> {
        let mut sources = Sources::default();
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let Some(values) = matches.get_raw(id) else { continue };
            let mut values: Vec<_> = values.map(|it| it.to_string_lossy().into_owned()).collect();
            let source = match (file.and_then(|file| file.place_of(id)), matches.value_source(id)) {
                (Some(place), _) => Source::File(place.clone()),
                (None, Some(ValueSource::EnvVariable)) => Source::Variable,
                (None, Some(ValueSource::CommandLine)) => Source::Flag,
                (None, _) => Source::Default,
            };
            if matches!(arg.get_action(), ArgAction::SetTrue) {
                values = vec![matches.get_flag(id).to_string()];
            } else if source == Source::Variable && matches!(arg.get_action(), ArgAction::Append) {
                values = variables::members(&variable_of(id), values.iter().map(String::as_str))?;
            }
            sources.0.insert(id.to_owned(), (source, values));
        }
        Ok(sources)
    }

    /// Where the value of this option came from, and what it says.
    pub(crate) fn of(&self, id: &str) -> Option<(&Source, &[String])> {
        self.0.get(id).map(|(source, values)| (source, &values[..]))
    }

    /// What an option is to be called in an error.
    pub(super) fn name_of(&self, id: &str) -> String {
        let key = id.replace('_', "-");
        match self.of(id) {
            Some((Source::Variable, _)) => variable_of(id),
            Some((Source::File(place), _)) => format!("{key} ({place})"),
            _ => format!("--{key}"),
        }
    }

    /// Notes that this line of a file says an option for a route.
    pub(super) fn put(&mut self, id: &str, place: Place) {
        self.0.insert(id.to_owned(), (Source::File(place), Vec::new()));
    }

    /// Whether anything but the default says it.
    pub(super) fn is_said(&self, id: &str) -> bool {
        self.of(id).is_some_and(|(source, _)| *source != Source::Default)
    }

    pub(super) fn is_variable(&self, id: &str) -> bool {
        matches!(self.of(id), Some((Source::Variable, _)))
    }

    /// The options whose values differ, or mean something else since one of the two says them, by their names in clap.
    pub(crate) fn differing(&self, other: &Sources) -> Vec<String> {
        let ids = self.0.keys().chain(other.0.keys().filter(|id| !self.0.contains_key(*id)));
        let value =
            |sources: &Sources, id: &str| sources.0.get(id).map(|(_, values)| values.clone());
        let means_other =
            |id: &str| MEANS_MORE.contains(&id) && self.is_said(id) != other.is_said(id);
        ids.filter(|id| value(self, id) != value(other, id) || means_other(id)).cloned().collect()
    }

    /// The same, but what those of `before` say of the options of which this is true.
    pub(super) fn keep(&mut self, before: &Sources, is_kept: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| !is_kept(id));
        let kept = before.0.iter().filter(|(id, _)| is_kept(id));
        self.0.extend(kept.map(|(id, value)| (id.clone(), value.clone())));
    }

    #[cfg(test)]
    pub(super) fn of_variable(id: &str) -> Sources {
        Sources(BTreeMap::from([(id.to_owned(), (Source::Variable, Vec::new()))]))
    }
}

/// The options that can be reloaded whose default means more where it is said: the origins are those of the chat then.
const MEANS_MORE: [&str; 1] = ["allowed_origin"];
