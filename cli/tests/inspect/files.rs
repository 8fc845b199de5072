//! The file that frames are written to: who may read it, what becomes of what is there, and what if it cannot be written.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

use pcap_file::pcapng::{Block, PcapNgReader};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use stickler_testing::folder::Folder;
use stickler_testing::frame::text;

use crate::server::stickler;
use crate::{converse, objects, open, start};

fn flags(file: &Path, format: &str) -> [String; 3] {
    let file = format!("--trace-file={}", file.display());
    ["--trace-frames".to_owned(), format!("--trace-format={format}"), file]
}

fn serve(file: &Path, format: &str) {
    let flags = flags(file, format);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = start(&[], &flags);
    converse(server.address(), "/");
    server.retire().unwrap();
}

#[test]
fn nobody_else_may_read_it_and_what_is_there_is_kept() {
    let folder = Folder::new("kept");
    let file = folder.path().join("frames.json");
    serve(&file, "json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    serve(&file, "json");
    assert_eq!(objects(&file).len(), 12);
}

#[test]
fn a_file_that_is_not_for_this_is_refused_before_anybody_is_served() {
    let folder = Folder::new("refused");
    let at = |name: &str| folder.path().join(name);
    let make = |name: &str, content: &str, mode: u32| {
        fs::write(at(name), content).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    };
    make("others", "", 0o644);
    make("text", "no pcapng", 0o600);
    make("short", "no", 0o600);
    make("begun", "\n\r\r", 0o600);
    make("target", "", 0o600);
    symlink(at("target"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    for (name, format, told) in [
        ("others", "json", "others than its owner may read or write it"),
        ("text", "pcapng", "it holds something else than pcapng"),
        ("short", "pcapng", "it holds something else than pcapng"),
        ("begun", "pcapng", "it holds something else than pcapng"),
        ("link", "text", "it is no regular file"),
        ("dangling", "text", "it is no regular file"),
        (".", "text", "it is no regular file"),
        ("missing/frames", "text", "No such file"),
    ] {
        let ended = stickler()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags(&at(name), format))
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(1), &b""[..]), "{said}");
        assert!(said.contains("cannot write frames to ") && said.contains(told), "{name}: {said}");
    }
    assert!(!at("nowhere").exists());
}

fn append(file: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(bytes).unwrap();
}

#[test]
fn behind_half_of_a_line_a_new_one_begins() {
    let folder = Folder::new("half_line");
    let file = folder.path().join("frames.json");
    serve(&file, "json");
    append(&file, b"{\"time\":\"20");
    serve(&file, "json");
    let written = fs::read_to_string(&file).unwrap();
    let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let (whole, half): (Vec<&str>, Vec<&str>) = written.lines().partition(whole);
    assert_eq!((whole.len(), &half[..]), (12, &["{\"time\":\"20"][..]));
}

#[test]
fn half_of_a_block_at_the_end_is_cut_off() {
    let folder = Folder::new("half_block");
    let file = folder.path().join("frames.pcapng");
    serve(&file, "pcapng");
    let whole = fs::read(&file).unwrap();
    let last = u32::from_le_bytes(whole[whole.len() - 4..].try_into().unwrap()) as usize;
    for rest in [1, 11, 12, 13, last - 1, last] {
        fs::write(&file, &whole[..whole.len() - last + rest]).unwrap();
        serve(&file, "pcapng");
        let packets = if rest == last { 12 } else { 11 };
        assert_eq!(packets_in(&file), packets, "{rest} of {last}");
    }
}

#[test]
fn a_file_that_is_damaged_before_its_end_is_refused_and_kept() {
    let folder = Folder::new("damaged");
    let file = folder.path().join("frames.pcapng");
    serve(&file, "pcapng");
    let whole = fs::read(&file).unwrap();
    // Half of a block, behind which a section begins.
    let damaged = [&whole[..whole.len() - 5], &whole[..], &[0; 7]].concat();
    fs::write(&file, &damaged).unwrap();
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags(&file, "pcapng"));
    let ended = command.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("it is damaged before its end"), "{said}");
    assert!(fs::read(&file).unwrap() == damaged);
}

fn packets_in(file: &Path) -> usize {
    let mut reader = PcapNgReader::new(fs::File::open(file).unwrap()).unwrap();
    let mut packets = 0;
    while let Some(block) = reader.next_block() {
        packets += usize::from(matches!(block.unwrap(), Block::EnhancedPacket(_)));
    }
    packets
}

/// A disk that is full costs the frames and nothing else.
#[cfg(target_os = "linux")]
#[test]
fn where_it_cannot_be_written_the_server_goes_on_and_the_log_says_so_once() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let shown = Shown::on(full.into());
    converse(shown.address, "/");
    converse(shown.address, "/");
    shown.signal(Signal::TERM);
    let (status, log) = shown.end();
    assert_eq!(status, Some(0));
    assert_eq!(log.matches("no more frames are shown").count(), 1, "{log}");
}

/// More than a pipe holds is shown, and nobody reads it before the end.
#[test]
fn a_second_signal_ends_the_process_behind_what_is_to_be_written() {
    end_behind_what_is_to_be_written(Wait::Blocking);
}

/// Whoever shares the pipe may have marked it so.
#[test]
fn a_pipe_that_is_marked_as_non_blocking_is_waited_for_all_the_same() {
    end_behind_what_is_to_be_written(Wait::NonBlocking);
}

/// What a write to a full pipe does.
#[derive(PartialEq)]
enum Wait {
    Blocking,
    NonBlocking,
}

fn end_behind_what_is_to_be_written(wait: Wait) {
    const MESSAGES: usize = 2000;
    let (mut read, written) = io::pipe().unwrap();
    ioctl_fionbio(&written, wait == Wait::NonBlocking).unwrap();
    let shown = Shown::on(written.into());
    let mut client = open(shown.address, "/");
    for _ in 0..MESSAGES {
        client.send(text("again"));
        assert_eq!(client.frame().0, 0x81);
    }
    shown.signal(Signal::TERM);
    assert_eq!(client.frame().0, 0x88);
    shown.signal(Signal::TERM);
    let mut frames = String::new();
    read.read_to_string(&mut frames).unwrap();
    assert_eq!(frames.matches(" <- text ").count(), MESSAGES);
    let (status, log) = shown.end();
    assert_eq!(status, Some(1));
    assert!(log.contains("a second signal") && log.ends_with("connections=1\n"), "{log}");
}

/// The program with its frames on standard output.
struct Shown {
    child: Child,
    log: BufReader<ChildStderr>,
    /// What was read of it.
    seen: String,
    address: SocketAddr,
}

impl Shown {
    fn on(standard_output: Stdio) -> Shown {
        let mut command = stickler();
        command.args(["serve", "--listen", "127.0.0.1:0", "--trace-frames", "--trace-file", "-"]);
        command.stdout(standard_output).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            assert!(log.read_line(&mut seen).unwrap() > 0, "{seen}");
            let line = seen.lines().last().unwrap();
            if let Some(address) = line.strip_prefix("listening on ws://") {
                break address.parse().unwrap();
            }
        };
        Shown { child, log, seen, address }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for it. Gives the exit status and the log.
    fn end(mut self) -> (Option<i32>, String) {
        self.log.read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code(), self.seen)
    }
}
