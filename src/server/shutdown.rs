//! Graceful shutdown: one request, seen by every worker and by whoever waits for them.
//!
//! After the delay a worker stops accepting and lets its handlers know. After the grace it tells its
//! connections 1001 (RFC 6455 §7.4.1), or what was asked for, one after the other over the window, and waits
//! until they are gone or the deadline has come. The waiting thread or task gives the workers a little longer
//! than that and returns without those that application code still blocks. A worker that has come to its cut is
//! none of these: it gets longer, because it has to drop many connections.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;

use crate::net::{Departure, Farewell};

/// When the server is to be gone, and how many workers still run.
#[derive(Debug)]
pub(super) struct Shutdown {
    asked: watch::Sender<Option<Asked>>,
    workers: Mutex<Workers>,
    /// For threads that wait.
    changed: Condvar,
    /// For tasks that wait.
    told: Notify,
}

/// The workers that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Workers {
    running: usize,
    /// Of these, those that had their turn at the deadline, and drop what is left.
    cutting: usize,
}

impl Workers {
    /// What they have after the deadline.
    fn grace(self) -> Duration {
        if self.cutting > 0 { CUTTING_GRACE } else { GRACE }
    }

    /// Nobody waits for them any more.
    fn leave_behind(self) {
        let Workers { running, cutting } = self;
        if cutting > 0 {
            tracing::warn!(
                workers = cutting,
                "the connections are not all dropped; leaving them behind"
            );
        }
        if running > cutting {
            let workers = running - cutting;
            tracing::error!(workers, "application code does not end; leaving it behind");
        }
    }
}

/// What was asked for, by the first request, and how soon, by the most pressing one.
#[derive(Clone, Debug)]
struct Asked {
    farewell: Arc<Farewell>,
    times: Times,
}

/// When a shutdown does what; each of them comes before the next one, or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    /// When the listeners close, and handlers are told.
    stop_at: Instant,
    /// When the first Close goes to those that are still open, and when the last.
    close_from: Instant,
    close_by: Instant,
    deadline: Instant,
}

impl Times {
    fn new(now: Instant, farewell: &Farewell, within: Duration) -> Times {
        let deadline = now.checked_add(within).unwrap_or(now + FAR_AWAY);
        let later = |time: Instant, by| time.checked_add(by).unwrap_or(deadline).min(deadline);
        let stop_at = later(now, farewell.delay);
        let close_from = later(stop_at, farewell.grace);
        Times { stop_at, close_from, close_by: later(close_from, farewell.window), deadline }
    }

    fn earlier(self, other: Times) -> Times {
        Times {
            stop_at: self.stop_at.min(other.stop_at),
            close_from: self.close_from.min(other.close_from),
            close_by: self.close_by.min(other.close_by),
            deadline: self.deadline.min(other.deadline),
        }
    }
}

impl Shutdown {
    pub(super) fn new() -> Self {
        Self {
            asked: watch::Sender::new(None),
            workers: Mutex::default(),
            changed: Condvar::new(),
            told: Notify::new(),
        }
    }

    /// Asks for the end within this time. Asked twice, the first farewell and the earlier times
    /// hold. Gives the farewell that holds.
    pub(super) fn request(&self, farewell: Farewell, within: Duration) -> Arc<Farewell> {
        self.request_at(Instant::now(), farewell, within)
    }

    /// As [`request`](Self::request), at this time.
    fn request_at(&self, now: Instant, farewell: Farewell, within: Duration) -> Arc<Farewell> {
        let times = Times::new(now, &farewell, within);
        let mut farewell = Arc::new(farewell);
        let _workers = self.workers();
        self.asked.send_if_modified(|asked| {
            let Some(known) = asked else {
                *asked = Some(Asked { farewell: farewell.clone(), times });
                return true;
            };
            farewell = known.farewell.clone();
            let before = known.times;
            known.times = before.earlier(times);
            known.times != before
        });
        self.changed.notify_all();
        farewell
    }

    /// What connections are to be told, once the end has been asked for.
    pub(super) fn farewell(&self) -> Option<Arc<Farewell>> {
        self.asked.borrow().as_ref().map(|asked| asked.farewell.clone())
    }

    /// What a worker watches.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.asked.subscribe())
    }

    /// Counts a worker until the answer is dropped.
    pub(super) fn started(self: &Arc<Self>) -> Running {
        self.workers().running += 1;
        Running { shutdown: self.clone(), is_cutting: false }
    }

    /// Blocks until no worker runs, or the deadline and a little more have passed.
    pub(super) fn wait(&self) {
        let mut workers = self.workers();
        while workers.running > 0 {
            let deadline = self.asked.borrow().as_ref().map(|asked| asked.times.deadline);
            workers = match deadline {
                None => self.changed.wait(workers).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let end = deadline + workers.grace();
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return workers.leave_behind();
                    }
                    self.changed
                        .wait_timeout(workers, left)
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
            let mut told = pin!(self.told.notified());
            // From here on no notification is missed.
            told.as_mut().enable();
            let workers = *self.workers();
            if workers.running == 0 {
                return;
            }
            tokio::select! {
                () = told => {}
                () = watch.reached(|times| times.deadline + workers.grace()) => {
                    return workers.leave_behind();
                }
            }
        }
    }

    fn workers(&self) -> MutexGuard<'_, Workers> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of the workers, and tells those that wait for them.
    fn change(&self, change: impl FnOnce(&mut Workers)) {
        change(&mut self.workers());
        self.changed.notify_all();
        self.told.notify_waiters();
    }
}

