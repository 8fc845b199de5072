//! The flags of `stickler serve` that say how it listens; where, `--listen` says.

use clap::Args;
use clap::builder::BoolishValueParser;

/// How to listen.
#[derive(Clone, Debug, Args)]
pub(crate) struct Listening {
    /// Share the port with another server of ours, which takes it over
    ///
    /// Without it a port that is taken is an error.
    #[arg(long, env = "STICKLER_REUSE_PORT", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Server")]
    pub(crate) reuse_port: bool,

    /// Who may connect to a Unix socket, as permissions of its file [default: 0660]
    #[cfg(unix)]
    #[arg(long, env = "STICKLER_UNIX_MODE", value_name = "MODE", value_parser = parse_mode)]
    #[arg(help_heading = "Server")]
    pub(crate) unix_mode: Option<u32>,
}

#[cfg(unix)]
fn parse_mode(text: &str) -> Result<u32, &'static str> {
    let is_octal = !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or("wanted: permissions in octal, such as 0660")
}
