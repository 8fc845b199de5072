//! What is wrong with a file, line by line.

use std::fmt;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::Place;

/// All that is wrong with a file; each fault is a line of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    lines: Vec<String>,
    /// Whether there is no file to speak of.
    is_unreadable: bool,
}

impl Faults {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Faults {
        let path = path.display().to_string();
        let line = format!("{}: cannot read the configuration: {error}", path.escape_debug());
        Faults { lines: vec![line], is_unreadable: true }
    }

    /// The same where this flag or variable names the file: it is at fault where the file cannot be read.
    pub(crate) fn named_by(mut self, name: &str) -> Faults {
        if self.is_unreadable {
            self.lines.iter_mut().for_each(|line| *line = format!("{name}: {line}"));
        }
        self
    }

    pub(super) fn add(&mut self, place: Place, sentence: impl fmt::Display) {
        self.lines.push(format!("{place}: {sentence}"));
    }

    /// The faults as an error, if there is any.
    pub(super) fn into_result(self) -> Result<(), Faults> {
        if self.lines.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Has the definition judge the value of one option by itself; gives back what it was given.
///
/// # Errors
/// The sentence of the definition, with the name of the key in the place of the flag's.
pub(super) fn judged<'a>(
    arg: &'a Arg,
    words: Vec<String>,
    command: &Command,
) -> Result<(&'a Arg, Vec<String>), String> {
    let line = std::iter::once("stickler").chain(words.iter().map(String::as_str));
    match command.clone().try_get_matches_from(line) {
        Err(error) if !is_about_others(error.kind()) => Err(sentence(error, arg)),
        _ => Ok((arg, words)),
    }
}

/// Whether it is about what stands elsewhere, as in a flag, or does not.
fn is_about_others(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict)
}

fn sentence(mut error: clap::Error, arg: &Arg) -> String {
    let key = arg.get_long().unwrap_or_default().to_owned();
    error.insert(ContextKind::InvalidArg, ContextValue::String(key));
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let first = text.split("\n\n").next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}
