//! Signals. The first of SIGINT, SIGTERM and SIGHUP ends the server gracefully; SIGINT or SIGTERM after that at
//! once. A terminal that goes away may send SIGHUP twice, so a second one changes nothing. Where there is a
//! configuration file, or TLS has files, SIGHUP ends nothing: it has them read anew, and during a shutdown the log says
//! that they are not. SIGUSR1 and SIGUSR2 mean nothing here, and do not end the server either. SIGXFSZ is ignored: a
//! file that is at its size limit is as a disk that is full.

mod ignored;

use std::{io, process, thread};

use stickler::Handle;
use tokio::runtime::Builder;

pub(super) use self::ignored::ignore_file_size_limit;
use super::drain::Drain;
use super::reload::Reload;
use super::unwritten::Unwritten;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The end; the second time at once.
    End(&'static str),
    /// The end, as often as it comes, or to read files anew.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    HangUp,
}

/// Watches from now on; a signal that comes before the server starts ends the program too. With `reload` SIGHUP does
/// not.
///
/// # Errors
///
/// When the signals cannot be watched.
pub(super) fn watch(
    handle: Handle,
    drain: Drain,
    reload: Option<Reload>,
    unwritten: Unwritten,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(cannot_watch)?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new(reload.is_some()).map_err(cannot_watch)?
    };
    let thread = thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            let signal = end(&mut signals, reload.as_ref(), true).await;
            drain.begin(&handle, signal);
            let signal = end(&mut signals, reload.as_ref(), false).await;
            let connections = handle.counters().connections;
            tracing::warn!(signal, connections, "a second signal: the process ends at once");
            unwritten.finish();
            process::exit(1);
        });
    });
    thread.map(drop).map_err(cannot_watch)
}

/// Waits for a signal that asks for the end, and has what may change read anew until then. Where nothing can be read anew,
/// SIGHUP may ask for the end too.
async fn end(signals: &mut Signals, reload: Option<&Reload>, may_hang_up: bool) -> &'static str {
    loop {
        match (signals.next().await, reload) {
            (Asked::End(signal), _) => return signal,
            (Asked::HangUp, Some(reload)) => reload.ask(),
            (Asked::HangUp, None) if may_hang_up => return "SIGHUP",
            (Asked::HangUp, None) => {}
        }
    }
}

fn cannot_watch(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot watch for signals: {error}"))
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// Not watched where it would end the server and was ignored from the start, as under nohup.
    hangup: Option<tokio::signal::unix::Signal>,
    users: [tokio::signal::unix::Signal; 2],
}

#[cfg(unix)]
impl Signals {
    fn new(reloads: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = SignalKind::hangup();
        let is_watched = reloads || !is_ignored(hangup.as_raw_value());
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: is_watched.then(|| signal(hangup)).transpose()?,
            users: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
        })
    }

    async fn next(&mut self) -> Asked {
        let [first, second] = &mut self.users;
        loop {
            let signal = tokio::select! {
                _ = self.interrupt.recv() => return Asked::End("SIGINT"),
                _ = self.terminate.recv() => return Asked::End("SIGTERM"),
                () = received(&mut self.hangup) => return Asked::HangUp,
                _ = first.recv() => "SIGUSR1",
                _ = second.recv() => "SIGUSR2",
            };
            tracing::info!(signal, "this signal means nothing here");
        }
    }
}

/// Waits for a signal that may not be watched.
#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether whoever started the program had this signal ignored, where the system tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new(_reloads: bool) -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Asked {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Asked::End("Ctrl-C"),
            Err(_) => std::future::pending().await,
        }
    }
}
