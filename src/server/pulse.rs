//! Whether the workers turn, for watchdogs. A worker wakes for it only when it is asked, and no message pays for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime;
use tokio::task::yield_now;

/// The runtimes of the workers that run.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Vec<(u64, runtime::Handle)>>);

impl Pulse {
    /// Has this runtime asked too, until the answer is dropped.
    pub(super) fn feel(self: &Arc<Self>, runtime: runtime::Handle) -> Felt {
        let mut runtimes = self.runtimes();
        let number = runtimes.last().map_or(0, |(newest, _)| newest + 1);
        runtimes.push((number, runtime));
        Felt { pulse: self.clone(), number }
    }

    /// Waits until each of them has run what was to be run, and has asked for input once.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left but a task for each worker that ends as soon as it runs.
    pub(super) async fn beat(&self) {
        let asked: Vec<_> =
            self.runtimes().iter().map(|(_, runtime)| runtime.spawn(yield_now())).collect();
        for answer in asked {
            // An error means that the runtime has ended, and with it the worker.
            let _ = answer.await;
        }
    }

    fn runtimes(&self) -> MutexGuard<'_, Vec<(u64, runtime::Handle)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that is asked.
#[derive(Debug)]
pub(super) struct Felt {
    pulse: Arc<Pulse>,
    number: u64,
}

impl Drop for Felt {
    fn drop(&mut self) {
        self.pulse.runtimes().retain(|(number, _)| *number != self.number);
    }
}
