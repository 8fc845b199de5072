//! Who may ask for what.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::{Duration, Instant};

use stickler_testing::folder::Folder;

use crate::ask::{At, TOKEN, start, start_at, start_with_token, token_file};
use crate::server::PATIENCE;

/// Every path, with the methods that it has.
const PATHS: [(&str, &str); 8] = [
    ("/", "GET, HEAD"),
    ("/metrics", "GET, HEAD"),
    ("/livez", "GET, HEAD"),
    ("/readyz", "GET, HEAD"),
    ("/connections", "GET, HEAD"),
    ("/connections/0-0-0/close", "POST"),
    ("/drain", "POST"),
    ("/log", "GET, HEAD, POST"),
];

#[test]
fn paths_that_are_none_get_404_and_other_methods_405_with_those_that_are_allowed() {
    let folder = Folder::new("methods");
    let (server, at) = start_with_token(&folder, &[]);
    for path in ["/metrics/", "/livez/x", "/x", "//", "/Metrics", "/connections/", "/connections/x"]
    {
        assert_eq!(at.get(path).status, 404, "{path}");
    }
    for (path, methods) in PATHS {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            if methods.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = at.ask(method, path, &[], "");
            assert_eq!((answer.status, answer.field("Allow")), (405, methods), "{method} {path}");
        }
        if methods.starts_with("GET") {
            let (get, head) = (at.get(path), at.ask("HEAD", path, &[], ""));
            assert_eq!((get.status, head.status, &head.body[..]), (200, 200, ""), "{path}");
            assert_eq!(get.field("Content-Type"), head.field("Content-Type"), "{path}");
            assert!(!get.body.is_empty(), "{path}");
        }
        let answer = at.ask(methods.split(',').next().unwrap(), path, &[], "");
        assert_eq!(answer.field("Cache-Control"), "no-store", "{path}");
        assert_eq!(answer.field("Access-Control-Allow-Origin"), "", "{path}");
    }
    server.retire().unwrap();
}

#[test]
fn where_it_is_full_the_log_names_it() {
    let (server, at) = start(&[]);
    let At::Tcp(address) = at else { panic!("{at:?}") };
    let _held: Vec<_> = (0..33).map(|_| TcpStream::connect(address).unwrap()).collect();
    server.expect_logged(&format!("listener={address}")).unwrap();
    server.retire().unwrap();
}

#[test]
fn a_websocket_gets_404() {
    let (server, at) = start(&[]);
    for path in ["/", "/metrics"] {
        let answer = at.ask(
            "GET",
            path,
            &[
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Version", "13"),
            ],
            "",
        );
        assert_eq!(answer.status, 404, "{path}");
    }
    server.retire().unwrap();
}

#[test]
fn what_changes_something_wants_the_token() {
    let folder = Folder::new("token");
    let (server, at) = start_with_token(&folder, &[]);
    let right = format!("Bearer {TOKEN}");
    let wrong = format!("Bearer {TOKEN}x");
    for (path, _) in PATHS.iter().filter(|(_, methods)| methods.contains("POST")) {
        let none = at.ask("POST", path, &[], "debug");
        assert_eq!(none.status, 401, "{path}");
        assert_eq!(none.field("WWW-Authenticate"), "Bearer realm=\"stickler admin\"");
        for fields in [
            &[("Authorization", &wrong[..])][..],
            &[("Authorization", "Basic dXNlcjpwYXNz")],
            &[("Authorization", TOKEN)],
            &[("Authorization", "Bearer another line")],
            &[("Authorization", &right), ("Authorization", &wrong)],
        ] {
            let answer = at.ask("POST", path, fields, "debug");
            assert_eq!(answer.status, 401, "{path} {fields:?}");
            assert!(answer.field("WWW-Authenticate").starts_with("Bearer "), "{path}");
            assert!(!answer.body.contains(TOKEN));
        }
        let twice = [("Authorization", &right[..]); 2];
        let answer = at.ask("POST", path, &twice, "debug");
        assert!(answer.status == 401 && answer.body.contains("more than one"), "{answer:?}");
    }
    assert_eq!(at.get("/log").body, "info\n", "a refused request changed something");
    assert_eq!(at.get("/readyz").status, 200);
    assert_eq!(at.post("/log", "debug").status, 200);
    assert!(!server.log().contains(TOKEN));
    server.retire().unwrap();
}

