//! The files of packaging/ for systemd: systemd reads them, and the program takes what they set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{exit, start, terminate};

/// The text of a file in packaging/.
fn packaged(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(file);
    fs::read_to_string(path).unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("stickler-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Whether systemd-analyze is there; the test says so where it is not.
fn is_there() -> bool {
    let is_there = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: systemd-analyze is not installed");
    }
    is_there
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    if !is_there() {
        return;
    }
    let folder = folder("units");
    // The program of this test in the place of the installed one, which has to be there.
    let service = packaged("systemd/stickler.service");
    assert!(service.contains("ExecStart=/usr/bin/stickler serve"), "{service}");
    let service = service.replace("/usr/bin/stickler", env!("CARGO_BIN_EXE_stickler"));
    let file = folder.join("stickler.service");
    fs::write(&file, service).unwrap();
    fs::write(folder.join("stickler.socket"), packaged("systemd/stickler.socket")).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&file).arg(folder.join("stickler.socket"));
    // Before the folders of the system, whose units may have faults of their own.
    verify.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display()));
    let ended = verify.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    let about_us = said.lines().find(|line| line.contains("stickler"));
    assert_eq!(about_us, None);
    fs::remove_dir_all(folder).unwrap();
}

/// The page quotes how exposed the service is; systemd counts it.
#[test]
fn the_service_is_as_little_exposed_as_the_page_says() {
    const PAGE: &str = include_str!("../../../docs/systemd.md");
    if !is_there() {
        return;
    }
    let folder = folder("exposure");
    let file = folder.join("stickler.service");
    fs::write(&file, packaged("systemd/stickler.service")).unwrap();
    let mut security = Command::new("systemd-analyze");
    let ended = security.args(["security", "--offline=true"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let Some((_, level)) = said.split_once("exposure level for stickler.service: ") else {
        eprintln!("skipped: this systemd-analyze judges no file: {said}");
        return;
    };
    let level: f64 = level.split(' ').next().unwrap().parse().unwrap();
    let (_, quoted) = PAGE.split_once("an exposure of **").unwrap();
    let quoted: f64 = quoted.split("**").next().unwrap().parse().unwrap();
    assert!(level <= quoted, "{level}, and the page says {quoted}");
    fs::remove_dir_all(folder).unwrap();
}

/// The file as it is installed, and with all that it proposes.
#[test]
fn the_program_takes_what_the_file_proposes() {
    let shipped = packaged("debian/stickler.toml");
    let is_key = |line: &&str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let proposed: Vec<_> = shipped.lines().filter(is_key).map(|line| &line[1..]).collect();
    assert!(proposed.len() >= 8, "{proposed:?}");
    assert!(shipped.lines().all(|line| line.is_empty() || line.starts_with('#')), "{shipped}");
    let folder = folder("proposed");
    let (installed, whole) = (folder.join("stickler.toml"), folder.join("whole.toml"));
    fs::write(&installed, &shipped).unwrap();
    fs::write(&whole, proposed.join("\n")).unwrap();
    for file in [&installed, &whole] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_stickler"));
        let ended = check.args(["config", "check"]).arg(file).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    // Where it listens is the test's.
    let rest =
        proposed.iter().filter(|line| !line.starts_with("listen") && !line.starts_with("unix"));
    let rest: Vec<_> = rest.copied().collect();
    fs::write(&whole, rest.join("\n")).unwrap();
    let server = start(&[("STICKLER_CONFIG", whole.to_str().unwrap())], &[]);
    terminate(&server);
    server.expect_logged("within=15s delay=2s window=3s").unwrap();
    assert_eq!(exit(&server), 0);
    fs::remove_dir_all(folder).unwrap();
}
