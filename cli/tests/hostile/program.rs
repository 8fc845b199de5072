//! The program that is attacked, and what is measured of it.

use std::ffi::OsString;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

use crate::server::{Server, stickler};

/// The program with these flags, on a free port.
pub(crate) fn start(flags: &[&str]) -> Server {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

/// The same behind what a shell does first.
pub(crate) fn start_after(script: &str, flags: &[&str]) -> Server {
    let mut command = Command::new("sh");
    let script = format!("{script}; exec \"$0\" serve --listen 127.0.0.1:0 \"$@\"");
    command.args(["-c", &script]).arg(program().get_program()).args(flags);
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

/// The program with a listener of TLS beside the plain one; this is the second address.
pub(crate) fn start_with_tls(flags: &[&str]) -> Server {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]);
    command.arg("--tls-self-signed").args(flags);
    Server::spawn(command, 2, &flags.join(" ")).unwrap()
}

fn program() -> Command {
    match std::env::var_os("STICKLER_HOSTILE_PROGRAM") {
        Some(path) => Command::new::<OsString>(path),
        None => stickler(),
    }
}

/// Thousands of sockets need more than the usual 1,024 descriptors; the program gets as many from us.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Lets the calling thread run only where nothing else wants to: an attacker has a machine of its own.
pub(crate) fn step_back() {
    let _ = setpriority_process(None, 10);
}

/// Waits until this holds, at most so long. Says whether it does.
pub(crate) fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The most resident memory that was ever seen, in MiB, beside what the kernel has counted.
pub(crate) fn peak_mib(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
