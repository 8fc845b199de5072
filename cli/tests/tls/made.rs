//! Certificates that are made to try things out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use stickler_testing::hangup;

use crate::client::{Client, Terms};
use crate::files::{Authority, Folder};
use crate::serve;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    let hash = TLS13_AES_128_GCM_SHA256.tls13().unwrap().common.hash_provider;
    hash.hash(bytes).as_ref().to_vec()
}

/// The certificate that is shown to whoever takes any.
fn shown(server: &crate::server::Server) -> CertificateDer<'static> {
    let client = Client::open(server.address(), "localhost", &Terms::insecure()).unwrap();
    let certificate = client.certificate();
    client.close().unwrap();
    certificate
}

#[test]
fn the_log_has_the_fingerprints_and_the_names_are_right() {
    for (flags, names) in [
        (&["--tls-self-signed"][..], &["localhost", "127.0.0.1"][..]),
        (&["--tls-self-signed", "chat.example"], &["chat.example", "127.0.0.1"]),
        (&["--tls-self-signed", "2001:db8::1"], &["2001:db8::1", "127.0.0.1"]),
    ] {
        let server = serve(flags);
        let certificate = shown(&server);
        let pairs =
            sha256(&certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
        server.expect_logged(&pairs.join(":")).unwrap();
        let key = ParsedCertificate::try_from(&certificate).unwrap().subject_public_key_info();
        server.expect_logged(&STANDARD.encode(sha256(&key))).unwrap();
        // A client that was given the certificate finds nothing wrong with it.
        for name in names {
            let mut client =
                Client::open(server.address(), name, &Terms::trusting(&certificate)).unwrap();
            client.echoes(name).unwrap();
            client.close().unwrap();
        }
        let other = Client::open(server.address(), "other.example", &Terms::trusting(&certificate));
        assert!(other.is_err());
        server.retire().unwrap();
        assert!(!server.log().contains("WARN"), "{}", server.log());
    }
}

#[test]
fn each_start_makes_another() {
    let (one, other) = (serve(&["--tls-self-signed"]), serve(&["--tls-self-signed"]));
    assert_ne!(shown(&one), shown(&other));
    one.retire().unwrap();
    other.retire().unwrap();
}

/// There is nothing to load anew, so it means what it means without TLS.
#[test]
fn sighup_ends_a_server_that_has_no_files() {
    hangup::ends_programs().unwrap();
    let server = serve(&["--tls-self-signed"]);
    let mut client = Client::open(server.address(), "localhost", &Terms::insecure()).unwrap();
    server.signal(Signal::HUP);
    assert_eq!(client.frame().unwrap(), (0x88, 1001_u16.to_be_bytes().to_vec()));
    client.send(0x88, &1001_u16.to_be_bytes()).unwrap();
    client.rest().unwrap();
    drop(client);
    assert_eq!(server.wait(crate::server::PATIENCE).unwrap().0, Some(0));
}

#[test]
fn sighup_loads_the_authorities_of_clients_anew_and_keeps_what_was_made() {
    let (folder, first, second) = (Folder::new(), Authority::new(), Authority::new());
    let ca = folder.write("ca.pem", &first.pem());
    let server = serve(&["--tls-self-signed", "--tls-client-ca", &ca]);
    let (mine, yours) = (first.issue("one.example"), second.issue("two.example"));
    let open = |own| Client::open(server.address(), "localhost", &Terms::insecure().showing(own));
    let before = open(&mine).unwrap();
    assert!(open(&yours).is_err());
    folder.write("ca.pem", &second.pem());
    server.signal(Signal::HUP);
    server.expect_logged("anew").unwrap();
    let after = open(&yours).unwrap();
    assert_eq!(before.certificate(), after.certificate());
    assert!(open(&mine).is_err());
    before.close().unwrap();
    after.close().unwrap();
    server.retire().unwrap();
}
