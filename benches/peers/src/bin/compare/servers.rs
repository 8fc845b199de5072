//! Starting servers and the load, each on its core.

use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::de::DeserializeOwned;
use stickler_peers::echo::Form;
use stickler_peers::peers::{PEERS, Peer, RAW};

use crate::Options;

/// A peer in one of its forms.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) peer: &'static Peer,
    pub(crate) form: Form,
}

impl Server {
    /// All servers that were asked for, raw-tcp first.
    pub(crate) fn chosen(options: &Options) -> Vec<Self> {
        let wanted = |server: &Self| {
            server.is_raw()
                || options.only.is_empty()
                || options.only.iter().any(|name| *name == server.peer.name)
        };
        PEERS
            .iter()
            .flat_map(|peer| peer.forms.iter().map(move |&form| Self { peer, form }))
            .filter(wanted)
            .collect()
    }

    pub(crate) fn name(self) -> String {
        match self.form {
            Form::Plain => self.peer.name.into(),
            Form::Batch => format!("{}, batch", self.peer.name),
        }
    }

    pub(crate) fn is_raw(self) -> bool {
        self.peer.name == RAW
    }
}

/// Which core is whose, and where the programs are.
pub(crate) struct Machine {
    programs: PathBuf,
    server_core: usize,
    load_core: usize,
}

impl Machine {
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
        let mut programs = std::env::current_exe()?;
        programs.pop();
        Ok(Self { programs, server_core: options.server_core, load_core: options.load_core })
    }

    /// Starts `server`, lets `load` loose on it with `arguments`, and stops it.
    pub(crate) fn measure<T: DeserializeOwned>(
        &self,
        server: Server,
        server_arguments: &[&str],
        load_arguments: &[String],
    ) -> Result<T, Box<dyn Error>> {
        let running = self.start(server, server_arguments)?;
        let mut load = Command::new(self.programs.join("load"));
        load.args(["--address", &running.address, "--pid", &running.child.id().to_string()]);
        load.args(load_arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let output = spawn_on(self.load_core, &mut load)?.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("load ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn start(&self, server: Server, arguments: &[&str]) -> Result<Running, Box<dyn Error>> {
        let mut command = Command::new(self.programs.join(server.peer.binary));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if server.form == Form::Batch {
            command.arg("--batch");
        }
        let child = spawn_on(self.server_core, &mut command).map_err(|error| {
            format!("{}: {error}; build all programs first", server.peer.binary)
        })?;
        let mut running = Running { child, address: String::new() };
        let mut line = String::new();
        if let Some(stdout) = running.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening on ");
        running.address = address.ok_or("a server did not say where it listens")?.into();
        Ok(running)
    }
}

/// Starts a process that inherits this thread's core.
fn spawn_on(core: usize, command: &mut Command) -> io::Result<Child> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)?;
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
