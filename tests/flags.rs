//! `docs/command-line.md` lists every flag of `serve`.
#![cfg(feature = "cli")]

const PAGE: &str = include_str!("../docs/command-line.md");

/// The help is the list of flags; each has its row, with the default that the help names.
#[test]
fn every_flag_is_in_the_table() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_stickler"))
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<_> = help.split("\n      --").skip(1).collect();
    assert!(flags.len() >= 16, "{help}");
    for flag in &flags {
        let (name, rest) = flag.split_once(' ').unwrap();
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `--{name} ")));
        let row = row.unwrap_or_else(|| panic!("the page lacks a row for --{name}"));
        let default = rest.split("\n          [default: ").nth(1);
        if let Some((default, _)) = default.and_then(|text| text.split_once(']')) {
            assert!(row.contains(&format!("| `{default}` |")), "{row}: the default is {default}");
        }
    }
    let rows = PAGE.lines().filter(|line| line.starts_with("| `--"));
    assert_eq!(rows.count(), flags.len(), "a row for a flag that is not there");
}
