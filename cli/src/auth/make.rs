//! `stickler token`: a new token, and its line for the file.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use sha2::{Digest, Sha256};

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The name that the log has for the token: letters, digits and -._@
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: String,
}

/// Writes a new token and its line on standard output.
///
/// # Errors
/// There is no randomness, or standard output is closed.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| format!("no random numbers: {error}"))?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let mut out = io::stdout().lock();
    let written = writeln!(
        out,
        "# The token, for the client: it is not stored anywhere else.\n# {token}\n{}",
        line(&options.name, &token)
    );
    written.and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The line of a token in a file.
pub(super) fn line(name: &str, token: &str) -> String {
    let mut line = format!("{name} sha256:");
    for octet in Sha256::digest(token.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(line, "{octet:02x}");
    }
    line
}

fn parse_name(name: &str) -> Result<String, &'static str> {
    let is_of_it = |octet: u8| octet.is_ascii_alphanumeric() || b"-._@".contains(&octet);
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(is_of_it);
    if fits { Ok(name.into()) } else { Err("wanted: 1 to 64 letters, digits and -._@") }
}
