//! Every option names the test that fails where it has no effect: `tests/options.tsv` is held to the definition.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const TABLE: &str = include_str!("../../tests/options.tsv");

/// The flags of a command and of those below it, each with the name of its command.
fn flags(command: &Command, path: &str, all: &mut BTreeSet<(String, String)>) {
    // It has the flags of `serve`.
    if path == "config print" {
        return;
    }
    for flag in command.get_arguments().filter_map(Arg::get_long) {
        all.insert((path.to_owned(), flag.to_owned()));
    }
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        flags(below, path.trim_start(), all);
    }
}

fn is_of_nats(flag: &str) -> bool {
    flag == "nats" || flag.starts_with("nats-")
}

#[test]
fn every_flag_has_its_row_and_every_row_its_flag() {
    let mut known = BTreeSet::new();
    for command in Cli::command().get_subcommands() {
        flags(command, command.get_name(), &mut known);
    }
    let row = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        (fields.next().unwrap(), fields.next().unwrap())
    };
    let rows: Vec<_> = TABLE.lines().skip(1).map(row).collect();
    let told: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), told.len(), "a flag has two rows");
    let missing: Vec<_> = known.difference(&told).collect();
    assert!(missing.is_empty(), "no row in tests/options.tsv: {missing:?}");
    let has_nats = cfg!(feature = "nats");
    let surplus = told.difference(&known).filter(|(_, flag)| has_nats || !is_of_nats(flag));
    assert_eq!(surplus.collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[test]
fn every_row_names_a_test_that_speaks_of_its_flag() {
    for line in TABLE.lines().skip(1) {
        let fields: Vec<_> = line.split('\t').collect();
        let [_, flag, test] = fields[..] else { panic!("{line}: three fields") };
        let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{line}: FILE::TEST"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{line}: {error}"));
        let is_test = text.contains(&format!("fn {name}(")) && text.contains("#[test]");
        assert!(is_test, "{line}: there is no such test");
        // A test may have the variable, or the rest of its name behind those of others.
        let variable = flag.to_uppercase().replace('-', "_");
        let spoken = [format!("--{flag}"), format!("_{variable}")];
        assert!(
            spoken.iter().any(|name| text.contains(name)),
            "{line}: nothing is said of it there"
        );
    }
}
