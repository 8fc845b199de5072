//! What `--log`, or its variable, says is to be logged.
//!
//! `tracing-subscriber` takes every word that is no level for the name of a target, and then logs nothing.
//! So each directive is read here first: a level under any of its names, or a part of this program that
//! logs, with a level or without. The rest is refused, with the nearest word that is known.

use std::fmt::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Where the text of a filter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The flag `--log`, or its own variable.
    Ours,
    /// `RUST_LOG`, which may be meant for several programs at once.
    RustLog,
}

/// A filter, and what in it is for other programs.
#[derive(Debug)]
pub(super) struct Filter {
    /// The directives that are ours, as `tracing-subscriber` reads them.
    directives: String,
    /// Directives of `RUST_LOG` that no part of this program answers to.
    pub(super) foreign: Vec<String>,
}

impl Filter {
    /// Reads directives between commas; none at all mean `info`.
    ///
    /// # Errors
    ///
    /// A sentence, when a directive is not understood or could have no effect.
    pub(super) fn parse(text: &str, source: Source) -> Result<Filter, String> {
        let mut filter = Filter { directives: String::new(), foreign: Vec::new() };
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            match Directive::parse(directive) {
                Ok(directive) => directive.append_to(&mut filter.directives),
                Err(fault) if source == Source::RustLog && fault.is_of_another_program() => {
                    filter.foreign.push(directive.to_owned());
                }
                Err(fault) => return Err(fault.sentence()),
            }
        }
        if filter.directives.is_empty() {
            filter.directives.push_str("info");
        }
        Ok(filter)
    }

    /// The directives in words, as they are understood.
    pub(super) fn directives(&self) -> &str {
        &self.directives
    }

    /// The same for the subscriber.
    pub(super) fn build(&self) -> Result<EnvFilter, String> {
        EnvFilter::builder().parse(&self.directives).map_err(|error| error.to_string())
    }
}

/// One directive: what, and from which level on.
struct Directive<'a> {
    target: Option<&'a str>,
    level: LevelFilter,
}

