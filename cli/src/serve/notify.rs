//! What the service manager is told: systemd's `Type=notify` and its watchdog, by sd_notify(3).
//!
//! All of it does nothing where `NOTIFY_SOCKET` is not set. The name of the socket is a path, or one of Linux's
//! abstract names behind an `@`.

use std::io;
use std::time::Duration;

use stickler::Handle;

/// The server accepts connections: a manager that never hears of it ends the server.
pub(super) fn started() {
    manager::tell(READY, manager::LONG_PATIENCE);
}

/// It has loaded anew what `reloading` announced.
pub(super) fn ready() {
    manager::tell(READY, manager::PATIENCE);
}

/// What can be loaded anew is being loaded; `ready` is to follow, whatever comes of it.
pub(super) fn reloading() {
    manager::reloading();
}

/// The server ends within this time.
pub(super) fn stopping(within: Duration) {
    // A unit may give less time to its end than the server was given: systemd waits for the next message.
    let within = within.saturating_add(LAST_WORDS).as_micros();
    let state = format!("STOPPING=1\nSTATUS=shutting down\nEXTEND_TIMEOUT_USEC={within}");
    manager::tell(&state, manager::LONG_PATIENCE);
}

/// Answers the watchdog from now on, where the manager wants that: as long as every worker turns.
///
/// # Errors
///
/// When there is no thread for it.
pub(super) fn answer_watchdog(handle: Handle) -> io::Result<()> {
    manager::answer_watchdog(handle)
}

const READY: &str = "READY=1\nSTATUS=serving";

/// What the process may take to end after the deadline of the shutdown, one after the other: the workers to drop what
/// is left (or this message, behind another one, from the signal on), the admin listener to end, the frames that are
/// shown to be written, and the log. A test below sums their times.
const LAST_WORDS: Duration = Duration::from_secs(3);

#[cfg(target_os = "linux")]
mod manager {
    use std::ffi::OsStr;
    use std::io;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use sd_notify::NotifyState;
    use stickler::Handle;
    use tokio::runtime::Builder;

    /// The manager has this long to make room. Where two threads tell at once, the patience of either may hold for both.
    pub(super) fn tell(state: &str, patience: Duration) {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return;
        };
        match send(&name, state, patience) {
            Ok(()) => tracing::debug!(state, "told the service manager"),
            Err(error) => {
                tracing::warn!(socket = ?name, %error, "cannot tell the service manager");
            }
        }
    }

    pub(super) fn reloading() {
        tell(&state_of_reload(), PATIENCE);
    }

    pub(super) fn state_of_reload() -> String {
        // systemd from 253 on wants the time, and knows by it which of several reloads has ended.
        let time = NotifyState::monotonic_usec_now().map(|time| format!("\n{time}"));
        format!("RELOADING=1\nSTATUS=loading anew{}", time.unwrap_or_default())
    }

    pub(super) fn answer_watchdog(handle: Handle) -> io::Result<()> {
        let Some(patience) = sd_notify::watchdog_enabled().filter(|it| !it.is_zero()) else {
            return Ok(());
        };
        // sd_watchdog_enabled(3) asks for half of it.
        watch(handle, patience / 2, || tell("WATCHDOG=1", PATIENCE))
    }

    /// Calls `alive` this often, each time after every worker has turned.
    pub(super) fn watch(
        handle: Handle,
        every: Duration,
        alive: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        let runtime = Builder::new_current_thread().build()?;
        let watch = move || {
            loop {
                let begun = Instant::now();
                runtime.block_on(handle.workers_turned());
                alive();
                std::thread::sleep(every.saturating_sub(begun.elapsed()));
            }
        };
        std::thread::Builder::new().name("watchdog".into()).spawn(watch).map(drop)
    }

    /// Sends it whole, or says why not. A manager that does not read does not hold the server up.
    fn send(name: &OsStr, state: &str, patience: Duration) -> io::Result<()> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = socket()?;
        socket.set_write_timeout(Some(patience))?;
        socket.send_to_addr(state.as_bytes(), &address).map(drop)
    }

    /// Stays open: the watchdog is answered also where there are no descriptors left.
    fn socket() -> io::Result<&'static UnixDatagram> {
        static SOCKET: OnceLock<UnixDatagram> = OnceLock::new();
        if let Some(socket) = SOCKET.get() {
            return Ok(socket);
        }
        let socket = UnixDatagram::unbound()?;
        Ok(SOCKET.get_or_init(|| socket))
    }

    /// For messages that others wait for.
    pub(super) const PATIENCE: Duration = Duration::from_millis(100);

    /// For those of the start and of the end.
    pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(1);
}

