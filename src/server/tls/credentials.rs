//! Certificates and keys, and the configuration of TLS that is made of them.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use std::{fmt, fs};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::certificate::Certificate;
use super::error::{Fault, TlsError};
use super::hosts::Hosts;
use crate::net::http_date;

/// What TLS connections are served with: certificates, their private keys, and whether clients are to show
/// certificates. Everything is checked when it is made. Cheap to clone.
///
/// The handshake is that of TLS 1.3 or 1.2, for the application protocol `http/1.1` (RFC 7301): a client that
/// offers only others is refused, one that offers none is served. There is no early data. Sessions are resumed
/// by tickets whose keys change every six hours.
///
/// ```no_run
/// use stickler::{Server, Tls};
///
/// # async fn echo(incoming: stickler::Incoming) -> stickler::Result<()> { Ok(()) }
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tls = Tls::from_pem_files("fullchain.pem", "privkey.pem")?;
///     Server::bind_tls("0.0.0.0:443")?.tls(tls).serve(echo)?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// `None` for a configuration of the caller.
    made_of: Option<Arc<Parts>>,
    warnings: Arc<[String]>,
}

/// What a configuration was made of.
#[derive(Clone)]
struct Parts {
    pairs: Vec<(Arc<CertifiedKey>, Certificate)>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Tls {
    /// A certificate with those that lead to its CA behind it, and its private key (PKCS #8, PKCS #1 or
    /// SEC1), as PEM (RFC 7468). Text around them is left aside.
    ///
    /// # Errors
    /// There is no certificate or no key, one of them cannot be read, or the key is not that of the first
    /// certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        Tls::of_pair(Pair::from_pem(chain, key)?)
    }

    /// As [`from_pem`](Self::from_pem), from two files.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), or a file cannot be read; the error names the file.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Tls, TlsError> {
        Tls::of_pair(Pair::from_files(chain.as_ref(), key.as_ref())?)
    }

    /// Another certificate and its key. A client gets the certificate that has the host it asks for (SNI),
    /// by its whole name or by a wildcard, and else the first. Of two with the same host it gets the first
    /// whose kind of key it knows.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem); and for [`from_config`](Self::from_config), to which nothing can be
    /// added.
    pub fn with_pem(self, chain: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        self.with_pair(Pair::from_pem(chain, key)?)
    }

    /// As [`with_pem`](Self::with_pem), from two files.
    ///
    /// # Errors
    /// As [`with_pem`](Self::with_pem), or a file cannot be read; the error names the file.
    pub fn with_pem_files(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Tls, TlsError> {
        self.with_pair(Pair::from_files(chain.as_ref(), key.as_ref())?)
    }

    /// Serves only clients that show a certificate which one of these CAs has issued, directly or over
    /// others that the client shows too. [`Incoming::tls`](crate::Incoming::tls) says whom it is for.
    ///
    /// # Errors
    /// There is no certificate, or one cannot be read; and for [`from_config`](Self::from_config).
    pub fn client_ca(self, pem: &[u8]) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            let added = roots.add(certificate);
            added.map_err(|error| Fault::BadClientCa(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        let verifier = verifier.build().map_err(|error| Fault::BadClientCa(error.to_string()))?;
        self.rebuild(|parts| parts.clients = Some(verifier))
    }

    /// As [`client_ca`](Self::client_ca), from a file.
    ///
    /// # Errors
    /// As [`client_ca`](Self::client_ca), or the file cannot be read; the error names the file.
    pub fn client_ca_file(self, path: impl AsRef<Path>) -> Result<Tls, TlsError> {
        let path = path.as_ref();
        read(path).and_then(|pem| self.client_ca(&pem)).map_err(|error| error.at(path))
    }

    /// A configuration of your own, taken as it is. Have it offer `http/1.1` alone (ALPN), or nothing: no
    /// other protocol is spoken here.
    #[must_use]
    pub fn from_config(config: Arc<ServerConfig>) -> Tls {
        Tls { config, made_of: None, warnings: Arc::default() }
    }

    /// When the first of the certificates ends, those of CAs among them; `None` for
    /// [`from_config`](Self::from_config).
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        let pairs = &self.made_of.as_ref()?.pairs;
        pairs.iter().map(|(_, certificate)| certificate.not_after).min()
    }

    /// What is odd about the certificates and keys and yet keeps nobody from using them, a sentence for each:
    /// a certificate that has ended or has not begun, a file with a private key that others may read.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    fn of_pair(pair: Pair) -> Result<Tls, TlsError> {
        let parts = Parts { pairs: vec![(pair.key, pair.certificate)], clients: None };
        Tls::build(parts, pair.warnings.into())
    }

    fn with_pair(self, pair: Pair) -> Result<Tls, TlsError> {
        let warnings = self.warnings.iter().cloned().chain(pair.warnings).collect();
        let rebuilt = self.rebuild(|parts| parts.pairs.push((pair.key, pair.certificate)))?;
        Ok(Tls { warnings, ..rebuilt })
    }

    fn rebuild(self, change: impl FnOnce(&mut Parts)) -> Result<Tls, TlsError> {
        let mut parts = Parts::clone(self.made_of.as_deref().ok_or(Fault::NotOurs)?);
        change(&mut parts);
        Tls::build(parts, self.warnings)
    }

    fn build(parts: Parts, warnings: Arc<[String]>) -> Result<Tls, TlsError> {
        let refused = |error: rustls::Error| Fault::Refused(error.to_string());
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(refused)?;
        let config = match parts.clients.clone() {
            Some(verifier) => config.with_client_cert_verifier(verifier),
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_cert_resolver(Arc::new(Hosts::new(&parts.pairs)));
        // RFC 7301 §3.2: there is no other protocol behind this port.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // RFC 8446 §8: what is replayed might be sent twice.
        config.max_early_data_size = 0;
        config.ticketer = ring::Ticketer::new().map_err(refused)?;
        // With tickets the clients keep their sessions themselves.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Tls { config: Arc::new(config), made_of: Some(Arc::new(parts)), warnings })
    }
}

