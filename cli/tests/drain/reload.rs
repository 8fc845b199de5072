//! SIGHUP near the end: a reload is whole before the end begins, or it is not at all, and the log says which.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use stickler_testing::folder::Folder;

use crate::server::{Server, stickler};
use crate::support::{PATIENCE, answer, exit, open, run};

const BEGUN: &str = "shutting down signal";
const LOADED: &str = "loaded the configuration anew";
const NOT_LOADED: &str = "not loaded anew: the server is shutting down";

/// A reload begins a tenth of a second after the signal, so these are about that.
#[test]
fn a_reload_comes_before_the_end_or_not_at_all_and_the_log_says_which() {
    let folder = Folder::new("reload-end");
    let file = folder.path().join("a.toml");
    for after in [0, 50, 99, 100, 100, 101, 101, 102, 103, 105] {
        std::fs::write(&file, "listen = '127.0.0.1:0'\n").unwrap();
        let mut command = stickler();
        command.arg("serve").arg("--config").arg(&file);
        let server = Server::spawn(command, 1, "reload").unwrap();
        run(async {
            let mut peer = open(&server).await;
            std::fs::write(&file, "listen = '127.0.0.1:0'\nmax-message-size = 10\n").unwrap();
            server.signal(Signal::HUP);
            std::thread::sleep(Duration::from_millis(after));
            server.signal(Signal::TERM);
            let begun = Instant::now();
            while !is_told(&server.log()) {
                assert!(begun.elapsed() < PATIENCE, "after {after} ms: {}", server.log());
                std::thread::sleep(Duration::from_millis(2));
            }
            answer(&mut peer).await;
        });
        assert_eq!(exit(&server), 0);
        server.expect_logged("gone clean").unwrap();
        let log = server.log();
        assert_eq!(log.matches(LOADED).count() + log.matches(NOT_LOADED).count(), 1, "{log}");
        if let Some(loaded) = log.find(LOADED) {
            assert!(loaded < log.find(BEGUN).unwrap(), "after {after} ms: {log}");
        }
    }
}

fn is_told(log: &str) -> bool {
    log.contains(BEGUN) && (log.contains(LOADED) || log.contains(NOT_LOADED))
}
