//! Claims: what a test says about the rules in `tests/requirements`, beside the assertion that holds them.
//!
//! `claims!("6455-5.1-01")` stands in the function whose assertions exercise the rule, and
//! `claims!(row.id)` in what runs a table. Both mean that breaking the rule turns this test red.
//! A claim of a rule that is not in the catalogue panics. Otherwise claims do nothing, unless
//! `STICKLER_CLAIMS` names a folder: then each leaves a line there when its scope ends, and
//! `tests/requirements/run.sh` compares these lines with the catalogue.

use std::{fs, io::Write, path::PathBuf, sync::OnceLock, thread};

/// Claims rules of the catalogue until the end of the enclosing scope.
#[macro_export]
macro_rules! claims {
    ($($id:expr),+ $(,)?) => {
        let _claim = $crate::claims::Claim::new(&[$($id),+]);
    };
}
pub use claims;

/// Rules that the running test holds the server to, until dropped.
#[must_use]
pub struct Claim {
    test: String,
    ids: Vec<String>,
}

impl Claim {
    /// Claims rules for the test that runs on this thread.
    ///
    /// # Panics
    ///
    /// When the catalogue has no rule of such an id.
    #[track_caller]
    pub fn new(ids: &[&str]) -> Claim {
        for id in ids {
            assert!(
                is_known(id),
                "there is no rule {id}: a claim names one of tests/requirements/ids.txt"
            );
        }
        if folder().is_none() {
            return Claim { test: String::new(), ids: Vec::new() };
        }
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        Claim { test: test_name(), ids }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        for id in &self.ids {
            record(&self.test, id, !thread::panicking());
        }
    }
}

/// The name of the test that runs on this thread.
pub fn test_name() -> String {
    thread::current().name().unwrap_or("a thread without a name").to_owned()
}

/// Writes down that a test went through a rule, and whether the rule held. Ids that begin with a letter
/// are those of cases about something else, and may be any.
#[track_caller]
pub fn record(test: &str, id: &str, held: bool) {
    assert!(id.starts_with(char::is_alphabetic) || is_known(id), "there is no rule {id}");
    let Some(folder) = folder() else { return };
    let binary = binary();
    let result = if held { "ok" } else { "failed" };
    let line = format!("{id}\t{binary}\t{test}\t{result}\n");
    let path = folder.join(format!("{binary}.tsv"));
    // Appended in one write, as tests run side by side.
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The name of the test binary: cargo puts a hash behind it.
fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        let path = std::env::current_exe().unwrap();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
        name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned()
    })
}

fn folder() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| std::env::var_os("STICKLER_CLAIMS").map(PathBuf::from)).as_ref()
}

/// Whether the catalogue has this rule.
pub fn is_known(id: &str) -> bool {
    include_str!("../../tests/requirements/ids.txt").lines().any(|known| known == id)
}
