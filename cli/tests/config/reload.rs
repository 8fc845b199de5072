//! SIGHUP reads the file anew: all of what can change, or nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stickler_testing::folder::Folder;
use stickler_testing::frame::binary;

use crate::server::{PATIENCE, Server, stickler};
use crate::sighup::reload;
use crate::{open, serve, write};

const LOADED: &str = "loaded the configuration anew";
const NOT_LOADED: &str = "cannot load the configuration anew";
const LISTEN: &str = "listen = '127.0.0.1:0'\nworkers = 1\n";

/// The first byte of what comes back for a message of so many bytes: 0x82 for its echo, 0x88 for a Close.
fn answer(stream: &mut TcpStream, bytes: usize) -> u8 {
    stream.write_all(&binary(vec![0; bytes])).unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).unwrap();
    head[0]
}

#[test]
fn new_connections_get_what_the_file_says_by_now() {
    let folder = Folder::new("reload-new");
    let origin = |host: &str| format!("Origin: https://{host}\r\n");
    let text = |size: &str, host: &str, most: u32| {
        format!(
            "{LISTEN}max-message-size = {size}\nallowed-origin = 'https://{host}'\nmax-connections = {most}\n"
        )
    };
    let file = write(&folder, "a.toml", &text("100", "a.example", 50));
    let server = serve(&file);
    let (status, mut held) = open(server.address(), "/echo", &origin("a.example"));
    assert_eq!(status, 101);
    assert_eq!(open(server.address(), "/chat", &origin("b.example")).0, 403);
    assert_eq!(answer(&mut held, 100), 0x82);
    // Nothing changes before somebody says so.
    write(&folder, "a.toml", &text("50", "b.example", 1));
    assert_eq!(open(server.address(), "/echo", &origin("a.example")).0, 101);
    let line = reload(&server, LOADED);
    for key in ["max-message-size", "allowed-origin", "max-connections"] {
        assert!(line.contains(key), "{line}");
    }
    assert!(!server.log().contains("take a new start"), "{}", server.log());
    // The one that is open keeps its limit, and takes the only place.
    assert_eq!(answer(&mut held, 100), 0x82);
    assert_eq!(open(server.address(), "/echo", &origin("b.example")).0, 503);
    drop(held);
    let mut next = opened(&server, &origin("b.example"));
    assert_eq!(answer(&mut next, 50), 0x82);
    assert_eq!(answer(&mut next, 51), 0x88);
    server.retire().unwrap();
}

