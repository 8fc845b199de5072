//! How connections over TLS end: in which order, and what the `Ending` says of it.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use socket2::SockRef;
use stickler::{Config, Ending, Endpoint, Incoming, Initiator};
use stickler_testing::claims;
use stickler_testing::frame::{frame, text};
use stickler_testing::memory::echo;
use stickler_testing::tcp::{PATIENCE, Running};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::support::{Authority, Client, Pair, Wire, bind, echo_over_tls, fault, until};

const CLOSE: [u8; 2] = [0x03, 0xe8];

/// In TLS 1.2 the type of a record shows that it is an alert.
#[test]
fn s7_1_1_close_notify_goes_before_fin() {
    claims!("6455-7.1.1-02");
    let (authority, server) = echo_over_tls();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = Client::open(&server, authority.client_of(&[version]));
        client.send(frame(0x88, CLOSE));
        assert_eq!(client.frame().close_code(), 1000);
        // rustls gives an error where the end comes without it.
        client.expect_end();
        if version.version == rustls::ProtocolVersion::TLSv1_2 {
            let types = client.wire.record_types();
            assert_eq!(types.last(), Some(&21));
            assert_eq!(types.iter().filter(|kind| **kind == 21).count(), 1);
        }
    }
    server.stop();
}

/// Serves one connection whose client does this, and gives its ending.
async fn ending(act: impl FnOnce(&mut Client) + Send + 'static) -> Ending {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    // The endpoint over the stream of somebody else's TLS: the ending is what counts here.
    let config = server_config(&pair);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config_of_client = Arc::new(authority.client());
    let client = tokio::task::spawn_blocking(move || {
        let mut client = Client::new(&config_of_client, "localhost", Wire::to(address));
        client.shake_hands().unwrap();
        client.upgrade();
        act(&mut client);
    });
    let (stream, peer) = listener.accept().await.unwrap();
    let stream = TlsAcceptor::from(config).accept(stream).await.unwrap();
    let endpoint = Endpoint::new(Config::default());
    let ending = endpoint.serve(stream, Some(peer), echo).await;
    client.await.unwrap();
    ending
}

