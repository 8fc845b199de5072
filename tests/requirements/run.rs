//! A recorded run of all tests: what each test claimed and whether it held, and what cargo said of
//! each test binary. Nothing here reads Rust: which sources a binary has, the compiler has written
//! down beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::catalogue::{Rule, is_id};

/// A test came by the claim of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) binary: String,
    pub(crate) test: String,
}

#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Whether the rule held each time.
    pub(crate) claims: BTreeMap<Claim, bool>,
    binaries: BTreeMap<String, Binary>,
}

#[derive(Debug, Default)]
struct Binary {
    /// As the harness names them.
    tests: BTreeSet<String>,
    ignored: BTreeSet<String>,
    /// The Rust files that it was made of.
    files: BTreeSet<PathBuf>,
}

/// This binary speaks about ids and claims none.
const OURS: &str = "requirements";

impl Run {
    /// Reads the folder that the claims wrote to, and the output of cargo beside it.
    pub(crate) fn read(records: &Path, log: &Path) -> Result<Run, String> {
        Ok(Run { claims: read_claims(records)?, binaries: read_log(log)? })
    }

    /// What does not fit together: a run that proves every rule has no faults. `tests` are the folders of the test
    /// binaries; what they share, a library, is in the folder `shared`.
    pub(crate) fn faults(&self, rules: &[Rule], tests: &[PathBuf], shared: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        self.compare_with_rules(rules, &mut faults);
        self.compare_with_tests(&mut faults);
        self.compare_with_files(tests, &mut faults);
        self.compare_with_shared(shared, &mut faults);
        faults
    }

    /// Every rule that binds is claimed, no other is, and each claim held.
    fn compare_with_rules(&self, rules: &[Rule], faults: &mut Vec<String>) {
        let claimed: BTreeSet<&str> = self.claims.keys().map(|claim| claim.id.as_str()).collect();
        for rule in rules {
            match (rule.is_to_be_claimed(), claimed.contains(rule.id.as_str())) {
                (true, false) => faults.push(format!("{} is claimed by no test", rule.id)),
                (false, true) => {
                    faults.push(format!("{} is {}, yet claimed", rule.id, rule.status.name()));
                }
                _ => {}
            }
        }
        for (Claim { id, binary, test }, held) in &self.claims {
            if !held {
                faults.push(format!("{id} did not hold in {binary} {test}"));
            }
            if !rules.iter().any(|rule| rule.id == *id) {
                faults.push(format!("{id}, claimed by {binary} {test}, is not in the catalogue"));
            }
        }
    }

    /// Claims are made by tests that cargo knows, and every test runs.
    fn compare_with_tests(&self, faults: &mut Vec<String>) {
        for Claim { id, binary, test } in self.claims.keys() {
            if !self.binaries.get(binary).is_some_and(|binary| binary.tests.contains(test)) {
                faults.push(format!("{id} is claimed by {binary} {test}, which is no test"));
            }
        }
        for (name, binary) in &self.binaries {
            for test in &binary.ignored {
                faults.push(format!("{name} {test} is ignored"));
            }
        }
    }

    /// Every file of tests belongs to a binary that ran, and every id in it was claimed there.
    fn compare_with_files(&self, tests: &[PathBuf], faults: &mut Vec<String>) {
        let mut binaries_of: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for (name, binary) in &self.binaries {
            for file in &binary.files {
                binaries_of.entry(file).or_default().push(name);
            }
        }
        for file in tests.iter().flat_map(|folder| sources(folder)) {
            if file.ancestors().any(|folder| APART.iter().any(|apart| folder.ends_with(apart))) {
                if !ids(&fs::read_to_string(&file).unwrap_or_default()).is_empty() {
                    faults.push(format!("{} claims rules, and does not run here", file.display()));
                }
            } else if !binaries_of.contains_key(file.as_path()) {
                faults.push(format!("{} belongs to no test binary", file.display()));
            }
        }
        for (file, binaries) in binaries_of {
            let claimed = |id: &str| {
                let is_made = |claim: &Claim| claim.id == id && binaries.contains(&&*claim.binary);
                self.claims.keys().any(is_made)
            };
            for id in ids(&fs::read_to_string(file).unwrap_or_default()) {
                if !binaries.contains(&OURS) && !claimed(id) {
                    faults.push(format!("{}: {id} is claimed by no test", file.display()));
                }
            }
        }
    }