#[test]
fn without_a_token_file_nothing_can_be_changed_over_tcp() {
    let (server, at) = start(&[]);
    for path in ["/drain", "/log", "/connections/0-0-0/close"] {
        let answer = at.post(path, "debug");
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.body.contains("--admin-token-file"), "{answer:?}");
    }
    assert_eq!((at.get("/readyz").status, &at.get("/log").body[..]), (200, "info\n"));
    server.retire().unwrap();
}

#[test]
fn each_request_over_tcp_wants_a_host_of_ours_and_no_origin() {
    let folder = Folder::new("host");
    let (server, at) = start_with_token(&folder, &["--admin-host", "ops.example"]);
    let ask = |host: &str, path: &str| {
        let method = if path == "/log" { "POST" } else { "GET" };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        let rest = if method == "POST" { "Content-Length: 4\r\n\r\nwarn" } else { "\r\n" };
        at.send(&format!("{head}{token}{rest}")).status
    };
    for path in ["/metrics", "/livez", "/log", "/nothing"] {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1:9002"] {
            assert_eq!(ask(host, path), 421, "{host} {path}");
        }
        for origin in ["http://127.0.0.1", "null", "https://evil.example"] {
            let answer = at.ask("GET", path, &[("Origin", origin)], "");
            assert_eq!(answer.status, 403, "{origin} {path}");
        }
        // The host in the target counts too.
        let target = format!("http://evil.example{path}");
        assert_ne!(at.get(&target).status, 200, "{target}");
    }
    assert_eq!(at.get("/log").body, "info\n");
    for host in ["ops.example", "OPS.example:80", "localhost:1", "[::1]", "127.0.0.1"] {
        assert_eq!(ask(host, "/livez"), 200, "{host}");
    }
    server.retire().unwrap();
}

#[test]
fn an_address_that_others_reach_wants_the_token_for_everything() {
    let folder = Folder::new("wide");
    let file = token_file(&folder);
    let flags = ["--admin-token-file", file.to_str().unwrap()];
    let (server, at) = start_at("0.0.0.0:0", &flags);
    let At::Tcp(address) = at else { panic!("{at:?}") };
    let at = At::Tcp(([127, 0, 0, 1], address.port()).into());
    let token = format!("Bearer {TOKEN}");
    for path in ["/metrics", "/livez", "/readyz", "/connections", "/log", "/", "/nothing"] {
        let answer = at.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.field("WWW-Authenticate").starts_with("Bearer "));
        let known = at.ask("GET", path, &[("Authorization", &token)], "");
        assert_eq!(known.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
    }
    server.retire().unwrap();
}

#[test]
fn a_unix_socket_is_its_owners_and_wants_neither_host_nor_token() {
    let folder = Folder::new("unix");
    let path = folder.socket();
    let (server, at) = start_at(&format!("unix:{}", path.display()), &[]);
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(at.send("GET /livez HTTP/1.1\r\nHost: any.example\r\n\r\n").status, 200);
    let answer = at.ask("POST", "/log", &[], "warn");
    assert_eq!((answer.status, &answer.body[..]), (200, "warn\n"));
    server.retire().unwrap();
    assert!(!path.exists());
}

#[test]
fn at_most_32_connections_are_open_and_a_request_that_does_not_come_is_not_waited_for() {
    let (server, at) = start(&[]);
    let At::Tcp(address) = at else { panic!("{at:?}") };
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let begun = Instant::now();
    let silent: Vec<_> = (0..32).map(|_| connect()).collect();
    // They are accepted in their order: the next one gets 503, or nothing.
    let (mut beyond, mut start) = (connect(), [0; 12]);
    let _ = beyond.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let is_answered = beyond.read_exact(&mut start).is_ok();
    assert!(!is_answered || &start == b"HTTP/1.1 503", "{start:?}");
    assert!(begun.elapsed() < Duration::from_secs(4), "it waited for the others");
    for mut stream in silent {
        // It gets 408, or its end.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    drop(beyond);
    assert_eq!(at.get("/livez").status, 200);
    server.retire().unwrap();
}
