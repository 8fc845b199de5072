//! From the words of a command line to what is asked for: the default command, variables, and the file.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches};

use super::{
    Action, Cli, ConfigAction, ConfigOptions, Serve, serve_command, usage_error, variable_of,
};
use crate::config_file::{ConfigFile, Faults, Route};
use crate::variables;

/// Reads the command line; help and version are errors that exit with 0.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Action, clap::Error> {
    let args = with_default_command(args.into_iter().collect());
    let read = |path: &Path| ConfigFile::read(path, &serve_command());
    let is = |at: usize, name: &str| args.get(at).is_some_and(|arg| arg == name);
    if is(1, "serve") && !is_for_help(&args) {
        return Ok(Action::Serve(Box::new(read_serve(args, Variables::Count, read)?)));
    }
    if is(1, "config") && is(2, "print") && !is_for_help(&args) {
        let mut line = args;
        line.splice(1..3, ["serve".into()]);
        let action = ConfigAction::Print(Box::new(read_serve(line, Variables::Count, read)?));
        return Ok(Action::Config(ConfigOptions { action }));
    }
    let matches = command_for(&args)
        .try_get_matches_from(&args)
        .map_err(|error| name_variable(error, &args))?;
    let action = Cli::from_arg_matches(&matches)?.action;
    action.ok_or_else(|| Cli::command().error(ErrorKind::MissingSubcommand, "no command"))
}

/// The options of `serve` that the file at this path has, and the defaults; no variable counts.
///
/// # Errors
/// As those of [`parse`].
pub(crate) fn read_alone(path: &Path, file: ConfigFile) -> Result<Serve, clap::Error> {
    let mut config = OsString::from("--config=");
    config.push(path);
    let line = vec!["stickler".into(), "serve".into(), config];
    // The file is not read a second time: a pipe is empty then.
    read_serve(line, Variables::LeftAside, |_| Ok(file))
}

impl Serve {
    /// The same command line and variables, with the file as it is by now.
    ///
    /// # Errors
    /// As those of [`parse`].
    pub(crate) fn read_again(&self) -> Result<Serve, clap::Error> {
        let read = |path: &Path| ConfigFile::read(path, &serve_command());
        read_serve(self.line.clone(), Variables::Count, read)
    }

    /// These options with what a route says instead, for the connections of that route.
    ///
    /// # Errors
    /// A value is none.
    pub(crate) fn of_route(&self, route: &Route) -> Result<Serve, clap::Error> {
        let mut command = Serve::augment_args_for_update(Command::new("route"));
        // Only what the route says, and no default, replaces what is said for all.
        command =
            command.mut_args(|arg| arg.env(Resettable::Reset).default_value(Resettable::Reset));
        let line = std::iter::once("route").chain(route.words());
        let matches = command.try_get_matches_from(line)?;
        let mut serve = self.clone();
        serve.update_from_arg_matches(&matches)?;
        for (id, place) in route.places() {
            serve.sources.put(id, place.clone());
        }
        Ok(serve)
    }
}

/// Whether variables of the environment have a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variables {
    Count,
    LeftAside,
}

/// Reads `stickler serve ...`. What the file says stands before the rest, and only where nothing else says it.
fn read_serve(
    line: Vec<OsString>,
    variables: Variables,
    read: impl FnOnce(&Path) -> Result<ConfigFile, Faults>,
) -> Result<Serve, clap::Error> {
    let counts = variables == Variables::Count;
    let is_said = |id: &str| flag_of(&line, id).is_some() || counts && is_set(id);
    let by_flag = flag_of(&line, "config").map(|path| ("--config", path));
    let by_variable = || path_of_variable().map(|path| ("STICKLER_CONFIG", path));
    let file = match by_flag.or_else(|| counts.then(by_variable).flatten()) {
        // Without a value it is an error of the command line.
        Some((name, path)) if !path.as_os_str().is_empty() => {
            let file = read(&path).map_err(|faults| usage_error(faults.named_by(name)))?;
            Some(file.without(is_said))
        }
        _ => None,
    };
    let mut whole = line.clone();
    whole.splice(2..2, file.iter().flat_map(ConfigFile::words).map(OsString::from));
    let mut command = command_for(&whole);
    if !counts {
        command =
            command.mut_subcommand("serve", |it| it.mut_args(|arg| arg.env(Resettable::Reset)));
    }
    let matches =
        command.try_get_matches_from(&whole).map_err(|error| name_variable(error, &whole))?;
    let Some((Some(Action::Serve(mut serve)), matches)) =
        Some(Cli::from_arg_matches(&matches)?.action).zip(matches.subcommand_matches("serve"))
    else {
        return Err(Cli::command().error(ErrorKind::MissingSubcommand, "no command"));
    };
    serve.line = line;
    serve.routes = file.as_ref().map(|file| file.routes.clone()).unwrap_or_default();
    serve.note_sources(matches, file.as_ref()).map_err(usage_error)?;
    Ok(*serve)
}

