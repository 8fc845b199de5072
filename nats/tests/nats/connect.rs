//! What a node finds when it starts.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use stickler::broker::Broker;
use stickler_nats::{ConnectError, Nats, Options};

use crate::server::Server;
use crate::until_up;

/// A port on which nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn an_old_server_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let info = r#"{"server_id":"X","version":"2.9.0","headers":true,"jetstream":true,"max_payload":1048576,"proto":1}"#;
        stream.write_all(format!("INFO {info}\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").unwrap();
            }
        }
    });
    let error = Nats::connect(Options::new([url])).await.unwrap_err();
    assert!(matches!(&error, ConnectError::TooOld(version) if version == "2.9.0"), "{error}");
    assert!(error.to_string().contains("2.11.15 or newer is needed"), "{error}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_refused() {
    let Some(server) = Server::start_with("without", "").await else { return };
    let error = Nats::connect(server.options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoJetStream), "{error}");
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_unless_it_may_be() {
    let options = Options::new([format!("nats://127.0.0.1:{}", closed_port())]);
    let error = Nats::connect(options.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    let nats = Nats::connect(options.may_be_away()).await.unwrap();
    assert!(!nats.is_up());
    assert!(nats.publish("room", "a", "a".into()).await.is_err());
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let Some(mut server) = Server::start("later").await else { return };
    server.kill();
    let nats = Nats::connect(server.options().may_be_away()).await.unwrap();
    assert!(!nats.is_up());
    server.restart();
    until_up(&nats, true).await;
    crate::publish(&nats, "room", "a").await;
}

#[tokio::test]
async fn a_stream_of_others_is_refused() {
    let Some(server) = Server::start("foreign").await else { return };
    let config = async_nats::jetstream::stream::Config {
        name: "OTHERS".into(),
        ..async_nats::jetstream::stream::Config::default()
    };
    server.client().await.create_stream(config).await.unwrap();
    let error = Nats::connect(server.options().stream("OTHERS")).await.unwrap_err();
    assert!(matches!(error, ConnectError::ForeignStream(_)), "{error}");
    let error = Nats::connect(server.options().stream("a.b")).await.unwrap_err();
    assert!(matches!(error, ConnectError::StreamName(_)), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let options = Options::new(["nats://127.0.0.1:1"]);
    for options in [options.clone().credentials("/no/such.creds"), options.ca("/no/such.pem")] {
        let error = Nats::connect(options).await.unwrap_err();
        assert!(error.to_string().starts_with("/no/such."), "{error}");
    }
}

#[tokio::test]
async fn tls_is_taken_with_the_ca_that_is_named_only() {
    let Some(folder) = Server::start_with("tls-files", "").await else { return };
    let at = |name: &str| folder.folder().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &at("key.pem"), "-out", &at("cert.pem")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let configuration = format!(
        "jetstream {{ store_dir: \"STORE\" }}\ntls {{ cert_file: {:?}, key_file: {:?} }}",
        at("cert.pem"),
        at("key.pem")
    );
    let server = Server::start_with("tls", &configuration).await.unwrap();
    let nats = Nats::connect(server.options().ca(at("cert.pem"))).await.unwrap();
    crate::publish(&nats, "room", "a").await;
    let error = Nats::connect(server.options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    // A server without TLS is not talked to in clear.
    let plain = Server::start("plain").await.unwrap();
    assert_ne!(plain.port(), server.port());
    let error = Nats::connect(plain.options().ca(at("cert.pem"))).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_name_and_a_password_are_those_of_the_url() {
    let configuration =
        "jetstream { store_dir: \"STORE\" }\nauthorization { user: \"node\", password: \"a:b@c\" }";
    let Some(server) = Server::start_with("password", configuration).await else { return };
    let options =
        |before: &str| Options::new([format!("nats://{before}127.0.0.1:{}", server.port())]);
    let nats = Nats::connect(options("node:a%3Ab%40c@")).await.unwrap();
    crate::publish(&nats, "room", "a").await;
    for wrong in ["", "node:other@"] {
        let error = Nats::connect(options(wrong)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unauthorized(_)), "{wrong:?}: {error}");
    }
}

#[tokio::test]
async fn a_token_is_that_of_the_url() {
    let configuration = "jetstream { store_dir: \"STORE\" }\nauthorization { token: \"word\" }";
    let Some(server) = Server::start_with("token", configuration).await else { return };
    let options =
        |before: &str| Options::new([format!("nats://{before}127.0.0.1:{}", server.port())]);
    assert!(Nats::connect(options("word@")).await.unwrap().is_up());
    let error = Nats::connect(options("other@")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unauthorized(_)), "{error}");
}
