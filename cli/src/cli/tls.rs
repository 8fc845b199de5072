//! The flags of `stickler serve` about TLS.

use clap::Args;
use rustls::pki_types::ServerName;

/// Where TLS is spoken, and by which certificates.
#[derive(Clone, Debug, Args)]
pub(crate) struct Tls {
    /// Address to listen on with TLS, for wss://, beside those of --listen [repeatable]
    #[arg(long, env = "STICKLER_LISTEN_TLS", value_name = "ADDR:PORT", help_heading = "TLS")]
    pub(crate) listen_tls: Vec<String>,

    /// PEM file of a certificate and those above it [repeatable, with a key for each]
    ///
    /// Of several the one is shown that is for the host that the client names, else the first. SIGHUP
    /// loads all files anew.
    #[arg(long, env = "STICKLER_TLS_CERT", value_name = "FILE", help_heading = "TLS")]
    pub(crate) tls_cert: Vec<String>,

    /// PEM file of the key of a certificate [repeatable, in the order of --tls-cert]
    #[arg(long, env = "STICKLER_TLS_KEY", value_name = "FILE", help_heading = "TLS")]
    pub(crate) tls_key: Vec<String>,

    /// PEM file of the authorities that a client must have a certificate of [default: none is asked for]
    #[arg(long, env = "STICKLER_TLS_CLIENT_CA", value_name = "FILE", help_heading = "TLS")]
    pub(crate) tls_client_ca: Option<String>,

    /// To try things out: make a certificate for this host, localhost if none is named
    ///
    /// It is for the addresses of --listen-tls too, lasts two weeks, and is never written to a file. Its
    /// fingerprint is in the log.
    #[arg(long, env = "STICKLER_TLS_SELF_SIGNED", value_name = "NAME", help_heading = "TLS")]
    #[arg(num_args = 0..=1, default_missing_value = "localhost", value_parser = parse_name)]
    pub(crate) tls_self_signed: Option<String>,

    /// Add Strict-Transport-Security to HTTP answers over TLS, for a year unless said otherwise
    #[arg(long, env = "STICKLER_HSTS", value_name = "SECONDS", help_heading = "TLS")]
    #[arg(num_args = 0..=1, default_missing_value = A_YEAR)]
    pub(crate) hsts: Option<u32>,
}

/// In seconds.
const A_YEAR: &str = "31536000";

fn parse_name(text: &str) -> Result<String, &'static str> {
    match ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("wanted: a host name or an IP address"),
    }
}
