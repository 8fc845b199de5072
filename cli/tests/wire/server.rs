//! The program under test: started with flags, watched from outside, stopped by signal.

use std::fs::{self, DirEntry};
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use stickler_testing::panics::tells_of_panic;

/// How long the program may take to say that it listens, or to end once nothing holds it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// One running `stickler serve`.
pub(crate) struct Server {
    child: Mutex<Child>,
    pid: u32,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<String>>,
    /// The threads that read both.
    readers: Mutex<Vec<JoinHandle<()>>>,
    addresses: Vec<SocketAddr>,
    flags: String,
}

/// The binary, with no `STICKLER_...` or log variable inherited.
pub(crate) fn stickler() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickler"));
    clean(&mut command);
    command
}

/// `stickler serve --listen 127.0.0.1:0` behind what a shell does first.
pub(crate) fn serve_after(script: &str) -> Command {
    let mut command = Command::new("sh");
    clean(&mut command);
    let script = format!("{script}; exec \"$0\" serve --listen 127.0.0.1:0 \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_stickler")]);
    command
}

/// Removes every environment variable that the binary reads.
fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STICKLER_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").stdin(Stdio::null());
}

impl Server {
    /// `stickler serve --listen 127.0.0.1:0` and these flags.
    pub(crate) fn start(flags: &[&str]) -> Result<Server, String> {
        let mut command = stickler();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        Server::spawn(command, 1, &flags.join(" "))
    }

    /// The same under a hard and soft limit of open descriptors.
    pub(crate) fn start_with_descriptors(limit: u32, flags: &[&str]) -> Result<Server, String> {
        let mut command = serve_after(&format!("ulimit -n {limit}"));
        command.args(flags);
        Server::spawn(command, 1, &flags.join(" "))
    }

    /// Runs any command line and waits for `lines` listening lines.
    pub(crate) fn spawn(mut command: Command, lines: usize, flags: &str) -> Result<Server, String> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the binary cannot be started: {error}"))?;
        let stdout = Arc::new(Mutex::new(Vec::new()));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let sink = Arc::clone(&stdout);
        let reader_of_lines = thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { break };
                sink.lock().unwrap().push(line);
            }
        });
        let sink = Arc::clone(&stderr);
        let reader_of_log = thread::spawn(move || collect(err, &sink));
        let mut server = Server {
            pid: child.id(),
            child: Mutex::new(child),
            stdout,
            stderr,
            readers: Mutex::new(vec![reader_of_lines, reader_of_log]),
            addresses: Vec::new(),
            flags: flags.to_owned(),
        };
        server.await_listening(lines)?;
        Ok(server)
    }

    fn await_listening(&mut self, lines: usize) -> Result<(), String> {
        let begun = Instant::now();
        while self.stdout.lock().unwrap().len() < lines {
            if let Some(status) = self.status() {
                return Err(format!("ended before listening: {status}; stderr: {}", self.log()));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!(
                    "no listening line after {PATIENCE:?}; stderr: {}",
                    self.log()
                ));
            }
            thread::sleep(Duration::from_millis(2));
        }
        let lines = self.stdout_lines();
        for line in lines.into_iter().filter(|line| !line.starts_with("listening on ws+unix:/")) {
            let address = line
                .strip_prefix("listening on ws://")
                .or_else(|| line.strip_prefix("listening on wss://"))
                .and_then(|rest| rest.parse().ok())
                .ok_or_else(|| format!("standard output holds {line:?}, not a listening line"))?;
            self.addresses.push(address);
        }
        Ok(())
    }

    /// Where the first `--listen` address accepts.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses, in the order of their lines.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The flags besides `--listen`, for reports.
    pub(crate) fn flags(&self) -> &str {
        &self.flags
    }

    /// What came on standard output so far.
    pub(crate) fn stdout_lines(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// What came on standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until this came on standard error.
    pub(crate) fn expect_logged(&self, text: &str) -> Result<(), String> {
        let begun = Instant::now();
        while !self.log().contains(text) {
            if begun.elapsed() > PATIENCE {
                return Err(format!(
                    "    expected  {text:?} in the log\n    observed  {}",
                    self.log()
                ));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The exit status, if the process has ended.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.status().is_none() {
            let pid = Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops the process, and waits until none of its threads runs.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        let is_stopped = |task: io::Result<DirEntry>| {
            let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat")));
            stat.is_ok_and(|stat| {
                stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
            })
        };
        let begun = Instant::now();
        while !fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap().all(is_stopped) {
            assert!(begun.elapsed() < PATIENCE, "it runs on");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for the process to end, at most so long; gives its exit code and how long it took. Its log is whole then,
    /// and tells of no panic.
    pub(crate) fn wait(&self, limit: Duration) -> Result<(Option<i32>, Duration), String> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.status() {
                let took = begun.elapsed();
                return self.expect_no_panic().map(|()| (status.code(), took));
            }
            if begun.elapsed() > limit {
                return Err(format!("still running {limit:?} later"));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Reads the log of a process that has ended to its end.
    fn expect_no_panic(&self) -> Result<(), String> {
        for reader in self.readers.lock().unwrap().drain(..) {
            let _ = reader.join();
        }
        match self.log().lines().find(|line| tells_of_panic(line)) {
            Some(line) => Err(format!("standard error holds a panic: {line}")),
            None => Ok(()),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.pid
    }

    /// How many threads serve connections.
    pub(crate) fn workers(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap();
        let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")));
        names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("stickler-"))).count()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    }

    /// CPU time used so far, user and system, in clock ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// How many descriptors the process holds.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// Waits until the process holds no more than so many descriptors.
    pub(crate) fn descriptors_fall_to(&self, count: usize, limit: Duration) -> Result<(), String> {
        let begun = Instant::now();
        while self.descriptors() > count {
            if begun.elapsed() > limit {
                let now = self.descriptors();
                return Err(format!(
                    "{now} descriptors still open after {limit:?}, {count} before"
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What must hold whenever a server's work is done: alive, no panic, nothing but listening
    /// lines on standard output, and a prompt, clean end on SIGTERM. Its log is whole then.
    pub(crate) fn retire(&self) -> Result<(), String> {
        if let Some(status) = self.status() {
            return Err(format!("the server died: {status}; stderr ends: {}", self.log_tail()));
        }
        self.signal(Signal::TERM);
        let (code, _) = self.wait(PATIENCE).map_err(|why| format!("after SIGTERM {why}"))?;
        if code != Some(0) {
            return Err(format!("exit code {code:?} after SIGTERM, expected 0"));
        }
        // A name may have more addresses than were waited for.
        let lines = self.stdout_lines();
        let is_new = |at: usize| !lines[..at].contains(&lines[at]);
        let is_listening = |line: &String| line.starts_with("listening on ws");
        if !lines.iter().all(is_listening) || !(0..lines.len()).all(is_new) {
            return Err(format!("standard output holds more than its listening lines: {lines:?}"));
        }
        Ok(())
    }

    /// The last lines of standard error.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Reads to the end, keeping at most 4 MiB.
fn collect(mut from: impl Read, into: &Mutex<String>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut text = into.lock().unwrap();
        if text.len() < 4 << 20 {
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}
