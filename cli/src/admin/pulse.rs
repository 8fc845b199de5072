//! Whether the workers turn, asked each second by a thread of its own: an answer to `/livez` waits for nobody.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stickler::Handle;
use tokio::runtime::Builder;

/// How long a worker may stay away.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the workers.
pub(super) struct Pulse {
    /// Since when the workers have been asked and not all have answered.
    asked: Arc<Mutex<Option<Instant>>>,
    patience: Duration,
}

impl Pulse {
    /// Asks from now on.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub(super) fn feel(handle: Handle, patience: Duration) -> io::Result<Self> {
        let asked = Arc::default();
        let pulse = Self { asked: Arc::clone(&asked), patience };
        let runtime = Builder::new_current_thread().build()?;
        let ask = move || {
            loop {
                note(&asked, Some(Instant::now()));
                runtime.block_on(handle.workers_turned());
                note(&asked, None);
                thread::sleep(EVERY.min(patience));
            }
        };
        thread::Builder::new().name("pulse".into()).spawn(ask)?;
        Ok(pulse)
    }

    /// How long a worker has not turned, where that is too long.
    pub(super) fn missing(&self) -> Option<Duration> {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.map(|since| since.elapsed()).filter(|waited| *waited >= self.patience)
    }
}

fn note(asked: &Mutex<Option<Instant>>, since: Option<Instant>) {
    *asked.lock().unwrap_or_else(PoisonError::into_inner) = since;
}

/// Each time costs a wake-up of every worker.
const EVERY: Duration = Duration::from_secs(1);
