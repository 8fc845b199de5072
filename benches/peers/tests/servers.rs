//! Every server under every load, each for a moment: that they understand each other.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use stickler_peers::echo::{Deflate, Form};
use stickler_peers::peers::{PEERS, Peer, RAW};
use stickler_peers::tls;

struct Server(Child, String);

impl Server {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let load = Path::new(env!("CARGO_BIN_EXE_load"));
        let mut command = Command::new(load.with_file_name(program));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(child, line.trim().strip_prefix("listening on ").unwrap().into())
    }

    fn load(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
        command.args(["--address", &self.1, "--pid", &self.0.id().to_string()]);
        command.args(["--connections", "4", "--warm-up", "0", "--seconds", "0.2"]);
        let output = command.args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that is gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Those that this package builds.
fn peers() -> impl Iterator<Item = &'static Peer> {
    PEERS.iter().filter(|peer| !peer.is_optional)
}

fn flags(form: Form) -> &'static [&'static str] {
    match form {
        Form::Plain => &[],
        Form::Batch => &["--batch"],
    }
}

#[test]
fn every_server_echoes_in_every_form() {
    for peer in peers() {
        let raw: &[&str] = if peer.name == RAW { &["--raw"] } else { &[] };
        for &form in peer.forms {
            let server = Server::start(peer.binary, flags(form));
            for load in [&["--in-flight", "3"][..], &["--size", "70000", "--kind", "multi-byte"]] {
                let report = server.load(&[load, raw].concat());
                assert!(report["messages"].as_u64() > Some(0), "{}: {report}", peer.name);
            }
        }
    }
}

#[test]
fn every_server_shakes_hands_again_and_again() {
    for peer in peers() {
        let (flags, raw): (&[&str], &[&str]) =
            if peer.name == RAW { (&["--upgrade"], &["--raw"]) } else { (&[], &[]) };
        let report = Server::start(peer.binary, flags).load(&[&["--handshakes"], raw].concat());
        // More than one connection at a time could make, however busy the machine is.
        assert!(report["handshakes"].as_u64() > Some(1), "{}: {report}", peer.name);
        assert_eq!(report["given_up"], 0, "{}", peer.name);
    }
}

#[test]
fn who_compresses_does_so_and_makes_replies_smaller() {
    for (peer, &deflate) in peers().flat_map(|peer| peer.deflate.iter().map(move |way| (peer, way)))
    {
        let flag = deflate.flag();
        let flag: Vec<&str> = flag.iter().map(String::as_str).collect();
        let batch = if peer.forms.contains(&Form::Batch) { flags(Form::Batch) } else { &[] };
        let server = Server::start(peer.binary, &[batch, &flag].concat());
        let report = server.load(&["--deflate", "--in-flight", "5"]);
        assert!(report["reply_bytes"].as_f64() < Some(550.0), "{}: {report}", peer.name);
        let extensions = report["extensions"].as_str().unwrap();
        let takes_over = !extensions.contains("server_no_context_takeover");
        assert_eq!(takes_over, deflate == Deflate::Takeover, "{}: {extensions}", peer.name);
        let idle = server.load(&["--deflate", "--idle", "20"]);
        assert_eq!(idle["connections"], 20);
    }
}

#[test]
fn who_speaks_tls_echoes_and_shakes_hands_over_it_and_goes_on_with_sessions() {
    let folder = Folder::new("certificate");
    tls::write_certificate(&folder.0).unwrap();
    let certificate = tls::flags(&folder.0);
    let certificate = certificate.each_ref().map(String::as_str);
    for peer in peers().filter(|peer| !peer.tls.is_empty()) {
        let raw: &[&str] = if peer.name == RAW { &["--raw", "--tls"] } else { &["--tls"] };
        let server = Server::start(peer.tls, &certificate);
        for load in [&["--in-flight", "3", "--size", "1024"][..], &["--size", "70000"]] {
            let report = server.load(&[load, raw].concat());
            assert!(report["messages"].as_u64() > Some(0), "{}: {report}", peer.name);
        }
        assert_eq!(server.load(&[&["--idle", "20"], raw].concat())["connections"], 20);

        let upgrade: &[&str] = if peer.name == RAW { &["--upgrade"] } else { &[] };
        let server = Server::start(peer.tls, &[&certificate, upgrade].concat());
        let shaken = server.load(&[&["--handshakes"], raw].concat());
        assert!(shaken["handshakes"].as_u64() > Some(1), "{}: {shaken}", peer.name);
        assert_eq!(shaken["resumed"], 0, "{}", peer.name);
        let resumed = server.load(&[&["--handshakes", "--resume"], raw].concat());
        assert!(resumed["resumed"].as_u64() > Some(1), "{}: {resumed}", peer.name);
    }
}

#[test]
fn an_idle_connection_over_tls_takes_little_more_than_a_bare_one() {
    let folder = Folder::new("certificate-of-the-idle");
    tls::write_certificate(&folder.0).unwrap();
    let certificate = tls::flags(&folder.0);
    let certificate = certificate.each_ref().map(String::as_str);
    let idle = |program, load: &[&str]| {
        Server::start(program, &certificate).load(&[&["--tls", "--idle", "500"], load].concat())
    };
    let (bare, ours) = (idle("raw-tls", &["--raw"]), idle("echo-stickler", &[]));
    for when in ["bytes_per_connection", "bytes_per_connection_after_echo"] {
        let ratio = ours[when].as_f64().unwrap() / bare[when].as_f64().unwrap();
        assert!(ratio <= 1.2, "{when}: {ours}, bare {bare}");
    }
}

#[test]
fn what_is_broadcast_comes_to_all() {
    for peer in peers() {
        let Some((program, flags)) = peer.broadcast.split_first() else { continue };
        let raw: &[&str] = if peer.name == RAW { &["--raw"] } else { &[] };
        let server = Server::start(program, flags);
        let report = server.load(&[&["--broadcast", "150", "--size", "125"], raw].concat());
        assert_eq!(report["subscribers"], 150);
        assert!(report["messages"].as_u64() > Some(0), "{}: {report}", peer.name);
    }
}

#[test]
fn stickler_refuses_all_that_is_forbidden_and_others_do_not() {
    let refused = |program: &str| {
        let report = Server::start(program, &[]).load(&["--probe"]);
        let probes = report.as_array().unwrap();
        (probes.iter().filter(|probe| probe["outcome"] == "refused").count(), probes.len())
    };
    let (count, asked) = refused("echo-stickler");
    assert_eq!(count, asked);
    // It asks for no masks: the questions tell servers from each other.
    assert!(refused("echo-fastwebsockets").0 < asked);
}

#[test]
fn stickler_has_as_many_workers_as_it_is_told() {
    let server = Server::start("echo-stickler", &["--workers=2"]);
    server.load(&["--sleeps"]);
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.0.id())).unwrap().count();
    let one = Server::start("echo-stickler", &[]);
    one.load(&["--sleeps"]);
    let fewer = std::fs::read_dir(format!("/proc/{}/task", one.0.id())).unwrap().count();
    assert_eq!(threads, fewer + 1);
}
