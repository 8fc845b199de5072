//! The program behind proxies: each flag of it bites, by its variable too, and `stickler health` gets through.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;

use server::{PATIENCE, Server, stickler};

const V1: &str = "PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n";

/// A server that tells of each answer.
fn serve(flags: &[&str]) -> Server {
    serve_with(&[], flags)
}

fn serve_with(variables: &[(&str, &str)], flags: &[&str]) -> Server {
    let mut command = stickler();
    command.args(["serve", "--log", "debug"]).args(flags).envs(variables.iter().copied());
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

const LISTEN: &[&str] = &["--listen", "127.0.0.1:0"];

fn trusting(flags: &[&str]) -> Server {
    serve(&[LISTEN, &["--trusted-proxy", "127.0.0.1"], flags].concat())
}

/// The status of the answer; 0 where there is none.
fn ask(server: &Server, bytes: &str) -> u16 {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap(),
        Err(_) => 0,
    }
}

fn upgrade(target: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    )
}

/// A handshake that is refused, which the log says.
fn refused(fields: &str) -> String {
    upgrade("/nowhere", fields)
}

/// Whether the log names this peer.
fn is_of(server: &Server, peer: &str) {
    server.expect_logged(&format!("peer={peer}")).unwrap();
    server.retire().unwrap();
}

#[test]
fn trusted_proxies_name_the_client_in_the_log() {
    let fields = "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\nForwarded: for=198.51.100.7\r\n";
    let server = trusting(&[]);
    assert_eq!(ask(&server, &refused(fields)), 404);
    is_of(&server, "192.0.2.1:0");
    let server = trusting(&["--forwarded", "forwarded"]);
    assert_eq!(ask(&server, &refused(fields)), 404);
    is_of(&server, "198.51.100.7:0");
    let server = serve(&[LISTEN, &["--trusted-proxy", "10.0.0.0/8"]].concat());
    assert_eq!(ask(&server, &refused(fields)), 404);
    is_of(&server, "127.0.0.1:");
}

#[test]
fn the_limits_per_address_count_clients() {
    let server = trusting(&["--max-connections-per-address", "1"]);
    let open = |client: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = upgrade("/", &format!("X-Forwarded-For: {client}\r\n"));
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        (String::from_utf8(answer.to_vec()).unwrap(), stream)
    };
    let (first, _open) = open("192.0.2.1");
    assert_eq!(first, "HTTP/1.1 101");
    assert_eq!(open("192.0.2.1").0, "HTTP/1.1 503");
    assert_eq!(open("192.0.2.2").0, "HTTP/1.1 101");
    drop(_open);
    server.retire().unwrap();
}

#[test]
fn the_scheme_is_believed_where_that_is_switched_on() {
    let https = upgrade("https://h/", "X-Forwarded-Proto: https\r\n");
    for (flags, expect) in [(&["--trust-forwarded-proto"][..], 101), (&[], 421)] {
        let server = trusting(flags);
        assert_eq!(ask(&server, &https), expect);
        assert_eq!(ask(&server, &upgrade("https://h/", "")), 421);
        server.retire().unwrap();
    }
}

#[test]
fn the_host_is_believed_where_that_is_switched_on() {
    let other = upgrade("/", "X-Forwarded-Host: chat.example\r\n");
    for (flags, expect) in [(&["--trust-forwarded-host"][..], 101), (&[], 421)] {
        let server = trusting(&[&["--own-host", "chat.example"], flags].concat());
        assert_eq!(ask(&server, &other), expect);
        server.retire().unwrap();
    }
}

#[test]
fn a_listener_has_the_proxy_protocol_where_it_is_named() {
    let server = serve(&["--proxy-protocol", "127.0.0.1:0"]);
    assert_eq!(ask(&server, &upgrade("/", "")), 0);
    server.expect_logged("PROXY header").unwrap();
    assert_eq!(ask(&server, &format!("{V1}{}", refused(""))), 404);
    is_of(&server, "192.0.2.1:12345");
    // Beside a listener that has it not.
    let flags = ["--listen", "127.0.0.1:0", "--proxy-protocol", "[::1]:0"];
    let mut command = stickler();
    command.arg("serve").args(flags);
    let server = Server::spawn(command, 2, "").unwrap();
    assert_eq!(ask(&server, &upgrade("/", "")), 101);
    assert_eq!(server.addresses().len(), 2);
    server.retire().unwrap();
    // The same place: one listener.
    let server = serve(&["--listen", "127.0.0.1:0", "--proxy-protocol", "127.0.0.1:0"]);
    assert_eq!(ask(&server, &upgrade("/", "")), 0);
    server.retire().unwrap();
}

