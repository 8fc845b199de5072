//! The configuration of the `stickler` binary, from outside: its file, what beats what, reading it anew, and what
//! is made of the definition of the command line.
#![cfg(target_os = "linux")]

mod file;
mod manual;
mod precedence;
mod reload;
mod schema;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
mod sighup;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use stickler_testing::blocking::read_head;
use stickler_testing::folder::Folder;
use stickler_testing::frame::REQUEST;

use server::{PATIENCE, Server, stickler};

/// A file of this text in the folder.
fn write(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// `stickler serve` with this file and nothing else.
fn serve(file: &PathBuf) -> Server {
    let mut command = stickler();
    command.arg("serve").arg("--config").arg(file);
    Server::spawn(command, 1, "").unwrap()
}

/// The exit status, standard output and standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let ended = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// A connection whose opening handshake has been answered with this status.
fn open(address: SocketAddr, path: &str, fields: &str) -> (u16, TcpStream) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = REQUEST.replacen("/room", path, 1);
    let request = request.replacen("\r\n\r\n", &format!("\r\n{fields}\r\n"), 1);
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut stream);
    (head[9..12].parse().unwrap(), stream)
}
