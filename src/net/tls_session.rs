//! What a TLS handshake agreed on, as applications see it.

use std::fmt;

/// What the TLS handshake of a connection agreed on: [`Incoming::tls`](super::Incoming::tls). It is among
/// the extensions of a plain request too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// The version of TLS.
    pub version: TlsVersion,
    /// The cipher suite, by its name in the registry of IANA.
    pub cipher: String,
    /// The host that the client asked for (SNI, RFC 6066 §3), in lower case. A client that goes to an IP address
    /// names none.
    pub server_name: Option<String>,
    /// The client's certificate, where one was asked for.
    pub client: Option<ClientCertificate>,
}

impl TlsSession {
    /// Nothing is known of it but its version and cipher suite.
    pub(crate) fn new(version: TlsVersion, cipher: String) -> TlsSession {
        TlsSession { version, cipher, server_name: None, client: None }
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsVersion::Tls12 => "TLS 1.2",
            TlsVersion::Tls13 => "TLS 1.3",
        })
    }
}

/// Whom a client's certificate is for. It was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The subject, as in `CN=device 7, O=Example`.
    pub subject: String,
    /// The subject alternative names, each behind its kind: `DNS:a.example`, `IP:192.0.2.1`,
    /// `email:a@b.example`, `URI:spiffe://example/a`. Other kinds are left out.
    pub sans: Vec<String>,
}

impl ClientCertificate {
    pub(crate) fn new(subject: String, sans: Vec<String>) -> ClientCertificate {
        ClientCertificate { subject, sans }
    }
}
