//! The processes: nodes of the program, and the broker that they share.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// One `stickler serve`. It is killed when this is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Node {
    /// Starts a node with the chat on this port, or on one that the system chooses if it is 0. Its log goes to a file
    /// in the folder.
    pub(crate) fn start(broker: &Broker, name: &str, port: u16) -> Node {
        let log = broker.folder.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let mut child = program()
            .args(["serve", "--listen", &listen, "--chat", "on", "--nats", &broker.url()])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (line, listening) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // It reads to the end, so that the node can always write.
        thread::spawn(move || lines.for_each(|next| drop(line.send(next))));
        let line = listening.recv_timeout(PATIENCE).map(Result::unwrap);
        let address = line.as_ref().ok().and_then(|line| line.strip_prefix("listening on ws://"));
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            let _ = child.kill();
            panic!("{name} does not listen: {line:?}; its log is in {}", broker.folder.display());
        };
        Node { child, address }
    }

    /// Ends it at once, by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, with no variable of the test's own.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stickler"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STICKLER_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// A nats-server with JetStream. It is killed when this is dropped.
pub(crate) struct Broker {
    program: PathBuf,
    /// Everything of this test is in here.
    pub(crate) folder: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Broker {
    /// Starts one on a port that the system chooses, with an empty store.
    pub(crate) fn start(program: &Path, folder: &Path) -> Broker {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (program, folder) = (program.to_owned(), folder.to_owned());
        let mut broker = Broker { program, folder, address, child: None };
        broker.start_again();
        broker
    }

    /// Starts it on the port and with the store that it had.
    pub(crate) fn start_again(&mut self) {
        let (folder, port) = (self.folder.display(), i32::from(self.address.port()));
        let port = if port == 0 { -1 } else { port };
        // What is acknowledged is on the disk then.
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{folder}/store\", sync_interval: always }}\n"
        );
        let path = self.folder.join("broker.conf");
        fs::write(&path, config).unwrap();
        let log = self.folder.join("broker.log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&path)
            .arg("--ports_file_dir")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let id = child.id();
        self.child = Some(child);
        self.await_port(id);
    }

    /// It writes its port into a file, named after the process, once it listens.
    fn await_port(&mut self, id: u32) {
        let name = self.program.file_name().unwrap().to_string_lossy();
        let ports = self.folder.join(format!("{name}_{id}.ports"));
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let text = fs::read_to_string(&ports).unwrap_or_default();
            let url = text.split('"').find_map(|part| part.strip_prefix("nats://"));
            if let Some(address) = url.and_then(|url| url.parse().ok()) {
                self.address = address;
                if TcpStream::connect(address).is_ok() {
                    return;
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the broker does not listen; its log is in {}", self.folder.display());
    }

    /// Ends it at once, by SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// It is there, and answers nothing, until [`thaw`](Broker::thaw). What it was given meanwhile it takes then.
    pub(crate) fn freeze(&self) {
        self.send(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The nats-server to use: the one named by `STICKLER_NATS_SERVER`, or the one that `nats/server.sh` installs.
pub(crate) fn find_server() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("STICKLER_NATS_SERVER") {
        return Ok(path.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats/server.sh");
    let output = Command::new(script).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("nats/server.sh: {error}"))?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !path.is_empty() {
        return Ok(path.into());
    }
    Err(format!("nats/server.sh: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// How long a process may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);
