//! A folder of one test, which goes with it.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder for the files of one test. A path in it is short enough for a Unix socket, which one in the folder of the
/// target may not be.
pub struct Folder(PathBuf);

impl Folder {
    /// Within one process each test has a name of its own.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("stickler-{}-{name}", std::process::id()));
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
