//! The system calls of the program, by strace. Where it cannot trace nothing is counted, and the
//! tests say so on standard error.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::Signal;

use crate::client::Client;
use crate::frame::masked;
use crate::server::{PATIENCE, Server};

/// Calls of one kind for each time that the program is woken.
const CEILING: f64 = 1.3;

/// Connections beside the one that is used.
const IDLE: usize = 20;

/// What the last message says; strace shows it.
const LAST: &[u8] = b"the last one";

const READING: [&str; 4] = ["recvfrom", "recvmsg", "read", "readv"];
const WRITING: [&str; 4] = ["sendto", "sendmsg", "write", "writev"];
const WAITING: [&str; 3] = ["epoll_wait", "epoll_pwait", "epoll_pwait2"];

/// The thread that warns of handlers which block: once in 25 ms, however many messages there are.
const CLOCK: [&str; 2] = ["clock_nanosleep", "nanosleep"];

#[test]
fn one_message_costs_one_call_of_each_kind() {
    let Some(calls) = trace("one", 1, 16, 200) else { return };
    calls.assert_at_most(CEILING, CEILING, CEILING);
}

#[test]
fn sixteen_in_flight_cost_one_call_of_each_kind() {
    let Some(calls) = trace("sixteen", 16, 16, 200) else { return };
    calls.assert_at_most(CEILING, CEILING, CEILING);
    let Some(calls) = trace("sixteen-kib", 16, 1024, 200) else { return };
    calls.assert_at_most(CEILING, CEILING, CEILING);
}

/// How much has arrived by each read is not ours to say, nor how much a write takes: it was 3
/// reads, one write and one wait here, and 20 reads if each brought no more than 52 KiB.
#[test]
fn a_mebibyte_costs_few_calls() {
    let Some(calls) = trace("mebibyte", 1, 1 << 20, 60) else { return };
    calls.assert_at_most(20.0, 12.0, 24.0);
}

/// What the program asked of the kernel between the last opening handshake and the last message.
struct Calls {
    wake_ups: usize,
    /// By name.
    names: BTreeMap<String, usize>,
    /// Reads and writes, by descriptor.
    descriptors: BTreeMap<String, usize>,
}

impl Calls {
    /// Fails when there are more of a kind for each time that the program was woken, or any but
    /// a few of another kind, or on connections that are idle.
    fn assert_at_most(&self, reads: f64, writes: f64, waits: f64) {
        let each = |names: &[&str]| {
            let count: usize = names.iter().filter_map(|name| self.names.get(*name)).sum();
            count as f64 / self.wake_ups as f64
        };
        let (read, written, waited) = (each(&READING), each(&WRITING), each(&WAITING));
        println!("{read} reads, {written} writes, {waited} waits; {:?}", self.names);
        assert!(read <= reads && written <= writes && waited <= waits, "{:?}", self.names);
        assert!(read >= 1.0 && written >= 1.0, "not counted: {:?}", self.names);
        let known = [&READING[..], &WRITING, &WAITING, &CLOCK].concat();
        let others = self.names.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let others: usize = others.map(|(_, count)| count).sum();
        // The heap grows and shrinks a little before it is as large as it has to be.
        assert!(others <= self.wake_ups / 10 + 24, "others: {:?}", self.names);
        // The eventfd and the pipe of the runtime are no connections; they are hardly used.
        let busiest = self.descriptors.values().max().copied().unwrap_or_default();
        let all: usize = self.descriptors.values().sum();
        assert!(all - busiest <= 3, "on idle connections: {:?}", self.descriptors);
    }
}

/// Echoes that many messages of that many bytes with every wake-up. `None`, and a line that says so,
/// where there is nothing to count with.
fn trace(name: &str, messages: usize, payload_len: usize, wake_ups: usize) -> Option<Calls> {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !traced.is_ok_and(|output| output.status.success()) {
        // Not by `eprintln`: that is only seen when a test fails.
        let _ = writeln!(io::stderr(), "skipped: strace is not there, or may not trace");
        return None;
    }
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("syscalls-{name}.strace"));
    let server = start(&log);
    let id = server.id();
    let open = || Client::open(server.address()).unwrap();
    let idle: Vec<Client> = (0..IDLE).map(|_| open()).collect();
    let mut client = open();
    let input = masked(0x82, &vec![7; payload_len]).repeat(messages);
    let mut echoed = vec![0; input.len() - 4 * messages];
    for _ in 0..wake_ups {
        client.send(&input).unwrap();
        client.stream().read_exact(&mut echoed).unwrap();
    }
    client.send(&masked(0x82, LAST)).unwrap();
    client.stream().read_exact(&mut [0; 2 + LAST.len()]).unwrap();
    drop((idle, client));
    server.signal(Signal::TERM);
    assert_eq!(server.wait(PATIENCE).unwrap().0, Some(0));
    let text = finished(&log, id);
    fs::remove_file(&log).unwrap();
    Some(count(&text, wake_ups + 1))
}

fn start(log: &PathBuf) -> Server {
    let mut command = Command::new("strace");
    // -D: the child is the program, and strace its child, so that signals go where they should.
    command.args(["-D", "-f", "-q", "-o"]).arg(log).arg(env!("CARGO_BIN_EXE_stickler"));
    command.args(["--listen", "127.0.0.1:0", "--workers", "1"]);
    Server::spawn(command, 1, "").unwrap()
}

/// What strace wrote, once it has seen the end of the program.
fn finished(log: &Path, id: u32) -> String {
    let deadline = Instant::now() + PATIENCE;
    let id = id.to_string();
    loop {
        let text = fs::read_to_string(log).unwrap();
        let is_end = |line: &str| {
            let line = line.split_once(' ');
            line.is_some_and(|(of, what)| of == id && what.trim_start().starts_with("+++ "))
        };
        if text.lines().any(is_end) {
            return text;
        }
        assert!(Instant::now() < deadline, "strace does not end");
        thread::sleep(Duration::from_millis(2));
    }
}

fn count(text: &str, wake_ups: usize) -> Calls {
    let lines: Vec<&str> = text.lines().collect();
    let answered = lines.iter().rposition(|line| line.contains("HTTP/1.1 101 ")).unwrap();
    let last = std::str::from_utf8(LAST).unwrap();
    let ended = lines.iter().rposition(|line| line.contains(last)).unwrap();
    let mut calls = Calls { wake_ups, names: BTreeMap::new(), descriptors: BTreeMap::new() };
    for line in &lines[answered + 1..=ended] {
        // `1234  recvfrom(9, ...`; a call that another thread interrupts has a second line.
        let Some((_, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if name.bytes().any(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')) {
            continue;
        }
        *calls.names.entry(name.to_owned()).or_default() += 1;
        if READING.contains(&name) || WRITING.contains(&name) {
            let descriptor = arguments.split([',', ')']).next().unwrap_or_default();
            *calls.descriptors.entry(descriptor.to_owned()).or_default() += 1;
        }
    }
    calls
}
