//! STUB of the verdict.
use std::path::PathBuf;
use std::process::ExitCode;
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder that Autobahn wrote, the one that holds index.json
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}
pub(crate) fn run(options: &Options) -> ExitCode {
    eprintln!("{}", options.dir.display());
    ExitCode::from(3)
}
