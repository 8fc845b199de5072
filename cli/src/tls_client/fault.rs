//! Why TLS came to nothing, in sentences for people.

use std::io;

use rustls::{CertificateError, Error, PeerIncompatible};

/// What went wrong with a server whose first bytes were these.
pub(super) fn sentence(error: &Error, first: &[u8]) -> String {
    match error {
        Error::InvalidCertificate(why) => of_certificate(why),
        Error::AlertReceived(alert) => {
            format!("the server ends TLS with the alert {alert:?} (RFC 8446 6)")
        }
        // RFC 9112 §2.2: a server without TLS reads a handshake as a bad request.
        Error::InvalidMessage(_) if first.starts_with(b"HTTP/") => {
            "the server answers in plain HTTP: there is no TLS on this port".to_owned()
        }
        Error::InvalidMessage(_) => format!("what the server sends is no TLS: {error}"),
        Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig) => {
            "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        Error::NoApplicationProtocol => {
            "the server has no protocol in common with http/1.1 (RFC 7301)".to_owned()
        }
        other => format!("the TLS handshake fails: {other}"),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => format!("{OF} is of an authority that is not trusted"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("{OF} has expired: {error}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{OF} is not valid yet: {error}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("{OF} is for another name: {error}")
        }
        CertificateError::BadSignature => format!("{OF} has a signature that is wrong"),
        other => format!("{OF} is not taken: {other}"),
    }
}

/// The server ended TCP before TLS was there.
pub(super) fn ended(first: &[u8]) -> io::Error {
    let text = match first {
        [] => "the server ends TCP and says nothing to a TLS handshake",
        _ => "the server ends TCP within the TLS handshake",
    };
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// No answer in the time given.
pub(super) fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer to the TLS handshake in time")
}

const OF: &str = "the certificate of the server";