    /// Every id in what the test binaries share was claimed by one of them.
    fn compare_with_shared(&self, shared: &Path, faults: &mut Vec<String>) {
        for file in sources(shared) {
            for id in ids(&fs::read_to_string(&file).unwrap_or_default()) {
                if !self.claims.keys().any(|claim| claim.id == id) {
                    faults.push(format!("{}: {id} is claimed by no test", file.display()));
                }
            }
        }
    }

    /// Where the function of a test stands: its file, and its line from 1.
    pub(crate) fn place(&self, claim: &Claim) -> Option<(&Path, usize)> {
        let function = claim.test.rsplit("::").next().unwrap_or_default();
        let files = &self.binaries.get(&claim.binary)?.files;
        files.iter().find_map(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let at = text.find(&format!("fn {function}("))?;
            Some((file.as_path(), 1 + text[..at].matches('\n').count()))
        })
    }
}

/// The lines that `testing/src/claims.rs` has written.
fn read_claims(folder: &Path) -> Result<BTreeMap<Claim, bool>, String> {
    let mut claims = BTreeMap::new();
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for file in files {
        let path = file.map_err(|error| error.to_string())?.path();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        for line in text.lines() {
            let [id, binary, test, result] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(format!("{}: {line:?}", path.display()));
            };
            // Cases about the program and about hostile peers have ids of another kind.
            if is_id(id) {
                let [id, binary, test] = [id, binary, test].map(str::to_owned);
                *claims.entry(Claim { id, binary, test }).or_insert(true) &= result == "ok";
            }
        }
    }
    Ok(claims)
}

/// What `cargo test` printed: each binary as it begins to run, and a line for each of its tests.
fn read_log(log: &Path) -> Result<BTreeMap<String, Binary>, String> {
    let text = fs::read_to_string(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut binaries: BTreeMap<String, Binary> = BTreeMap::new();
    let mut running = None;
    for line in text.lines() {
        let begun = line.trim_start();
        if begun.starts_with("Doc-tests ") {
            running = None;
        } else if let Some((_, executable)) = begun
            .strip_prefix("Running ")
            .and_then(|rest| rest.strip_suffix(')')?.rsplit_once(" ("))
        {
            let name = Path::new(executable).file_name().and_then(|name| name.to_str());
            let (name, _) = name.and_then(|name| name.rsplit_once('-')).ok_or(line)?;
            let binary = binaries.entry(name.to_owned()).or_default();
            binary.files.extend(made_of(Path::new(executable))?);
            running = Some(binary);
        } else if let (Some(binary), Some((before, outcome))) =
            (&mut running, line.rsplit_once(" ... "))
        {
            // `test NAME - should panic`; a process of the test may have left something in front of it.
            let before = before.split(" - ").next().unwrap_or_default();
            let test = before.rsplit("test ").next().unwrap_or_default().to_owned();
            if outcome.starts_with("ignored") {
                binary.ignored.insert(test);
            } else {
                binary.tests.insert(test);
            }
        }
    }
    Ok(binaries)
}

/// The Rust files that the compiler names in the dependency file beside an executable.
fn made_of(executable: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let file = executable.with_extension("d");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let named = text.lines().filter_map(|line| line.strip_suffix(':'));
    Ok(named
        .filter(|name| name.ends_with(".rs"))
        .filter_map(|name| fs::canonicalize(name).ok())
        .collect())
}

/// Tests that need a broker: `.ci/steps/nodes` runs them, and they claim no rule.
const APART: [&str; 2] = ["cli/tests/nodes", "cli/tests/starting"];

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(fs::canonicalize(path));
        }
    }
    found
}

/// The ids that stand in a text, each in quotation marks of its own.
fn ids(text: &str) -> BTreeSet<&str> {
    text.split('"').filter(|part| is_id(part)).collect()
}

mod tests {
    use super::{super::catalogue::parse, Run};
    use std::{fs, path::Path};

