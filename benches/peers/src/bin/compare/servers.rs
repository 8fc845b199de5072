//! Starting servers and the load, each on its core.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::de::DeserializeOwned;
use stickler_peers::echo::{Deflate, Form};
use stickler_peers::peers::{PEERS, Peer, RAW, RAW_TLS};
use stickler_peers::tls;

use crate::Options;

/// A program that is measured, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    /// Its file, beside this program unless the path is absolute.
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    /// It speaks no WebSocket.
    pub(crate) is_raw: bool,
    /// It speaks TLS.
    pub(crate) is_tls: bool,
}

impl Server {
    fn new(peer: &Peer, name: String, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        let is_raw = peer.name == RAW;
        Self { name, program: peer.binary.into(), arguments, is_raw, is_tls: false }
    }

    /// A peer in one of its forms.
    pub(crate) fn echo(peer: &Peer, form: Form) -> Self {
        match form {
            Form::Plain => Self::new(peer, peer.name.into(), &[]),
            Form::Batch => Self::new(peer, format!("{}, batch", peer.name), &["--batch"]),
        }
    }

    /// A peer that compresses, in the form in which it batches if it has one.
    pub(crate) fn deflate(peer: &Peer, deflate: Deflate) -> Self {
        let name = match deflate {
            Deflate::AsShipped => peer.name.into(),
            Deflate::EachMessage => format!("{}, by message", peer.name),
            Deflate::Level(level) => format!("{}, level {level}", peer.name),
            Deflate::Takeover => format!("{}, takeover", peer.name),
        };
        let flag = deflate.flag();
        let batch = peer.forms.contains(&Form::Batch).then_some("--batch");
        Self::new(peer, name, &batch.into_iter().chain(flag.as_deref()).collect::<Vec<_>>())
    }

    /// A build of the program `stickler`, wherever it lies.
    pub(crate) fn program(name: &str, path: &str) -> Self {
        let arguments = ["--listen", "127.0.0.1:0", "--workers", "1"].map(String::from).into();
        Self { name: name.into(), program: path.into(), arguments, is_raw: false, is_tls: false }
    }

    /// A peer that sends what anyone says to everyone, if it can.
    pub(crate) fn broadcast(peer: &Peer) -> Option<Self> {
        let (program, arguments) = peer.broadcast.split_first()?;
        Some(Self { program: (*program).into(), ..Self::new(peer, peer.name.into(), arguments) })
    }
}

impl Server {
    /// A peer over TLS, if it speaks that.
    pub(crate) fn tls(peer: &Peer) -> Option<Self> {
        let name = if peer.name == RAW { RAW_TLS } else { peer.name };
        let server = Self { is_tls: true, ..Self::new(peer, name.into(), &[]) };
        (!peer.tls.is_empty()).then(|| Self { program: peer.tls.into(), ..server })
    }
}

/// Where a server and its load run.
#[derive(Clone, Copy)]
pub(crate) enum Cores {
    /// Each on the one that it was given.
    Apart,
    /// Both on both.
    Shared,
}

/// Which core is whose, and where the programs are.
pub(crate) struct Machine {
    programs: PathBuf,
    /// Where the certificate of this run is.
    certificate: PathBuf,
    server_core: usize,
    load_core: usize,
}