fn server_config(pair: &Pair) -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let chain = vec![CertificateDer::from_pem_slice(pair.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

#[tokio::test]
async fn an_endpoint_serves_the_tls_stream_of_the_caller() {
    let ending = ending(|client| {
        client.send(text("hello"));
        assert_eq!(client.frame().payload, b"hello");
        client.send(frame(0x88, CLOSE));
        assert_eq!(client.frame().close_code(), 1000);
        client.expect_end();
    });
    let ending = ending.await;
    assert!(ending.is_clean() && !ending.is_truncated(), "{ending:?}");
}

#[tokio::test]
async fn an_end_of_tcp_alone_is_a_truncation_of_the_callers_stream_too() {
    let cut = |client: &mut Client| client.wire.stream.shutdown(Shutdown::Write).unwrap();
    let ending = ending(cut).await;
    assert!(ending.is_truncated() && !ending.is_clean(), "{ending:?}");
}

/// The ending of a connection to a listener of the server, whose client does this.
fn ending_at_a_listener(act: impl FnOnce(&mut Client)) -> (Ending, String) {
    let authority = Authority::new();
    let (told, tells) = mpsc::channel();
    let server = bind(authority.issue(&["localhost"]).tls());
    let serving = server.start(move |incoming: Incoming| {
        let told = told.clone();
        async move {
            let (mut receiver, sender) = incoming.accept()?.split();
            let error = receiver.recv().await.err();
            let error = error.map_or_else(String::new, |error| error.to_string());
            told.send((sender.closed().await, error)).unwrap();
            Ok::<(), stickler::Error>(())
        }
    });
    let server = Running::of(serving.unwrap());
    let mut client = Client::open(&server, authority.client());
    act(&mut client);
    let ending = tells.recv_timeout(PATIENCE).unwrap();
    server.stop();
    ending
}

#[test]
fn an_end_by_close_notify_is_no_truncation_and_one_of_tcp_alone_is() {
    let (ended, error) = ending_at_a_listener(|client| {
        client.tls.send_close_notify();
        client.tls.complete_io(&mut client.wire).unwrap();
    });
    assert_eq!((ended.is_truncated(), ended.is_clean()), (false, false));
    assert_eq!(ended.transport, Some(ErrorKind::UnexpectedEof));
    assert_eq!(ended.initiator, Initiator::Transport);
    assert!(error.contains("the transport ended without a closing handshake"), "{error}");
    let (cut, error) = ending_at_a_listener(|client| {
        client.wire.stream.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!((cut.is_truncated(), cut.is_clean()), (true, false));
    assert_eq!(cut.transport, Some(ErrorKind::UnexpectedEof));
    assert!(error.contains("TCP ended without the end of TLS"), "{error}");
    let (reset, _) = ending_at_a_listener(|client| {
        SockRef::from(&client.wire.stream).set_linger(Some(Duration::ZERO)).unwrap();
        client.wire.stream = Wire::to(client.wire.stream.peer_addr().unwrap()).stream;
    });
    assert_eq!((reset.is_truncated(), reset.is_clean()), (false, false));
    assert_eq!(reset.transport, Some(ErrorKind::ConnectionReset));
}

/// In the midst of a message an end by close_notify is no better than that of TCP.
#[test]
fn an_end_within_a_message_is_told_by_its_kind() {
    let half = |client: &mut Client| client.send(b"\x82\x85\0\0\0\0he");
    let (ended, _) = ending_at_a_listener(|client| {
        half(client);
        client.tls.send_close_notify();
        client.tls.complete_io(&mut client.wire).unwrap();
    });
    assert!(!ended.is_truncated() && !ended.is_clean());
    let (cut, _) = ending_at_a_listener(|client| {
        half(client);
        client.wire.stream.shutdown(Shutdown::Write).unwrap();
    });
    assert!(cut.is_truncated() && !cut.is_clean());
}

/// What comes once both Close frames have passed is not looked at: the ending stays clean.
#[tokio::test]
async fn behind_both_close_frames_a_missing_close_notify_changes_nothing() {
    let ending = ending(|client| {
        client.send(frame(0x88, CLOSE));
        assert_eq!(client.frame().close_code(), 1000);
        client.wire.stream.shutdown(Shutdown::Both).unwrap();
    });
    let ending = ending.await;
    assert!(ending.is_clean() && !ending.is_truncated(), "{ending:?}");
}

#[test]
fn a_shutdown_ends_a_hundred_connections_cleanly() {
    let (authority, server) = echo_over_tls();
    let config = Arc::new(authority.client());
    let mut clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = Client::connect_to(&server, &config, "localhost").unwrap();
            client.upgrade();
            client
        })
        .collect();
    let began = Instant::now();
    server.handle.shutdown(Duration::from_secs(15));
    for client in &mut clients {
        assert_eq!(client.frame().close_code(), 1001);
        client.send(frame(0x88, [0x03, 0xe9]));
        client.expect_end();
    }
    drop(clients);
    let handle = server.handle.clone();
    server.wait();
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!((handle.drained().clean, handle.drained().cut), (100, 0));
}

/// A peer that sends on after the closing handshake does not lose our close_notify to a reset.
#[test]
fn what_comes_behind_our_end_is_thrown_away_without_a_reset() {
    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.send(frame(0x88, CLOSE));
    for _ in 0..50 {
        client.send(frame(0x82, vec![7; 10_000]));
    }
    assert_eq!(client.frame().close_code(), 1000);
    client.expect_end();
    server.stop();
}

/// What came before it, in the same read, is not lost.
#[test]
fn a_broken_record_behind_a_close_leaves_the_close() {
    use std::io::Write;

    let (ended, _) = ending_at_a_listener(|client| {
        client.tls.writer().write_all(&frame(0x88, CLOSE)).unwrap();
        let mut records = Vec::new();
        client.tls.write_tls(&mut records).unwrap();
        records.extend_from_slice(&[23, 3, 3, 0, 20]);
        records.extend_from_slice(&[7; 20]);
        client.wire.write_all(&records).unwrap();
    });
    assert_eq!(ended.code(), stickler::CloseCode::NORMAL, "{ended:?}");
}

/// Records that cannot be decrypted fail the connection with an alert.
#[test]
fn a_broken_record_fails_the_connection_with_an_alert() {
    use std::io::Write;

    let (authority, server) = echo_over_tls();
    let mut client = Client::open(&server, authority.client());
    client.wire.write_all(&[23, 3, 3, 0, 20]).unwrap();
    client.wire.write_all(&[7; 20]).unwrap();
    let error = client.stream().read(&mut [0]).unwrap_err();
    let alert = rustls::AlertDescription::BadRecordMac;
    assert_eq!(fault(&error), rustls::Error::AlertReceived(alert));
    until("it ends", || server.handle.counters().connections == 0);
    server.stop();
}
