//! TLS as a client: which certificates are taken, and a blocking connection below that of a WebSocket (RFC 6455 §4.1).
//!
//! What is spoken inside is not known here.

mod fault;
mod stream;
mod unverified;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

pub(crate) use self::stream::{Session, is_late};
use self::unverified::Unverified;
pub(crate) use self::wire::Wire;

/// Which certificates of servers are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that an authority of this machine vouches for.
    System,
    /// Those that a certificate of this file vouches for, and no others.
    File(PathBuf),
    /// Any.
    Anything,
}

/// How to speak TLS with one server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    is_verified: bool,
}

impl Trust {
    /// What `--insecure` and `--ca` say together.
    pub(crate) fn of(insecure: bool, ca: Option<&Path>) -> Trust {
        match ca {
            Some(path) => Trust::File(path.to_owned()),
            None if insecure => Trust::Anything,
            None => Trust::System,
        }
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match self {
            Trust::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    let why = found.errors.first().map(|why| format!(": {why}"));
                    return Err(format!("{NO_AUTHORITY}{}", why.unwrap_or_default()));
                }
            }
            Trust::File(path) => {
                let name = path.display();
                let pem = fs::read(path).map_err(|error| format!("--ca {name}: {error}"))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    let certificate =
                        certificate.map_err(|error| format!("--ca {name}: {error}"))?;
                    roots.add(certificate).map_err(|error| format!("--ca {name}: {error}"))?;
                }
                if roots.is_empty() {
                    return Err(format!("--ca {name}: there is no certificate in it"));
                }
            }
            Trust::Anything => {}
        }
        Ok(roots)
    }
}

impl TlsClient {
    /// For the server of this name, or at this address: the name of its certificate, and the one that it is told (RFC
    /// 6066 §3). `http/1.1` is the only protocol offered (RFC 7301).
    ///
    /// # Errors
    /// A sentence: the certificates to trust cannot be read, or are none; or the host is no name.
    pub(crate) fn new(host: &str, trust: &Trust) -> Result<TlsClient, String> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("{host} is no name that a certificate can have"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let is_verified = *trust != Trust::Anything;
        let mut config = if is_verified {
            builder.with_root_certificates(trust.roots()?).with_no_client_auth()
        } else {
            let verifier = Arc::new(Unverified::new(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Each connection is judged by itself, and so makes a handshake of its own.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(TlsClient { config: Arc::new(config), name, is_verified })
    }
}

const NO_AUTHORITY: &str =
    "this machine has no certificates of authorities: name a file by --ca, or say --insecure";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for (host, is_good) in [
            ("localhost", true),
            ("a.example", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("a b", false),
            ("", false),
        ] {
            let client = TlsClient::new(host, &Trust::Anything);
            assert_eq!(client.is_ok(), is_good, "{host:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let file = |name: &str| std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        let (missing, empty, key) = (file("missing"), file("empty"), file("key"));
        fs::write(&empty, "nothing").unwrap();
        fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        for (path, why) in [(&missing, "No such file"), (&empty, NONE), (&key, NONE)] {
            let said = TlsClient::new("localhost", &Trust::File(path.clone())).unwrap_err();
            assert!(said.starts_with(&format!("--ca {}: ", path.display())), "{said}");
            assert!(said.contains(why), "{said}");
        }
        fs::remove_file(empty).unwrap();
        fs::remove_file(key).unwrap();
    }

    const NONE: &str = "there is no certificate in it";
}
