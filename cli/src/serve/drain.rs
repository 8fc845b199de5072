//! The end of the server: what it is asked for at the first signal, and what its exit status says.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stickler::{Drained, Farewell, Handle};

use super::notify;
use crate::cli::{Serve, usage_error};

/// How the server goes away.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    farewell: Farewell,
    within: Duration,
    is_strict: bool,
    /// Held by the thread that begins it, until the log and the service manager know.
    turn: Arc<Mutex<()>>,
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
        Ok(Drain { farewell, within, is_strict, turn: Arc::default() })
    }

    /// Begins it, because of this signal.
    pub(super) fn begin(&self, handle: &Handle, signal: &str) {
        let Farewell { delay, window, .. } = self.farewell;
        let _turn = self.turn();
        self.go(handle);
        tracing::info!(signal, within = ?self.within, ?delay, ?window, "shutting down");
        notify::stopping(self.within);
    }

    /// Begins it, because the admin listener was asked to. A signal that comes then is the first one.
    pub(super) fn begin_on_request(&self, handle: &Handle) {
        let _turn = self.turn();
        self.go(handle);
        tracing::info!(within = ?self.within, "shutting down: the admin listener was asked to");
        notify::stopping(self.within);
    }

    fn go(&self, handle: &Handle) {
        // These codes can be sent, and there is no reason.
        let _ = handle.shutdown_with(self.farewell.clone(), self.within);
    }

    /// Tells the service manager this, unless it has been told of the end.
    pub(super) fn tell_before(&self, handle: &Handle, tell: fn()) {
        let _turn = self.turn();
        if !handle.is_draining() {
            tell();
        }
    }

    /// Waits for the thread that began it to say so: a server without connections is gone before.
    pub(super) fn wait_until_told(&self) {
        drop(self.turn());
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the process ends with.
    pub(super) fn status(&self, drained: &Drained) -> ExitCode {
        if self.is_strict && drained.cut > 0 { ExitCode::from(CUT) } else { ExitCode::SUCCESS }
    }
}

/// Connections were cut, and the operator wants to know.
const CUT: u8 = 5;
