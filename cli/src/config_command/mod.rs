//! `stickler config`: checking, printing and describing a configuration.

mod print;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::manual::{done, write_out};
use crate::cli::{ConfigAction, read_alone, sentence_of, serve_command};
use crate::config_file::{ConfigFile, schema};
use crate::serve;

/// Does what is asked for: 0, or 2 where a file that was to be checked is not fit for use.
pub(crate) fn run(action: &ConfigAction) -> ExitCode {
    match action {
        ConfigAction::Check { file } => match check(file) {
            Ok(()) => {
                let line = format!("{}: fine\n", file.display().to_string().escape_debug());
                done(write_out(line.as_bytes()))
            }
            Err(faults) => {
                // Standard error may be closed; the exit status tells as well.
                let _ = writeln!(io::stderr(), "{faults}");
                ExitCode::from(UNFIT)
            }
        },
        ConfigAction::Print(options) => {
            let mut text = print::print(&options.sources, &serve_command());
            options.routes.iter().for_each(|route| text += &format!("\n{}", route.table()));
            done(write_out(text.as_bytes()))
        }
        ConfigAction::Schema => done(write_out(schema(&serve_command()).as_bytes())),
    }
}

/// Whether `serve` would take this file, where there are no flags and no variables.
///
/// # Errors
/// All that is wrong with its lines; where nothing is, all that [`serve::faults`] tells of.
fn check(file: &Path) -> Result<(), String> {
    let read = ConfigFile::read(file, &serve_command()).map_err(|faults| faults.to_string())?;
    let found = match read_alone(file, read) {
        Ok(options) => serve::faults(&options),
        Err(error) => vec![sentence_of(&error)],
    };
    if found.is_empty() {
        return Ok(());
    }
    let shown = file.display().to_string().escape_debug().to_string();
    let mut found: Vec<_> = found.into_iter().map(|it| (line_of(&it, &shown), it)).collect();
    found.sort_by_key(|(line, _)| *line);
    let lines = found.into_iter().map(|(line, sentence)| match line {
        Some(_) => sentence,
        None => format!("{shown}: {sentence}"),
    });
    Err(lines.collect::<Vec<_>>().join("\n"))
}

/// The first line of the file that the sentence names.
fn line_of(sentence: &str, file: &str) -> Option<usize> {
    let (_, behind) = sentence.split_once(&format!("{file}:"))?;
    let end = behind.find(|octet: char| !octet.is_ascii_digit()).unwrap_or(behind.len());
    behind.get(..end)?.parse().ok()
}

/// The file is not fit for use, which is bad usage.
const UNFIT: u8 = 2;
