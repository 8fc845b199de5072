//! `--hsts`: what browsers are told over TLS, and never in the clear.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::client::{Client, Terms};
use crate::command;
use crate::server::Server;

const FIELD: &str = "\r\nStrict-Transport-Security: ";

#[test]
fn it_is_on_answers_over_tls_alone_and_only_if_asked_for() {
    for (flags, value) in [
        (&["--tls-self-signed"][..], None),
        (&["--tls-self-signed", "--hsts"], Some("max-age=31536000")),
        (&["--tls-self-signed", "--hsts", "600"], Some("max-age=600")),
        (&["--tls-self-signed", "--hsts", "0"], Some("max-age=0")),
    ] {
        let mut command = command(flags);
        command.args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]);
        command.args(["--health-path", "/healthz"]);
        let server = Server::spawn(command, 2, "").unwrap();
        let [plain, tls] = server.addresses()[..] else { panic!() };
        for (path, status) in [("/", 426), ("/nowhere", 404), ("/healthz", 200)] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let mut client = Client::connect(tls, "localhost", &Terms::insecure()).unwrap();
            let head = client.ask(&request).unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            match value {
                None => assert!(!head.contains(FIELD), "{head}"),
                Some(value) => assert!(head.contains(&format!("{FIELD}{value}\r\n")), "{head}"),
            }
            let mut client = TcpStream::connect(plain).unwrap();
            client.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.contains(FIELD), "{answer}");
        }
        let mut client = Client::connect(tls, "localhost", &Terms::insecure()).unwrap();
        let head = client.ask(crate::client::HANDSHAKE).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains(FIELD), "{head}");
        client.close().unwrap();
        server.retire().unwrap();
    }
}