impl<'a> Directive<'a> {
    fn parse(text: &'a str) -> Result<Directive<'a>, Fault> {
        if let Some(level) = level(text) {
            return Ok(Directive { target: None, level });
        }
        if text.contains(['[', ']', '{', '}']) {
            return Err(Fault::Span(text.to_owned()));
        }
        let Some((target, name)) = text.split_once('=') else {
            if is_target(text) {
                return Ok(Directive { target: Some(text), level: LevelFilter::TRACE });
            }
            return Err(Fault::Word(text.to_owned()));
        };
        let Some(level) = level(name) else { return Err(Fault::Level(name.to_owned())) };
        if !is_target(target) {
            return Err(Fault::Target(target.to_owned()));
        }
        Ok(Directive { target: Some(target), level })
    }

    fn append_to(&self, directives: &mut String) {
        let comma = if directives.is_empty() { "" } else { "," };
        let (target, equals) = self.target.map_or(("", ""), |target| (target, "="));
        // Writing to a string cannot fail.
        let _ = write!(directives, "{comma}{target}{equals}{}", self.level);
    }
}

/// What is wrong with a directive.
#[derive(Debug)]
enum Fault {
    /// A word that is neither a level nor a target.
    Word(String),
    /// What stands behind the equals sign.
    Level(String),
    /// What stands before it.
    Target(String),
    /// A directive with a span or its fields.
    Span(String),
}

impl Fault {
    /// Whether another program may well have it: the name of a crate that is not like anything of ours.
    fn is_of_another_program(&self) -> bool {
        let is_path = |text: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':');
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && text.chars().all(fits)
        };
        let is_of_us = |text: &str| {
            let krate = text.split("::").next().unwrap_or_default();
            strsim::osa_distance(&krate.to_ascii_lowercase(), OURS) <= TYPING_ERRORS
        };
        match self {
            Fault::Word(word) => {
                let lower = word.to_ascii_lowercase();
                let is_like_level = OTHER_WORDS.iter().any(|(other, _)| *other == lower)
                    || LEVELS.iter().any(|(known, _)| strsim::osa_distance(&lower, known) <= 1);
                is_path(word) && !is_of_us(word) && !is_like_level
            }
            Fault::Target(target) => is_path(target) && !is_of_us(target),
            Fault::Span(directive) => {
                // Spans of any program are meant where nothing stands before the bracket.
                let target = directive.split('[').next().unwrap_or_default();
                target.is_empty() || is_path(target) && !is_of_us(target) && level(target).is_none()
            }
            Fault::Level(_) => false,
        }
    }

    fn sentence(&self) -> String {
        let levels = "the levels are off, error, warn, info, debug and trace";
        // The numbers are understood, but nobody who has written a word means one.
        let words = || LEVELS.iter().map(|(known, _)| *known).filter(|known| known.len() > 1);
        match self {
            Fault::Level(word) if word.is_empty() => {
                format!("a level is missing behind the equals sign; {levels}")
            }
            Fault::Target(target) if target.is_empty() => {
                format!(
                    "a part of this program is missing before the equals sign, as in {OURS}=debug"
                )
            }
            Fault::Word(word) => {
                let nearest = nearest(word, words().chain(targets()));
                format!(
                    "{word:?} is neither a level nor a part of this program that logs; did you \
                     mean {nearest}? {levels}"
                )
            }
            Fault::Level(word) => {
                let nearest = nearest(word, words());
                format!("{word:?} is no level; did you mean {nearest}? {levels}")
            }
            Fault::Target(target) => {
                let nearest = nearest(target, targets());
                format!("{target:?} is no part of this program that logs; did you mean {nearest}?")
            }
            Fault::Span(_) => {
                format!("this program has no spans to choose by; wanted: a level, or {OURS}=debug")
            }
        }
    }
}

/// The level of this name, in any case.
fn level(name: &str) -> Option<LevelFilter> {
    let same = |(known, _): &&(&str, LevelFilter)| known.eq_ignore_ascii_case(name);
    LEVELS.iter().find(same).map(|(_, level)| *level)
}

/// Whether a part of this program that logs has this path, or is below it.
fn is_target(path: &str) -> bool {
    targets().any(|known| known == path)
}

/// The paths of the modules that log, and of those that they are in.
fn targets() -> impl Iterator<Item = &'static str> {
    let paths = |module: &'static str| {
        let ends = module.match_indices("::").map(|(at, _)| at).chain([module.len()]);
        ends.filter_map(|end| module.get(..end))
    };
    MODULES.iter().copied().flat_map(paths)
}

/// The known word that is most like this one. What other programs call a level counts as that level.
fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> &'k str {
    let lower = word.to_ascii_lowercase();
    if let Some((_, level)) = OTHER_WORDS.iter().find(|(other, _)| *other == lower) {
        return level;
    }
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&lower, known);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(OURS)
}

/// The crate that all of the program's targets are in: the library's and the binary's have one name.
const OURS: &str = "stickler";

/// So many letters wrong, and a word is still taken for the one that it is like.
const TYPING_ERRORS: usize = 2;

/// The names of the levels.
const LEVELS: &[(&str, LevelFilter)] = &[
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
    // Other names of the same, as other programs have them.
    ("none", LevelFilter::OFF),
    ("err", LevelFilter::ERROR),
    ("warning", LevelFilter::WARN),
    // And those of `tracing-subscriber`.
    ("0", LevelFilter::OFF),
    ("1", LevelFilter::ERROR),
    ("2", LevelFilter::WARN),
    ("3", LevelFilter::INFO),
    ("4", LevelFilter::DEBUG),
    ("5", LevelFilter::TRACE),
];