#[test]
fn variables_say_the_same_and_are_lists() {
    let variables = [
        ("STICKLER_LISTEN", "127.0.0.1:0"),
        ("STICKLER_TRUSTED_PROXY", "unix, 10.0.0.0/8, 127.0.0.1"),
        ("STICKLER_FORWARDED", "forwarded"),
        ("STICKLER_TRUST_FORWARDED_PROTO", "true"),
        ("STICKLER_TRUST_FORWARDED_HOST", "true"),
        ("STICKLER_PROXY_PROTOCOL", "127.0.0.1:0,"),
        ("STICKLER_OWN_HOST", "chat.example:443"),
    ];
    let server = serve_with(&variables, &[]);
    let fields = "Forwarded: for=192.0.2.9, for=10.0.0.1\r\n";
    let v1 = V1.replace("192.0.2.1", "10.0.0.2");
    let said = fields.replace("for=192.0.2.9", "for=192.0.2.9;proto=https;host=chat.example");
    assert_eq!(ask(&server, &format!("{v1}{}", upgrade("/", &said))), 101);
    assert_eq!(ask(&server, &format!("{v1}{}", upgrade("/", fields))), 421);
    is_of(&server, "192.0.2.9:0");
}

#[test]
fn tls_comes_behind_the_header() {
    let flags = ["--listen-tls", "127.0.0.1:0", "--proxy-protocol", "127.0.0.1:0"];
    let server = serve(&[&flags[..], &["--tls-self-signed"]].concat());
    let url = format!("wss://{}/", server.address());
    let health = |flags: &[&str]| {
        let mut command = stickler();
        command.args(["health", "--insecure", &url]).args(flags);
        command.output().unwrap().status.code()
    };
    assert_eq!(health(&["--proxy-header"]), Some(0));
    assert_eq!(health(&[]), Some(1));
    server.expect_logged("PROXY header").unwrap();
    assert!(!server.log().contains("TLS handshake failed"), "{}", server.log());
    // What fails in TLS is the client's.
    assert_eq!(ask(&server, &format!("{V1}{}", upgrade("/", ""))), 400);
    server.expect_logged("TLS handshake failed").unwrap();
    is_of(&server, "192.0.2.1:12345");
}

#[test]
fn health_looks_where_the_variables_say() {
    let server = serve(&["--proxy-protocol", "127.0.0.1:0", "--trusted-proxy", "10.0.0.0/8"]);
    let address = server.address().to_string();
    let url = format!("ws://{address}/");
    let health = |variables: &[(&str, &str)]| {
        let mut command = stickler();
        command.arg("health").envs(variables.iter().copied());
        let ended = command.output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    assert_eq!(health(&[("STICKLER_PROXY_PROTOCOL", &address)]).0, Some(0));
    let both = [("STICKLER_PROXY_PROTOCOL", &*address), ("STICKLER_LISTEN", &*address)];
    assert_eq!(health(&both).0, Some(0));
    assert_eq!(health(&[("STICKLER_LISTEN", &address)]).0, Some(1));
    let with_url = [("STICKLER_HEALTH_URL", &*url), ("STICKLER_HEALTH_PROXY_HEADER", "true")];
    assert_eq!(health(&with_url).0, Some(0));
    assert_eq!(health(&with_url[..1]).0, Some(1));
    server.retire().unwrap();
}

#[test]
fn what_cannot_be_is_bad_usage() {
    let refused = |mut command: Command, sentence: &str| {
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains(sentence), "{said}");
    };
    for (flags, sentence) in [
        (&["--trusted-proxy", "10.0.0.1/8"][..], "--trusted-proxy"),
        (&["--trusted-proxy", "proxy.example"], "--trusted-proxy"),
        (&["--forwarded", "forwarded"], "--trusted-proxy names none"),
        (&["--trust-forwarded-proto"], "--trust-forwarded-proto is about trusted proxies"),
        (&["--trust-forwarded-host"], "--trust-forwarded-host is about trusted proxies"),
        (&["--forwarded", "x-real-ip", "--trusted-proxy", "::1"], "x-real-ip"),
        (&["--proxy-protocol", "0.0.0.0:0"], "--trusted-proxy"),
        (&["--proxy-protocol", "[::]:0", "--trusted-proxy", "unix"], "--trusted-proxy"),
        (&["--proxy-protocol", "127.0.0.1"], "--proxy-protocol"),
    ] {
        let mut command = stickler();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        refused(command, sentence);
    }
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("STICKLER_TRUSTED_PROXY", "10.0.0.1/8");
    refused(command, "STICKLER_TRUSTED_PROXY");
}

/// The command in the first lines of each recipe, by what would be in force with it: nothing is listened on.
#[test]
fn the_program_takes_the_commands_of_the_recipes() {
    for (name, recipe) in [
        ("nginx.conf", include_str!("../../../docs/proxies/nginx.conf")),
        ("nginx-stream.conf", include_str!("../../../docs/proxies/nginx-stream.conf")),
        ("haproxy.cfg", include_str!("../../../docs/proxies/haproxy.cfg")),
        ("Caddyfile", include_str!("../../../docs/proxies/Caddyfile")),
    ] {
        let (_, command) = recipe.split_once("stickler serve ").unwrap();
        let lines = command.lines().take_while(|line| !line.is_empty());
        let words =
            lines.flat_map(str::split_whitespace).filter(|word| !["#", "\\"].contains(word));
        let ended = stickler().args(["config", "print"]).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{name}: {said}");
        let printed = String::from_utf8_lossy(&ended.stdout);
        for key in ["trusted-proxy = ", "own-host = ", "allowed-origin = "] {
            assert!(printed.lines().any(|line| line.starts_with(key)), "{name}: {printed}");
        }
    }
}
