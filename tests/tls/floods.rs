//! What a peer may do with records alone: renegotiation, updates of keys, records with little or no content.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::{self, cipher_suite};
use rustls::crypto::tls13::OkmBlock;
use rustls::{
    ClientConfig, ConnectionTrafficSecrets, ContentType, KeyLog, ProtocolVersion,
    SupportedCipherSuite, Tls13CipherSuite,
};
use stickler_testing::frame::text;
use stickler_testing::tcp::Running;

use super::support::{Authority, Client, Wire, echo_over_tls, until};

/// What writes any record on an open connection, which nobody reads as TLS any more.
struct Records {
    wire: Wire,
    encrypter: Box<dyn MessageEncrypter>,
    version: ProtocolVersion,
    next: u64,
    suite: SupportedCipherSuite,
    /// What the keys of TLS 1.3 are made of.
    secret: Vec<u8>,
}

/// HKDF-Expand-Label without a context (RFC 8446 §7.1).
fn expand(suite: &Tls13CipherSuite, secret: &[u8], label: &[u8], len: u16) -> Vec<u8> {
    let mut output = vec![0; len.into()];
    let parts = [&len.to_be_bytes()[..], &[6 + label.len() as u8], b"tls13 ", label, &[0]];
    let expander = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret));
    assert!(expander.expand_slice(&parts, &mut output).is_ok());
    output
}

/// The secret that the keys of a client come from.
#[derive(Debug, Default)]
struct ClientSecret(Mutex<Vec<u8>>);

impl KeyLog for ClientSecret {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            *self.0.lock().unwrap() = secret.to_vec();
        }
    }
}

impl Records {
    /// Opens a connection with this cipher suite, whose records need no more than a key and a number.
    fn open(server: &Running, authority: &Authority, suite: SupportedCipherSuite) -> Records {
        let mut provider = ring::default_provider();
        provider.cipher_suites = vec![suite];
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(&[match suite {
            SupportedCipherSuite::Tls12(_) => &rustls::version::TLS12,
            SupportedCipherSuite::Tls13(_) => &rustls::version::TLS13,
        }]);
        let builder = builder.unwrap().with_root_certificates(authority.roots());
        let mut config = builder.with_no_client_auth();
        config.enable_secret_extraction = true;
        let secret = Arc::new(ClientSecret::default());
        config.key_log = secret.clone();
        let client = Client::open(server, config);
        let (next, secrets) = client.tls.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("another cipher suite")
        };
        let (encrypter, version) = match suite {
            SupportedCipherSuite::Tls12(suite) => {
                (suite.aead_alg.encrypter(key, iv.as_ref(), &[]), ProtocolVersion::TLSv1_2)
            }
            SupportedCipherSuite::Tls13(suite) => {
                (suite.aead_alg.encrypter(key, iv), ProtocolVersion::TLSv1_3)
            }
        };
        let secret = secret.0.lock().unwrap().clone();
        Records { wire: client.wire, encrypter, version, next, suite, secret }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(payload);
        let message = OutboundPlainMessage { typ, version: self.version, payload };
        self.next += 1;
        self.encrypter.encrypt(message, self.next - 1).unwrap().encode()
    }

    /// Sends it, and waits for whatever comes.
    fn send_for_an_echo(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).unwrap();
        assert!(self.wire.read(&mut [0; 100]).unwrap() > 0, "the server has ended");
    }

    /// Goes on with the next keys (RFC 8446 §7.2).
    fn update_keys(&mut self) {
        let SupportedCipherSuite::Tls13(suite) = self.suite else { panic!("TLS 1.2") };
        self.secret = expand(suite, &self.secret, b"traffic upd", 32);
        let key: [u8; 32] = expand(suite, &self.secret, b"key", 32).try_into().unwrap();
        let iv: [u8; 12] = expand(suite, &self.secret, b"iv", 12).try_into().unwrap();
        self.encrypter = suite.aead_alg.encrypter(AeadKey::from(key), Iv::new(iv));
        self.next = 0;
    }

    /// So many bytes of records with no content in them: updates of keys, each with an empty record behind it.
    fn barren(&mut self, len: usize) -> Vec<u8> {
        let mut records = Vec::new();
        while records.len() < len {
            records.extend(self.record(ContentType::Handshake, &[24, 0, 0, 1, 0]));
            self.update_keys();
            records.extend(self.record(ContentType::ApplicationData, b""));
        }
        records
    }

    /// Whether the server has ended, by an end or a reset.
    fn has_ended(&mut self) -> bool {
        let mut bytes = Vec::new();
        let read = self.wire.read_to_end(&mut bytes);
        read.is_ok() || read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }
}

/// RFC 5746 §4: it is refused; who insists loses the connection.
#[test]
fn renegotiation_is_refused() {
    let (authority, server) = echo_over_tls();
    let suite = cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let mut records = Records::open(&server, &authority, suite);
    let before = records.wire.record_types().len();
    // A ClientHello within the connection (RFC 5246 §7.4.1.2).
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xcc, 0xa9, 1, 0]);
    let hello = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
    for _ in 0..2 {
        let record = records.record(ContentType::Handshake, &hello);
        records.wire.write_all(&record).unwrap();
    }
    assert!(records.has_ended());
    // Only alerts came.
    let types = records.wire.record_types();
    assert!(types.len() > before && types[before..].iter().all(|kind| *kind == 21), "{types:?}");
    server.stop();
}

#[test]
fn too_many_updates_of_keys_fail_the_connection_and_some_do_not() {
    let (authority, server) = echo_over_tls();
    let config = authority.client_of(&[&rustls::version::TLS13]);
    let mut client = Client::open(&server, config);
    for round in 0..10 {
        client.tls.refresh_traffic_keys().unwrap();
        client.send(text(&format!("round {round}")));
        assert_eq!(client.frame().payload, format!("round {round}").as_bytes());
    }
    for _ in 0..40 {
        client.tls.refresh_traffic_keys().unwrap();
    }
    // rustls has no alert for this: it is an end.
    let _ = client.tls.complete_io(&mut client.wire);
    let read = client.stream().read(&mut [0]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}

#[test]
fn records_without_content_have_a_bound() {
    let (authority, server) = echo_over_tls();
    let suite = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let mut records = Records::open(&server, &authority, suite);
    // A few are nothing to complain about, and content begins the count anew.
    for _ in 0..10 {
        let mut sent = Vec::new();
        for _ in 0..20 {
            sent.extend(records.record(ContentType::ApplicationData, b""));
        }
        sent.extend(records.record(ContentType::ApplicationData, &text("on")));
        records.send_for_an_echo(&sent);
    }
    let mut sent = Vec::new();
    while sent.len() < 100_000 {
        sent.extend(records.record(ContentType::ApplicationData, b""));
    }
    records.wire.write_all(&sent).unwrap();
    assert!(records.has_ended());
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}

/// rustls counts updates of keys between records of content, and records without content between others: each
/// of them begins the count of the other anew.
#[test]
fn updates_of_keys_between_records_without_content_have_a_bound() {
    let (authority, server) = echo_over_tls();
    let suite = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let mut records = Records::open(&server, &authority, suite);
    let mut sent = records.barren(20_000);
    sent.extend(records.record(ContentType::ApplicationData, &text("on")));
    records.send_for_an_echo(&sent);
    let sent = records.barren(100_000);
    records.wire.write_all(&sent).unwrap();
    assert!(records.has_ended());
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}
