//! The flags of `stickler serve` about its end: when clients are told, with which code, and what the exit status says.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use stickler::CloseCode;

use crate::units::parse_duration;

/// How the server goes away.
#[derive(Clone, Debug, Args)]
pub(crate) struct Drain {
    /// Time for which it goes on as before, except that health checks get 503
    #[arg(long, env = "STICKLER_DRAIN_DELAY", value_name = "TIME", default_value = "0s")]
    #[arg(value_parser = parse_duration, help_heading = "Drain, after the first signal")]
    pub(crate) drain_delay: Duration,

    /// Time over which the Closes are spread then, so that not all clients come back at once
    #[arg(long, env = "STICKLER_DRAIN_WINDOW", value_name = "TIME", default_value = "0s")]
    #[arg(value_parser = parse_duration, help_heading = "Drain, after the first signal")]
    pub(crate) drain_window: Duration,

    /// Status code of these Closes
    #[arg(long, env = "STICKLER_DRAIN_CODE", value_name = "CODE", default_value = "1001")]
    #[arg(help_heading = "Drain, after the first signal")]
    pub(crate) drain_code: DrainCode,

    /// Exit with 5 where connections were cut at the deadline, --shutdown-timeout
    #[arg(long, env = "STICKLER_DRAIN_STRICT", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Drain, after the first signal")]
    pub(crate) drain_strict: bool,
}

/// What clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrainCode {
    /// The server goes away
    #[value(name = "1001")]
    GoingAway,
    /// It comes back: clients that know this code connect again, after a while of chance
    #[value(name = "1012")]
    ServiceRestart,
}

impl From<DrainCode> for CloseCode {
    fn from(code: DrainCode) -> CloseCode {
        match code {
            DrainCode::GoingAway => CloseCode::GOING_AWAY,
            DrainCode::ServiceRestart => CloseCode::SERVICE_RESTART,
        }
    }
}
