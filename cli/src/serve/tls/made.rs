//! A certificate that is made at the start, signed by its own key, and never written to a file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PublicKeyData};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use stickler::{Tls, TlsError};

use crate::listen::Listen;

/// A certificate and its key, in memory.
pub(super) struct Made {
    /// The hosts and addresses that it is for.
    names: Vec<String>,
    chain: String,
    key: String,
    /// As `openssl x509 -fingerprint -sha256` writes it.
    fingerprint: String,
    /// The SHA-256 of its public key, in base64: Chromium takes it as an exception.
    key_digest: String,
}

impl Made {
    /// A certificate for this host and for the addresses that are listened on.
    ///
    /// # Errors
    /// A sentence: the host is no name for a certificate, or there is no randomness.
    pub(super) fn new(host: &str, listen: &[Listen]) -> Result<Made, String> {
        Made::at(SystemTime::now(), host, listen).map_err(|error| error.to_string())
    }

    fn at(now: SystemTime, host: &str, listen: &[Listen]) -> Result<Made, rcgen::Error> {
        let names = names(host, listen);
        let mut params = CertificateParams::new(names.clone())?;
        params.distinguished_name.push(DnType::CommonName, "stickler, to try things out");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        // The clock of a client may be behind ours.
        params.not_before = epoch + now.saturating_sub(A_DAY);
        params.not_after = epoch + (now + LASTS);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Made {
            names,
            chain: certificate.pem(),
            key: key.serialize_pem(),
            fingerprint: with_colons(&sha256(certificate.der())),
            key_digest: STANDARD.encode(sha256(&key.subject_public_key_info())),
        })
    }

    pub(super) fn tls(&self) -> Result<Tls, TlsError> {
        Tls::from_pem(self.chain.as_bytes(), self.key.as_bytes())
    }

    pub(super) fn report(&self) {
        tracing::info!(
            names = self.names.join(" "),
            days = LASTS.as_secs() / A_DAY.as_secs(),
            sha256 = self.fingerprint,
            key_sha256 = self.key_digest,
            "made a certificate that nobody vouches for: clients connect only if told so, as by --insecure"
        );
    }
}

/// The host, and what the addresses are called that are listened on, each once.
fn names(host: &str, listen: &[Listen]) -> Vec<String> {
    let mut names = vec![host.trim_end_matches('.').to_owned()];
    for listen in listen {
        let more = match listen {
            Listen::Address(address) if address.ip().is_unspecified() => {
                HERE.map(str::to_owned).into()
            }
            Listen::Address(address) => vec![address.ip().to_string()],
            Listen::Name(name, _) => vec![name.clone()],
            _ => HERE.map(str::to_owned).into(),
        };
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    // The suite is known by this name because it has this hash.
    let hash = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider);
    hash.map_or_else(Vec::new, |hash| hash.hash(bytes).as_ref().to_vec())
}

fn with_colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// What this machine is called by itself.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const A_DAY: Duration = Duration::from_secs(86_400);

/// From now on: enough to try things out, too little to be forgotten somewhere.
const LASTS: Duration = Duration::from_secs(14 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_the_host_and_the_addresses_listened_on() {
        let names = |host: &str, listen: &[&str]| {
            let listen: Vec<_> = listen.iter().map(|text| Listen::parse(text).unwrap()).collect();
            super::names(host, &listen).join(" ")
        };
        assert_eq!(names("localhost", &["127.0.0.1:1"]), "localhost 127.0.0.1");
        assert_eq!(names("chat.example.", &["[::1]:1", "[::1]:2"]), "chat.example ::1");
        assert_eq!(names("localhost", &["0.0.0.0:1", "[::]:1"]), "localhost 127.0.0.1 ::1");
        assert_eq!(
            names("a", &["localhost:1", "b.example:1"]),
            "a localhost 127.0.0.1 ::1 b.example"
        );
    }

    #[test]
    fn it_begins_a_day_before_and_ends_in_two_weeks() {
        let now = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        let made = Made::at(now, "chat.example", &[]).unwrap();
        assert_eq!(made.tls().unwrap().expires(), Some(now + LASTS));
        assert!(made.fingerprint.len() == 32 * 3 - 1 && made.key_digest.len() == 44);
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-4 has this one as an example.
        let abc = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        assert_eq!(with_colons(&sha256(b"abc")), abc);
    }
}
