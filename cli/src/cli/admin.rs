//! The flags of `stickler serve` about the admin listener, for the people on call.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser, PathBufValueParser};
use stickler::Config;
use stickler::http::HeaderName;

/// The admin listener, and what is made for those who look at it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Admin {
    /// Where metrics, probes and switches are served: an address or a Unix socket [default: nowhere]
    ///
    /// Without a value it is 127.0.0.1:9002. Another address than loopback needs --admin-token-file.
    #[arg(long, env = "STICKLER_ADMIN", value_name = "ADDR:PORT|unix:PATH")]
    #[arg(num_args = 0..=1, default_missing_value = DEFAULT_ADMIN)]
    #[arg(value_parser = NonEmptyStringValueParser::new(), help_heading = "Admin listener")]
    pub(crate) admin: Option<String>,

    /// File whose first line is the token that requests which change something have to show
    ///
    /// Over another address than loopback all requests have to. It is refused where every user may read or write it.
    #[arg(long, env = "STICKLER_ADMIN_TOKEN_FILE", value_name = "FILE")]
    #[arg(value_parser = PathBufValueParser::new(), help_heading = "Admin listener")]
    pub(crate) admin_token_file: Option<PathBuf>,

    /// Host under which the admin listener is asked, besides its address and loopback [repeatable]
    #[arg(long, env = "STICKLER_ADMIN_HOST", value_name = "HOST", help_heading = "Admin listener")]
    pub(crate) admin_host: Vec<String>,

    /// Have /readyz fail too while connections hold nine tenths of --max-memory
    #[arg(long, env = "STICKLER_READY_BELOW_MEMORY", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Admin listener")]
    pub(crate) ready_below_memory: bool,

    /// Field of the 101 that tells the client the id of its connection, as the log has it [default: none]
    #[arg(long, env = "STICKLER_ID_HEADER", value_name = "NAME", value_parser = parse_field_name)]
    #[arg(help_heading = "Opening handshake")]
    pub(crate) id_header: Option<HeaderName>,
}

/// Where the admin listener is unless that is said.
const DEFAULT_ADMIN: &str = "127.0.0.1:9002";

fn parse_field_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| "wanted: the name of a header field")?;
    // The library knows which names the protocol has for itself: what is taken here is taken at the start.
    match Config::default().id_header(name.clone()).check() {
        Ok(()) => Ok(name),
        Err(_) => Err("the protocol has this field for itself".into()),
    }
}
