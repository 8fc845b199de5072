//! The unit files of docs/systemd.md: systemd reads them, and the program takes what they set.

use std::fs;
use std::process::Command;

use crate::support::{exit, start, terminate};

const PAGE: &str = include_str!("../../../docs/systemd.md");

/// The text of the unit that the page shows for this file.
fn unit(file: &str) -> String {
    let (_, behind) =
        PAGE.split_once(&format!("`/etc/systemd/system/{file}`:\n\n```ini\n")).unwrap();
    behind.split_once("```").unwrap().0.to_owned()
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let folder = std::env::temp_dir().join(format!("stickler-units-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (_, more) = PAGE.split_once("add to its sections:\n\n```ini\n").unwrap();
    let more = more.split_once("```").unwrap().0;
    let alone = unit("stickler.service");
    let with_socket = format!("{alone}\n{more}");
    for (test, service) in [("alone", alone), ("with-socket", with_socket)] {
        let folder = folder.join(test);
        fs::create_dir_all(&folder).unwrap();
        // The program of this test in the place of the installed one, which has to be there.
        let service = service.replace("/usr/local/bin/stickler", env!("CARGO_BIN_EXE_stickler"));
        let file = folder.join("stickler.service");
        fs::write(&file, service).unwrap();
        fs::write(folder.join("stickler.socket"), unit("stickler.socket")).unwrap();
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&file).arg(folder.join("stickler.socket"));
        // Before the folders of the system, whose units may have faults of their own.
        verify.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display()));
        let ended = verify.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        let about_us = said.lines().find(|line| line.contains("stickler"));
        assert_eq!(about_us, None, "{test}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_program_takes_what_the_unit_sets() {
    let unit = unit("stickler.service");
    let settings = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let settings = settings.flat_map(|line| line.split(' ')).map(|it| it.split_once('=').unwrap());
    let settings: Vec<_> = settings.filter(|(name, _)| *name != "STICKLER_LISTEN").collect();
    assert!(settings.len() >= 5, "{settings:?}");
    let server = start(&settings, &[]);
    terminate(&server);
    server.expect_logged("within=15s delay=2s window=3s").unwrap();
    assert_eq!(exit(&server), 0);
}
