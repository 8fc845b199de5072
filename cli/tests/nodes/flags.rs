//! The flags about NATS: each has an effect, or is refused.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::{Broker, find_server, program};
use crate::socket::Socket;

/// The program with these flags.
fn stickler(flags: &[&str]) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    command
}

/// Must end by itself with this code, and say this.
fn ends(flags: &[&str], code: i32, said: &str) {
    let Output { status, stdout, stderr } = stickler(flags).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), &stdout[..]), (Some(code), &b""[..]), "{flags:?}: {stderr}");
    assert!(stderr.contains(said), "{flags:?}: {stderr}");
}

/// A running program, killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, and joins its chat; gives what is answered.
fn join(flags: &[&str], nickname: &str) -> (Running, Socket, String) {
    let mut child = stickler(flags).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let running = Running(child);
    read.unwrap();
    let address = line.trim().strip_prefix("listening on ws://").expect(&line).parse().unwrap();
    let mut socket = Socket::open(address).unwrap();
    let join = format!(r#"{{"type":"join","room":"flags","nickname":"{nickname}"}}"#);
    socket.send(&join).unwrap();
    let answer = until(&mut socket, "");
    (running, socket, answer)
}

/// The next message with this in it.
fn until(socket: &mut Socket, part: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let message = socket.next(deadline).unwrap().expect("nothing came in 20 s");
        let message = String::from_utf8(message).unwrap();
        if message.contains(part) {
            return message;
        }
    }
}

/// Where nobody listens.
fn nowhere() -> String {
    format!("nats://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

fn broker(name: &str) -> Option<Broker> {
    let program = match find_server() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: there is no nats-server: {why}");
            return None;
        }
    };
    let name = format!("flags-{name}-{}", std::process::id());
    Some(Broker::start(&program, &Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)))
}

#[test]
fn a_broker_that_is_away_ends_the_program_unless_it_is_optional() {
    let nowhere = nowhere();
    ends(&["--nats", &nowhere], 1, "NATS cannot be reached");
    let (_running, _socket, answer) = join(&["--nats", &nowhere, "--nats-optional"], "ann");
    assert!(answer.contains(r#""type":"error""#), "{answer}");
}

#[test]
fn each_flag_about_nats_is_read() {
    let nowhere = nowhere();
    ends(&["--nats", &nowhere, "--nats-credentials", "/no/such.creds"], 1, "/no/such.creds");
    ends(&["--nats", &nowhere, "--nats-ca", "/no/such.pem"], 1, "/no/such.pem");
}

#[test]
fn who_logs_in_by_a_url_is_shown_nowhere() {
    let url = "ann:s3cret@127.0.0.1:4222";
    for (args, part) in [
        (&["--help"][..], "STICKLER_NATS"),
        (&["serve", "--help"], "STICKLER_NATS"),
        (&["serve", "-h"], "--nats"),
        (&["man"], "STICKLER_NATS"),
        (&["config", "print"], "nats = [\"***@127.0.0.1:4222\"] # variable STICKLER_NATS"),
    ] {
        let ended = program().args(args).env("STICKLER_NATS", url).output().unwrap();
        let out = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        assert!(ended.status.success() && out.contains(part), "{args:?}: {out}");
        assert!(!out.contains("s3cret") && !out.contains("ann:"), "{args:?}: {out}");
    }
}

#[test]
fn what_has_no_effect_is_refused() {
    ends(&["--nats-credentials", "a.creds"], 2, "--nats");
    ends(&["--nats-ca", "a.pem"], 2, "--nats");
    ends(&["--nats-optional"], 2, "--nats-optional has no effect without --nats");
    ends(&["--nats", "nats://a", "--chat", "off"], 2, "--nats carries the chat");
    ends(&["--nats", ""], 2, "--nats");
}

#[test]
fn nodes_that_name_one_broker_share_rooms_and_nicknames() {
    let Some(broker) = broker("share") else { return };
    // The first server is away: the next one is tried.
    let list = format!("{},{}", nowhere(), broker.url());
    let (_one, mut ann, answer) = join(&["--nats", &list], "ann");
    assert!(answer.contains(r#""type":"joined""#), "{answer}");
    let (_two, mut bob, answer) = join(&["--nats", &broker.url()], "bob");
    assert!(answer.contains(r#""members":["ann","bob"]"#), "{answer}");
    until(&mut ann, r#"{"type":"came","nickname":"bob"}"#);
    ann.send(r#"{"type":"say","id":"1","text":"hello"}"#).unwrap();
    until(&mut ann, r#""type":"accepted""#);
    assert!(until(&mut bob, r#""type":"message""#).contains(r#""text":"hello""#));
    let (_three, _eve, answer) = join(&["--nats", &broker.url()], "ann");
    assert!(answer.contains(r#""code":"taken""#), "{answer}");
    let folder = broker.folder.clone();
    drop(broker);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn an_optional_broker_that_comes_later_is_used() {
    let Some(mut broker) = broker("later") else { return };
    broker.kill();
    let flags = ["--nats", &broker.url(), "--nats-optional"];
    let (_running, mut socket, answer) = join(&flags, "ann");
    assert!(answer.contains(r#""type":"error""#), "{answer}");
    broker.start_again();
    loop {
        socket.send(r#"{"type":"join","room":"flags","nickname":"ann"}"#).unwrap();
        if until(&mut socket, "").contains(r#""type":"joined""#) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let folder = broker.folder.clone();
    drop(broker);
    let _ = std::fs::remove_dir_all(folder);
}
