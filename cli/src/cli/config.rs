//! The commands and the flag about the configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Serve;

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigFlag {
    /// TOML file with options under the names of the flags; flags and variables beat it
    ///
    /// SIGHUP reads it anew: what can change without a new start is in force then, and the log names the rest.
    #[arg(long, env = "STICKLER_CONFIG", value_name = "FILE", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
}

/// `stickler config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

/// What is to be done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Check a file: exit with 0 if serve would take it, else with 2 and all that is wrong with it
    ///
    /// Variables are left aside, and the files that it names are not opened.
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print what is in force with these flags, and where each value comes from, as such a file
    Print(Box<Serve>),
    /// Print the JSON Schema of such a file
    Schema,
}
