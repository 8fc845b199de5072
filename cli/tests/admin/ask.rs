//! A program with an admin listener, and requests to it.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub(crate) use stickler_testing::blocking::Answer;
use stickler_testing::blocking::read_head;
use stickler_testing::folder::Folder;
use stickler_testing::frame::REQUEST;

use crate::server::{PATIENCE, Server, stickler};

pub(crate) const TOKEN: &str = "0123456789abcdef-token";

/// The content of an answer that is JSON.
pub(crate) fn json(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.field("Content-Type"), "application/json", "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// Where the admin listener of a program is.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl At {
    /// Asks with the right Host and these further fields and content.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: &str,
    ) -> Answer {
        let host = match self {
            At::Tcp(address) => address.to_string(),
            At::Unix(_) => "localhost".into(),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in fields {
            request += &format!("{name}: {value}\r\n");
        }
        if !content.is_empty() {
            request += &format!("Content-Length: {}\r\n", content.len());
        }
        self.send(&format!("{request}\r\n{content}"))
    }

    /// Sends a request as it is, and reads the answer to its end.
    pub(crate) fn send(&self, request: &str) -> Answer {
        match self {
            At::Tcp(address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Answer::to(request, stream)
            }
            At::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Answer::to(request, stream)
            }
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// With the token.
    pub(crate) fn post(&self, path: &str, content: &str) -> Answer {
        self.ask("POST", path, &[("Authorization", &format!("Bearer {TOKEN}"))], content)
    }
}

/// The program with an admin listener on a free port of loopback, and these flags.
pub(crate) fn start(flags: &[&str]) -> (Server, At) {
    start_at("127.0.0.1:0", flags)
}

/// The same with a token.
pub(crate) fn start_with_token(folder: &Folder, flags: &[&str]) -> (Server, At) {
    let file = token_file(folder);
    start(&[flags, &["--admin-token-file", file.to_str().unwrap()]].concat())
}

pub(crate) fn start_at(place: &str, flags: &[&str]) -> (Server, At) {
    let server = Server::start(&[flags, &["--admin", place]].concat()).unwrap();
    let at = at(&server);
    (server, at)
}

/// Where the log says that the admin listener is.
pub(crate) fn at(server: &Server) -> At {
    server.expect_logged("serving").unwrap();
    let log = server.log();
    let line = log.lines().find(|line| line.contains(" serving")).unwrap();
    let text = line.split("admin=\"").nth(1).expect(line).split('"').next().unwrap();
    match text.strip_prefix("unix:") {
        Some(path) => At::Unix(path.into()),
        None => At::Tcp(text.strip_prefix("http://").unwrap().parse().unwrap()),
    }
}

/// A file with the token that its owner alone may read.
pub(crate) fn token_file(folder: &Folder) -> PathBuf {
    let path = folder.path().join("token");
    write(&path, &format!("{TOKEN}\nanother line\n"), 0o600);
    path
}

pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What a program that does not start says; its exit status.
pub(crate) fn refusal(variables: &[(&str, &str)], flags: &[&str]) -> (i32, String) {
    let mut command = stickler();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    let ended = command.envs(variables.iter().copied()).output().unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
}

/// A WebSocket of the program, its opening handshake done.
pub(crate) fn open(server: &Server) -> TcpStream {
    open_with_head(server).0
}

/// The same with the head of the 101.
pub(crate) fn open_with_head(server: &Server) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(REQUEST.replace("/room", "/").as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (stream, head)
}
