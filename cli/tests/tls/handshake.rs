//! Where TLS is spoken, which certificate is shown to whom, and who may come.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};

use crate::client::{Client, Terms};
use crate::files::{Authority, Folder, flags};
use crate::server::{Server, stickler};
use crate::{command, serve};

#[test]
fn plain_listeners_and_those_of_tls_stand_side_by_side() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let pair = folder.write_pair("pair", &authority.issue("localhost"));
    let mut both = command(&flags(&pair));
    both.args([
        "--listen",
        "127.0.0.1:0",
        "--listen-tls",
        "[::1]:0",
        "--listen-tls",
        "127.0.0.1:0",
    ]);
    let server = Server::spawn(both, 3, "").unwrap();
    let [plain, six, four] = server.addresses()[..] else { panic!() };
    let lines = [format!("ws://{plain}"), format!("wss://{six}"), format!("wss://{four}")];
    assert_eq!(server.stdout_lines(), lines.map(|url| format!("listening on {url}")));
    let terms = Terms::trusting(&authority.der());
    for address in [six, four] {
        let mut client = Client::open(address, "localhost", &terms).unwrap();
        client.echoes("secret").unwrap();
        client.close().unwrap();
    }
    let mut in_clear = TcpStream::connect(plain).unwrap();
    in_clear.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    in_clear.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    server.retire().unwrap();
}

#[test]
fn variables_do_what_flags_do() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let first = folder.write_pair("first", &authority.issue("first.example"));
    let second = folder.write_pair("second", &authority.issue("second.example"));
    let own = authority.issue("client.example");
    let mut command = stickler();
    command.arg("serve").env("STICKLER_LISTEN_TLS", "127.0.0.1:0, [::1]:0");
    command.env("STICKLER_TLS_CERT", format!("{}, {}", first[1], second[1]));
    command.env("STICKLER_TLS_KEY", format!("{},{}", first[3], second[3]));
    command.env("STICKLER_TLS_CLIENT_CA", folder.write("ca.pem", &authority.pem()));
    command.env("STICKLER_HSTS", "7");
    // There is no plain listener, as nobody asked for one.
    let server = Server::spawn(command, 2, "").unwrap();
    assert!(server.stdout_lines().iter().all(|line| line.starts_with("listening on wss://")));
    for address in server.addresses() {
        let terms = Terms::trusting(&authority.der()).showing(&own);
        let mut client = Client::connect(*address, "second.example", &terms).unwrap();
        let head = client.ask("GET / HTTP/1.1\r\nHost: second.example\r\n\r\n").unwrap();
        assert!(head.contains("\r\nStrict-Transport-Security: max-age=7\r\n"), "{head}");
    }
    server.retire().unwrap();

    let mut command = stickler();
    command.arg("serve").env("STICKLER_LISTEN_TLS", "127.0.0.1:0");
    command.env("STICKLER_TLS_SELF_SIGNED", "chat.example");
    let server = Server::spawn(command, 1, "").unwrap();
    server.expect_logged("chat.example 127.0.0.1").unwrap();
    server.retire().unwrap();
}

#[test]
fn the_certificate_is_that_of_the_host_or_else_the_first() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let hosts = ["first.example", "second.example", "*.third.example"];
    let issued = hosts.map(|host| authority.issue(host));
    let pairs = ["first", "second", "third"].into_iter().zip(&issued);
    let pairs: Vec<_> = pairs.flat_map(|(name, issued)| folder.write_pair(name, issued)).collect();
    let server = serve(&flags(&pairs));
    for (host, at) in [
        ("first.example", 0),
        ("second.example", 1),
        ("a.third.example", 2),
        ("unknown.example", 0),
        ("127.0.0.1", 0),
    ] {
        let client = Client::open(server.address(), host, &Terms::insecure()).unwrap();
        assert_eq!(client.certificate(), issued[at].der, "{host}");
        client.close().unwrap();
    }
    server.retire().unwrap();
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let server = serve(&["--tls-self-signed"]);
    static OLD: [&SupportedProtocolVersion; 1] = [&TLS12];
    static NEW: [&SupportedProtocolVersion; 1] = [&TLS13];
    for (terms, version) in [
        (Terms::insecure().versions(&OLD), ProtocolVersion::TLSv1_2),
        (Terms::insecure().versions(&NEW), ProtocolVersion::TLSv1_3),
    ] {
        let mut client = Client::open(server.address(), "localhost", &terms).unwrap();
        client.echoes("of age").unwrap();
        assert_eq!(client.version(), version);
        client.close().unwrap();
    }
    server.retire().unwrap();
}

#[test]
fn with_authorities_for_clients_only_their_clients_come_in() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let (theirs, stranger) = (Authority::new(), Authority::new());
    let mut pair = folder.write_pair("pair", &authority.issue("localhost")).to_vec();
    pair.extend(["--tls-client-ca".to_owned(), folder.write("ca.pem", &theirs.pem())]);
    let server = serve(&flags(&pair));
    let open = |terms| Client::open(server.address(), "localhost", &terms);
    let terms = || Terms::trusting(&authority.der());
    let mut client = open(terms().showing(&theirs.issue("device.example"))).unwrap();
    client.echoes("known").unwrap();
    client.close().unwrap();
    assert!(open(terms()).is_err());
    assert!(open(terms().showing(&stranger.issue("device.example"))).is_err());
    server.retire().unwrap();
}

/// RFC 9110 §7.4: what is asked for over TLS is answered over TLS alone.
#[test]
fn a_target_of_https_is_for_connections_over_tls() {
    let mut both = command(&["--tls-self-signed", "--health-path", "/healthz"]);
    both.args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]);
    let server = Server::spawn(both, 2, "").unwrap();
    let [plain, tls] = server.addresses()[..] else { panic!() };
    for (path, status) in [("/", 426), ("/healthz", 200)] {
        let request = format!("GET https://localhost{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut client = Client::connect(tls, "localhost", &Terms::insecure()).unwrap();
        let head = client.ask(&request).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let mut client = TcpStream::connect(plain).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    }
    server.retire().unwrap();
}

#[test]
fn a_client_that_speaks_plain_http_is_told_so() {
    let server = serve(&["--tls-self-signed"]);
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("TLS"), "{answer}");
    drop(client);
    server.expect_logged("127.0.0.1").unwrap();
    server.retire().unwrap();
}
