//! A real nats-server of one test, on loopback, with a port that the system chose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stickler_nats::{Nats, Options};
use stickler_testing::folder::Folder;

pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    folder: Folder,
    port: u16,
}

impl Server {
    /// Starts one; `None` where no program is named, which the test says.
    pub(crate) async fn start(test: &str) -> Option<Server> {
        Server::start_with(test, "jetstream { store_dir: \"STORE\", sync_interval: always }").await
    }

    pub(crate) async fn start_with(test: &str, configuration: &str) -> Option<Server> {
        let Some(program) = std::env::var_os("STICKLER_NATS_SERVER").map(PathBuf::from) else {
            eprintln!(
                "{test} is skipped: STICKLER_NATS_SERVER names no nats-server (nats/server.sh prints one)"
            );
            return None;
        };
        let folder = Folder::new(test);
        let store = folder.path().join("store");
        let text = configuration.replace("STORE", store.to_str().unwrap());
        fs::write(folder.path().join("nats.conf"), text).unwrap();
        let child = spawn(&program, folder.path(), 0);
        let port = port(folder.path(), &child).await;
        Some(Server { child, program, folder, port })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn options(&self) -> Options {
        Options::new([format!("nats://127.0.0.1:{}", self.port)])
    }

    pub(crate) async fn connect(&self) -> Nats {
        Nats::connect(self.options()).await.unwrap()
    }

    /// A client of the tests' own.
    pub(crate) async fn client(&self) -> async_nats::jetstream::Context {
        let url = format!("nats://127.0.0.1:{}", self.port);
        async_nats::jetstream::new(async_nats::connect(url).await.unwrap())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what it had stored, on its port.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, self.folder.path(), self.port);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, folder: &Path, port: u16) -> Child {
    let port = if port == 0 { "-1".to_owned() } else { port.to_string() };
    Command::new(program)
        .args(["-a", "127.0.0.1", "-p", &port, "-c"])
        .arg(folder.join("nats.conf"))
        .arg("--ports_file_dir")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads the port from the file that the server writes.
async fn port(folder: &Path, child: &Child) -> u16 {
    for _ in 0..1_000 {
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut ports = files.filter(|file| file.extension().is_some_and(|end| end == "ports"));
        let text = ports.next().map(|file| fs::read_to_string(file).unwrap()).unwrap_or_default();
        // {"nats":["nats://127.0.0.1:PORT"]}
        let port = text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(port) = port {
            return port.parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nats-server {} wrote no port within 10 s", child.id());
}
