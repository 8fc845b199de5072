//! The filter of the log, changed while the program runs; and standard error that nobody reads.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Instant;

use rustix::io::ioctl_fionbio;
use stickler_testing::blocking::{read_frame, read_head};
use stickler_testing::folder::Folder;
use stickler_testing::frame::text;

use crate::ask::{At, open, start_at, start_with_token};
use crate::openmetrics::parse;
use crate::server::{PATIENCE, Server, stickler};

#[test]
fn another_filter_is_in_force_at_once_and_is_told() {
    let folder = Folder::new("filter");
    let (server, at) = start_with_token(&folder, &[]);
    opens(&server);
    assert_eq!(at.get("/log").body, "info\n");
    let answer = at.post("/log", " debug,stickler::server=warning ");
    assert_eq!((answer.status, &answer.body[..]), (200, "debug,stickler::server=warn\n"));
    assert_eq!(at.get("/log").body, "debug,stickler::server=warn\n");
    opens(&server);
    assert_eq!(at.post("/log", "info").status, 200);
    opens(&server);
    server.retire().unwrap();
    assert_eq!(told_between_filters(&server), [0, 1, 0], "{}", server.log());
}

/// Opens a connection and waits for an echo: by then the opening is in the log, if it is to be there.
fn opens(server: &Server) {
    echoes(&mut open(server));
}

/// How many openings the log has before each line about another filter, and behind the last one.
fn told_between_filters(server: &Server) -> Vec<usize> {
    let log = server.log();
    let parts = log.split("another log filter is in force");
    parts.map(|part| part.matches("the connection opened").count()).collect()
}

#[test]
fn a_filter_that_cannot_be_read_is_refused_with_the_sentence_of_the_flag() {
    let folder = Folder::new("bad");
    let (server, at) = start_with_token(&folder, &["--log=warn,stickler=info"]);
    for (content, sentence) in [
        ("deubg", "did you mean debug?"),
        ("stickler::nett=debug", "did you mean stickler::net"),
        ("info,=debug", "a part of this program is missing"),
        (" ", "is to be a filter"),
    ] {
        let answer = at.post("/log", content);
        assert!(answer.status == 400 && answer.body.contains(sentence), "{content}: {answer:?}");
    }
    assert_eq!(at.post("/log", "").status, 400);
    assert_eq!(at.post("/log", &"info,".repeat(2000)).status, 413);
    assert_eq!(at.get("/log").body, "warn,stickler=info\n");
    server.retire().unwrap();
}

#[test]
fn json_lines_are_filtered_anew_too() {
    let folder = Folder::new("json");
    let path = folder.socket();
    let place = format!("unix:{}", path.display());
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format=json", "--admin", &place]);
    command.arg("--log=debug");
    let server = Server::spawn(command, 1, "").unwrap();
    let at = At::Unix(path);
    opens(&server);
    assert_eq!(at.ask("POST", "/log", &[], "off").status, 200);
    opens(&server);
    assert_eq!(at.get("/log").body, "off\n");
    assert_eq!(at.ask("POST", "/log", &[], "debug").status, 200);
    opens(&server);
    server.retire().unwrap();
    // With `off` the line that tells of it is off too.
    assert_eq!(told_between_filters(&server), [1, 1], "{}", server.log());
}

/// A program whose standard error goes there, with a Unix socket for its admin listener.
struct Muted {
    child: Child,
    address: SocketAddr,
    at: At,
    _folder: Folder,
}

impl Muted {
    fn start(name: &str, stderr: Stdio) -> Muted {
        let folder = Folder::new(name);
        let path = folder.socket();
        let mut command = stickler();
        let place = format!("unix:{}", path.display());
        command.args(["serve", "--listen=127.0.0.1:0", "--log=debug", "--admin", &place]);
        command.args(["--path=/", "--path", &long_path()]);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ws://").unwrap().parse().unwrap();
        Muted { child, address, at: At::Unix(path), _folder: folder }
    }

    /// Opens and ends connections, each of which is two long lines of the log.
    fn talk(&self, connections: usize) {
        for _ in 0..connections {
            drop(self.open(&long_path()));
        }
    }

    fn open(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = stickler_testing::frame::REQUEST.replace("/room", path);
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        stream
    }

    fn dropped(&self) -> f64 {
        let families = parse(&self.at.get("/metrics").body).unwrap();
        families["stickler_log_lines_dropped"].samples[0].value
    }

    fn echoes(&self) {
        echoes(&mut self.open("/"));
    }
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(&text("hello")).unwrap();
    assert_eq!(&read_frame(stream).payload[..], b"hello");
}

/// A path that makes long lines.
fn long_path() -> String {
    format!("/{}", "a".repeat(8000))
}

impl Drop for Muted {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_pipe_that_nobody_reads_costs_lines_that_are_counted() {
    let muted = Muted::start("blocked", Stdio::piped());
    let begun = Instant::now();
    // The pipe has 64 KiB, and 1 MiB waits.
    while muted.dropped() == 0.0 {
        muted.talk(20);
        assert!(begun.elapsed() < 4 * PATIENCE, "nothing was dropped");
    }
    muted.echoes();
    assert_eq!(muted.at.get("/livez").status, 200);
}

/// Whoever shares the pipe may have marked it as non-blocking.
#[test]
fn a_pipe_where_writes_do_not_wait_costs_no_lines() {
    let (mut read, written) = io::pipe().unwrap();
    ioctl_fionbio(&written, true).unwrap();
    ioctl_fionbio(&read, true).unwrap();
    let muted = Muted::start("unwaited", written.into());
    // More than the pipe has room for, and less than may wait.
    const CONNECTIONS: usize = 20;
    muted.talk(CONNECTIONS);
    let begun = Instant::now();
    let mut log = Vec::new();
    let ended = |log: &[u8]| String::from_utf8_lossy(log).matches("connection ended").count();
    while ended(&log) < CONNECTIONS && begun.elapsed() < PATIENCE {
        match read.read_to_end(&mut log) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::yield_now(),
            ended => panic!("{ended:?}"),
        }
    }
    assert_eq!(ended(&log), CONNECTIONS);
    assert_eq!(muted.dropped(), 0.0);
}

#[test]
fn a_pipe_whose_reader_is_gone_leaves_the_server_serving() {
    let mut muted = Muted::start("closed", Stdio::piped());
    drop(muted.child.stderr.take());
    muted.talk(100);
    muted.echoes();
    assert_eq!(muted.child.try_wait().unwrap(), None);
    assert_eq!(muted.dropped(), 0.0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_server_serving_and_costs_lines_that_are_counted() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut muted = Muted::start("full", full.into());
    muted.talk(100);
    muted.echoes();
    assert_eq!(muted.child.try_wait().unwrap(), None);
    let begun = Instant::now();
    while muted.dropped() < 200.0 {
        assert!(begun.elapsed() < PATIENCE, "{}", muted.dropped());
    }
}

#[test]
fn the_unix_socket_of_the_listener_is_told_in_the_log() {
    let folder = Folder::new("told");
    let path = folder.socket();
    let (server, at) = start_at(&format!("unix:{}", path.display()), &[]);
    assert!(matches!(at, At::Unix(told) if told == path));
    server.retire().unwrap();
}
