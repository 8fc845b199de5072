//! What is told of flags and files that cannot be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use crate::client::{Client, Terms};
use crate::files::{Authority, Folder, flags};
use crate::server::stickler;
use crate::{command, refused, serve};

const LISTEN: [&str; 2] = ["--listen-tls", "127.0.0.1:0"];

#[test]
fn flags_that_do_not_go_together_are_bad_usage() {
    for (given, sentence) in [
        (&["--listen-tls", "127.0.0.1:0"][..], "--listen-tls needs a certificate"),
        (
            &["--listen-tls", "127.0.0.1:0", "--tls-client-ca", "c"],
            "--listen-tls needs a certificate",
        ),
        (
            &["--listen-tls", "127.0.0.1:0", "--tls-cert", "a"],
            "1 by --tls-cert, but 0 by --tls-key",
        ),
        (&["--listen-tls", "127.0.0.1:0", "--tls-key", "a"], "0 by --tls-cert, but 1 by --tls-key"),
        (
            &[
                "--listen-tls",
                "127.0.0.1:0",
                "--tls-cert",
                "a",
                "--tls-cert",
                "b",
                "--tls-key",
                "a",
            ],
            "2 by --tls-cert, but 1 by --tls-key",
        ),
        (
            &["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "--tls-cert", "a"],
            "--tls-self-signed makes a certificate, so --tls-cert cannot be given too",
        ),
        (
            &["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "--tls-key", "a"],
            "--tls-self-signed makes a certificate, so --tls-key cannot be given too",
        ),
        (&["--tls-cert", "a", "--tls-key", "b"], "--tls-cert is for TLS, and without --listen-tls"),
        (&["--tls-key", "b"], "--tls-key is for TLS"),
        (&["--tls-client-ca", "a"], "--tls-client-ca is for TLS"),
        (&["--tls-self-signed"], "--tls-self-signed is for TLS"),
        (&["--hsts"], "--hsts is for TLS"),
        (&["--listen-tls", "127.0.0.1"], "'--listen-tls': the port is missing"),
        (
            &["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "a b"],
            "a host name or an IP address",
        ),
    ] {
        let (code, said) = refused(&mut command(given));
        assert_eq!(code, Some(2), "{given:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(sentence), "{given:?}: {said}");
    }
}

#[test]
fn a_variable_at_fault_is_called_by_its_name() {
    for (given, sentence) in [
        (&[("STICKLER_LISTEN_TLS", "127.0.0.1:0")][..], "STICKLER_LISTEN_TLS needs a certificate"),
        (&[("STICKLER_TLS_CERT", "a")], "STICKLER_TLS_CERT is for TLS"),
        (
            &[
                ("STICKLER_LISTEN_TLS", "127.0.0.1:0"),
                ("STICKLER_TLS_CERT", "a,b"),
                ("STICKLER_TLS_KEY", "a"),
            ],
            "2 by STICKLER_TLS_CERT, but 1 by STICKLER_TLS_KEY",
        ),
        (&[("STICKLER_HSTS", "5")], "STICKLER_HSTS is for TLS"),
    ] {
        let (code, said) = refused(stickler().arg("serve").envs(given.iter().copied()));
        assert_eq!(code, Some(2), "{given:?}: {said}");
        assert!(said.contains(sentence), "{given:?}: {said}");
    }
}

#[test]
fn a_file_that_is_not_fit_is_named_with_what_is_wrong() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let [_, cert, _, key] = folder.write_pair("good", &authority.issue("localhost"));
    let [_, _, _, other_key] = folder.write_pair("other", &authority.issue("localhost"));
    let missing = folder.path("missing.pem");
    let empty = folder.write("empty.pem", "");
    let folder_itself = folder.path("");
    let nothing: [&str; 0] = [];
    for (given_cert, given_key, more, at_fault) in [
        (&missing, &key, &nothing[..], &missing),
        (&cert, &missing, &nothing, &missing),
        (&folder_itself, &key, &nothing, &folder_itself),
        (&empty, &key, &nothing, &empty),
        (&key, &key, &nothing, &key),
        (&cert, &empty, &nothing, &empty),
        (&cert, &cert, &nothing, &cert),
        (&cert, &other_key, &nothing, &other_key),
        (&cert, &key, &["--tls-client-ca", &missing], &missing),
        (&cert, &key, &["--tls-client-ca", &key], &key),
        (&cert, &key, &["--tls-cert", &empty, "--tls-key", &key], &empty),
    ] {
        let given =
            [&LISTEN, &["--tls-cert", given_cert, "--tls-key", given_key][..], more].concat();
        let (code, said) = refused(&mut command(&given));
        assert_eq!(code, Some(1), "{given:?}: {said}");
        let lines: Vec<_> = said.lines().filter(|line| line.starts_with("stickler: ")).collect();
        let [line] = lines[..] else { panic!("{said}") };
        assert!(line.contains(&**at_fault) && line.len() > at_fault.len() + 25, "{line}");
    }
}

#[test]
fn what_can_be_used_and_is_not_as_it_should_be_is_a_warning() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let good = folder.write_pair("good", &authority.issue("localhost"));
    let server = serve(&flags(&good));
    server.retire().unwrap();
    assert!(!server.log().contains("WARN"), "{}", server.log());

    let ended = authority.issue_until("localhost", SystemTime::now() - Duration::from_secs(60));
    let ended = folder.write_pair("ended", &ended);
    fs::set_permissions(&ended[3], Permissions::from_mode(0o644)).unwrap();
    let server = serve(&flags(&ended));
    let client = Client::open(server.address(), "localhost", &Terms::insecure()).unwrap();
    client.close().unwrap();
    server.retire().unwrap();
    let log = server.log();
    for file in [&ended[1], &ended[3]] {
        let is_it = |line: &&str| line.contains(" WARN ") && line.contains(&**file);
        assert_eq!(log.lines().filter(is_it).count(), 1, "{file} in {log}");
    }
}
