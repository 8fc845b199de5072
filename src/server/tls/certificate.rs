//! What is read out of a certificate (RFC 5280): its names and the time in which it is valid.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::net::ClientCertificate;

/// What the server has to know of one of its certificates.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    /// The host names in it, in lower case; some begin with `*.`.
    pub(super) hosts: Vec<String>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub(super) fn parse(der: &[u8]) -> Result<Certificate, String> {
        let parsed = parse(der)?;
        let hosts = names(&parsed).filter_map(|name| match name {
            GeneralName::DNSName(host) => Some(host.to_ascii_lowercase()),
            _ => None,
        });
        let validity = parsed.validity();
        Ok(Certificate {
            hosts: hosts.collect(),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }
}

/// Whom a client's certificate is for. rustls has verified it, so nothing is wrong with it.
pub(super) fn client(der: &[u8]) -> ClientCertificate {
    let Ok(parsed) = parse(der) else { return ClientCertificate::default() };
    let sans = names(&parsed).filter_map(|name| match name {
        GeneralName::DNSName(host) => Some(format!("DNS:{host}")),
        GeneralName::IPAddress(octets) => Some(format!("IP:{}", address(octets)?)),
        GeneralName::RFC822Name(mailbox) => Some(format!("email:{mailbox}")),
        GeneralName::URI(uri) => Some(format!("URI:{uri}")),
        _ => None,
    });
    ClientCertificate::new(parsed.subject().to_string(), sans.collect())
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok((_, parsed)) => Ok(parsed),
        Err(error) => Err(error.to_string()),
    }
}

/// Its subject alternative names.
fn names<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let sans = certificate.subject_alternative_name().ok().flatten();
    sans.into_iter().flat_map(|sans| &sans.value.general_names)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into())
}

/// A time by its seconds since 1970; what the clock cannot hold is 1970.
fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(since)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
