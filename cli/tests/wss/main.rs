//! `stickler check` and `stickler health` over TLS: a relay ends it in front of servers that are right, have a fault, or
//! are none; certificates are made here.

mod faults;
mod health;
mod relay;
mod trust;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use stickler::{AllowedOrigin, Incoming, Policy, Server, Serving};
use stickler_testing::panics::tells_of_panic;

use relay::{Authority, End, Time, relay};

/// The program, without any variable of it.
fn stickler(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickler"));
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("STICKLER_");
        if is_ours || name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR" {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Exit status, and standard output and error together.
fn run(command: &mut Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!tells_of_panic(&said), "{said}");
    (status.code().unwrap(), said)
}

/// Runs `stickler check` and reads the JSON; the exit status, what was printed, and the JSON.
fn check(name: &str, arguments: &[&str]) -> (i32, String, Value) {
    let file = format!("wss-{}-{name}.json", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
    let all = [&["check", "--quiet", "--json", path.to_str().unwrap()], arguments].concat();
    let (status, said) = run(&mut stickler(&all));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {said}"));
    (status, said, json)
}

/// Ids of the cases with this grade.
fn graded<'a>(json: &'a Value, grade: &str) -> Vec<&'a str> {
    let all = json["results"].as_array().unwrap().iter();
    all.filter(|case| case["grade"] == grade).map(|case| case["id"].as_str().unwrap()).collect()
}

/// An echo that knows that TLS has ended in front of it.
struct Echo {
    /// Its end is the server's.
    serving: Serving,
}

impl Echo {
    fn start() -> Echo {
        let policy = Policy::default().paths(["/"]).secure(true).origins([AllowedOrigin::Any]);
        let server = Server::bind("127.0.0.1:0").unwrap().policy(policy);
        Echo { serving: server.start(echo).unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.serving.handle().local_addrs()[0]
    }
}

async fn echo(incoming: Incoming) -> stickler::Result<()> {
    let (mut receiver, sender) = incoming.accept()?.split();
    while let Some(message) = receiver.recv().await? {
        sender.send(message)?;
    }
    Ok(())
}

#[test]
fn s6455_10_6_a_server_behind_tls_is_strict_in_every_case() {
    let (echo, authority) = (Echo::start(), Authority::new("strict"));
    let config = authority.certify_for(&["localhost"], Time::Now, &[&TLS13]);
    let address = relay(echo.address(), config, End::Notified);
    let url = url(address);
    let (status, said, json) = check("strict", &[&url, "--ca", authority.file()]);
    assert_eq!(graded(&json, "violation"), Vec::<&str>::new(), "{said}");
    assert_eq!(graded(&json, "acceptable"), Vec::<&str>::new(), "{said}");
    // The first is about connections without TLS, the other about another agreement.
    assert_eq!(graded(&json, "skipped"), ["https-target", "context-fresh"], "{said}");
    assert!(graded(&json, "strict").contains(&"close-notify"), "{said}");
    assert_eq!((status, &json["complete"]), (0, &true.into()), "{said}");
    assert_eq!(json["tls"]["version"], "TLS 1.3");
    assert_eq!(json["tls"]["verified"], true);
    let cipher = json["tls"]["cipher"].as_str().unwrap();
    assert!(cipher.starts_with("TLS13_"), "{cipher}");
    let told = format!("{url}: an echo, permessage-deflate, over TLS 1.3 ({cipher})\n");
    assert!(said.starts_with(&told), "{said}");
}

#[test]
fn tls_1_2_is_told_and_a_certificate_that_is_not_verified_too() {
    let (echo, authority) = (Echo::start(), Authority::new("old"));
    let config = authority.certify_for(&["other.example"], Time::Past, &[&TLS12]);
    let address = relay(echo.address(), config, End::Notified);
    let url = format!("wss://{address}/");
    let only = ["--only", "closing", "--only", "ping"];
    let (status, said, json) = check("old", &[&[&url[..], "--insecure"], &only[..]].concat());
    assert_eq!((status, graded(&json, "violation")), (0, vec![]), "{said}");
    assert!(graded(&json, "strict").contains(&"close-notify"), "{said}");
    assert_eq!(json["tls"]["version"], "TLS 1.2", "{said}");
    assert_eq!(json["tls"]["verified"], false);
    let first = said.lines().next().unwrap();
    assert!(first.contains(", over TLS 1.2 (TLS_ECDHE_"), "{first}");
    assert!(first.ends_with("), its certificate not verified"), "{first}");
}

/// Where a server is behind TLS.
fn url(address: SocketAddr) -> String {
    format!("wss://localhost:{}/", address.port())
}
