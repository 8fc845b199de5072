//! TLS of the `stickler` binary, from outside: flags and files, the log, and what clients of TLS see.
#![cfg(target_os = "linux")]

mod client;
mod files;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;

mod ends;
mod handshake;
mod hsts;
mod made;
mod reload;
mod shutdown;
mod usage;

use std::process::{Command, Output};

use server::{Server, stickler};

/// `stickler serve` with a TLS listener on a free port and these flags.
fn serve(flags: &[&str]) -> Server {
    let mut command = command(flags);
    command.args(["--listen-tls", "127.0.0.1:0"]);
    Server::spawn(command, 1, &flags.join(" ")).unwrap()
}

fn command(flags: &[&str]) -> Command {
    let mut command = stickler();
    command.arg("serve").args(flags);
    command
}

/// The exit status and what came on standard error; there is nothing on standard output.
fn refused(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stdout), "");
    (status.code(), String::from_utf8(stderr).unwrap())
}
