//! Certificates made for a test, a server that has them, and a client of it that shows what is on the wire.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use stickler::{Server, Tls};
use stickler_testing::frame::{Frame, REQUEST};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{Head, PATIENCE, Running};

/// A CA of a test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tests");
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, of which the first is its common name.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(names, |_| ())
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a client trusts that trusts this CA.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    pub(crate) fn client(&self) -> ClientConfig {
        self.client_of(&[&rustls::version::TLS13, &rustls::version::TLS12])
    }

    pub(crate) fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        builder.with_root_certificates(self.roots()).with_no_client_auth()
    }

    /// A client that shows this certificate.
    pub(crate) fn client_showing(&self, pair: &Pair) -> ClientConfig {
        let chain = CertificateDer::pem_slice_iter(pair.chain.as_bytes());
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(self.roots()).with_client_auth_cert(chain, key).unwrap()
    }
}

/// A server over TLS that is not started, with this certificate, on one worker.
pub(crate) fn bind(tls: Tls) -> Server {
    Server::bind_tls("127.0.0.1:0").unwrap().workers(1).tls(tls)
}

pub(crate) fn echoing(server: Server) -> Running {
    Running::of(server.start(echo).unwrap())
}

/// A CA, and an echo whose certificate is for `localhost`.
pub(crate) fn echo_over_tls() -> (Authority, Running) {
    let authority = Authority::new();
    let server = echoing(bind(authority.issue(&["localhost"]).tls()));
    (authority, server)
}

pub(crate) fn address(server: &Running) -> SocketAddr {
    server.handle.local_addrs()[0]
}

/// Waits for what another thread is about to do.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The socket of a client, and what goes through it.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// What came from the server.
    pub(crate) received: Vec<u8>,
    /// How many bytes go into one write.
    pub(crate) write_at_most: usize,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.received.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(&bytes[..bytes.len().min(self.write_at_most)])
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        if self.write_at_most == usize::MAX {
            return self.stream.write_vectored(slices);
        }
        self.write(slices.first().map_or(&[], |slice| slice))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    pub(crate) fn to(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Wire { stream, received: Vec::new(), write_at_most: usize::MAX }
    }

    /// The types of the records that came from the server (RFC 8446 §5.1).
    pub(crate) fn record_types(&self) -> Vec<u8> {
        let (mut types, mut rest) = (Vec::new(), &self.received[..]);
        while let [kind, _, _, high, low, behind @ ..] = rest {
            types.push(*kind);
            rest = &behind[usize::from(u16::from_be_bytes([*high, *low]))..];
        }
        assert!(rest.is_empty(), "half a record");
        types
    }
}

/// A client of the server, over TLS.
pub(crate) struct Client {
    pub(crate) tls: ClientConnection,
    pub(crate) wire: Wire,
}

impl Client {
    pub(crate) fn new(config: &Arc<ClientConfig>, host: &str, wire: Wire) -> Client {
        let host = ServerName::try_from(host.to_owned()).unwrap();
        Client { tls: ClientConnection::new(config.clone(), host).unwrap(), wire }
    }

    /// A connection whose TLS handshake is done, as far as the client knows.
    pub(crate) fn connect(server: &Running, config: ClientConfig) -> io::Result<Client> {
        Client::connect_to(server, &Arc::new(config), "localhost")
    }

    pub(crate) fn connect_to(
        server: &Running,
        config: &Arc<ClientConfig>,
        host: &str,
    ) -> io::Result<Client> {
        let mut client = Client::new(config, host, Wire::to(address(server)));
        client.shake_hands()?;
        Ok(client)
    }

    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.tls.complete_io(&mut self.wire)?;
        }
        Ok(())
    }

    /// A connection whose opening handshake is done.
    pub(crate) fn open(server: &Running, config: ClientConfig) -> Client {
        let mut client = Client::connect(server, config).unwrap();
        client.upgrade();
        client
    }

    pub(crate) fn upgrade(&mut self) {
        self.send(REQUEST);
        assert_eq!(self.head().status(), 101);
    }

    pub(crate) fn stream(&mut self) -> rustls::Stream<'_, ClientConnection, Wire> {
        rustls::Stream::new(&mut self.tls, &mut self.wire)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut stream = self.stream();
        stream.write_all(bytes.as_ref()).unwrap();
        stream.flush().unwrap();
    }

    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream().read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn head(&mut self) -> Head {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.read(1));
        }
        Head::read(&bytes)
    }

    pub(crate) fn frame(&mut self) -> Frame {
        let mut bytes = self.read(2);
        let more = match bytes[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        bytes.extend(self.read(more));
        let len = bytes[2..].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if more == 0 { usize::from(bytes[1]) } else { len };
        bytes.extend(self.read(len));
        Frame::parse(&bytes).unwrap().1
    }

    /// What comes until the server ends. An end without close_notify is an error, and so is a reset.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The server's end, of which nothing comes before.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.rest().unwrap(), b"");
        // Behind close_notify there is FIN.
        let mut byte = [0];
        assert_eq!(self.wire.stream.read(&mut byte).unwrap(), 0);
    }
}

/// What rustls says of it, where it is an error of TLS.
pub(crate) fn fault(error: &io::Error) -> rustls::Error {
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).unwrap().clone()
}
