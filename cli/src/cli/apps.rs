//! The flags of `stickler serve` about what it has besides the echo.

use clap::{Args, ValueEnum};

/// What is served besides the echo.
#[derive(Clone, Debug, Args)]
pub(crate) struct Apps {
    /// The page for browsers at /, and the WebSocket /violations that shows on it what breaking a rule does
    #[arg(long, env = "STICKLER_PAGE", value_name = "SWITCH", default_value = "on")]
    #[arg(help_heading = "Applications")]
    pub(crate) page: Switch,

    /// The chat: the WebSocket /chat, and its page /chat.html
    #[arg(long, env = "STICKLER_CHAT", value_name = "SWITCH", default_value = "on")]
    #[arg(help_heading = "Applications")]
    pub(crate) chat: Switch,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// It is
    On,
    /// It is not
    Off,
}