impl Machine {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
        let mut programs = std::env::current_exe()?;
        programs.pop();
        let certificate = std::env::temp_dir().join(format!("compare-{}", std::process::id()));
        fs::create_dir(&certificate)?;
        tls::write_certificate(&certificate)?;
        let Options { server_core, load_core, .. } = *options;
        Ok(Self { programs, certificate, server_core, load_core })
    }

    /// The peers that were asked for, raw-tcp first, without those that are optional and were not built.
    pub(crate) fn peers(&self, options: &Options) -> Vec<&'static Peer> {
        let wanted = |peer: &&Peer| {
            peer.name == RAW
                || options.only.is_empty()
                || options.only.iter().any(|name| *name == peer.name)
        };
        PEERS.iter().filter(wanted).filter(|peer| self.has(peer)).collect()
    }

    /// Whether there is a program, or has to be one.
    pub(crate) fn has(&self, peer: &Peer) -> bool {
        !peer.is_optional || self.programs.join(peer.binary).exists()
    }

    /// Whether the program of a server is there.
    pub(crate) fn is_built(&self, server: &Server) -> bool {
        self.programs.join(&server.program).exists()
    }

    /// Starts `server`, lets `load` loose on it with `arguments`, and stops it.
    pub(crate) fn measure<T: DeserializeOwned>(
        &self,
        server: &Server,
        cores: Cores,
        load_arguments: &[String],
    ) -> Result<T, Box<dyn Error>> {
        let (server_cores, load_cores) = match cores {
            Cores::Apart => ([self.server_core; 2], [self.load_core; 2]),
            Cores::Shared => {
                ([self.server_core, self.load_core], [self.server_core, self.load_core])
            }
        };
        await_room();
        let running = self.start(server, server_cores)?;
        let mut load = Command::new(self.programs.join("load"));
        load.args(["--address", &running.address, "--pid", &running.child.id().to_string()]);
        load.args(load_arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        if server.is_raw {
            load.arg("--raw");
        }
        if server.is_tls {
            load.arg("--tls");
        }
        let output = spawn_on(load_cores, &mut load)?.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("load ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn start(&self, server: &Server, cores: [usize; 2]) -> Result<Running, Box<dyn Error>> {
        let mut command = Command::new(self.programs.join(&server.program));
        command.args(&server.arguments);
        if server.is_tls {
            command.args(tls::flags(&self.certificate));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = spawn_on(cores, &mut command)
            .map_err(|error| format!("{}: {error}; build all programs first", server.program))?;
        let mut running = Running { child, address: String::new() };
        let mut line = String::new();
        if let Some(stdout) = running.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening on ");
        let address = address.ok_or("a server did not say where it listens")?;
        // The program names a URL, the peers an address.
        running.address = address.strip_prefix("ws://").unwrap_or(address).into();
        Ok(running)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.certificate);
    }
}

/// Waits while the kernel still tracks many connections that have ended: where it filters packets it does so for
/// ten seconds, and drops what comes when there are too many.
fn await_room() {
    let number = |name| {
        let text = fs::read_to_string(format!("/proc/sys/net/netfilter/nf_conntrack_{name}"));
        text.ok()?.trim().parse::<u64>().ok()
    };
    let is_full = || Some(number("count")? > number("max")? / 4 * 3);
    for _ in 0..300 {
        if is_full() != Some(true) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Starts a process that inherits this thread's cores.
fn spawn_on(cores: [usize; 2], command: &mut Command) -> io::Result<Child> {
    let mut set = CpuSet::new();
    cores.into_iter().for_each(|core| set.set(core));
    sched_setaffinity(None, &set)?;
    command.spawn()
}

/// A server that is stopped when it is no longer needed.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_compresses_says_so_and_batches() {
        let yawc = PEERS.iter().find(|peer| peer.name == "yawc").unwrap();
        let server = Server::deflate(yawc, Deflate::Takeover);
        assert_eq!(server.name, "yawc, takeover");
        assert_eq!(server.arguments, ["--batch", "--deflate-takeover"]);
    }

    #[test]
    fn the_measure_has_another_name_and_program_over_tls() {
        let server = |name| Server::tls(PEERS.iter().find(|peer| peer.name == name)?);
        let raw = server(RAW).unwrap();
        assert!(raw.is_tls && raw.is_raw);
        assert_eq!((raw.name.as_str(), raw.program.as_str()), ("raw-tls", "raw-tls"));
        assert!(server("axum").is_none());
    }

    #[test]
    fn a_broadcast_has_a_program_of_its_own() {
        let stickler = PEERS.iter().find(|peer| peer.name == "stickler").unwrap();
        let server = Server::broadcast(stickler).unwrap();
        assert_eq!(
            (server.name.as_str(), server.program.as_str()),
            ("stickler", "broadcast-stickler")
        );
        let axum = PEERS.iter().find(|peer| peer.name == "axum").unwrap();
        assert!(Server::broadcast(axum).is_none());
    }
}
