//! Graceful shutdown: one request, seen by every worker and by the thread that
//! waits for them.
//!
//! A worker then stops accepting, tells its connections 1001 (RFC 6455 §7.4.1)
//! and waits until they are gone or the deadline has come. The waiting thread
//! gives the workers a little longer than that and returns without those that
//! application code still blocks.

use std::future::pending;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

/// When the server is to be gone, and how many workers still run.
#[derive(Debug)]
pub(super) struct Shutdown {
    deadline: watch::Sender<Option<Instant>>,
    running: Mutex<usize>,
    changed: Condvar,
}

impl Shutdown {
    pub(super) fn new() -> Self {
        Self { deadline: watch::Sender::new(None), running: Mutex::new(0), changed: Condvar::new() }
    }

    /// Asks for the end within this time. Asked twice, the earlier deadline holds.
    pub(super) fn request(&self, within: Duration) {
        let now = Instant::now();
        let asked = now.checked_add(within).unwrap_or(now + FAR_AWAY);
        let _running = self.running();
        self.deadline.send_if_modified(|deadline| {
            let earlier = deadline.is_none_or(|known| asked < known);
            if earlier {
                *deadline = Some(asked);
            }
            earlier
        });
        self.changed.notify_all();
    }

    /// What a worker watches.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.deadline.subscribe())
    }

    /// Counts a worker until the answer is dropped.
    pub(super) fn started<'a>(&'a self) -> Running<'a> {
        *self.running() += 1;
        Running(self)
    }

    /// Blocks until no worker runs, or the deadline and a little more have passed.
    pub(super) fn wait(&self) {
        let mut running = self.running();
        while *running > 0 {
            let deadline = *self.deadline.borrow();
            running = match deadline {
                None => self.changed.wait(running).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = (deadline + GRACE).saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        tracing::error!(
                            workers = *running,
                            "application code does not end; leaving it behind"
                        );
                        return;
                    }
                    self.changed
                        .wait_timeout(running, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that has not ended.
pub(super) struct Running<'a>(&'a Shutdown);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running() -= 1;
        self.0.changed.notify_all();
    }
}

/// A worker's view of the request.
#[derive(Clone, Debug)]
pub(super) struct Watch(watch::Receiver<Option<Instant>>);

impl Watch {
    /// Waits for the request.
    ///
    /// # Cancel safety
    ///
    /// A request is never lost: it stays.
    pub(super) async fn requested(&mut self) {
        // The server outlives its workers; were it gone, nobody could ask.
        if self.0.wait_for(Option::is_some).await.is_err() {
            pending::<()>().await;
        }
    }

    /// Waits for the deadline, also when it moves forward meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn expired(&mut self) {
        loop {
            let deadline = *self.0.borrow_and_update();
            let Some(deadline) = deadline else {
                self.requested().await;
                continue;
            };
            tokio::select! {
                () = sleep_until(deadline.into()) => return,
                changed = self.0.changed() => if changed.is_err() {
                    return sleep_until(deadline.into()).await;
                }
            }
        }
    }
}

/// What the workers get after the deadline to drop what is left.
const GRACE: Duration = Duration::from_millis(100);

/// Stands for "no deadline" where the clock cannot hold the time asked for.
const FAR_AWAY: Duration = Duration::from_hours(24 * 365);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn waiting_ends_with_the_last_worker() {
        let shutdown = Arc::new(Shutdown::new());
        let (started, is_started) = std::sync::mpsc::channel();
        let worker = thread::spawn({
            let shutdown = shutdown.clone();
            move || {
                let _running = shutdown.started();
                started.send(()).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(shutdown.watch().requested());
            }
        });
        is_started.recv().unwrap();
        shutdown.request(Duration::MAX);
        shutdown.wait();
        worker.join().unwrap();
    }

    #[test]
    fn waiting_ends_after_the_deadline_with_a_worker_that_does_not() {
        let shutdown = Shutdown::new();
        let _running = shutdown.started();
        shutdown.request(Duration::ZERO);
        shutdown.wait();
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_takes_the_place_of_a_later_one() {
        let shutdown = Shutdown::new();
        let mut watch = shutdown.watch();
        shutdown.request(Duration::from_hours(1));
        watch.requested().await;
        let expired = watch.expired();
        tokio::pin!(expired);
        assert!(poll_once(expired.as_mut()).await.is_none());
        shutdown.request(Duration::from_hours(2));
        assert!(poll_once(expired.as_mut()).await.is_none());
        shutdown.request(Duration::ZERO);
        expired.await;
    }

    async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = &mut future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
