//! The page of the program and its files, over plain HTTP, and what its WebSocket plays.
#![cfg(target_os = "linux")]

mod files;
mod gallery;
mod http;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
mod usage;

use server::Server;

fn serve(flags: &[&str]) -> Server {
    Server::start(flags).unwrap()
}
