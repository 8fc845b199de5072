//! What a peer may do with records alone: renegotiation, updates of keys, records with little or no content.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::{self, cipher_suite};
use rustls::{
    AlertDescription, ClientConfig, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    SupportedCipherSuite,
};
use stickler_testing::frame::text;
use stickler_testing::tcp::Running;

use super::support::{Authority, Client, Wire, echo_over_tls, fault, until};

/// What writes any record on an open connection, which nobody reads as TLS any more.
struct Records {
    wire: Wire,
    encrypter: Box<dyn MessageEncrypter>,
    version: ProtocolVersion,
    next: u64,
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
        Records { wire: client.wire, encrypter, version, next }
    }

    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(payload);
        let message = OutboundPlainMessage { typ, version: self.version, payload };
        self.next += 1;
        self.encrypter.encrypt(message, self.next - 1).unwrap().encode()
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
    let error = client
        .tls
        .complete_io(&mut client.wire)
        .and_then(|_| client.stream().read(&mut [0]))
        .unwrap_err();
    assert_eq!(fault(&error), Error::AlertReceived(AlertDescription::UnexpectedMessage));
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}

#[test]
fn records_without_content_have_a_bound() {
    let (authority, server) = echo_over_tls();
    let suite = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let mut records = Records::open(&server, &authority, suite);
    // A few are nothing to complain about, and content begins the count anew.
    for _ in 0..4 {
        let mut sent = Vec::new();
        for _ in 0..1000 {
            sent.extend(records.record(ContentType::ApplicationData, b""));
        }
        sent.extend(records.record(ContentType::ApplicationData, &text("on")));
        let before = records.wire.received.len();
        records.wire.write_all(&sent).unwrap();
        let mut echo = [0; 100];
        while records.wire.received.len() == before {
            records.wire.read(&mut echo).unwrap();
        }
    }
    assert_eq!(server.handle.counters().connections, 1);
    let mut sent = Vec::new();
    while sent.len() < 100_000 {
        sent.extend(records.record(ContentType::ApplicationData, b""));
    }
    records.wire.write_all(&sent).unwrap();
    assert!(records.has_ended());
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}

/// A peer whose records hold a byte each keeps no other connection of its worker waiting.
#[test]
fn a_flood_of_tiny_records_leaves_others_their_turn() {
    let (authority, server) = echo_over_tls();
    let mut honest = Client::open(&server, authority.client());
    let suite = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    let mut records = Records::open(&server, &authority, suite);
    // One message that does not end: 40,000 records.
    let mut sent = records.record(ContentType::ApplicationData, &beginning_of_a_large_message());
    for _ in 0..40_000 {
        sent.extend(records.record(ContentType::ApplicationData, b"a"));
    }
    let mut stream = records.wire.stream.try_clone().unwrap();
    let flood = std::thread::spawn(move || stream.write_all(&sent));
    let mut longest = Duration::ZERO;
    while !flood.is_finished() {
        let began = Instant::now();
        honest.send(text("on"));
        assert_eq!(honest.frame().payload, b"on");
        longest = longest.max(began.elapsed());
    }
    flood.join().unwrap().unwrap();
    // Far more than it takes, and far less than for all of the records in one turn of a slow machine.
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    server.stop();
}

/// The header of a binary frame of 1 MiB, masked with zeros.
fn beginning_of_a_large_message() -> Vec<u8> {
    vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]
}
