//! Where frames are written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use super::appending::{self, SECTION};
use crate::blocking::Blocking;
use crate::cli::TraceFormat;
use crate::permissions::{FOR_ALL_BUT_OWNER, mode_with};

/// A place for frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    StandardError,
    StandardOutput,
    File(PathBuf),
}

impl Target {
    /// Whether it is a terminal, and nobody objects (`NO_COLOR`).
    pub(super) fn is_in_colour(&self) -> bool {
        let is_terminal = match self {
            Target::StandardError => io::stderr().is_terminal(),
            Target::StandardOutput => io::stdout().is_terminal(),
            Target::File(_) => false,
        };
        is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// # Errors
    /// A sentence that names the file.
    pub(super) fn open(&self, format: TraceFormat) -> io::Result<Box<dyn Write + Send>> {
        Ok(match self {
            Target::StandardError => Box::new(Blocking(io::stderr())),
            Target::StandardOutput => Box::new(Blocking(io::stdout())),
            Target::File(path) => {
                let named = |error: io::Error| {
                    let sentence = format!("cannot write frames to {}: {error}", path.display());
                    io::Error::new(error.kind(), sentence)
                };
                Box::new(open_file(path, format).map_err(named)?)
            }
        })
    }
}

/// Opens a file to append to, or makes one that only its owner may read. What is whole there is kept: a server
/// that is started anew destroys no evidence.
fn open_file(path: &Path, format: TraceFormat) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // A pipe would be waited for, and a link may lead to a file of somebody else's.
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other(NO_FILE));
    }
    let file = options.open(path)?;
    let opened = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let there = fs::symlink_metadata(path)?;
        if (there.dev(), there.ino()) != (opened.dev(), opened.ino()) {
            return Err(io::Error::other(NO_FILE));
        }
    }
    if mode_with(&opened, FOR_ALL_BUT_OWNER).is_some() {
        return Err(io::Error::other("others than its owner may read or write it"));
    }
    if format == TraceFormat::Pcapng && opened.len() > 0 {
        let mut beginning = Vec::new();
        (&file).take(SECTION.len() as u64).read_to_end(&mut beginning)?;
        if beginning != SECTION {
            return Err(io::Error::other("it holds something else than pcapng"));
        }
    }
    appending::prepare(&file, format)?;
    Ok(file)
}

const NO_FILE: &str = "it is no regular file";
