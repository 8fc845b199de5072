//! The end of the server: what it is asked for at the first signal, what comes of a reload then, and what its exit
//! status says.
//!
//! | lock | is held for | by |
//! |---|---|---|
//! | `end` | the begin of the end with its line in the log; that the server serves, in the log; putting a reload in force with its line | whoever does it, and never for long |
//! | `turn` | one message to the service manager, which may have no room for it | `READY`, `RELOADING` and `STOPPING` |
//!
//! So a reload is whole before the end begins, or it is not at all; and a manager that does not read keeps nobody
//! from the end. The main thread waits for the message of the end before it ends the process.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stickler::{Drained, Farewell, Handle};
use tokio::sync::watch;

use super::notify;
use crate::cli::{Serve, usage_error};

/// How the server goes away.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    farewell: Farewell,
    within: Duration,
    is_strict: bool,
    end: Arc<Mutex<End>>,
    turn: Arc<Mutex<()>>,
    /// Whether it has begun, for those that wait for it.
    begun: watch::Sender<bool>,
}

/// How far the end, and the reloads before it, have come.
#[derive(Debug, Default)]
struct End {
    /// The thread that tells the service manager of the end.
    telling: Option<JoinHandle<()>>,
    /// How many reloads were asked for, and how many of them the log has the outcome of.
    asked: u64,
    answered: u64,
}

impl Drain {
    /// Reads the flags.
    ///
    /// # Errors
    ///
    /// The delay and the window leave no time for a closing handshake.
    pub(super) fn read(options: &Serve) -> Result<Drain, clap::Error> {
        let (delay, window) = (options.drain.drain_delay, options.drain.drain_window);
        let within = options.times.shutdown_timeout;
        let before = delay.saturating_add(window);
        if !before.is_zero() && before >= within {
            let [delay, window, timeout] =
                ["drain_delay", "drain_window", "shutdown_timeout"].map(|id| options.name_of(id));
            return Err(usage_error(format!(
                "{delay} and {window} are {before:?} together, and {timeout} ends everything after {within:?}: \
                 it has to be longer, for clients to answer the Close"
            )));
        }
        let code = options.drain.drain_code.into();
        let farewell = Farewell::default().code(code).delay(delay).window(window);
        let is_strict = options.drain.drain_strict;
        let (end, turn) = (Arc::default(), Arc::default());
        Ok(Drain { farewell, within, is_strict, end, turn, begun: watch::Sender::new(false) })
    }

    /// Begins it, because of this signal. Where it goes on already, nothing changes.
    pub(super) fn begin(&self, handle: &Handle, signal: &str) {
        let Farewell { delay, window, .. } = self.farewell;
        let mut end = self.end();
        if handle.is_draining() {
            return tracing::info!(signal, "going away already");
        }
        self.go(handle);
        tracing::info!(signal, within = ?self.within, ?delay, ?window, "shutting down");
        self.tell(&mut end);
    }

    /// Begins it, because the admin listener was asked to; says whether it does. A signal that comes then is the first
    /// one.
    pub(super) fn begin_on_request(&self, handle: &Handle) -> bool {
        let mut end = self.end();
        if handle.is_draining() {
            return false;
        }
        self.go(handle);
        tracing::info!(within = ?self.within, "shutting down: the admin listener was asked to");
        self.tell(&mut end);
        true
    }

    fn go(&self, handle: &Handle) {
        // These codes can be sent, and there is no reason.
        let _ = handle.shutdown_with(self.farewell.clone(), self.within);
        self.begun.send_replace(true);
    }

    /// Tells of the end: the log of a reload that it comes before, and the service manager.
    fn tell(&self, end: &mut End) {
        if end.asked > end.answered {
            not_loaded();
        }
        let (turn, within) = (self.turn.clone(), self.within);
        let tell = move || {
            let _turn = lock(&turn);
            notify::stopping(within);
        };
        // A thread of its own: the one that watches for signals has to see the next one.
        match thread::Builder::new().name("stopping".into()).spawn(tell.clone()) {
            Ok(telling) => end.telling = Some(telling),
            Err(_) => tell(),
        }
    }

    /// Waits until it begins.
    pub(super) fn begun(&self) -> impl Future<Output = ()> + use<> {
        let mut begun = self.begun.subscribe();
        async move {
            // The signals have a clone of the sender, so that it is not gone.
            let _ = begun.wait_for(|begun| *begun).await;
        }
    }

    /// Writes this line of the log before those of the end, or not at all; says which.
    pub(super) fn log_before(&self, handle: &Handle, line: impl FnOnce()) -> bool {
        let _end = self.end();
        let is_before = !handle.is_draining();
        if is_before {
            line();
        }
        is_before
    }

    /// Tells the service manager this, unless it is told of the end.
    pub(super) fn tell_before(&self, handle: &Handle, tell: fn()) {
        let _turn = lock(&self.turn);
        if !handle.is_draining() {
            tell();
        }
    }

    /// Waits for the thread that began it to say so, and for the service manager to be told: a server without
    /// connections is gone before.
    pub(super) fn wait_until_told(&self) {
        let telling = self.end().telling.take();
        if let Some(telling) = telling {
            // It does not panic, and would have said so.
            let _ = telling.join();
        }
    }

    /// Whether somebody who asks for a reload now is to have one. The log says it where not.
    pub(super) fn takes_reload(&self, handle: &Handle) -> bool {
        let mut end = self.end();
        if handle.is_draining() {
            not_loaded();
            return false;
        }
        end.asked += 1;
        true
    }

    /// A reload begins, for all that asked so far; none where the end has begun, which the log has then.
    pub(super) fn begin_reload(&self, handle: &Handle) -> Option<Reloading> {
        let end = self.end();
        (!handle.is_draining()).then(|| Reloading { drain: self.clone(), asked: end.asked })
    }

    fn end(&self) -> MutexGuard<'_, End> {
        lock(&self.end)
    }

    /// What the process ends with.
    pub(super) fn status(&self, drained: &Drained) -> ExitCode {
        if self.is_strict && drained.cut > 0 { ExitCode::from(CUT) } else { ExitCode::SUCCESS }
    }
}

/// A reload that has begun to read.
pub(super) struct Reloading {
    drain: Drain,
    /// How many had asked when it began.
    asked: u64,
}

impl Reloading {
    /// Puts in force what was read and says so in the log, or what is wrong with it: before the end, or not at all.
    pub(super) fn conclude(self, handle: &Handle, conclude: impl FnOnce()) {
        let mut end = self.drain.end();
        if !handle.is_draining() {
            conclude();
            end.answered = self.asked;
        }
    }
}

fn not_loaded() {
    tracing::warn!("not loaded anew: the server is shutting down");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections were cut, and the operator wants to know.
const CUT: u8 = 5;
