//! SIGHUP, and what the log says of it.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::server::{PATIENCE, Server};

/// Sends it, and waits until the log has this once more. Gives the line.
pub(crate) fn reload(server: &Server, said: &str) -> String {
    let count = || server.log().matches(said).count();
    let before = count();
    server.signal(Signal::HUP);
    let begun = Instant::now();
    while count() == before {
        assert!(begun.elapsed() < PATIENCE, "{said:?} is not in {}", server.log());
        thread::sleep(Duration::from_millis(2));
    }
    server.log().lines().rfind(|line| line.contains(said)).unwrap().to_owned()
}
