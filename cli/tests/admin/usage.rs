//! What is said at the start, and where the listener is.

use std::net::TcpListener;

use stickler_testing::folder::Folder;

use crate::ask::{TOKEN, at, json, open_with_head, refusal, token_file, write};
use crate::server::{Server, stickler};

#[test]
fn without_a_value_it_is_on_port_9002_of_loopback() {
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin"]);
    match Server::spawn(command, 1, "--admin") {
        Ok(server) => {
            server.expect_logged("admin=\"http://127.0.0.1:9002\"").unwrap();
            server.retire().unwrap();
        }
        // Somebody else has the port.
        Err(why) => assert!(why.contains("cannot listen for --admin on 127.0.0.1:9002"), "{why}"),
    }
}

#[test]
fn there_is_none_unless_it_is_asked_for() {
    let server = Server::start(&[]).unwrap();
    server.expect_logged("serving").unwrap();
    assert!(!server.log().contains("admin="), "{}", server.log());
    server.retire().unwrap();
}

#[test]
fn the_id_header_tells_the_client_the_id_of_the_listing() {
    for (variables, flags) in [
        (&[][..], &["--id-header", "X-Connection"][..]),
        (&[("STICKLER_ID_HEADER", "x-connection")], &[]),
    ] {
        let mut command = stickler();
        command.args(["serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"]).args(flags);
        command.envs(variables.iter().copied());
        let server = Server::spawn(command, 1, "").unwrap();
        let (_peer, head) = open_with_head(&server);
        let head = head.to_ascii_lowercase();
        let told = head.lines().find_map(|line| line.strip_prefix("x-connection: ")).unwrap();
        let page = json(&at(&server).get("/connections"));
        assert_eq!(page["connections"][0]["id"], told);
        server.retire().unwrap();
    }
    let server = Server::start(&[]).unwrap();
    assert!(!open_with_head(&server).1.to_ascii_lowercase().contains("x-connection"));
    for name in ["Sec-WebSocket-Id", "Upgrade", "connection", "Date", "Content-Length", "a b"] {
        let (status, said) = refusal(&[], &["--id-header", name]);
        assert!(status == 2 && said.contains("'--id-header <NAME>'"), "{name}: {said}");
    }
}

#[test]
fn each_variable_is_its_flag() {
    let folder = Folder::new("variables");
    let file = token_file(&folder);
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.env("STICKLER_ADMIN", "127.0.0.1:0").env("STICKLER_ADMIN_TOKEN_FILE", &file);
    command.env("STICKLER_ADMIN_HOST", "a.example, b.example");
    let server = Server::spawn(command, 1, "").unwrap();
    let at = at(&server);
    for (host, status) in [("a.example", 200), ("b.example", 200), ("c.example", 421)] {
        let request = format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(at.send(&request).status, status, "{host}");
    }
    assert_eq!(at.post("/log", "debug").status, 200);
    server.retire().unwrap();
}

#[test]
fn flags_without_an_effect_are_refused() {
    for (variables, flags, sentence) in [
        (
            &[][..],
            &["--admin-token-file", "x"][..],
            "--admin-token-file has no effect without --admin",
        ),
        (&[], &["--admin-host", "x"], "--admin-host has no effect without --admin"),
        (&[], &["--ready-below-memory"], "--ready-below-memory has no effect without --admin"),
        (&[("STICKLER_ADMIN_HOST", "x")], &[], "STICKLER_ADMIN_HOST has no effect without --admin"),
        (
            &[],
            &["--admin", "unix:/tmp/x.sock", "--admin-host", "x"],
            "--admin-host has no effect on the Unix socket of --admin",
        ),
        (
            &[("STICKLER_ADMIN", "unix:/tmp/x.sock")],
            &["--admin-token-file", "x"],
            "--admin-token-file has no effect on the Unix socket of STICKLER_ADMIN",
        ),
        (&[], &["--admin", "9002"], "'--admin': the port is missing"),
        (&[], &["--admin=127.0.0.1:0", "--admin-host", "a:80"], "'--admin-host': the port"),
        (&[], &["--admin=127.0.0.1:0", "--admin-host", "a b"], "'--admin-host': "),
    ] {
        let (status, said) = refusal(variables, flags);
        assert!(status == 2 && said.contains(sentence), "{flags:?}: {status} {said}");
    }
}

#[test]
fn a_token_file_that_every_user_may_read_or_without_a_token_is_refused() {
    let folder = Folder::new("files");
    let path = folder.path().join("token");
    let file = path.to_str().unwrap();
    let flags = ["--admin=127.0.0.1:0", "--admin-token-file", file];
    for (text, mode, sentence) in [
        (TOKEN, 0o644, "every user may use the file (0644)"),
        (TOKEN, 0o602, "every user may use the file (0602)"),
        ("", 0o600, "the first line is empty"),
        ("\n0123456789abcdef-token", 0o600, "the first line is empty"),
        ("short", 0o600, "too short"),
        ("0123456789abcdef token", 0o600, "what a token cannot have"),
    ] {
        write(&path, text, mode);
        let (status, said) = refusal(&[], &flags);
        assert!(status == 1 && said.contains(sentence), "{text} {mode:o}: {status} {said}");
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
    std::fs::remove_file(&path).unwrap();
    let (status, said) = refusal(&[("STICKLER_ADMIN_TOKEN_FILE", file)], &flags[..1]);
    assert!(status == 1 && said.contains("which STICKLER_ADMIN_TOKEN_FILE names: "), "{said}");
}

#[test]
fn an_address_that_others_reach_needs_a_token_file() {
    for place in ["0.0.0.0:0", "[::]:0"] {
        let (status, said) = refusal(&[], &["--admin", place]);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("--admin has an address that is not loopback"), "{said}");
    }
    let (_, said) = refusal(&[("STICKLER_ADMIN", "0.0.0.0:0")], &[]);
    assert!(said.contains("STICKLER_ADMIN has an address"), "{said}");
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let (status, said) = refusal(&[], &["--admin", &place]);
    assert_eq!(status, 1);
    assert!(said.contains(&format!("cannot listen for --admin on {place}")), "{said}");
}
