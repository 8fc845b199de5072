//! `stickler check` against a server with a fault planted in it, one after the other, and against the same
//! server without one (`stickler_testing::faulty`).
#![cfg(target_os = "linux")]

mod expected;
mod wire;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use stickler_testing::faulty::{Fault, Server, Setup};

use expected::SEEN;

/// What one run of the checker said.
struct Run {
    status: i32,
    json: Value,
}

/// Plays these groups and cases, all of them where none is named.
fn check(server: &Server, name: &str, only: &[&str]) -> Run {
    let file = format!("planted-{}-{name}.json", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
    let child = Command::new(env!("CARGO_BIN_EXE_stickler"))
        .args(["check", &server.url(), "--json"])
        .arg(&path)
        .args(only.iter().flat_map(|one| ["--only", one]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = wait(child, name);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let json =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
    Run { status, json }
}

fn wait(mut child: Child, name: &str) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if begun.elapsed() > LONGEST_CHECK {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{name}: check does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Run {
    /// The cases with this grade, in order.
    fn graded(&self, grade: &str) -> Vec<&str> {
        let all = self.json["results"].as_array().unwrap().iter();
        all.filter(|case| case["grade"] == grade).map(|case| case["id"].as_str().unwrap()).collect()
    }
}

/// Each fault, and what the checker said of it.
fn check_all(planted: &[(Fault, &'static [&'static str])]) -> Vec<(Fault, Run)> {
    let rest = Mutex::new(planted.iter());
    let runs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((fault, only)) = rest.lock().unwrap().next() else { return };
                    let server = Setup::right().with(*fault).serve();
                    let run = check(&server, &fault.name(), only);
                    runs.lock().unwrap().push((*fault, run));
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap();
    runs.sort_by_key(|(fault, _)| *fault);
    runs
}

#[test]
fn a_server_without_a_fault_is_strict_in_every_case() {
    // What one agreement leaves out the other one has.
    let mut strict = BTreeSet::new();
    for (name, setup, skipped) in [
        ("right", Setup::right(), &["context-fresh"][..]),
        ("fresh", Setup::right().fresh(), &["context-kept", "context-after-bfinal"]),
    ] {
        let server = setup.serve();
        let run = check(&server, name, &[]);
        assert_eq!(run.graded("violation"), Vec::<&str>::new(), "{:#}", run.json);
        assert_eq!(run.graded("acceptable"), Vec::<&str>::new(), "{:#}", run.json);
        assert_eq!(run.graded("skipped"), skipped, "{:#}", run.json);
        assert_eq!(run.status, 0);
        strict.extend(run.graded("strict").into_iter().map(str::to_owned));
        assert!(skipped.iter().all(|id| name == "right" || strict.contains(*id)));
    }
}

#[test]
fn each_fault_is_called_a_violation() {
    let mut wrong = Vec::new();
    for (fault, run) in check_all(SEEN) {
        let cases = SEEN.iter().find(|(one, _)| *one == fault).unwrap().1;
        let violated = run.graded("violation");
        let is_same = cases.iter().collect::<BTreeSet<_>>() == violated.iter().collect();
        if run.status != 1 || !is_same {
            wrong.push(format!("{fault:?}: exit {}, violated: {violated:?}", run.status));
        }
    }
    assert!(wrong.is_empty(), "wanted the cases of expected.rs:\n{}", wrong.join("\n"));
}

#[test]
fn every_fault_has_its_place_in_the_list() {
    let listed: Vec<Fault> = SEEN.iter().map(|(fault, _)| *fault).collect();
    let all: BTreeSet<Fault> = listed.iter().copied().collect();
    assert_eq!(listed.len(), all.len(), "a fault twice");
    assert_eq!(all, Fault::ALL.iter().copied().collect());
    assert!(Fault::ALL.len() >= 80);
}

/// So many servers and checkers run side by side.
const AT_ONCE: usize = 8;

/// No run takes longer, whatever the fault.
const LONGEST_CHECK: Duration = Duration::from_secs(120);
