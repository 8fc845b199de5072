//! The configuration file of `stickler serve`: TOML whose keys are the long names of the flags.
//!
//! There is one definition of the options, that of the command line. So a file becomes words of a command line,
//! which the definition judges; an option that a flag or a variable sets is left out of them. Each word
//! remembers the line that it came from. The tables [[route]] are read by `routes`. The definition is an argument here.

mod authentication;
mod fault;
pub(crate) mod route_options;
mod routes;
mod schema;
mod value;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use clap::builder::Resettable;
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::fault::Faults;
use self::fault::judged;
pub(crate) use self::routes::Route;
pub(crate) use self::schema::schema;
use self::value::words;
pub(crate) use self::value::{is_repeatable, is_switch};

/// A file that was read: each option in it is one of the definition, and its value is one of the option's.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    entries: Vec<Entry>,
    /// The tables `[[route]]`.
    pub(crate) routes: Vec<Route>,
}

/// One key of the file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The name of the option in clap.
    pub(crate) id: String,
    pub(crate) place: Place,
    /// The key and its value as words of a command line; none for a switch that is off.
    words: Vec<String>,
}

impl Entry {
    /// Reads a key of this name and its value, which stand at this place.
    ///
    /// # Errors
    /// There is no such option, or the value is none of its: a sentence that names the key.
    fn read(
        name: &str,
        value: &Spanned<DeValue<'_>>,
        command: &Command,
        place: Place,
    ) -> Result<Entry, String> {
        let arg = option(name, command)?;
        let words = words(arg, value.get_ref()).map_err(of_key(name))?;
        let (arg, words) = judged(arg, words, command)?;
        Ok(Entry { id: arg.get_id().to_string(), place, words })
    }
}

/// A line of a file, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display().to_string().escape_debug(), self.line)
    }
}

impl ConfigFile {
    /// Reads a file for a command with these options.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of its lines.
    pub(crate) fn read(path: &Path, command: &Command) -> Result<ConfigFile, Faults> {
        let text = read_text(path).map_err(|error| Faults::unreadable(path, &error))?;
        Self::parse(path, &text, command)
    }

    fn parse(path: &Path, text: &str, command: &Command) -> Result<ConfigFile, Faults> {
        let file: Arc<Path> = path.into();
        let place = |at: usize| {
            let before = text.get(..at).unwrap_or(text);
            Place { file: file.clone(), line: before.matches('\n').count() + 1 }
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut faults = Faults::default();
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            faults.add(place(at), error.message().replace('\n', ", "));
        }
        faults.into_result()?;
        let mut faults = Faults::default();
        // Variables have no say in what a file means.
        let command = command.clone().mut_args(|arg| arg.env(Resettable::Reset));
        let mut keys: Vec<_> = table.get_ref().iter().collect();
        keys.sort_by_key(|(key, _)| key.span().start);
        let (mut entries, mut routes) = (Vec::new(), Vec::new());
        for (key, value) in keys {
            if key.get_ref() == "route" {
                routes = routes::read(key, value, &command, (text, &place), &mut faults);
                continue;
            }
            let (name, place) = (key.get_ref().as_ref(), place(key.span().start));
            match Entry::read(name, value, &command, place.clone()) {
                Err(sentence) => faults.add(place, sentence),
                Ok(entry) => entries.push(entry),
            }
        }
        faults.into_result()?;
        Ok(ConfigFile { entries, routes })
    }

    /// What is left of it without the options of which this is true; its argument is the option's name in clap.
    pub(crate) fn without(mut self, is_said: impl Fn(&str) -> bool) -> ConfigFile {
        self.entries.retain(|entry| !is_said(&entry.id));
        self
    }

    /// The words of a command line that say the same.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| &entry.words).map(String::as_str)
    }

    /// Where this option stands in the file.
    pub(crate) fn place_of(&self, id: &str) -> Option<&Place> {
        self.entries.iter().find(|entry| entry.id == id).map(|entry| &entry.place)
    }
}

/// Reads a file of a MiB at most. More is none of ours, and a device may have no end.
fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > LONGEST) {
        return Err(io::Error::other("it is longer than a MiB"));
    }
    String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn of_key(name: &str) -> impl Fn(String) -> String + '_ {
    move |sentence| format!("'{name}': {sentence}")
}

/// Whether this option may stand in a file: all may, but the one that names the file.
pub(crate) fn is_key(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|name| !["config", "help", "version"].contains(&name))
}

/// The option that this key names.
fn option<'a>(key: &str, command: &'a Command) -> Result<&'a Arg, String> {
    let mut options = command.get_arguments().filter(|arg| is_key(arg));
    options.find(|arg| arg.get_long() == Some(key)).ok_or_else(|| {
        let known = command.get_arguments().filter(|arg| is_key(arg)).filter_map(Arg::get_long);
        let likeness = |name: &str| strsim::jaro(name, &key.to_lowercase().replace('_', "-"));
        let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = nearest.filter(|name| likeness(name) > ALIKE);
        let hint = hint.map_or_else(String::new, |name| format!("; did you mean '{name}'?"));
        format!("there is no option '{}'{hint}", key.escape_debug())
    })
}