/// A worker that has not ended.
#[derive(Debug)]
pub(super) struct Running {
    shutdown: Arc<Shutdown>,
    is_cutting: bool,
}

impl Running {
    /// The worker has its turn at the deadline, and is about to drop what is left: no application code blocks it.
    pub(super) fn cuts(&mut self) {
        if !std::mem::replace(&mut self.is_cutting, true) {
            self.shutdown.change(|workers| workers.cutting += 1);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.change(|workers| {
            workers.running -= 1;
            workers.cutting -= usize::from(self.is_cutting);
        });
    }
}

/// A worker's view of the request.
#[derive(Clone, Debug)]
pub(super) struct Watch(watch::Receiver<Option<Asked>>);

impl Watch {
    /// Waits for the request and for the end of its delay, also when that moves forward meanwhile. Gives what
    /// connections are to be told.
    ///
    /// # Cancel safety
    ///
    /// A request is never lost: it stays.
    pub(super) async fn listeners_close(&mut self) -> Arc<Farewell> {
        self.reached(|times| times.stop_at).await;
        self.requested().await
    }

    /// Waits for the end of the grace, likewise.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn grace_over(&mut self) {
        self.reached(|times| times.close_from).await;
    }

    /// Waits for the moment of this departure within the window, likewise.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn due(&mut self, departure: &Departure) {
        let moment = |times: &Times| {
            let window = times.close_by.saturating_duration_since(times.close_from);
            times.close_from + departure.after(window)
        };
        self.reached(moment).await;
    }

    /// Waits for the deadline, likewise.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn expired(&mut self) {
        self.reached(|times| times.deadline).await;
    }

    /// Waits for the request, and gives what connections are to be told.
    async fn requested(&mut self) -> Arc<Farewell> {
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

    async fn reached(&mut self, time: impl Fn(&Times) -> Instant) {
        loop {
            let asked = self.0.borrow_and_update().as_ref().map(|asked| time(&asked.times));
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

/// What the workers get after the deadline to come to their cut.
const GRACE: Duration = Duration::from_millis(100);

/// What they get after the deadline where one of them drops what is left: 10,000 connections take a third of it.
const CUTTING_GRACE: Duration = Duration::from_secs(1);

/// Stands for "no deadline" where the clock cannot hold the time asked for.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::Builder;

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
                let runtime = Builder::new_current_thread().build().unwrap();
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
    async fn a_worker_that_drops_connections_has_longer_than_one_that_is_blocked() {
        let shutdown = Arc::new(Shutdown::new());
        let (mut first, mut second, _blocked) =
            (shutdown.started(), shutdown.started(), shutdown.started());
        let begun = tokio::time::Instant::now();
        // Of the deadline, in tenths of a second.
        let since = || (begun.elapsed().as_millis() + 50) / 100;
        shutdown.request_at(now(), Farewell::default(), Duration::ZERO);
        shutdown.ended().await;
        assert_eq!(since(), 1);
        let cut = async {
            first.cuts();
            tokio::time::sleep(Duration::from_millis(400)).await;
            drop(first);
        };
        tokio::join!(shutdown.ended(), cut);
        assert_eq!(since(), 5);
        assert_eq!(*shutdown.workers(), Workers { running: 2, cutting: 0 });
        second.cuts();
        shutdown.ended().await;
        assert_eq!(since(), 10);
        assert_eq!(*shutdown.workers(), Workers { running: 2, cutting: 1 });
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

    /// Of the clock of the runtime, by which the tests measure: it may stand still while that of the machine goes on.
    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// How many seconds after the request the listeners close, the grace is over and the deadline has come.
    async fn seconds(watch: &mut Watch, begun: tokio::time::Instant) -> [u64; 3] {
        let seconds = || (begun.elapsed() + Duration::from_millis(500)).as_secs();
        watch.listeners_close().await;
        let stop = seconds();
        watch.grace_over().await;
        let close = seconds();
        watch.expired().await;
        [stop, close, seconds()]
    }

    #[test]
    fn the_delay_comes_before_the_grace_and_the_deadline_bounds_all() {
        let time = Duration::from_secs;
        for (delay, grace, within, expected) in [
            (time(2), time(3), time(10), [2, 5, 10]),
            (time(0), time(3), time(10), [0, 3, 10]),
            (time(2), time(0), time(10), [2, 2, 10]),
            (time(20), time(3), time(10), [10, 10, 10]),
            (time(2), Duration::MAX, time(10), [2, 10, 10]),
        ] {
            let shutdown = Shutdown::new();
            let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
            let seen = runtime.unwrap().block_on(async {
                let begun = tokio::time::Instant::now();
                let farewell = Farewell::default().delay(delay).grace(grace);
                shutdown.request_at(now(), farewell, within);
                seconds(&mut shutdown.watch(), begun).await
            });
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_request_ends_the_delay_of_the_first_and_keeps_its_words() {
        let shutdown = Shutdown::new();
        let mut watch = shutdown.watch();
        let first = Farewell::default().delay(Duration::MAX).reason("first");
        assert_eq!(shutdown.request(first, Duration::MAX).reason, "first");
        assert!(shutdown.farewell().is_some());
        let mut closing = Box::pin(watch.listeners_close());
        assert!(poll_once(closing.as_mut()).await.is_none());
        let second = Farewell::default().reason("second");
        assert_eq!(shutdown.request(second, Duration::MAX).reason, "first");
        assert_eq!(closing.await.reason, "first");
        watch.grace_over().await;
    }

    async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = &mut future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
