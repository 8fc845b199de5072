//! A folder of one test, which goes with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder for the files of one test. A path in it is short enough for a Unix socket, which one in the folder of the
/// target may not be.
pub struct Folder(PathBuf);

impl Folder {
    /// Each has a name of its own, also where several tests of a process ask for the same one.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn new(name: &str) -> Folder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("stickler-{process}-{number}-{name}"));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where its socket is, in the tests that have one.
    pub fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