/// The value of a flag, by its name in clap, where it is in the line; empty where it has none there.
///
/// No value of a flag begins with two dashes unless an equals sign joins them, so this needs no definition.
fn flag_of(line: &[OsString], id: &str) -> Option<PathBuf> {
    let flag = format!("--{}", id.replace('_', "-"));
    let mut words = line.iter().skip(2).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if *word == *flag {
            return Some(words.next().map(PathBuf::from).unwrap_or_default());
        }
        if let Some(value) = behind(word, &format!("{flag}=")) {
            return Some(value.into());
        }
    }
    None
}

/// What stands in a word behind this; a path need not be UTF-8.
#[cfg(unix)]
fn behind<'a>(word: &'a OsStr, start: &str) -> Option<&'a OsStr> {
    use std::os::unix::ffi::OsStrExt;
    word.as_bytes().strip_prefix(start.as_bytes()).map(OsStr::from_bytes)
}

#[cfg(not(unix))]
fn behind<'a>(word: &'a OsStr, start: &str) -> Option<&'a OsStr> {
    word.to_str()?.strip_prefix(start).map(OsStr::new)
}

/// Whether the variable of this option says something.
fn is_set(id: &str) -> bool {
    let name = OsString::from(variable_of(id));
    std::env::var_os(&name).is_some() && !variables::is_empty(&name)
}

fn path_of_variable() -> Option<PathBuf> {
    is_set("config").then(|| std::env::var_os("STICKLER_CONFIG")).flatten().map(PathBuf::from)
}

fn is_for_help(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "-h" || arg == "--help")
}

/// `stickler --listen ...` means `stickler serve --listen ...`.
fn with_default_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_named = args.get(1).is_some_and(|first| !is_flag(first) || is_about_the_whole(first));
    if !is_named {
        args.insert(1.min(args.len()), "serve".into());
    }
    args
}

/// The command line, for reading this one.
fn command_for(args: &[OsString]) -> Command {
    match args.get(1) {
        Some(first) if is_about_the_whole(first) => super::command(),
        // The flags of `serve` stand beside the commands only to be shown by `--help`: read there too,
        // a bad variable would refuse `stickler health`.
        _ => {
            let command = super::command().mut_args(|arg| arg.env(Resettable::Reset));
            // Help names every variable, whatever it holds.
            if is_for_help(args) { command } else { without_empty_variables(command) }
        }
    }
}

/// An empty variable is not set.
fn without_empty_variables(command: Command) -> Command {
    let is_empty = |arg: &Arg| arg.get_env().is_some_and(variables::is_empty);
    let command =
        command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg });
    command.mut_subcommands(without_empty_variables)
}

/// Says the name of the variable where an error is about a value that came from one: clap knows the flag
/// only. The variable is found by reading the same line without it.
fn name_variable(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let Some(name) = args.get(1).and_then(|name| name.to_str()) else { return error };
    let command = command_for(args);
    let Some(subcommand) = command.find_subcommand(name) else { return error };
    let about = |error: &clap::Error| {
        (error.kind(), error.get(ContextKind::InvalidArg).map(ToString::to_string))
    };
    for arg in subcommand.get_arguments() {
        let Some(variable) = arg.get_env().filter(|name| std::env::var_os(name).is_some()) else {
            continue;
        };
        let without = command_for(args)
            .mut_subcommand(name, |it| it.mut_arg(arg.get_id(), |it| it.env(Resettable::Reset)));
        let is_at_fault = match without.try_get_matches_from(args) {
            Ok(_) => true,
            Err(other) => about(&other) != about(&error),
        };
        if is_at_fault {
            let variable = variable.to_string_lossy().into_owned();
            if error.kind() == ErrorKind::InvalidUtf8 {
                return usage_error(format!("{variable} is not UTF-8"));
            }
            error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
            return error;
        }
    }
    error
}

fn is_flag(arg: &OsStr) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

fn is_about_the_whole(arg: &OsStr) -> bool {
    ["-h", "--help", "-V", "--version"].iter().any(|flag| arg == *flag)
}
