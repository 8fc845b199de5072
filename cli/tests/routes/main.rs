//! The routes of a configuration file and their authentication, from outside: who is let in, what the others are told,
//! and that each setting of a route holds on its path alone.
#![cfg(target_os = "linux")]

mod authentication;
mod client;
mod forgeries;
mod reload;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
mod settings;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use stickler_testing::folder::Folder;

use server::{Server, stickler};

/// A server with this configuration.
fn serve(folder: &Folder, configuration: &str, flags: &[&str]) -> Server {
    let mut command = command(folder, configuration);
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    Server::spawn(command, 1, configuration).unwrap()
}

/// What a server with this configuration says instead of serving, and its exit status.
fn refusal(folder: &Folder, configuration: &str) -> (Option<i32>, String) {
    let ended = command(folder, configuration).args(["--listen", "127.0.0.1:0"]).output().unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn command(folder: &Folder, configuration: &str) -> Command {
    let path = folder.path().join("stickler.toml");
    fs::write(&path, configuration).unwrap();
    let mut command = stickler();
    // Paths in the file are as on the command line.
    command.current_dir(folder.path()).args(["serve", "--config"]).arg(path);
    command
}

/// A file that is its owner's alone.
fn write(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    set_mode(&path, 0o600);
    path
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A new token and its line, as `stickler token` makes them.
fn token(name: &str) -> (String, String) {
    let made = stickler().args(["token", name]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let text = String::from_utf8(made.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[2].starts_with(&format!("{name} sha256:")), "{text}");
    (lines[1].strip_prefix("# ").unwrap().to_owned(), lines[2].to_owned())
}
