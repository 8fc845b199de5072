//! The pages for people, held to what is there: their size, their links, the tables of what is
//! refused, and the bytes of the page about the protocol.

mod pages;
#[cfg(feature = "net")]
mod protocol;
mod proxies;
mod refused;
mod reports;
mod security;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a page, by its path from the root.
fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The pages in `docs`, by their paths from the root, in order.
fn docs() -> Vec<String> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let name = |path: PathBuf| format!("docs/{}", path.file_name().unwrap().to_str().unwrap());
    let mut names: Vec<_> = paths.filter(is_page).map(name).collect();
    names.sort();
    names
}
