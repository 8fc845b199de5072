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
        _ if arg.get_id() == "nats" => one(&without_login(value)),
        _ => one(value),
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

/// A URL of NATS without who logs in by it: a name and a password, or a token. NATS takes it without a scheme, too.
fn without_login(url: &str) -> String {
    // In a password that lacks its percent-encoding there may be anything, also an `@` or a slash.
    let Some((login, host)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = SCHEMES.iter().find(|scheme| login.starts_with(**scheme)).unwrap_or(&"");
    format!("{scheme}***@{host}")
}

/// What else stands before the login may be a part of it.
const SCHEMES: [&str; 4] = ["nats://", "tls://", "ws://", "wss://"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_logs_in_is_hidden() {
        for (url, shown) in [
            ("nats://u:p@host:4222", "nats://***@host:4222"),
            ("u:p@127.0.0.1:4222", "***@127.0.0.1:4222"),
            ("token@host", "***@host"),
            ("tls://token@host", "tls://***@host"),
            ("nats://u:p@ss@host/x", "nats://***@host/x"),
            ("nats://u:p/ss@host", "nats://***@host"),
            ("u:p://ss@host", "***@host"),
            ("nats://host:4222", "nats://host:4222"),
            ("host:4222", "host:4222"),
        ] {
            assert_eq!(without_login(url), shown);
        }
    }
}
