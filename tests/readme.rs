//! README.md says what there is: every rule that is enforced, every flag of the binary.

use stickler::{Rejection, Violation};

const README: &str = include_str!("../README.md");

fn has_line(wanted: &str) -> bool {
    README.lines().any(|line| line == wanted)
}

#[test]
fn every_violation_is_in_the_table() {
    for violation in Violation::ALL {
        let row = format!(
            "| `{violation:?}` | {} | {} | {} |",
            violation.section(),
            violation.close_code().get(),
            violation.sentence()
        );
        assert!(has_line(&row), "README.md lacks: {row}");
    }
}

#[test]
fn every_rejection_is_in_the_table() {
    for rejection in Rejection::ALL {
        let row = format!(
            "| `{rejection:?}` | {} | {} | {} |",
            rejection.section(),
            rejection.status(),
            rejection.sentence()
        );
        assert!(has_line(&row), "README.md lacks: {row}");
    }
}

#[test]
fn the_tables_have_no_other_rows() {
    let rows = README.lines().filter(|line| line.starts_with("| `") && line.contains(" | RFC "));
    assert_eq!(rows.count(), Violation::ALL.len() + Rejection::ALL.len());
}

/// The help is the list of flags; each has its row, with the default that the help names.
#[cfg(feature = "cli")]
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
    for flag in flags {
        let (name, rest) = flag.split_once(' ').unwrap();
        let row = README.lines().find(|line| line.starts_with(&format!("| `--{name} ")));
        let row = row.unwrap_or_else(|| panic!("README.md lacks a row for --{name}"));
        let default = rest.split("\n          [default: ").nth(1);
        if let Some((default, _)) = default.and_then(|text| text.split_once(']')) {
            assert!(row.contains(&format!("| `{default}` |")), "{row}: the default is {default}");
        }
    }
}