/// In bytes.
const LONGEST: u64 = 1 << 20;

/// From here on one name may have been meant for another, from 0 to 1.
const ALIKE: f64 = 0.75;

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{ArgAction, value_parser};
    use stickler_testing::folder::Folder;

    use super::*;

    fn definition() -> Command {
        let arg = |name: &'static str| Arg::new(name).long(name);
        let count = || value_parser!(u32).range(1..);
        Command::new("serve").args([
            arg("listen").action(ArgAction::Append),
            arg("reuse-port").action(ArgAction::SetTrue),
            arg("strict").action(ArgAction::SetTrue),
            arg("hsts").num_args(0..=1).value_parser(value_parser!(u32)),
            arg("max-connections").value_parser(count()),
            arg("max-queued"),
            arg("max-message-size"),
            arg("page").value_parser(["on", "off"]),
            arg("chat").value_parser(["on", "off"]),
            arg("credentials").requires("listen"),
            arg("config"),
        ])
    }

    #[test]
    fn a_file_has_a_mib_at_most() {
        let folder = Folder::new("config-long");
        let path = folder.path().join("stickler.toml");
        let longest = usize::try_from(LONGEST).unwrap();
        for (len, reads) in [(longest, true), (longest + 1, false)] {
            fs::write(&path, "#".repeat(len)).unwrap();
            let read = ConfigFile::read(&path, &definition()).map_err(|faults| faults.to_string());
            assert!(read.is_ok() == reads, "{read:?}");
            assert!(reads || read.unwrap_err().contains("longer than a MiB"));
        }
    }

    fn parse(text: &str) -> Result<ConfigFile, String> {
        let parsed = ConfigFile::parse(Path::new("a.toml"), text, &definition());
        parsed.map_err(|faults| faults.to_string())
    }

    #[test]
    fn keys_become_words_of_a_command_line() {
        let text = "listen = ['[::1]:0', 'unix:/a,b']\nmax-connections = 1_000\nreuse-port = true\n\
            hsts = true\nmax-message-size = \"64KiB\"\nstrict = false\n";
        let file = parse(text).unwrap().without(|id| id == "max-message-size");
        let words: Vec<_> = file.words().collect();
        let expected =
            "--listen=[::1]:0 --listen=unix:/a,b --max-connections=1000 --reuse-port --hsts";
        assert_eq!(words.join(" "), expected);
        assert_eq!(file.place_of("hsts").unwrap().to_string(), "a.toml:4");
        // It is off, and yet it is the file that says so.
        assert_eq!(file.place_of("strict").unwrap().line, 6);
        assert_eq!(file.place_of("page"), None);
        let single = parse("listen = 'a:1'\nhsts = false").unwrap();
        assert_eq!(single.words().collect::<Vec<_>>(), ["--listen=a:1"]);
    }

    #[test]
    fn every_fault_names_its_line_and_its_key() {
        let text = "max-mesage-size = '1'\n\nmax_queued = '1KiB'\nmax-connections = 0\npage = 'maybe'\n\
            reuse-port = 'yes'\nzzz = 1\nmax-queued = [1, 2]\nlisten = []\nconfig = 'b'\nhsts = 0x10\n\
            credentials = 1.5\nchat = true\n[route]\npath = 'x'\n[page2]\n";
        let faults = parse(text).unwrap_err();
        let lines: Vec<_> = faults.lines().collect();
        for (line, parts) in [
            (1, &["'max-mesage-size'", "did you mean 'max-message-size'?"][..]),
            (3, &["'max_queued'", "did you mean 'max-queued'?"]),
            (4, &["'0'", "'max-connections'"]),
            (5, &["'maybe'", "'page'", "on, off"]),
            (6, &["'reuse-port'", "wanted: true or false"]),
            (7, &["there is no option 'zzz'"]),
            (8, &["'max-queued'", "one value"]),
            (9, &["'listen'", "leave the key out"]),
            (10, &["there is no option 'config'"]),
            (11, &["'hsts'", "decimal"]),
            (12, &["'credentials'", "whole number"]),
            (13, &["'true'", "'chat'", "on, off"]),
            (14, &["each route is a table [[route]]"]),
            (16, &["there is no option 'page2'"]),
        ] {
            let said = lines.iter().find(|said| said.starts_with(&format!("a.toml:{line}: ")));
            let said = said.unwrap_or_else(|| panic!("nothing of line {line} in\n{faults}"));
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
        assert_eq!(lines.len(), 14, "{faults}");
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_line() {
        let faults = parse("page = 'on'\npage = 'off'\n").unwrap_err();
        assert!(faults.starts_with("a.toml:2: "), "{faults}");
        assert!(parse("page = \n").unwrap_err().starts_with("a.toml:1: "));
    }

    #[test]
    fn an_option_that_needs_another_may_stand_alone_in_a_file() {
        // The other may be a flag.
        assert!(parse("credentials = 'a'\n").is_ok());
    }
}