    const RULES: &str = "1234-1-01 MUST both\n  rule: a\n  when: b\n  then: c\n  autobahn: none\n  \
                         status: tested\n\n1234-1-02 MAY both\n  rule: a\n  when: b\n  then: c\n  \
                         autobahn: none\n  status: not yet: nobody has built it\n";
    const TEST: &str = "/// What it is about.\n#[test]\nfn one() { claims!(\"1234-1-01\"); }\n";
    const SHARED: &str = "const ROWS: [&str; 1] = [\"1234-1-01\"];";
    const RECORD: &str = "1234-1-01\tmade_up\tinner::one\tok\nhostile-7\tmade_up\tinner::one\tok\n";
    const LOG: &str = "warning: Running late (\n   Running tests/made_up.rs (DEPS/made_up-0123)\n\
                       test inner::one ... ok\nsaid test a_test - should panic ... ok\n\n   Doc-tests made\n\
                       test src/lib.rs - (line 3) ... ignored\n";

    /// A run that was made up of these texts, and its faults.
    fn faults(name: &str, edit: impl Fn(&str, &str) -> String) -> Vec<String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("requirements").join(name);
        let _ = fs::remove_dir_all(&folder);
        for part in ["records", "tests", "shared"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let test = folder.join("tests/made_up.rs");
        let made_of = format!("made_up: {0}\n\n{0}:\n", test.display());
        fs::write(&test, edit("test", TEST)).unwrap();
        fs::write(folder.join("made_up-0123.d"), edit("made of", &made_of)).unwrap();
        fs::write(folder.join("shared/table.rs"), edit("shared", SHARED)).unwrap();
        fs::write(folder.join("records/made_up.tsv"), edit("record", RECORD)).unwrap();
        let log = edit("log", LOG).replace("DEPS", &folder.display().to_string());
        fs::write(folder.join("log"), log).unwrap();
        let run = Run::read(&folder.join("records"), &folder.join("log"));
        let run = run.unwrap_or_else(|why| panic!("{why}"));
        if let Some((claim, _)) = run.claims.first_key_value() {
            let place = run.place(claim).map(|(file, line)| (file.ends_with("made_up.rs"), line));
            assert!(place.is_none_or(|place| place == (true, 3)), "{place:?}");
        }
        let rules = parse(1234, RULES).unwrap();
        run.faults(&rules, &[folder.join("tests")], &folder.join("shared"))
    }

    #[test]
    fn a_run_that_proves_every_rule_has_no_faults() {
        assert_eq!(faults("good", |_, text| text.to_owned()), [""; 0]);
    }

    /// Each change of a good run is a fault, and the words that say so.
    #[test]
    fn every_fault_of_a_run_is_seen() {
        for (at, (part, old, new, wanted)) in [
            ("record", "\tok\n", "\tfailed\n", "1234-1-01 did not hold in made_up inner::one"),
            ("record", RECORD, "", "1234-1-01 is claimed by no test"),
            ("record", RECORD, "", "made_up.rs: 1234-1-01 is claimed by no test"),
            ("record", "1234-1-01", "1234-1-02", "1234-1-02 is not yet, yet claimed"),
            ("record", "1234-1-01", "1234-1-03", "made_up inner::one, is not in the catalogue"),
            ("record", "inner::one", "a thread", "claimed by made_up a thread, which is no test"),
            ("record", "made_up", "other", "claimed by other inner::one, which is no test"),
            ("log", "inner::one ... ok", "inner::one ... ignored, slow", "inner::one is ignored"),
            ("log", "test inner::one ... ok", "", "inner::one, which is no test"),
            (
                "test",
                TEST,
                "const ROW: &str = \"1234-1-02\";",
                "made_up.rs: 1234-1-02 is claimed by no",
            ),
            ("made of", ":\n", "\n", "made_up.rs belongs to no test binary"),
            ("shared", "1234-1-01", "1234-1-02", "table.rs: 1234-1-02 is claimed by no test"),
        ]
        .into_iter()
        .enumerate()
        {
            let faults = faults(&format!("bad_{at}"), |name, text| {
                assert!(name != part || text.contains(old), "{old:?} is not in {text:?}");
                if name == part { text.replace(old, new) } else { text.to_owned() }
            });
            assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {faults:#?}");
        }
    }
}
