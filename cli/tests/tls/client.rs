//! A client of TLS that keeps the rules of WebSocket, as far as the tests need them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore,
    SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use crate::files::Issued;

/// What a client insists on, and what it shows.
pub(crate) struct Terms {
    /// Whom it trusts; nobody means everybody.
    roots: Vec<CertificateDer<'static>>,
    own: Option<(CertificateDer<'static>, String)>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Terms {
    pub(crate) fn trusting(root: &CertificateDer<'static>) -> Terms {
        Terms { roots: vec![root.clone()], own: None, versions: rustls::ALL_VERSIONS }
    }

    /// Trusts everybody, as `--insecure` does.
    pub(crate) fn insecure() -> Terms {
        Terms { roots: Vec::new(), own: None, versions: rustls::ALL_VERSIONS }
    }

    /// Shows a certificate of its own.
    pub(crate) fn showing(self, own: &Issued) -> Terms {
        Terms { own: Some((own.der.clone(), own.key.clone())), ..self }
    }

    pub(crate) fn versions(self, versions: &'static [&'static SupportedProtocolVersion]) -> Terms {
        Terms { versions, ..self }
    }

    fn config(&self) -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = if self.roots.is_empty() {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        } else {
            let mut roots = RootCertStore::empty();
            self.roots.iter().for_each(|root| roots.add(root.clone()).unwrap());
            builder.with_root_certificates(roots)
        };
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![cert.clone()], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

/// A client's end of one connection.
pub(crate) struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Client {
    /// Connects, and completes the TLS handshake with a server of this name.
    pub(crate) fn connect(address: SocketAddr, name: &str, terms: &Terms) -> io::Result<Client> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::new(terms.config()), name);
        let mut connection = connection.map_err(io::Error::other)?;
        let mut tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(Client { stream: StreamOwned::new(connection, tcp) })
    }

    /// The same, up to the 101.
    pub(crate) fn open(address: SocketAddr, name: &str, terms: &Terms) -> io::Result<Client> {
        let mut client = Client::connect(address, name, terms)?;
        let head = client.ask(HANDSHAKE)?;
        if head.starts_with("HTTP/1.1 101 ") { Ok(client) } else { Err(io::Error::other(head)) }
    }

    /// The certificate that the server has shown.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.stream.conn.protocol_version().unwrap()
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) fn ask(&mut self, request: &str) -> io::Result<String> {
        self.stream.write_all(request.as_bytes())?;
        self.stream.flush()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8(head).unwrap())
    }

    /// Sends a short message and reads its echo.
    pub(crate) fn echoes(&mut self, text: &str) -> io::Result<()> {
        self.send(0x81, text.as_bytes())?;
        let (first, payload) = self.frame()?;
        if (first, &payload[..]) == (0x81, text.as_bytes()) {
            return Ok(());
        }
        Err(io::Error::other(format!("{first:#x} {payload:?}, not the echo of {text:?}")))
    }

    /// Sends a short frame; a masking key of zeros is one too.
    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let len = u8::try_from(payload.len()).unwrap();
        assert!(len < 126);
        self.stream.write_all(&[&[first, 0x80 | len, 0, 0, 0, 0], payload].concat())?;
        self.stream.flush()
    }

    /// The first byte and the payload of the next frame, which is short.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut header = [0; 2];
        self.stream.read_exact(&mut header)?;
        let mut payload = vec![0; usize::from(header[1])];
        self.stream.read_exact(&mut payload)?;
        Ok((header[0], payload))
    }

    /// Reads what there still is up to the end, which TLS has to announce.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Closes with 1000, and waits for the end.
    pub(crate) fn close(mut self) -> io::Result<()> {
        self.send(0x88, &1000_u16.to_be_bytes())?;
        let answer = self.frame()?;
        if answer != (0x88, 1000_u16.to_be_bytes().to_vec()) || !self.rest()?.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("{answer:?}")));
        }
        Ok(())
    }
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
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
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The plainest opening handshake.
pub(crate) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(15);
