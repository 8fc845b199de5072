//! Graceful shutdown: one request, seen by every worker and by whoever waits for them.
//!
//! A worker then stops accepting and lets its handlers know. After the grace it tells its
//! connections 1001 (RFC 6455 §7.4.1), or what was asked for, and waits until they are gone or the
//! deadline has come. The waiting thread or task gives the workers a little longer than that and
//! returns without those that application code still blocks.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;

use crate::net::Farewell;

/// When the server is to be gone, and how many workers still run.
#[derive(Debug)]
pub(super) struct Shutdown {
    asked: watch::Sender<Option<Asked>>,
    running: Mutex<usize>,
    /// For threads that wait.
    changed: Condvar,
    /// For tasks that wait.
    ended: Notify,
}

/// What was asked for, by the first request, and how soon, by the most pressing one.
#[derive(Clone, Debug)]
struct Asked {
    farewell: Arc<Farewell>,
    /// When the Close goes to those that are still open.
    close_at: Instant,
    deadline: Instant,
}

impl Shutdown {
    pub(super) fn new() -> Self {
        Self {
            asked: watch::Sender::new(None),
            running: Mutex::new(0),
            changed: Condvar::new(),
            ended: Notify::new(),
        }
    }

    /// Asks for the end within this time. Asked twice, the first farewell and the earlier times
    /// hold.
    pub(super) fn request(&self, farewell: Farewell, within: Duration) {
        let now = Instant::now();
        let deadline = now.checked_add(within).unwrap_or(now + FAR_AWAY);
        let close_at = now.checked_add(farewell.grace).unwrap_or(deadline).min(deadline);
        let _running = self.running();
        self.asked.send_if_modified(|asked| {
            let Some(known) = asked else {
                *asked = Some(Asked { farewell: Arc::new(farewell), close_at, deadline });
                return true;
            };
            let is_earlier = deadline < known.deadline || close_at < known.close_at;
            known.deadline = deadline.min(known.deadline);
            known.close_at = close_at.min(known.close_at);
            is_earlier
        });
        self.changed.notify_all();
    }

    /// Whether the end was asked for.
    #[cfg(feature = "tls")]
    pub(super) fn is_requested(&self) -> bool {
        self.asked.borrow().is_some()
    }

    /// What a worker watches.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.asked.subscribe())
    }

    /// Counts a worker until the answer is dropped.
    pub(super) fn started(self: &Arc<Self>) -> Running {
        *self.running() += 1;
        Running(self.clone())
    }

    /// Blocks until no worker runs, or the deadline and a little more have passed.
    pub(super) fn wait(&self) {
        let mut running = self.running();
        while *running > 0 {
            let deadline = self.asked.borrow().as_ref().map(|asked| asked.deadline);
            running = match deadline {
                None => self.changed.wait(running).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = (deadline + GRACE).saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return leave_behind(*running);
                    }
                    self.changed
                        .wait_timeout(running, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// As [`wait`](Self::wait), without blocking.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn ended(&self) {
        let mut watch = self.watch();
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no notification is missed.
            ended.as_mut().enable();
            let running = *self.running();
            if running == 0 {
                return;
            }
            tokio::select! {
                () = ended => {}
                () = async { watch.expired().await; tokio::time::sleep(GRACE).await } => {
                    return leave_behind(running);
                }
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave_behind(workers: usize) {
    tracing::error!(workers, "application code does not end; leaving it behind");
}

/// A worker that has not ended.
#[derive(Debug)]
pub(super) struct Running(Arc<Shutdown>);

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.running() -= 1;
        self.0.changed.notify_all();
        self.0.ended.notify_waiters();
    }
}

/// A worker's view of the request.
#[derive(Clone, Debug)]
pub(super) struct Watch(watch::Receiver<Option<Asked>>);

impl Watch {
    /// Waits for the request, and gives what connections are to be told.
    ///
    /// # Cancel safety
    ///
    /// A request is never lost: it stays.
    pub(super) async fn requested(&mut self) -> Arc<Farewell> {
        // The server outlives its workers; were it gone, nobody could ask.
        let farewell = match self.0.wait_for(Option::is_some).await {
            Ok(asked) => asked.as_ref().map(|asked| asked.farewell.clone()),
            Err(_) => None,
        };
        match farewell {
            Some(farewell) => farewell,
            None => pending().await,
        }
    }

    /// Waits for the end of the grace, also when it moves forward meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn grace_over(&mut self) {
        self.reached(|asked| asked.close_at).await;
    }

    /// Waits for the deadline, also when it moves forward meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn expired(&mut self) {
        self.reached(|asked| asked.deadline).await;
    }

    async fn reached(&mut self, time: fn(&Asked) -> Instant) {
        loop {
            let asked = self.0.borrow_and_update().as_ref().map(time);
            let Some(time) = asked else {
                self.requested().await;
                continue;
            };
            if tokio::time::Instant::from_std(time) <= tokio::time::Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(time.into()) => return,
                changed = self.0.changed() => if changed.is_err() {
                    return sleep_until(time.into()).await;
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
        shutdown.request(Farewell::default(), Duration::MAX);
        shutdown.wait();
        worker.join().unwrap();
    }

    #[test]
    fn waiting_ends_after_the_deadline_with_a_worker_that_does_not() {
        let shutdown = Arc::new(Shutdown::new());
        let _running = shutdown.started();
        shutdown.request(Farewell::default(), Duration::ZERO);
        shutdown.wait();
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_takes_the_place_of_a_later_one() {
        let shutdown = Shutdown::new();
        let mut watch = shutdown.watch();
        shutdown.request(Farewell::default(), Duration::from_hours(1));
        watch.requested().await;
        let expired = watch.expired();
        tokio::pin!(expired);
        assert!(poll_once(expired.as_mut()).await.is_none());
        shutdown.request(Farewell::default(), Duration::from_hours(2));
        assert!(poll_once(expired.as_mut()).await.is_none());
        shutdown.request(Farewell::default(), Duration::ZERO);
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