/// Levels of other programs that no level here is quite, each with the one that comes next to it.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("quiet", "off"),
    ("silent", "off"),
    ("emerg", "error"),
    ("alert", "error"),
    ("crit", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("notice", "info"),
    ("information", "info"),
    ("informational", "info"),
    ("verbose", "debug"),
    ("fine", "debug"),
    ("all", "trace"),
    ("silly", "trace"),
];

/// The modules of the library and of the program that log. A test holds the list to the sources.
const MODULES: &[&str] = &[
    "stickler::adapters::axum::upgrade",
    "stickler::adapters::hyper",
    "stickler::admin",
    "stickler::admin::connections",
    "stickler::admin::routes",
    "stickler::admin::token",
    "stickler::apps",
    "stickler::apps::chat::claim",
    "stickler::apps::chat::member",
    "stickler::apps::chat::room",
    "stickler::apps::routes",
    "stickler::inspect::appending",
    "stickler::inspect::queue",
    "stickler::net::handles::rejecting",
    "stickler::net::state::compression",
    "stickler::net::state::watchman",
    "stickler::net::task::answering",
    "stickler::net::task::handler",
    "stickler::net::task::report",
    "stickler::serve",
    "stickler::serve::descriptors",
    "stickler::serve::drain",
    "stickler::serve::logging",
    "stickler::serve::notify",
    "stickler::serve::panics",
    "stickler::serve::reload",
    "stickler::serve::signals",
    "stickler::serve::tls",
    "stickler::serve::tls::ends",
    "stickler::serve::tls::made",
    "stickler::server::accepting",
    "stickler::server::door",
    "stickler::server::listener",
    "stickler::server::proxy",
    "stickler::server::shutdown",
    "stickler::server::tls",
    "stickler::server::tls::failure",
    "stickler::server::unix",
    "stickler::server::worker",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn directives(text: &str) -> Result<String, String> {
        Filter::parse(text, Source::Ours).map(|filter| filter.directives)
    }

    /// The modules under `src` of a package in whose text a macro of `tracing` is called.
    fn modules_that_log(src: &Path, crate_path: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(src).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                modules_that_log(&path, &format!("{crate_path}::{name}"), found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let logs = ["trace", "debug", "info", "warn", "error", "event"]
                .iter()
                .any(|level| text.contains(&format!("tracing::{level}!(")));
            if logs {
                found.insert(match name.as_str() {
                    "mod" | "lib" | "main" => crate_path.to_owned(),
                    _ => format!("{crate_path}::{name}"),
                });
            }
            // With these an event could have another target, or a span to be chosen by.
            for other in ["use tracing::", "target:", "_span!(", "tracing::instrument"] {
                let is_here = path.ends_with("serve/filter.rs") || !text.contains("tracing::");
                assert!(is_here || !text.contains(other), "{}: {other}", path.display());
            }
        }
    }

    #[test]
    fn the_list_of_modules_is_that_of_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeSet::new();
        modules_that_log(&root.join("../src"), OURS, &mut found);
        modules_that_log(&root.join("src"), OURS, &mut found);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, MODULES, "MODULES is to be the list on the left");
    }

    #[test]
    fn levels_have_the_names_that_people_write_in_any_case_and_place() {
        for (names, level) in [
            (&["off", "none", "OFF", "None", "0"][..], "off"),
            (&["error", "err", "Error", "ERR", "1"], "error"),
            (&["warn", "warning", "Warning", "WARN", "2"], "warn"),
            (&["info", "INFO", "3", "", " ", ",", "info,"], "info"),
            (&["debug", "Debug", "4"], "debug"),
            (&["trace", "TRACE", "5"], "trace"),
        ] {
            for name in names {
                assert_eq!(directives(name).as_deref(), Ok(level), "{name:?}");
            }
        }
        for (text, read) in [
            ("stickler=warning", "stickler=warn"),
            ("warning,stickler::net=DEBUG", "warn,stickler::net=debug"),
            ("info , stickler::server::worker=none", "info,stickler::server::worker=off"),
            ("stickler", "stickler=trace"),
            ("stickler::net::task::report", "stickler::net::task::report=trace"),
        ] {
            assert_eq!(directives(text).as_deref(), Ok(read), "{text}");
            assert!(Filter::parse(text, Source::Ours).unwrap().build().is_ok());
        }
    }

    #[test]
    fn what_could_have_no_effect_is_refused_with_the_nearest_word() {
        for (text, nearest) in [
            ("trce", "trace"),
            ("deubg", "debug"),
            ("wanr", "warn"),
            ("inf", "info"),
            ("erorr", "error"),
            ("all", "trace"),
            ("ALL", "trace"),
            ("verbose", "debug"),
            ("notice", "info"),
            ("fatal", "error"),
            ("silent", "off"),
            ("stickler=loud", "off"),
            ("stickler=verbose", "debug"),
            ("sticker=debug", "stickler"),
            ("Stickler=debug", "stickler"),
            ("sticker", "stickler"),
            ("stickler::nett=debug", "stickler::net"),
            ("stickler::net::task::reprot=debug", "stickler::net::task::report"),
            ("stickler_cli=debug", "stickler"),
            ("tokio=debug", "stickler"),
            ("info,hyper=debug", "stickler"),
            ("stickler:=debug", "stickler"),
            ("stick=debug", "stickler"),
        ] {
            let refused = directives(text).unwrap_err();
            let told = refused.split("did you mean ").nth(1).unwrap_or_default();
            let told = told.split('?').next().unwrap_or_default();
            if text.ends_with("loud") || text.starts_with("tokio") {
                // Nothing is like it; any suggestion will do.
                assert!(told.starts_with(char::is_alphabetic), "{text}: {refused}");
            } else {
                let near = told == nearest || nearest == "stickler" && told.starts_with(nearest);
                assert!(near, "{text}: {refused}");
            }
        }
        for text in
            ["[span]=debug", "stickler[span{field=1}]=debug", "a=b=c", "stickler=debug=info"]
        {
            assert!(directives(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_is_guessed() {
        for (text, missing) in [
            ("stickler=", "a level is missing behind the equals sign"),
            ("info,stickler= ", "a level is missing behind the equals sign"),
            ("=debug", "a part of this program is missing before the equals sign"),
            ("=", "a level is missing behind the equals sign"),
        ] {
            for source in [Source::Ours, Source::RustLog] {
                let refused = Filter::parse(text, source).unwrap_err();
                assert!(refused.starts_with(missing), "{text}: {refused}");
                assert!(!refused.contains("did you mean"), "{text}: {refused}");
            }
        }
    }

    #[test]
    fn rust_log_may_speak_of_other_programs() {
        let parse = |text| Filter::parse(text, Source::RustLog);
        for (text, ours, foreign) in [
            ("warning", "warn", &[][..]),
            ("hyper=debug,warn", "warn", &["hyper=debug"]),
            ("my_app", "info", &["my_app"]),
            (
                "my_app=debug,tower_http::trace=trace",
                "info",
                &["my_app=debug", "tower_http::trace=trace"],
            ),
            ("stickler::net=debug,sqlx=off", "stickler::net=debug", &["sqlx=off"]),
            ("my_app[request]=debug,warn", "warn", &["my_app[request]=debug"]),
            ("[request{id=7}]=trace", "info", &["[request{id=7}]=trace"]),
        ] {
            let filter = parse(text).unwrap();
            assert_eq!(
                (filter.directives.as_str(), &filter.foreign[..]),
                (ours, &foreign.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        for text in [
            "trce",
            "all",
            "verbose",
            "sticker=debug",
            "stickler::nett=debug",
            "hyper=loud",
            "sticler",
            "info[span]",
            "stickler[span]=debug",
            "stickler::net[{id}]",
            "sticler[span]=debug",
            "a b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
