//! What servers and the load share of TLS: a certificate for the time of a run, and the settings.
//!
//! The load offers TLS 1.3 alone, with one cipher suite and one group for the key exchange, so that all servers do the
//! same work. The servers of rustls here have stickler's settings: ring, both versions, tickets, no sessions kept.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use tokio_rustls::TlsAcceptor;

use crate::echo::argument;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// Makes a certificate for `localhost` and its key (ECDSA, P-256), as two files in `folder`.
///
/// # Errors
///
/// The files cannot be written.
pub fn write_certificate(folder: &Path) -> io::Result<()> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    fs::write(folder.join(KEY), made.signing_key.serialize_pem())
}

/// The arguments with which a server finds these files.
pub fn flags(folder: &Path) -> [String; 2] {
    [("--tls-cert=", CERTIFICATE), ("--tls-key=", KEY)]
        .map(|(flag, file)| format!("{flag}{}", folder.join(file).display()))
}

/// The files of certificate and key that the command line names, if it does.
pub fn files() -> Option<(String, String)> {
    Some((argument("--tls-cert=")?, argument("--tls-key=")?))
}

/// What accepts TLS, if the command line asks for it.
///
/// # Errors
///
/// The certificate or the key cannot be used.
pub fn acceptor() -> io::Result<Option<TlsAcceptor>> {
    let Some((certificate, key)) = files() else { return Ok(None) };
    let certificates = CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?;
    let certificates = certificates.collect::<Result<_, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let (provider, ticketer) = provider()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(io::Error::other)?;
    config.ticketer = ticketer;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

type Provider = (Arc<CryptoProvider>, Arc<dyn ProducesTickets>);

/// ring, or aws-lc-rs where `--provider=aws-lc-rs` asks for it.
fn provider() -> io::Result<Provider> {
    match argument("--provider=").as_deref() {
        None | Some("ring") => {
            let ticketer = ring::Ticketer::new().map_err(io::Error::other)?;
            Ok((Arc::new(ring::default_provider()), ticketer))
        }
        #[cfg(feature = "aws-lc-rs")]
        Some("aws-lc-rs") => {
            use rustls::crypto::aws_lc_rs;
            let ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
            Ok((Arc::new(aws_lc_rs::default_provider()), ticketer))
        }
        Some(other) => Err(io::Error::other(format!("{other} is not built in"))),
    }
}

/// The name that clients ask for.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("it is a name")
}

/// A client that takes any certificate, so that the load does less: TLS 1.3, AES-128-GCM, X25519.
pub fn client(resumption: Resumption) -> Arc<ClientConfig> {
    let provider = CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the suite is one of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.resumption = resumption;
    Arc::new(config)
}

/// Whoever it is, it is the server that this run has started.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
