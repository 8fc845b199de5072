//! README.md says what there is: every rule that is enforced. `cli/tests/wire/cli.rs`
//! holds it to the flags of the program.

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
