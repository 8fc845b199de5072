//! SIGHUP has the token read anew, where it has anything read anew.

use std::path::Path;

use rustix::process::Signal;
use stickler_testing::folder::Folder;

use crate::ask::{At, TOKEN, at, token_file, write};
use crate::server::{Server, stickler};
use crate::sighup::reload;

const NOT_LOADED: &str = "not loaded anew: the server is shutting down";
const NEXT: &str = "another-token-0123456789";

#[test]
fn another_token_is_in_force_beside_a_configuration_file() {
    let folder = Folder::new("reload-token-file");
    let file = folder.path().join("a.toml");
    let text = |size: &str| format!("listen = '127.0.0.1:0'\nmax-message-size = {size}\n");
    write(&file, &text("100"), 0o600);
    let server = another_token_is_in_force(&folder, &["--config", file.to_str().unwrap()], 1);
    // One fault and nothing changes: neither does what the file says now.
    write(&file, &text("50"), 0o600);
    let line = reload(&server, "cannot load the configuration anew; the old one stays in force");
    let log = server.log();
    assert!(line.contains("which --admin-token-file names: the token is too short"), "{line}");
    assert!(!log.contains("changed=\"max-message-size\""), "{log}");
    server.retire().unwrap();
}

#[test]
fn another_token_is_in_force_beside_certificates() {
    let folder = Folder::new("reload-token-tls");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let pem = folder.path().join("a.pem");
    write(&pem, &(made.cert.pem() + &made.signing_key.serialize_pem()), 0o600);
    let pem = pem.to_str().unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"];
    let tls = ["--tls-cert", pem, "--tls-key", pem];
    let server = another_token_is_in_force(&folder, &[flags, tls].concat(), 2);
    reload(&server, "cannot load the certificates anew; the old ones stay in force");
    server.retire().unwrap();
}

/// All of it would be fit for use. The drain has begun, and the delay goes on.
#[test]
fn during_a_drain_on_request_nothing_is_read_anew() {
    let folder = Folder::new("reload-drain");
    let file = folder.path().join("a.toml");
    let text = |rest: &str| {
        let times = "drain-delay = '100s'\nshutdown-timeout = '200s'\n";
        format!("listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'\n{times}{rest}")
    };
    let token = token_file(&folder);
    let named = format!("admin-token-file = '{}'\n", token.display());
    write(&file, &text(&named), 0o600);
    let mut command = stickler();
    command.arg("serve").arg("--config").arg(&file);
    let server = Server::spawn(command, 1, "drain").unwrap();
    let at = at(&server);
    assert_eq!(at.post("/drain", "").status, 202);
    write(&token, NEXT, 0o600);
    write(&file, &text(&format!("{named}max-connections = 1\npath = '/new'\n")), 0o600);
    reload(&server, NOT_LOADED);
    assert_eq!((shown(&at, TOKEN), shown(&at, NEXT)), (200, 401));
    // After a signal too.
    server.signal(Signal::TERM);
    server.expect_logged("SIGTERM").unwrap();
    reload(&server, NOT_LOADED);
    assert_eq!((shown(&at, TOKEN), shown(&at, NEXT)), (200, 401));
    assert!(!server.log().contains("loaded the configuration"), "{}", server.log());
}

#[test]
fn during_a_drain_on_request_no_certificates_are_read_anew() {
    let folder = Folder::new("reload-drain-tls");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let pem = folder.path().join("a.pem");
    write(&pem, &(made.cert.pem() + &made.signing_key.serialize_pem()), 0o600);
    let pem = pem.to_str().unwrap();
    let flags = ["--drain-delay=100s", "--shutdown-timeout=200s", "--listen-tls=127.0.0.1:0"];
    let file = token_file(&folder);
    let tls = ["--tls-cert", pem, "--tls-key", pem, "--admin-token-file", file.to_str().unwrap()];
    let mut command = stickler();
    command.args(["serve", "--admin=127.0.0.1:0"]).args(flags).args(tls);
    let server = Server::spawn(command, 1, "drain").unwrap();
    assert_eq!(at(&server).post("/drain", "").status, 202);
    reload(&server, NOT_LOADED);
    assert!(!server.log().contains("loaded the certificates"), "{}", server.log());
}

/// Leaves a file that holds no token, and nobody has said so to the server.
fn another_token_is_in_force(folder: &Folder, flags: &[&str], lines: usize) -> Server {
    let file = token_file(folder);
    let mut command = stickler();
    command.arg("serve").args(flags).args(["--admin", "127.0.0.1:0", "--admin-token-file"]);
    command.arg(&file);
    let server = Server::spawn(command, lines, "token").unwrap();
    let at = at(&server);
    assert_eq!((shown(&at, TOKEN), shown(&at, NEXT)), (200, 401));
    write(&file, NEXT, 0o600);
    assert_eq!((shown(&at, TOKEN), shown(&at, NEXT)), (200, 401), "nobody said so");
    reload(&server, "the token of the admin listener is another one now");
    assert_eq!((shown(&at, TOKEN), shown(&at, NEXT)), (401, 200));
    refused_tokens_change_nothing(&server, &at, &file);
    server
}

fn refused_tokens_change_nothing(server: &Server, at: &At, file: &Path) {
    write(file, TOKEN, 0o604);
    reload(server, "every user may use the file");
    assert_eq!((shown(at, TOKEN), shown(at, NEXT)), (401, 200));
    write(file, "short", 0o600);
    reload(server, "the token is too short");
    assert_eq!(shown(at, NEXT), 200);
    assert!(!server.log().contains(TOKEN) && !server.log().contains(NEXT));
}

/// The status for a request with this token that changes something.
fn shown(at: &At, token: &str) -> u16 {
    at.ask("POST", "/log", &[("Authorization", &format!("Bearer {token}"))], "info").status
}
