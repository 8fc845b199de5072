//! What a service manager is told, on a socket of ours in the place of systemd's.

use std::io::{ErrorKind, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use stickler_testing::folder::Folder;

use crate::server::{Server, stickler};
use crate::support::{PATIENCE, answer, echo, exit, open, run, start, terminate};

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
    /// What `NOTIFY_SOCKET` says.
    name: String,
    file: Option<PathBuf>,
}

impl Manager {
    fn at_a_path(test: &str) -> Manager {
        let file = std::env::temp_dir().join(format!("stickler-{}-{test}", std::process::id()));
        let socket = UnixDatagram::bind(&file).unwrap();
        Manager::new(socket, file.to_str().unwrap().to_owned(), Some(file))
    }

    fn abstract_name(test: &str) -> Manager {
        let name = format!("stickler-{}-{test}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Manager::new(UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}"), None)
    }

    fn new(socket: UnixDatagram, name: String, file: Option<PathBuf>) -> Manager {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager { socket, name, file }
    }

    /// The program, told of this manager.
    fn start(&self, variables: &[(&str, &str)], flags: &[&str]) -> Server {
        start(&[variables, &[("NOTIFY_SOCKET", &self.name)]].concat(), flags)
    }

    /// The lines of the next message.
    fn told(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer).expect("a message in time");
        let text = std::str::from_utf8(&buffer[..count]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The next one that is not for the watchdog.
    fn told_of_state(&self) -> Vec<String> {
        std::iter::repeat_with(|| self.told()).find(|told| told != &["WATCHDOG=1"]).unwrap()
    }

    /// Reads until this comes.
    fn told_of(&self, state: &str) {
        while self.told()[0] != state {}
    }

    /// Sends to itself until there is no room.
    fn fill(&self) {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        let address = self.socket.local_addr().unwrap();
        while sender.send_to_addr(b"full", &address).is_ok() {}
    }

    fn has_more(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        match self.socket.recv(&mut [0; 4096]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[test]
fn the_manager_is_told_of_the_start_and_of_the_end() {
    for manager in [Manager::at_a_path("ends"), Manager::abstract_name("ends")] {
        let server = manager.start(&[], &["--shutdown-timeout=200s"]);
        assert_eq!(manager.told(), ["READY=1", "STATUS=serving"]);
        assert_eq!(server.stdout_lines().len(), 1);
        run(async {
            let mut peer = open(&server).await;
            terminate(&server);
            // systemd gives a service 90 s to stop, unless it is told.
            let stopping = ["STOPPING=1", "STATUS=shutting down", "EXTEND_TIMEOUT_USEC=203000000"];
            assert_eq!(manager.told(), stopping);
            answer(&mut peer).await;
        });
        assert_eq!(exit(&server), 0);
        assert!(!manager.has_more());
    }
}

#[test]
fn the_manager_is_told_of_the_end_before_the_delay() {
    let manager = Manager::at_a_path("delay");
    let server = manager.start(&[], &["--drain-delay=200s", "--shutdown-timeout=300s"]);
    assert_eq!(manager.told()[0], "READY=1");
    run(async {
        terminate(&server);
        assert_eq!(manager.told()[0], "STOPPING=1");
        echo(&mut open(&server).await).await;
    });
    assert_eq!(server.status(), None);
}

/// Nothing keeps this server, and it would be gone before the manager has room for the message.
#[test]
fn a_manager_that_is_slow_to_read_is_told_of_the_end() {
    let manager = Manager::abstract_name("slow");
    let server = manager.start(&[], &[]);
    assert_eq!(manager.told()[0], "READY=1");
    manager.fill();
    terminate(&server);
    // Less than what the program waits for room, also on a machine that is slow.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(server.status(), None);
    manager.told_of("STOPPING=1");
    assert_eq!(exit(&server), 0);
}

/// Whether it is done within half of a second, at one of three times: the machine may be busy with others. The program
/// gives up on the manager after a second in any case, so there is no order to assert: a client that had to wait for that
/// gets the same Close, later.
fn is_soon(mut done: impl FnMut() -> Duration) -> bool {
    (0..3).any(|_| done() < Duration::from_millis(500))
}

#[test]
fn a_manager_that_does_not_read_keeps_no_client_from_its_close() {
    let manager = Manager::abstract_name("close");
    let folder = Folder::new("manager-close");
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "listen = '127.0.0.1:0'\n").unwrap();
    assert!(is_soon(|| {
        let mut command = stickler();
        command.arg("serve").arg("--config").arg(&file).env("NOTIFY_SOCKET", &manager.name);
        let server = Server::spawn(command, 1, "close").unwrap();
        manager.told_of("READY=1");
        manager.fill();
        run(async {
            let mut peer = open(&server).await;
            server.signal(Signal::HUP);
            // The reload has begun, and tells the manager.
            std::thread::sleep(Duration::from_millis(150));
            let begun = Instant::now();
            server.signal(Signal::TERM);
            assert_eq!(answer(&mut peer).await, 1001);
            let closed = begun.elapsed();
            assert_eq!(exit(&server), 0);
            closed
        })
    }));
}

#[test]
fn a_manager_that_does_not_read_keeps_no_second_signal_from_ending_the_process() {
    let manager = Manager::abstract_name("second");
    let server = manager.start(&[], &["--shutdown-timeout=200s"]);
    manager.told_of("READY=1");
    run(async {
        let _peer = open(&server).await;
        manager.fill();
        // Both are there before the program sees one.
        server.stop();
        server.signal(Signal::TERM);
        server.signal(Signal::INT);
        server.signal(Signal::CONT);
        assert_eq!(exit(&server), 1);
    });
    let log = server.log();
    assert!(log.contains("a second signal"), "{log}");
    // The process ended before the program gave up on the manager.
    assert!(!log.contains("cannot tell the service manager"), "{log}");
}

#[test]
fn the_manager_is_told_once_of_an_end_that_is_asked_for_in_two_ways() {
    let manager = Manager::abstract_name("once");
    let folder = Folder::new("manager-once");
    let admin = folder.path().join("admin.sock");
    let place = format!("--admin=unix:{}", admin.display());
    let server = manager.start(&[], &[&place, "--shutdown-timeout=200s"]);
    assert_eq!(manager.told()[0], "READY=1");
    run(async {
        let mut peer = open(&server).await;
        let mut asking = UnixStream::connect(&admin).unwrap();
        asking.write_all(b"POST /drain HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(manager.told()[0], "STOPPING=1");
        server.signal(Signal::TERM);
        server.expect_logged("SIGTERM").unwrap();
        assert_eq!(answer(&mut peer).await, 1001);
    });
    assert_eq!(exit(&server), 0);
    assert!(!manager.has_more());
}

/// Also where what was to be loaded is not fit for use: the server serves on.
#[test]
fn the_manager_is_told_of_certificates_that_are_loaded_anew() {
    let manager = Manager::abstract_name("reload");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let path = std::env::temp_dir().join(format!("stickler-{}-reload.pem", std::process::id()));
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(&path, &pem).unwrap();
    let file = path.to_str().unwrap();
    let tls = ["--listen-tls=127.0.0.1:0", "--tls-cert", file, "--tls-key", file];
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(tls);
    command.env("NOTIFY_SOCKET", &manager.name);
    let server = Server::spawn(command, 2, "loaded anew").unwrap();
    assert_eq!(manager.told()[0], "READY=1");
    for content in [&pem[..], "no certificate"] {
        std::fs::write(&path, content).unwrap();
        server.signal(Signal::HUP);
        let told = manager.told();
        assert_eq!(told[..2], ["RELOADING=1", "STATUS=loading anew"]);
        assert!(told[2].starts_with("MONOTONIC_USEC="), "{told:?}");
        assert_eq!(manager.told()[0], "READY=1");
    }
    std::fs::remove_file(&path).unwrap();
    terminate(&server);
    assert_eq!(manager.told()[0], "STOPPING=1");
    assert_eq!(exit(&server), 0);
}

/// Also where the file is gone.
#[test]
fn the_manager_is_told_of_a_configuration_that_is_read_anew() {
    let manager = Manager::abstract_name("config");
    let path = std::env::temp_dir().join(format!("stickler-{}-reload.toml", std::process::id()));
    std::fs::write(&path, "listen = '127.0.0.1:0'\n").unwrap();
    let mut command = stickler();
    command.arg("serve").arg("--config").arg(&path).env("NOTIFY_SOCKET", &manager.name);
    let server = Server::spawn(command, 1, "read anew").unwrap();
    assert_eq!(manager.told()[0], "READY=1");
    for is_there in [true, false] {
        if !is_there {
            std::fs::remove_file(&path).unwrap();
        }
        server.signal(Signal::HUP);
        let told = manager.told();
        assert_eq!(told[..2], ["RELOADING=1", "STATUS=loading anew"]);
        assert_eq!(manager.told()[0], "READY=1");
    }
    terminate(&server);
    assert_eq!(exit(&server), 0);
}

#[test]
fn the_watchdog_is_answered_at_half_of_its_time_also_during_the_drain() {
    let manager = Manager::abstract_name("watchdog");
    let flags = ["--workers=2", "--drain-delay=1s"];
    // Before the start: the first messages may wait in the socket for this thread to turn to them.
    let begun = Instant::now();
    let server = manager.start(&[("WATCHDOG_USEC", "200000")], &flags);
    assert_eq!(manager.told()[0], "READY=1");
    for _ in 0..5 {
        assert_eq!(manager.told(), ["WATCHDOG=1"]);
    }
    // The first is sent at once.
    assert!(begun.elapsed() >= Duration::from_millis(4 * 100 - 50), "{:?}", begun.elapsed());
    terminate(&server);
    assert_eq!(manager.told_of_state()[0], "STOPPING=1");
    assert_eq!(manager.told(), ["WATCHDOG=1"]);
    assert_eq!(exit(&server), 0);
}

#[test]
fn a_watchdog_that_is_not_for_this_process_is_not_answered() {
    for variables in [
        &[][..],
        &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")],
        &[("WATCHDOG_USEC", "0")],
        &[("WATCHDOG_USEC", "soon")],
    ] {
        let manager = Manager::at_a_path("other");
        let server = manager.start(variables, &[]);
        assert_eq!(manager.told()[0], "READY=1");
        run(async { echo(&mut open(&server).await).await });
        terminate(&server);
        assert_eq!(manager.told()[0], "STOPPING=1", "{variables:?}");
        assert_eq!(exit(&server), 0);
    }
}

#[test]
fn a_manager_that_cannot_be_told_is_a_warning() {
    for name in ["/nowhere/notify", "vsock:2:1234", &"x".repeat(200)] {
        let server = start(&[("NOTIFY_SOCKET", name)], &[]);
        server.expect_logged("cannot tell the service manager").unwrap();
        server.retire().unwrap();
    }
    let server = start(&[("NOTIFY_SOCKET", "")], &[]);
    server.retire().unwrap();
    assert!(!server.log().contains("service manager"), "{}", server.log());
}

/// A start that fails tells of nothing: the manager sees the exit status.
#[test]
fn a_start_that_fails_is_not_called_ready() {
    let manager = Manager::at_a_path("fails");
    let other = start(&[], &[]);
    let mut command = stickler();
    command.args(["serve", "--listen", &other.address().to_string()]);
    let ended = command.env("NOTIFY_SOCKET", &manager.name).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(!manager.has_more());
}
