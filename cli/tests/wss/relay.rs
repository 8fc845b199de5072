//! A relay that ends TLS in front of a server without it, and certificates for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

/// An authority that only its file makes known.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    path: PathBuf,
}

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Now,
    Past,
    Future,
}

/// How a relay ends what the server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// close_notify, then FIN.
    Notified,
    /// FIN alone.
    Cut,
}

impl Authority {
    /// Its certificate is written to a file of this name.
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let file = format!("wss-{}-{name}.pem", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        std::fs::write(&path, pem).unwrap();
        Authority { issuer: Issuer::new(params, key), path }
    }

    /// Where its certificate is.
    pub(crate) fn file(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// A server with a certificate for these names.
    pub(crate) fn certify(&self, names: &[&str], time: Time) -> ServerConfig {
        self.certify_for(names, time, rustls::DEFAULT_VERSIONS)
    }

    /// The same with these versions of TLS.
    pub(crate) fn certify_for(
        &self,
        names: &[&str],
        time: Time,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        match time {
            Time::Now => {}
            Time::Past => params.not_after = date_time_ymd(2020, 1, 1),
            Time::Future => params.not_before = date_time_ymd(2120, 1, 1),
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Ends TLS on a free port, until the test ends, and passes on what is inside.
pub(crate) fn relay(to: SocketAddr, config: ServerConfig, end: End) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let config = Arc::clone(&config);
            thread::spawn(move || drop(connection(client, to, config, end)));
        }
    });
    address
}

fn connection(
    mut client: TcpStream,
    to: SocketAddr,
    config: Arc<ServerConfig>,
    end: End,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
    session.set_buffer_limit(None);
    while session.is_handshaking() {
        session.complete_io(&mut client)?;
    }
    let server = TcpStream::connect(to)?;
    server.set_nodelay(true)?;
    let session = Arc::new(Mutex::new(session));
    let (client2, server2) = (client.try_clone()?, server.try_clone()?);
    let session2 = Arc::clone(&session);
    let back = thread::spawn(move || backward(server2, client2, &session2, end));
    let _ = forward(client, &server, &session);
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(())
}

/// From the client to the server, up to the end of TLS or of TCP.
fn forward(
    mut client: TcpStream,
    mut server: &TcpStream,
    session: &Mutex<ServerConnection>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    let mut count = 0;
    loop {
        let (mut plain, mut has_ended) = (Vec::new(), false);
        let mut input = &bytes[..count];
        {
            let mut session = session.lock().unwrap();
            loop {
                // Something may have come behind the TLS handshake.
                has_ended |= take_plain(&mut session, &mut plain);
                if input.is_empty() {
                    break;
                }
                session.read_tls(&mut input)?;
                let processed = session.process_new_packets().map(drop);
                while session.wants_write() {
                    session.write_tls(&mut client)?;
                }
                processed.map_err(io::Error::other)?;
            }
        }
        server.write_all(&plain)?;
        if has_ended {
            return Ok(());
        }
        count = client.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
    }
}

/// Takes what is decrypted; whether a close_notify has come.
fn take_plain(session: &mut ServerConnection, plain: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16 << 10];
    loop {
        match session.reader().read(&mut buffer) {
            Ok(0) => return true,
            Ok(count) => plain.extend_from_slice(&buffer[..count]),
            Err(_) => return false,
        }
    }
}

/// From the server to the client, up to FIN.
fn backward(
    mut server: TcpStream,
    mut client: TcpStream,
    session: &Mutex<ServerConnection>,
    end: End,
) {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let count = server.read(&mut bytes).unwrap_or(0);
        let mut session = session.lock().unwrap();
        if count > 0 {
            session.writer().write_all(&bytes[..count]).unwrap();
        } else if end == End::Notified {
            session.send_close_notify();
        }
        while session.wants_write() {
            if session.write_tls(&mut client).is_err() {
                return;
            }
        }
        if count == 0 {
            let _ = client.shutdown(Shutdown::Write);
            return;
        }
    }
}