impl fmt::Debug for Tls {
    /// Leaves certificates and keys out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("expires", &self.expires())
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// A certificate and its key, checked.
struct Pair {
    key: Arc<CertifiedKey>,
    certificate: Certificate,
    warnings: Vec<String>,
}

impl Pair {
    fn from_files(chain: &Path, key: &Path) -> Result<Pair, TlsError> {
        let chain_pem = read(chain)?;
        let key_pem = read(key)?;
        let certificates = certificates(&chain_pem).map_err(|error| error.at(chain))?;
        let certificate = parse(&certificates).map_err(|error| error.at(chain))?;
        let pair = Pair::new(certificates, certificate, &key_pem, &chain.display().to_string());
        let mut pair = pair.map_err(|error| error.at(key))?;
        pair.warnings.extend(warning_of_readers(key));
        Ok(pair)
    }

    fn from_pem(chain: &[u8], key: &[u8]) -> Result<Pair, TlsError> {
        let certificates = certificates(chain)?;
        let certificate = parse(&certificates)?;
        Pair::new(certificates, certificate, key, "the certificate")
    }

    /// `name` is what warnings call the certificate.
    fn new(
        chain: Vec<CertificateDer<'static>>,
        certificate: Certificate,
        key: &[u8],
        name: &str,
    ) -> Result<Pair, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => Fault::NoKey,
            error => Fault::Malformed(error.to_string()),
        })?;
        let key = ring::sign::any_supported_type(&key)
            .map_err(|error| Fault::BadKey(error.to_string()))?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            // A key that does not say what its public half is comes from no file.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(Fault::KeyMismatch.into()),
            Err(error) => return Err(Fault::Refused(error.to_string()).into()),
        }
        let warnings = warnings_of_time(&certificate, name, SystemTime::now());
        Ok(Pair { key: Arc::new(key), certificate, warnings })
    }
}

/// What is to be known of a chain: of its first certificate, but all of them have to be valid.
fn parse(chain: &[CertificateDer<'_>]) -> Result<Certificate, TlsError> {
    let mut first: Option<Certificate> = None;
    for (index, der) in chain.iter().enumerate() {
        let parsed =
            Certificate::parse(der).map_err(|reason| Fault::BadCertificate(index + 1, reason))?;
        match &mut first {
            None => first = Some(parsed),
            Some(first) => {
                first.not_before = first.not_before.max(parsed.not_before);
                first.not_after = first.not_after.min(parsed.not_after);
            }
        }
    }
    first.ok_or_else(|| Fault::NoCertificate.into())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| Fault::Malformed(error.to_string()))?;
    if certificates.is_empty() { Err(Fault::NoCertificate.into()) } else { Ok(certificates) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::from(Fault::Unreadable(error)).at(path))
}

fn warnings_of_time(certificate: &Certificate, name: &str, now: SystemTime) -> Vec<String> {
    let mut warnings = Vec::new();
    let date = |time| http_date(time).unwrap_or_else(|| "a time out of reach".into());
    if certificate.not_after < now {
        let ended = date(certificate.not_after);
        warnings.push(format!("{name}: the certificate ended on {ended}; clients will refuse it"));
    }
    if certificate.not_before > now {
        let begins = date(certificate.not_before);
        warnings
            .push(format!("{name}: the certificate begins on {begins}; clients will refuse it"));
    }
    warnings
}

/// Whether somebody else than its owner may use a file with a private key.
#[cfg(unix)]
fn warning_of_readers(key: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(key).ok()?.permissions().mode() & 0o777;
    let is_open = mode & 0o077 != 0;
    is_open.then(|| {
        format!(
            "{}: others than its owner may use the private key (mode {mode:03o}): chmod 600 it",
            key.display()
        )
    })
}

#[cfg(not(unix))]
fn warning_of_readers(_: &Path) -> Option<String> {
    None
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
