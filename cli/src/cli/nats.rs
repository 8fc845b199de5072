//! The flags of `stickler serve` about NATS, which carries the chat between nodes.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};

/// Where NATS is, and how to get in.
#[derive(Clone, Debug, Args)]
pub(crate) struct Nats {
    /// NATS servers that carry the chat between nodes, nats:// or tls:// [repeatable]
    ///
    /// Any of them will do: the next one is tried where one is away. nats-server 2.11.15 or newer with
    /// JetStream.
    #[arg(long, env = "STICKLER_NATS", value_name = "URL[,URL..]", value_delimiter = ',')]
    // A password may stand in it, and `--help` shows what variables hold.
    #[arg(hide_env_values = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new(), help_heading = "NATS")]
    pub(crate) nats: Vec<String>,

    /// Credentials file of NATS, with a JWT and a seed
    #[arg(long, env = "STICKLER_NATS_CREDENTIALS", value_name = "FILE", requires = "nats")]
    #[arg(help_heading = "NATS")]
    pub(crate) nats_credentials: Option<PathBuf>,

    /// PEM file of authorities to trust besides those of the system; NATS is spoken over TLS only then
    #[arg(long, env = "STICKLER_NATS_CA", value_name = "FILE", requires = "nats")]
    #[arg(help_heading = "NATS")]
    pub(crate) nats_ca: Option<PathBuf>,

    /// Start without NATS where it cannot be reached: the chat is degraded until it can
    #[arg(long, env = "STICKLER_NATS_OPTIONAL", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "NATS")]
    pub(crate) nats_optional: bool,
}

impl Nats {
    /// The same for the crate, if any server is named.
    pub(crate) fn options(&self) -> Option<stickler_nats::Options> {
        if self.nats.is_empty() {
            return None;
        }
        let mut options = stickler_nats::Options::new(&self.nats);
        if let Some(file) = &self.nats_credentials {
            options = options.credentials(file);
        }
        if let Some(file) = &self.nats_ca {
            options = options.ca(file);
        }
        Some(if self.nats_optional { options.may_be_away() } else { options })
    }
}
