//! Why certificates or a key cannot be used.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

/// Certificates or a key that cannot be used: it says what is wrong, and with which file.
#[derive(Debug)]
pub struct TlsError {
    file: Option<PathBuf>,
    fault: Fault,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Fault {
    Unreadable(io::Error),
    /// It is no PEM.
    Malformed(String),
    NoCertificate,
    /// The certificate at this place of the chain, which counts from 1, cannot be read.
    BadCertificate(usize, String),
    NoKey,
    /// The key is of a kind that is not supported.
    BadKey(String),
    KeyMismatch,
    /// Certificates of a CA that clients cannot be verified with.
    BadClientCa(String),
    /// The configuration is the caller's own.
    NotOurs,
    /// What rustls has against it all.
    Refused(String),
}

impl TlsError {
    /// What is wrong with this file.
    pub(super) fn at(self, file: &Path) -> TlsError {
        TlsError { file: self.file.or_else(|| Some(file.to_owned())), fault: self.fault }
    }

    /// The file that cannot be used, where it came from one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl From<Fault> for TlsError {
    fn from(fault: Fault) -> TlsError {
        TlsError { file: None, fault }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        match &self.fault {
            Fault::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                f.write_str("there is no such file")
            }
            Fault::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Fault::Malformed(reason) => write!(f, "this is not PEM: {reason}"),
            Fault::NoCertificate => {
                f.write_str("there is no certificate in it (-----BEGIN CERTIFICATE-----)")
            }
            Fault::BadCertificate(place, reason) => {
                write!(f, "certificate {place} in it cannot be read: {reason}")
            }
            Fault::NoKey => {
                f.write_str("there is no private key in it (-----BEGIN PRIVATE KEY-----)")
            }
            Fault::BadKey(reason) => write!(f, "the private key cannot be used: {reason}"),
            Fault::KeyMismatch => {
                f.write_str("the private key does not belong to the first certificate")
            }
            Fault::BadClientCa(reason) => {
                write!(f, "clients cannot be verified with these certificates: {reason}")
            }
            Fault::NotOurs => {
                f.write_str("a configuration of rustls is taken as it is: nothing is added to it")
            }
            Fault::Refused(reason) => write!(f, "TLS cannot be configured: {reason}"),
        }
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.fault {
            Fault::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
