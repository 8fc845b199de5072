//! `stickler token`: a new token, and its line for the file.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use super::hash::TokenHash;
use super::tokens::is_name;

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
/// There is no randomness, or as the writer: where the reader has gone away, nobody has the token.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut random = [0; 32];
    let none = |error| io::Error::other(format!("no random numbers: {error}"));
    getrandom::fill(&mut random).map_err(none)?;
    let token = URL_SAFE_NO_PAD.encode(random);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "# The token, for the client: it is not stored anywhere else.\n# {token}\n{}",
        line(&options.name, &token)
    )?;
    out.flush()
}

/// The line of a token in a file.
pub(super) fn line(name: &str, token: &str) -> String {
    format!("{name} sha256:{}", TokenHash::of(token.as_bytes()))
}

fn parse_name(name: &str) -> Result<String, &'static str> {
    if is_name(name) { Ok(name.into()) } else { Err("wanted: 1 to 64 letters, digits and -._@") }
}