#[cfg(not(target_os = "linux"))]
mod manager {
    use std::io;
    use std::time::Duration;

    use stickler::Handle;

    pub(super) const PATIENCE: Duration = Duration::ZERO;
    pub(super) const LONG_PATIENCE: Duration = Duration::ZERO;

    pub(super) fn tell(_: &str, _: Duration) {}

    pub(super) fn reloading() {}

    pub(super) fn answer_watchdog(_: Handle) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::sync::{Mutex, mpsc};
    use std::thread;

    use stickler::{Incoming, Server};
    use stickler_testing::frame::REQUEST;

    use super::super::logging;
    use super::*;
    use crate::{admin, inspect};

    #[test]
    fn the_manager_is_told_of_all_that_comes_after_the_deadline() {
        // What workers have after a deadline that cuts connections, and after one that does not.
        const OF_THE_LIBRARY: &str = include_str!("../../../src/server/shutdown.rs");
        let (cutting, grace) = (Duration::from_secs(1), Duration::from_millis(100));
        for line in [
            "const CUTTING_GRACE: Duration = Duration::from_secs(1);",
            "const GRACE: Duration = Duration::from_millis(100);",
        ] {
            assert!(OF_THE_LIBRARY.lines().any(|it| it == line), "{line}");
        }
        let messages = manager::PATIENCE + manager::LONG_PATIENCE;
        let admin = admin::LAST_ANSWERS + grace;
        let written = inspect::FLUSH_TIME + logging::FLUSH_TIME;
        let all = cutting.max(messages) + admin + written;
        assert!(all <= LAST_WORDS, "{all:?}");
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_worker_that_is_blocked_keeps_the_watchdog_waiting() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (blocked, is_blocked) = mpsc::channel();
        let serving = Server::bind("127.0.0.1:0").unwrap().workers(2).start(move |_: Incoming| {
            blocked.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
            async { Ok::<(), stickler::Error>(()) }
        });
        let serving = serving.unwrap();
        let (alive, is_alive) = mpsc::channel();
        let tell = move || {
            let _ = alive.send(());
        };
        manager::watch(serving.handle().clone(), Duration::from_millis(10), tell).unwrap();
        for _ in 0..3 {
            is_alive.recv_timeout(PATIENCE).unwrap();
        }
        let mut client = TcpStream::connect(serving.handle().local_addrs()[0]).unwrap();
        client.write_all(REQUEST.as_bytes()).unwrap();
        is_blocked.recv_timeout(PATIENCE).unwrap();
        is_alive.try_iter().for_each(drop);
        thread::sleep(Duration::from_millis(300));
        // One may have been on its way; thirty would have come otherwise.
        assert!(is_alive.try_iter().count() <= 1);
        release.send(()).unwrap();
        is_alive.recv_timeout(PATIENCE).unwrap();
    }

    #[test]
    fn a_reload_is_told_with_its_time() {
        let state = manager::state_of_reload();
        let lines: Vec<_> = state.lines().collect();
        assert_eq!(lines[..2], ["RELOADING=1", "STATUS=loading anew"]);
        let time = lines[2].strip_prefix("MONOTONIC_USEC=").unwrap();
        assert!(time.parse::<u64>().unwrap() > 0, "{state}");
    }
}