/// A connection, once there is a place for it.
fn opened(server: &Server, fields: &str) -> TcpStream {
    let begun = Instant::now();
    loop {
        match open(server.address(), "/echo", fields) {
            (101, stream) => return stream,
            (503, _) => assert!(begun.elapsed() < PATIENCE, "no place"),
            (status, _) => panic!("{status}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_origins_of_the_chat_change_too() {
    let folder = Folder::new("reload-chat");
    let fields = "Origin: https://a.example\r\nSec-WebSocket-Protocol: chat.v1\r\n";
    let file = write(&folder, "a.toml", LISTEN);
    let server = serve(&file);
    // Unless it is said, the pages of the same host may chat.
    let before = open(server.address(), "/chat", fields).0;
    write(&folder, "a.toml", &format!("{LISTEN}allowed-origin = 'https://a.example'\n"));
    reload(&server, LOADED);
    let after = open(server.address(), "/chat", fields).0;
    assert_eq!(before, 403, "{}", server.log());
    assert_ne!(after, 403, "{}", server.log());
    server.retire().unwrap();
}

#[test]
fn a_default_that_is_said_from_now_on_is_a_change_where_it_means_more_then() {
    let folder = Folder::new("reload-said");
    let fields = "Origin: https://a.example\r\nSec-WebSocket-Protocol: chat.v1\r\n";
    let file = write(&folder, "a.toml", LISTEN);
    let server = serve(&file);
    for (said, is_open) in [("allowed-origin = 'any'\n", true), ("", false)] {
        write(&folder, "a.toml", &format!("{LISTEN}{said}"));
        let line = reload(&server, LOADED);
        assert_eq!(open(server.address(), "/chat", fields).0 != 403, is_open, "{line}");
        assert!(line.contains("changed=\"allowed-origin\""), "{line}");
        // Nothing has changed since then, and other defaults mean the same when they are said.
        write(&folder, "a.toml", &format!("{LISTEN}{said}max-head-size = '16KiB'\n"));
        let line = reload(&server, LOADED);
        assert!(line.contains("changed=\"\""), "{line}");
    }
    server.retire().unwrap();
}

#[test]
fn the_filter_of_the_log_changes() {
    let folder = Folder::new("reload-log");
    let file = write(&folder, "a.toml", LISTEN);
    let server = serve(&file);
    // Once there is an echo, the opening is in the log, if it is to be there.
    let opens = || assert_eq!(answer(&mut open(server.address(), "/echo", "").1, 1), 0x82);
    opens();
    write(&folder, "a.toml", &format!("{LISTEN}log = 'debug'\n"));
    reload(&server, LOADED);
    opens();
    write(&folder, "a.toml", LISTEN);
    reload(&server, LOADED);
    opens();
    server.retire().unwrap();
    let log = server.log();
    let told = log.split(LOADED).map(|part| part.matches("the connection opened").count());
    assert_eq!(told.collect::<Vec<_>>(), [0, 1, 0], "{log}");
}

#[test]
fn one_fault_and_nothing_changes() {
    let folder = Folder::new("reload-fault");
    let file =
        write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\nmax-message-size = 100\n"));
    let server = serve(&file);
    for (text, part) in [
        ("max-message-size = 50\nmax-queued = 0\n", "a.toml:5: invalid value '0' for 'max-queued'"),
        ("max-message-size = 50\nlog = 'loud'\n", "'loud' for 'log ("),
        ("max-message-size = 50\nhsts = 5\n", "hsts ("),
        ("max-message-size = 50\nsurplus = 5\n", "a.toml:5: there is no option 'surplus'"),
        ("max-message-size = 50\nlog = [\n", "a.toml:"),
    ] {
        write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\n{text}"));
        let line = reload(&server, NOT_LOADED);
        assert!(line.contains(" ERROR ") && line.contains(part), "{line}");
        let (_, mut stream) = open(server.address(), "/echo", "");
        assert_eq!(answer(&mut stream, 100), 0x82, "{text}");
    }
    std::fs::remove_file(&file).unwrap();
    reload(&server, NOT_LOADED);
    // Once the file is right again, so is the server.
    write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\nmax-message-size = 50\n"));
    reload(&server, LOADED);
    let (_, mut stream) = open(server.address(), "/echo", "");
    assert_eq!(answer(&mut stream, 100), 0x88);
    server.retire().unwrap();
}

#[test]
fn what_takes_a_new_start_is_named_each_time_and_stays_as_it_was() {
    let folder = Folder::new("reload-fixed");
    let file = write(&folder, "a.toml", LISTEN);
    let server = serve(&file);
    let more = "path = '/new'\nmax-queued = '2MiB'\nchat = 'off'\n";
    write(&folder, "a.toml", &format!("listen = '127.0.0.1:1'\nworkers = 2\n{more}"));
    for round in 0..2 {
        let line = reload(&server, "take a new start");
        for key in ["listen", "workers", "path", "chat"] {
            assert!(line.contains(key), "{line}");
        }
        assert!(line.contains(" WARN ") && !line.contains("max-queued"), "{line}");
        let log = server.log();
        let loaded = log.lines().rfind(|line| line.contains(LOADED)).unwrap();
        assert_eq!(loaded.contains("max-queued"), round == 0, "{loaded}");
    }
    assert_eq!((server.workers(), open(server.address(), "/echo", "").0), (1, 101));
    assert_eq!(open(server.address(), "/new", "").0, 404);
    server.retire().unwrap();
}

#[test]
fn a_flag_goes_on_beating_the_file() {
    let folder = Folder::new("reload-flag");
    let file = write(&folder, "a.toml", &format!("{LISTEN}max-message-size = 50\n"));
    let mut command = stickler();
    command.args(["serve", "--max-message-size", "100", "--config"]).arg(&file);
    let server = Server::spawn(command, 1, "").unwrap();
    write(&folder, "a.toml", &format!("{LISTEN}max-message-size = 60\n"));
    reload(&server, LOADED);
    let (_, mut stream) = open(server.address(), "/echo", "");
    assert_eq!(answer(&mut stream, 100), 0x82);
    server.retire().unwrap();
}

#[test]
fn a_fault_of_an_option_that_takes_a_new_start_is_a_fault_too() {
    let folder = Folder::new("reload-fixed-fault");
    let file = write(&folder, "a.toml", LISTEN);
    let server = serve(&file);
    for (text, parts) in [
        ("listen = 'foo'\n", &["'foo' for 'listen ("][..]),
        ("path = 'echo'\n", &["'echo' for 'path ("]),
        ("trusted-proxy = 'zzz'\n", &["'zzz' for 'trusted-proxy ("]),
        ("admin = '::::'\n", &["admin ("]),
        ("drain-delay = '9s'\n", &["drain-delay ("]),
        // All of them are told, in one line.
        ("path = 'echo'\nown-host = '//'\n", &["'echo' for 'path (", "'//' for 'own-host ("]),
    ] {
        write(&folder, "a.toml", &format!("max-message-size = 50\n{text}"));
        let line = reload(&server, NOT_LOADED);
        assert!(parts.iter().all(|part| line.contains(part)), "{text}: {line}");
    }
    let log = server.log();
    assert!(!log.contains(LOADED) && !log.contains("take a new start"), "{log}");
    server.retire().unwrap();
}

#[test]
fn what_does_not_go_with_the_old_value_of_an_option_tells_which_option_has_changed() {
    let folder = Folder::new("reload-beside");
    let file = write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\n"));
    let server = serve(&file);
    let route = "[[route]]\npath = '/echo'\napplication = 'echo'\n";
    // By itself the file is fine.
    write(&folder, "a.toml", &format!("{LISTEN}path = '/other'\n{route}"));
    let line = reload(&server, NOT_LOADED);
    assert!(line.contains("'/echo' is of path"), "{line}");
    assert!(line.contains("this server keeps the old values of path, and"), "{line}");
    // Where the file is at fault alone, nothing is said of a new start.
    write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\n{route}"));
    let line = reload(&server, NOT_LOADED);
    assert!(line.contains("'/echo' is of path") && !line.contains("new start"), "{line}");
    server.retire().unwrap();
}

#[test]
fn a_pipe_in_the_place_of_the_file_is_refused_and_not_waited_for() {
    let folder = Folder::new("reload-pipe");
    let file = write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\n"));
    let server = serve(&file);
    std::fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let line = reload(&server, NOT_LOADED);
    assert!(line.contains("a.toml: this is no regular file"), "{line}");
    std::fs::remove_file(&file).unwrap();
    write(&folder, "a.toml", &format!("{LISTEN}path = '/echo'\nmax-queued = '2MiB'\n"));
    assert!(reload(&server, LOADED).contains("max-queued"));
    server.retire().unwrap();
}

#[test]
fn what_a_pipe_said_at_the_start_stays_in_force() {
    let folder = Folder::new("reload-substituted");
    let text = format!("{LISTEN}[[route]]\npath = '/in'\napplication = 'echo'\n");
    let file = write(&folder, "a.toml", &text);
    // What is read from standard input once is not there a second time.
    let mut cat = Command::new("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = stickler();
    command.args(["serve", "--config", "/dev/stdin"]).stdin(cat.stdout.take().unwrap());
    let server = Server::spawn(command, 1, "").unwrap();
    cat.wait().unwrap();
    let line = reload(&server, NOT_LOADED);
    assert!(line.contains("this is no regular file"), "{line}");
    assert_eq!(open(server.address(), "/in", "").0, 101);
    server.retire().unwrap();
}
