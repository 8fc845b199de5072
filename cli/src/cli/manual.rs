//! Completions for shells and pages of the manual, made of the definition of the command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// `stickler completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// `stickler man`.
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// Write a page for each command into this folder, instead of one to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Completions {
    /// Prints them.
    pub(crate) fn print(&self, mut command: Command) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "stickler", &mut script);
        done(write_out(&script))
    }
}

impl Manual {
    /// Prints the page, or writes all of them.
    pub(crate) fn write(&self, command: Command) -> ExitCode {
        let written = match &self.dir {
            Some(dir) => clap_mangen::generate_to(command, dir).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", dir.display()))
            }),
            None => {
                let mut page = Vec::new();
                let rendered = clap_mangen::Man::new(command).render(&mut page);
                rendered.and_then(|()| write_out(&page))
            }
        };
        done(written)
    }
}

/// Writes all of it to standard output.
///
/// # Errors
/// As the writer; a reader that has gone away is none.
pub(crate) fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The exit status; an error is told on standard error.
pub(crate) fn done(written: io::Result<()>) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit status tells as well.
            let _ = writeln!(io::stderr(), "stickler: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}
