//! Certificates: what is said of bad ones, and how they are replaced while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use stickler::{BoundAddress, Incoming, Server, Tls};
use stickler_testing::claims;
use stickler_testing::frame::text;
use stickler_testing::memory::echo;
use stickler_testing::tcp::Running;

use super::support::{Authority, Client, Pair, bind, echoing};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("stickler-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A certificate and its key, which only its owner may read.
    fn pair(&self, name: &str, pair: &Pair) -> (PathBuf, PathBuf) {
        let key = self.file(&format!("{name}.key"), &pair.key);
        set_mode(&key, 0o600);
        (self.file(&format!("{name}.pem"), &pair.chain), key)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[test]
fn each_bad_file_is_named_with_what_is_wrong() {
    let folder = Folder::new("files");
    let authority = Authority::new();
    let (chain, key) = folder.pair("good", &authority.issue(&["a"]));
    let (_, other) = folder.pair("other", &authority.issue(&["b"]));
    let empty = folder.file("empty", "");
    let text = folder.file("text", "no PEM\n");
    let broken =
        folder.file("broken", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let cut = folder.file("cut", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let wrong = folder.file("wrong", wrong);
    let missing = folder.0.join("missing");
    for (chain_file, key_file, named, said) in [
        (&missing, &key, &missing, "there is no such file"),
        (&chain, &missing, &missing, "there is no such file"),
        (&folder.0, &key, &folder.0, "cannot be read: "),
        (&empty, &key, &empty, "there is no certificate in it"),
        (&text, &key, &text, "there is no certificate in it"),
        (&key, &key, &key, "there is no certificate in it"),
        (&broken, &key, &broken, "this is not PEM: "),
        (&wrong, &key, &wrong, "certificate 1 in it cannot be read: "),
        (&chain, &empty, &empty, "there is no private key in it"),
        (&chain, &chain, &chain, "there is no private key in it"),
        (&chain, &cut, &cut, "this is not PEM: "),
        (&chain, &other, &other, "the private key does not belong to the first certificate"),
    ] {
        let error = Tls::from_pem_files(chain_file, key_file).unwrap_err();
        let sentence = error.to_string();
        let expected = format!("{}: {said}", named.display());
        assert!(sentence.starts_with(&expected), "{sentence} is not {expected}");
        assert_eq!(error.file(), Some(named.as_path()));
        let good = Tls::from_pem_files(&chain, &key).unwrap();
        assert_eq!(good.with_pem_files(chain_file, key_file).unwrap_err().to_string(), sentence);
    }
    let good = || Tls::from_pem_files(&chain, &key).unwrap();
    for (file, said) in [
        (&missing, "there is no such file"),
        (&empty, "there is no certificate in it"),
        (&wrong, "clients cannot be verified with these certificates: "),
    ] {
        let sentence = good().client_ca_file(file).unwrap_err().to_string();
        assert!(sentence.starts_with(&format!("{}: {said}", file.display())), "{sentence}");
    }
    assert!(good().warnings().is_empty());
}

#[test]
fn what_is_odd_and_usable_is_a_warning() {
    let folder = Folder::new("warnings");
    let authority = Authority::new();
    let ended = authority.issue_with(&["a"], |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let early = authority.issue_with(&["b"], |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    });
    let (chain, key) = folder.pair("ended", &ended);
    let tls = Tls::from_pem_files(&chain, &key).unwrap();
    let [warning] = tls.warnings() else { panic!("{:?}", tls.warnings()) };
    assert!(warning.contains("the certificate ended on Tue, 01 Jan 2002"), "{warning}");
    assert!(warning.starts_with(&chain.display().to_string()), "{warning}");
    let year = Duration::from_secs(86_400 * 365);
    assert!(tls.expires().unwrap() < SystemTime::now() - 20 * year);
    let tls = tls.with_pem(early.chain.as_bytes(), early.key.as_bytes()).unwrap();
    assert!(tls.warnings()[1].contains("the certificate begins on "), "{:?}", tls.warnings());
    #[cfg(unix)]
    for (mode, is_told) in [(0o640, true), (0o604, true), (0o400, false), (0o700, false)] {
        let (chain, key) = folder.pair("open", &authority.issue(&["c"]));
        set_mode(&key, mode);
        let tls = Tls::from_pem_files(&chain, &key).unwrap();
        assert_eq!(tls.warnings().len(), usize::from(is_told), "{mode:o}: {:?}", tls.warnings());
        assert!(tls.warnings().iter().all(|warning| warning.contains("key (mode ")));
    }
}

#[test]
fn the_first_end_of_all_certificates_is_what_expires_says() {
    let authority = Authority::new();
    let issue = |year| {
        authority.issue_with(&["a"], |params| {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        })
    };
    let (late, early) = (issue(3000), issue(2500));
    let tls = late.tls().with_pem(early.chain.as_bytes(), early.key.as_bytes()).unwrap();
    assert_eq!(tls.expires(), early.tls().expires());
    assert!(early.tls().expires() < late.tls().expires());
}

/// The whole chain has to last.
#[test]
fn a_ca_in_the_chain_counts_too() {
    let authority = Authority::new();
    let leaf = authority.issue_with(&["a"], |params| {
        params.not_after = rcgen::date_time_ymd(9000, 1, 1);
    });
    let early = authority.issue_with(&["ca"], |params| {
        params.not_after = rcgen::date_time_ymd(2500, 1, 1);
    });
    let chain = leaf.chain.clone() + &early.chain;
    let tls = Tls::from_pem(chain.as_bytes(), leaf.key.as_bytes()).unwrap();
    assert_eq!(tls.expires(), early.tls().expires());
}

#[test]
fn s10_6_a_listener_of_tls_without_certificates_does_not_start() {
    claims!("6455-10.6-02");
    let error = Server::bind_tls("127.0.0.1:0").unwrap().start(echo).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("Server::tls is not set"), "{error}");
}

#[test]
fn the_bindings_say_which_of_them_begin_with_tls() {
    let tls = Authority::new().issue(&["a"]).tls();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.bind_also_tls("127.0.0.1:0").unwrap().tls(tls);
    let addresses = server.local_addrs();
    let bindings = server.handle().bindings();
    let of_each: Vec<_> = bindings.iter().map(|each| (&each.address, each.is_tls)).collect();
    let tcp = |at: usize| BoundAddress::Tcp(addresses[at]);
    assert_eq!(of_each, [(&tcp(0), false), (&tcp(1), true)]);
    assert_eq!(bindings[1].address.to_string(), addresses[1].to_string());
}

#[test]
fn a_configuration_of_the_callers_own_is_taken_as_it_is() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    let chain = vec![CertificateDer::from_pem_slice(pair.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let tls = Tls::from_config(Arc::new(config));
    assert!(tls.expires().is_none() && tls.warnings().is_empty());
    let added = tls.clone().with_pem(pair.chain.as_bytes(), pair.key.as_bytes());
    assert!(added.unwrap_err().to_string().contains("taken as it is"));
    let server = echoing(bind(tls));
    let client = Client::open(&server, authority.client());
    let version = client.tls.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
    server.stop();
}

fn shown(client: &Client) -> Vec<u8> {
    client.tls.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn new_connections_get_the_new_certificate_and_open_ones_go_on() {
    let authority = Authority::new();
    let (old, new) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
    let server = echoing(bind(old.tls()));
    assert_eq!(server.handle.tls_expires(), old.tls().expires());
    let mut before = Client::open(&server, authority.client());
    server.handle.reload_tls(new.tls());
    assert_eq!(server.handle.tls_expires(), new.tls().expires());
    let after = Client::open(&server, authority.client());
    assert_ne!(shown(&before), shown(&after));
    before.send(text("still here"));
    assert_eq!(before.frame().payload, b"still here");
    server.stop();
}

#[test]
fn no_handshake_fails_while_certificates_are_replaced() {
    let authority = Authority::new();
    let pairs = [authority.issue(&["localhost"]), authority.issue(&["localhost"])];
    let tls: Vec<_> = pairs.iter().map(Pair::tls).collect();
    let server = echoing(bind(tls[0].clone()).workers(2));
    let (is_over, reloads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let config = Arc::new(authority.client());
    thread::scope(|scope| {
        scope.spawn(|| {
            for tls in tls.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                server.handle.reload_tls(tls.clone());
                reloads.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        });
        for number in 0..200_u32 {
            let mut client = Client::connect_to(&server, &config, "localhost").unwrap();
            client.upgrade();
            client.send(text(&number.to_string()));
            assert_eq!(client.frame().payload, number.to_string().as_bytes());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(reloads.load(Ordering::Relaxed) > 10);
    assert_eq!(server.handle.counters().tls.completed, 200);
    server.stop();
}

#[test]
fn once_a_shutdown_was_asked_for_nothing_is_replaced() {
    let authority = Authority::new();
    let (old, new) = (
        authority.issue(&["localhost"]),
        authority.issue_with(&["a"], |params| {
            params.not_after = rcgen::date_time_ymd(2500, 1, 1);
        }),
    );
    let hold = |incoming: Incoming| async move {
        let (_receiver, sender) = incoming.accept()?.split();
        sender.closed().await;
        Ok::<(), stickler::Error>(())
    };
    let server = Running::of(bind(old.tls()).start(hold).unwrap());
    let client = Client::open(&server, authority.client());
    server.handle.shutdown(Duration::from_secs(1));
    server.handle.reload_tls(new.tls());
    assert_eq!(server.handle.tls_expires(), old.tls().expires());
    drop(client);
    server.wait();
}
