//! The flags of `stickler serve` about the proxies in front: which are trusted, what they say, and where they
//! say it before the first byte.

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};

/// What is believed of proxies.
#[derive(Clone, Debug, Args)]
pub(crate) struct Proxies {
    /// Proxy, or network of them, that is believed about its clients; unix: those on Unix sockets [repeatable]
    ///
    /// The client's address is what the log and the limits per address have then.
    #[arg(long, env = "STICKLER_TRUSTED_PROXY", value_name = "CIDR|unix")]
    #[arg(value_parser = NonEmptyStringValueParser::new(), help_heading = "Behind proxies")]
    pub(crate) trusted_proxy: Vec<String>,

    /// Fields in which trusted proxies name the client; the other family is never read
    #[arg(
        long,
        env = "STICKLER_FORWARDED",
        value_name = "FIELDS",
        help_heading = "Behind proxies"
    )]
    #[arg(default_value = "x-forwarded-for")]
    pub(crate) forwarded: Forwarded,

    /// Believe trusted proxies whether the client came over TLS (X-Forwarded-Proto, or proto=)
    #[arg(long, env = "STICKLER_TRUST_FORWARDED_PROTO", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Behind proxies")]
    pub(crate) trust_forwarded_proto: bool,

    /// Believe trusted proxies which host the client asked for (X-Forwarded-Host, or host=)
    #[arg(long, env = "STICKLER_TRUST_FORWARDED_HOST", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Behind proxies")]
    pub(crate) trust_forwarded_host: bool,

    /// Where connections begin with a header of the PROXY protocol, version 1 or 2 [repeatable]
    ///
    /// An address that stands in --listen or --listen-tls too is that one; others are listened on without TLS.
    /// Without --trusted-proxy it has to be a loopback address or a Unix socket.
    #[arg(long, env = "STICKLER_PROXY_PROTOCOL", value_name = "ADDR:PORT|unix:PATH")]
    #[arg(value_parser = NonEmptyStringValueParser::new(), help_heading = "Behind proxies")]
    pub(crate) proxy_protocol: Vec<String>,
}

/// A family of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forwarded {
    /// X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host
    XForwardedFor,
    /// Forwarded (RFC 7239)
    Forwarded,
}
