//! One worker: its own listeners and its own connections, on a thread and a runtime of its own or on
//! a runtime of the application. Between workers there are only caps, counters and the request to
//! shut down.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{self, Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Control;
use super::accepting::Listener;
use super::buffers::Buffers;
use super::caps::{Caps, descriptor_limit};
use super::counters::OncePerSecond;
use super::door::{Door, Security};
use super::handover::HandOver;
use super::listener::Bound;
use super::proxy::Proxying;
use super::refusal::Refusals;
use super::shutdown::Running;
use crate::net::{BoxError, Context, Farewell, Incoming};

/// What all workers of a server share.
pub(super) struct Shared {
    pub(super) control: Arc<Control>,
    pub(super) caps: Caps,
    pub(super) buffers: Buffers,
    pub(super) refusals: Refusals,
    pub(super) accept_errors_told: OncePerSecond,
    pub(super) hand_over: HandOver,
}

impl Shared {
    pub(super) fn new(
        control: Arc<Control>,
        caps: Caps,
        buffers: Buffers,
        hand_over: HandOver,
    ) -> Self {
        let descriptors = descriptor_limit();
        Self {
            control,
            caps: caps.with_defaults(descriptors),
            buffers,
            refusals: Refusals::new(descriptors),
            accept_errors_told: OncePerSecond::new(),
            hand_over,
        }
    }
}

/// What a worker begins with.
pub(super) struct Worker {
    pub(super) listeners: Vec<Bound>,
    pub(super) context: Arc<Context>,
    pub(super) shared: Arc<Shared>,
}

/// Who drops the connections that are left at the deadline.
#[derive(Clone, Copy, Debug)]
enum Left {
    /// The runtime, which ends with the worker.
    ToRuntime,
    /// The worker: the runtime goes on.
    ToWorker,
}

impl Worker {
    /// Starts a thread, and sends one message once the worker accepts or cannot.
    pub(super) fn start<H, F, E>(
        mut self,
        index: usize,
        handler: Arc<H>,
        ready: mpsc::Sender<io::Result<()>>,
    ) -> io::Result<()>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let thread = thread::Builder::new().name(format!("stickler-{index}"));
        let thread = thread.spawn(move || {
            let mut running = self.shared.control.shutdown.started();
            // tokio panics where it has no descriptors left for its signals.
            let prepared = catch_unwind(AssertUnwindSafe(|| prepare(&mut self)));
            match prepared.unwrap_or_else(|_| Err(io::Error::other(NO_RUNTIME))) {
                Err(error) => drop(ready.send(Err(error))),
                Ok((runtime, listeners)) => {
                    let _felt = self.shared.control.pulse.feel(runtime.handle().clone());
                    drop(ready.send(Ok(())));
                    drop(ready);
                    runtime.block_on(self.run(listeners, handler, Left::ToRuntime, &mut running));
                    // Blocking work that the application started is not waited for.
                    runtime.shutdown_background();
                }
            }
        });
        let name = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot start a thread for a worker: {error}"))
        };
        thread.map(drop).map_err(name)
    }

    /// Starts a task on a runtime of the application.
    pub(super) fn start_on<H, F, E>(
        mut self,
        runtime: &runtime::Handle,
        handler: Arc<H>,
    ) -> io::Result<()>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let _entered = runtime.enter();
        let running = self.shared.control.shutdown.started();
        let listeners = self.listen()?;
        let felt = self.shared.control.pulse.feel(runtime.clone());
        runtime.spawn(async move {
            let (mut running, _felt) = (running, felt);
            self.run(listeners, handler, Left::ToWorker, &mut running).await;
        });
        Ok(())
    }

    /// Accepts until the shutdown, then waits for the connections or the deadline.
    async fn run<H, F, E>(
        self,
        listeners: Vec<Listener>,
        handler: Arc<H>,
        left: Left,
        running: &mut Running,
    ) where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let control = &self.shared.control;
        let names: Vec<_> = listeners.iter().map(|each| each.address.to_string()).collect();
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let security = Security::of(listener.is_tls, control, &self.context);
            let is_proxied = listener.is_proxied;
            let door = Door {
                listener,
                security,
                proxying: is_proxied.then(|| Proxying::new(control, &self.context)),
                context: self.context.clone(),
                caps: self.shared.caps,
                version: 0,
                shared: self.shared.clone(),
                handler: handler.clone(),
                shutdown: control.shutdown.watch(),
                is_new: true,
                connections: match left {
                    Left::ToRuntime => None,
                    Left::ToWorker => Some(JoinSet::new()),
                },
            };
            accepting.spawn(door.accept_until_shutdown());
        }
        drop(handler);
        // Dropping them drops the connections that are left.
        let mut connections = Vec::new();
        while let Some(ended) = accepting.join_next().await {
            match ended {
                Ok(of_one_door) => connections.extend(of_one_door),
                Err(error) => {
                    tracing::error!(%error, "an accept loop failed; shutting down");
                    control.tally.is_broken.store(true, Ordering::Relaxed);
                    control.shutdown.request(Farewell::default(), Duration::ZERO);
                }
            }
        }
        let (mut shutdown, mut watch) = (control.shutdown.watch(), control.shutdown.watch());
        // Before the Closes, which may be many.
        let cut = async {
            watch.expired().await;
            running.cuts();
        };
        let deadline = async {
            shutdown.grace_over().await;
            for departure in self.context.departures() {
                shutdown.due(&departure).await;
                self.context.depart(&departure);
            }
            self.context.shutdown();
            // One after the other: however late this task is polled, the Close goes first.
            tokio::join!(shutdown.expired(), sleep(LAST_WORDS));
        };
        tokio::select! {
            () = async { tokio::join!(self.context.emptied(), self.shared.refusals.finished()); } => {}
            ((), ()) = async { tokio::join!(cut, deadline) } => {
                tell_cut(&self.context, &names);
            }
        }
    }

    /// The listeners, on the runtime of the worker.
    fn listen(&mut self) -> io::Result<Vec<Listener>> {
        let buffers = self.shared.buffers;
        self.listeners.drain(..).map(|bound| Listener::new(bound, buffers)).collect()
    }
}

/// Tells of what is about to be dropped.
fn tell_cut(context: &Context, names: &[String]) {
    // A program may have several servers, as for its operators.
    let listeners = names.join(" ");
    let connections = context.unended();
    if connections > 0 {
        tracing::warn!(connections, listeners, "the deadline ended connections");
    }
    let handlers = context.connections().saturating_sub(connections);
    if handlers > 0 {
        tracing::warn!(
            handlers,
            listeners,
            "the deadline ended handlers whose connections had ended before"
        );
    }
}

fn prepare(worker: &mut Worker) -> io::Result<(Runtime, Vec<Listener>)> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| io::Error::new(error.kind(), format!("{NO_RUNTIME}: {error}")))?;
    let entered = runtime.enter();
    let listeners = worker.listen()?;
    drop(entered);
    Ok((runtime, listeners))
}

const NO_RUNTIME: &str = "cannot start the runtime of a worker";

/// However near the deadline is, connections have this long to send their Close frame.
/// The thread that waits for the workers grants it beyond the deadline.
const LAST_WORDS: Duration = Duration::from_millis(50);
