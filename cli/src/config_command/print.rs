//! `stickler config print`: what is in force, as a file that can be read again.

use std::fmt::Write;

use clap::{Arg, Command};
use toml::Value;

use crate::cli::{Source, Sources, variable_of};
use crate::config_file::{is_key, is_repeatable, is_switch};

/// The value of every option, and where it came from; defaults are comments. Passwords are hidden.
pub(super) fn print(sources: &Sources, command: &Command) -> String {
    let mut text = format!("# stickler {}\n", env!("CARGO_PKG_VERSION"));
    let mut heading = None;
    for arg in command.get_arguments().filter(|arg| is_key(arg)) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            // Writing to a string cannot fail.
            let _ = write!(text, "\n# {}\n\n", heading.unwrap_or_default());
        }
        let key = arg.get_long().unwrap_or_default();
        let id = arg.get_id().as_str();
        let _ = match sources.of(id) {
            // Said aloud, some defaults mean more: a default list of origins is not that of the chat.
            Some((Source::Default, values)) => {
                writeln!(text, "# {key} = {} # default", shown(arg, values))
            }
            Some((source, values)) => {
                writeln!(text, "{key} = {} # {}", shown(arg, values), name(source, id))
            }
            None => writeln!(text, "# {key} is not set"),
        };
    }
    text
}

/// Where the value of the option with this name in clap came from.
fn name(source: &Source, id: &str) -> String {
    match source {
        Source::Flag => format!("flag --{}", id.replace('_', "-")),
        Source::Variable => format!("variable {}", variable_of(id)),
        Source::File(place) => place.to_string(),
        Source::Default => "default".to_owned(),
    }
}

fn shown(arg: &Arg, values: &[String]) -> Value {
    let shown = values.iter().map(|value| match value.parse::<bool>() {
        Ok(is_on) if is_switch(arg) => Value::Boolean(is_on),
        _ => one(&without_password(value)),
    });
    let mut shown: Vec<_> = shown.collect();
    match shown.pop() {
        Some(only) if shown.is_empty() && !is_repeatable(arg) => only,
        last => {
            shown.extend(last);
            Value::Array(shown)
        }
    }
}

/// A number where it is written as TOML has numbers, and else a string.
fn one(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Value::Integer(number),
        _ => Value::String(text.to_owned()),
    }
}

/// A URL without who logs in by it: NATS takes a token there, too.
fn without_password(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..authority).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://***{}", rest.get(at..).unwrap_or_default()),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_hidden() {
        for (url, shown) in [
            ("nats://u:p@host:4222", "nats://***@host:4222"),
            ("tls://token@host", "tls://***@host"),
            ("nats://u:p@ss@host/x", "nats://***@host/x"),
            ("nats://host:4222", "nats://host:4222"),
            ("https://*.example.com", "https://*.example.com"),
            ("/a@b", "/a@b"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
