//! The time before the server serves: signals that come while it waits for its broker.
#![cfg(target_os = "linux")]

#[path = "../nodes/cluster.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod cluster;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use stickler_testing::folder::Folder;
use stickler_testing::hangup;

use self::cluster::{Broker, find_server};

/// Far beyond what a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker that says nothing.
struct Silent(TcpListener);

impl Silent {
    fn new() -> Silent {
        Silent(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn url(&self) -> String {
        format!("nats://{}", self.0.local_addr().unwrap())
    }
}

/// The program that waits for this broker, and the connection on which it does.
fn start(broker: &Silent, more: &[&str], variables: &[(&str, &str)]) -> (Running, TcpStream) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickler"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STICKLER_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").envs(variables.iter().copied()).stdin(Stdio::null());
    let urls = [broker.url(), broker.url()].join(",");
    command.args(["serve", "--listen", "127.0.0.1:0", "--nats", &urls]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running(Some(command.spawn().unwrap()));
    let (stream, _) = broker.0.accept().unwrap();
    (running, stream)
}

/// A running program, killed with the test.
struct Running(Option<Child>);

impl Running {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.0.as_ref().unwrap());
        kill_process(pid, signal).unwrap();
    }

    /// Its exit status, standard output and standard error, once it has ended.
    fn end(mut self) -> (Option<i32>, String, String) {
        let child = self.0.take().unwrap();
        let pid = Pid::from_child(&child);
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || done.send(child.wait_with_output().unwrap()));
        let Ok(output) = is_done.recv_timeout(PATIENCE) else {
            let _ = kill_process(pid, Signal::KILL);
            panic!("it does not end");
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_signal_that_ends_the_program_before_it_serves_does_so_at_once() {
    hangup::ends_programs().unwrap();
    let folder = Folder::new("starting-term");
    let socket = folder.path().join("chat.sock");
    let place = format!("--listen=unix:{}", socket.display());
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let broker = Silent::new();
        let flags = [&place[..], "--drain-delay=200s", "--shutdown-timeout=300s"];
        let (running, waiting) = start(&broker, &flags, &[]);
        running.signal(signal);
        let (status, stdout, stderr) = running.end();
        // The broker has said nothing all the time.
        drop(waiting);
        assert_eq!((status, &stdout[..]), (Some(0), ""), "{stderr}");
        assert!(stderr.contains("shutting down"), "{stderr}");
        assert!(!stderr.contains(" serving") && !stderr.contains("NATS"), "{stderr}");
        assert!(!socket.exists());
    }
}

/// The first line of the next message to the manager.
fn told(manager: &UnixDatagram) -> std::io::Result<String> {
    let mut buffer = [0; 4096];
    let count = manager.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..count]).lines().next().unwrap_or_default().to_owned())
}

/// Carries what is sent from one to the other, until one of them ends.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_reload_that_is_asked_for_before_the_server_serves_is_done_then() {
    let program = match find_server() {
        Ok(program) => program,
        Err(why) => return println!("skipped: there is no nats-server: {why}"),
    };
    let folder = Folder::new("starting-reload");
    let broker = Broker::start(&program, &folder.path().join("broker"));
    let path = folder.path().join("manager");
    let manager = UnixDatagram::bind(&path).unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "[[route]]\npath = '/rooms'\napplication = 'chat'\n").unwrap();
    let silent = Silent::new();
    let flags = ["--config", file.to_str().unwrap()];
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let (running, waiting) = start(&silent, &flags, &variables);
    running.signal(Signal::HUP);
    // The program waits for two seconds, and tries again: this machine may be slow.
    manager.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(told(&manager).is_err());
    let address = broker.url().strip_prefix("nats://").unwrap().to_owned();
    thread::spawn(move || {
        let later = std::iter::repeat_with(|| silent.0.accept().unwrap().0);
        for one in std::iter::once(waiting).chain(later) {
            let behind = TcpStream::connect(&address).unwrap();
            carry(behind.try_clone().unwrap(), one.try_clone().unwrap());
            carry(one, behind);
        }
    });
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let all = [(); 3].map(|()| told(&manager).expect("a message in time"));
    assert_eq!(all, ["READY=1", "RELOADING=1", "READY=1"]);
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.end();
    assert_eq!(status, Some(0), "{stderr}");
    let line = |part| stderr.find(part).unwrap_or_else(|| panic!("{part:?} is not in {stderr}"));
    assert!(line(" serving") < line("loaded the configuration anew"), "{stderr}");
}
