//! Which certificates are taken, and what is said about those that are not; servers that do not speak TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::relay::{Authority, End, Time, relay};
use crate::{Echo, run, stickler, url};

/// What both commands say about this URL; the statuses of `check` and `health`.
fn asked(url: &str, more: &[&str]) -> (i32, i32, String) {
    let one = [&["check", url, "--quiet", "--only", "ping"], more].concat();
    let (checked, mut said) = run(&mut stickler(&one));
    let (health, more) = health(url, more);
    said.push_str(&more);
    (checked, health, said)
}

fn health(url: &str, more: &[&str]) -> (i32, String) {
    run(&mut stickler(&[&["health", url], more].concat()))
}

#[test]
fn certificates_are_taken_and_refused_with_a_sentence() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let echo = Echo::start();
    let serve =
        |names: &[&str], time| relay(echo.address(), ours.certify(names, time), End::Notified);
    let good = serve(&["localhost", "127.0.0.1"], Time::Now);
    let by_address = format!("wss://{good}/");
    let named = serve(&["localhost"], Time::Now);
    let named_by_address = format!("wss://{named}/");
    for (url, ca, why) in [
        (&url(good), &ours, None),
        (&by_address, &ours, None),
        (&url(good), &other, Some("is of an authority that is not trusted")),
        (&named_by_address, &ours, Some("is for another name")),
        (&url(serve(&["a.example"], Time::Now)), &ours, Some("is for another name")),
        (&url(serve(&["localhost"], Time::Past)), &ours, Some("has expired")),
        (&url(serve(&["localhost"], Time::Future)), &ours, Some("is not valid yet")),
    ] {
        let trusted = ["--ca", ca.file()];
        let Some(why) = why else {
            assert_eq!(health(url, &trusted), (0, String::new()), "{url}");
            continue;
        };
        let (checked, ill, said) = asked(url, &trusted);
        assert_eq!((checked, ill), (3, 1), "{url}: {said}");
        let sentence = format!("the certificate of the server {why}");
        assert_eq!(said.matches(&sentence).count(), 2, "{url}: {said}");
        // And nobody looks when nobody is asked to.
        assert_eq!(health(url, &["--insecure"]), (0, String::new()), "{url}");
    }
}

#[test]
fn without_an_option_the_authorities_of_the_system_count() {
    let (echo, authority) = (Echo::start(), Authority::new("system"));
    let config = authority.certify(&["localhost"], Time::Now);
    let url = url(relay(echo.address(), config, End::Notified));
    let health = |file: Option<&str>| {
        let mut command = stickler(&["health", &url]);
        if let Some(file) = file {
            command.env("SSL_CERT_FILE", file);
        }
        run(&mut command)
    };
    assert_eq!(health(Some(authority.file())), (0, String::new()));
    let other = Authority::new("system-other");
    let (status, said) = health(Some(other.file()));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("is of an authority that is not trusted"), "{said}");
    // A machine without any says so, and what helps.
    let (status, said) = health(Some("/no/such/file.pem"));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("no certificates of authorities"), "{said}");
}

#[test]
fn what_speaks_no_tls_is_told() {
    let echo = Echo::start();
    for (address, why) in [
        (echo.address(), "the server answers in plain HTTP: there is no TLS on this port"),
        (stub(Some(b"SSH-2.0-OpenSSH_9.2\r\n")), "what the server sends is no TLS"),
        (stub(Some(b"")), "the server ends TCP and says nothing to a TLS handshake"),
        (stub(Some(b"\x16\x03\x03\x00\x40\x02")), "the server ends TCP within the TLS handshake"),
        // An alert: handshake_failure.
        (stub(Some(b"\x15\x03\x03\x00\x02\x02\x28")), "with the alert HandshakeFailure"),
    ] {
        let (checked, health, said) = asked(&format!("wss://{address}/"), &["--insecure"]);
        assert_eq!((checked, health), (3, 1), "{said}");
        assert_eq!(said.matches(why).count(), 2, "{why}: {said}");
    }
    let silent = format!("wss://{}/", stub(None));
    let (status, said) =
        run(&mut stickler(&["health", &silent, "--timeout", "300ms", "--insecure"]));
    assert_eq!(status, 1);
    assert!(said.contains("no answer in time"), "{said}");
    let (status, said) = run(&mut stickler(&["check", &silent, "--insecure"]));
    assert_eq!(status, 3);
    assert!(said.contains("no answer to the TLS handshake in time"), "{said}");
}

#[test]
fn s7301_3_2_a_server_for_other_protocols_only_is_told() {
    let (echo, authority) = (Echo::start(), Authority::new("h2"));
    let mut config = authority.certify(&["localhost"], Time::Now);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = relay(echo.address(), config, End::Notified);
    let (checked, health, said) = asked(&url(address), &["--insecure"]);
    assert_eq!((checked, health), (3, 1), "{said}");
    assert_eq!(said.matches("with the alert NoApplicationProtocol").count(), 2, "{said}");
}

/// Answers each connection with these bytes and ends it, or never says anything.
fn stub(answer: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                if let Some(bytes) = answer {
                    let _ = stream.write_all(bytes);
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                }
                let _ = stream.read(&mut [0; 4096]);
            });
        }
    });
    address
}
