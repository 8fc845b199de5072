//! nginx before the nodes, with the file that docs/multi-node.md shows.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// One nginx. It is ended when this is dropped.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    /// Starts one before these nodes, or says why there is none.
    ///
    /// # Errors
    /// There is no nginx on this machine.
    pub(crate) fn start(nodes: &[SocketAddr; 3], folder: &Path) -> Result<Proxy, String> {
        let program = find_nginx().ok_or("there is no nginx")?;
        // A port that was free a moment ago may be taken meanwhile: then it is tried with another.
        for _ in 0..5 {
            if let Some(proxy) = Proxy::try_start(&program, nodes, folder) {
                return Ok(proxy);
            }
        }
        panic!("nginx does not listen; its log is in {}", folder.display());
    }

    fn try_start(program: &Path, nodes: &[SocketAddr; 3], folder: &Path) -> Option<Proxy> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let path = folder.join("nginx.conf");
        fs::write(&path, config(address, nodes, folder)).unwrap();
        let log = File::options().create(true).append(true).open(folder.join("nginx.log")).unwrap();
        let child = Command::new(program)
            .arg("-e")
            .arg("stderr")
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut proxy = Proxy { child, address };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if proxy.child.try_wait().unwrap().is_some() {
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(proxy);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file of the page, with the addresses that things have here, in what nginx needs around it.
fn config(address: SocketAddr, nodes: &[SocketAddr; 3], folder: &Path) -> String {
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/multi-node/nginx.conf");
    let mut shown = fs::read_to_string(shown).unwrap();
    let mut replace = |from: &str, to: String| {
        assert_eq!(shown.matches(from).count(), 1, "{from}");
        shown = shown.replace(from, &to);
    };
    for (name, node) in ["one", "two", "three"].iter().zip(nodes) {
        replace(&format!("server {name}:9001;"), format!("server {node};"));
    }
    replace("listen 8080;", format!("listen {address};"));
    let folder = folder.display();
    // One process, so that it is gone when it is killed.
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {folder}/nginx-body;\nproxy_temp_path {folder}/nginx-proxy;\n\
         fastcgi_temp_path {folder}/nginx-fastcgi;\nuwsgi_temp_path {folder}/nginx-uwsgi;\n\
         scgi_temp_path {folder}/nginx-scgi;\n{shown}}}\n"
    )
}

fn find_nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian has it where users do not look.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
