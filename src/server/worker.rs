//! One worker: its own listeners and its own connections, on a thread and a runtime of its own or on
//! a runtime of the application. Between workers there are only caps, counters and the request to
//! shut down.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Builder, Runtime};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::Control;
use super::buffers::Buffers;
use super::counters::OncePerSecond;
use super::limits::{Caps, Overload, descriptor_limit};
use super::listener;
use super::permit::Permit;
use super::refusal::Refusals;
use super::shutdown::Watch;
use super::socket::Socket;
use crate::net::{self, BoxError, Context, Ending, Farewell, Incoming};

/// What all workers of a server share.
pub(super) struct Shared {
    pub(super) control: Arc<Control>,
    pub(super) caps: Caps,
    pub(super) buffers: Buffers,
    refusals: Refusals,
    accept_errors_told: OncePerSecond,
}

impl Shared {
    pub(super) fn new(control: Arc<Control>, caps: Caps, buffers: Buffers) -> Self {
        let descriptors = descriptor_limit();
        Self {
            control,
            caps: caps.with_defaults(descriptors),
            buffers,
            refusals: Refusals::new(descriptors),
            accept_errors_told: OncePerSecond::new(),
        }
    }
}

/// What a worker begins with.
pub(super) struct Worker {
    pub(super) listeners: Vec<std::net::TcpListener>,
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
            let _running = self.shared.control.shutdown.started();
            // tokio panics where it has no descriptors left for its signals.
            let prepared = catch_unwind(AssertUnwindSafe(|| prepare(&mut self)));
            match prepared.unwrap_or_else(|_| Err(io::Error::other(NO_RUNTIME))) {
                Err(error) => drop(ready.send(Err(error))),
                Ok((runtime, listeners)) => {
                    drop(ready.send(Ok(())));
                    drop(ready);
                    runtime.block_on(self.run(listeners, handler, Left::ToRuntime));
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
        runtime.spawn(async move {
            let _running = running;
            self.run(listeners, handler, Left::ToWorker).await;
        });
        Ok(())
    }

    /// Accepts until the shutdown, then waits for the connections or the deadline.
    async fn run<H, F, E>(self, listeners: Vec<TcpListener>, handler: Arc<H>, left: Left)
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let control = &self.shared.control;
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let door = Door {
                listener,
                context: self.context.clone(),
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
        let mut shutdown = control.shutdown.watch();
        let deadline = async {
            shutdown.grace_over().await;
            self.context.shutdown();
            // One after the other: however late this task is polled, the Close goes first.
            tokio::join!(shutdown.expired(), sleep(LAST_WORDS));
        };
        tokio::select! {
            () = async { tokio::join!(self.context.emptied(), self.shared.refusals.finished()); } => {}
            () = deadline => {
                tracing::warn!(connections = self.context.connections(), "the deadline ended connections");
            }
        }
    }

    /// The listeners, on the runtime of the worker.
    fn listen(&mut self) -> io::Result<Vec<TcpListener>> {
        let mut listeners = Vec::with_capacity(self.listeners.len());
        for listener in self.listeners.drain(..) {
            let listener = TcpListener::from_std(listener)?;
            self.shared.buffers.set_on_listener(&listener)?;
            listeners.push(listener);
        }
        Ok(listeners)
    }
}

fn prepare(worker: &mut Worker) -> io::Result<(Runtime, Vec<TcpListener>)> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| io::Error::new(error.kind(), format!("{NO_RUNTIME}: {error}")))?;
    let entered = runtime.enter();
    let listeners = worker.listen()?;
    drop(entered);
    Ok((runtime, listeners))
}

/// One listener of one worker, and what its connections need.
struct Door<H> {
    listener: TcpListener,
    context: Arc<Context>,
    shared: Arc<Shared>,
    handler: Arc<H>,
    shutdown: Watch,
    /// Whether the kernel may still hold connections that are older than the settings of the listener.
    is_new: bool,
    /// The connections, where nobody else drops them.
    connections: Option<JoinSet<Ending>>,
}

impl<H, F, E> Door<H>
where
    H: Fn(Incoming) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    async fn accept_until_shutdown(mut self) -> Option<JoinSet<Ending>> {
        let farewell = loop {
            let accepted = tokio::select! {
                biased;
                farewell = self.shutdown.requested() => break farewell,
                accepted = self.listener.accept() => accepted,
                () = forget_ended(&mut self.connections) => continue,
            };
            if let Err(trouble) = self.accept_batch(accepted).await {
                self.wait_out(&trouble).await;
            }
        };
        self.context.drain(farewell);
        self.accept_rest().await;
        self.connections
    }

    /// Takes what the kernel has ready, so that a burst costs one wake-up.
    async fn accept_batch(&mut self, first: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
        if let Some(connections) = &mut self.connections {
            // Otherwise a flood keeps those that have ended.
            while connections.try_join_next().is_some() {}
        }
        self.open(first, self.shared.caps)?;
        for _ in 1..BATCH {
            match self.accept_now().await {
                Some(accepted) => self.open(accepted, self.shared.caps)?,
                None => {
                    self.is_new = false;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Connections that the kernel accepted for us would be reset when the listener closes; they are
    /// owed an answer like all others. The socket itself is asked until it has none: the runtime may
    /// not know yet that some wait, and it hides them from a task that has taken its share of a turn. No
    /// caps: all get the same answer.
    async fn accept_rest(&mut self) {
        let (mut taken, mut troubles) = (0, 0);
        // All that are older than the request to shut down fit into the queue of the kernel.
        while taken <= listener::BACKLOG.unsigned_abs() && troubles < MOST_TROUBLES {
            match accept_from(&self.listener) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                accepted => match self.open(accepted, Caps::default()) {
                    Ok(()) => taken += 1,
                    // Descriptors are short, and connections are ending.
                    Err(_) => {
                        troubles += 1;
                        sleep(PAUSE).await;
                    }
                },
            }
            if taken % BATCH == 0 {
                yield_now().await;
            }
        }
    }

    async fn accept_now(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|context| match self.listener.poll_accept(context) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Starts the connection, if the caps have a place for it. Only troubles of our own come back as errors.
    fn open(
        &mut self,
        accepted: io::Result<(TcpStream, SocketAddr)>,
        caps: Caps,
    ) -> io::Result<()> {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Replies leave in one write, so Nagle's algorithm could only delay them.
        // It fails when the peer is gone already, which the first read tells.
        let _ = stream.set_nodelay(true);
        if self.is_new {
            self.shared.buffers.set_on_connection(&stream);
        }
        let admission = &self.shared.control.admission;
        if self.context.is_out_of_memory() {
            admission.count_out_of_memory();
            self.refuse(stream, peer, Overload::Memory);
            return Ok(());
        }
        match Permit::ask(admission, peer.ip(), caps) {
            Ok(permit) => {
                let handler = self.handler.clone();
                let connection = net::serve_transport(
                    Socket::new(stream, permit),
                    Some(peer),
                    self.context.clone(),
                    move |incoming| handler(incoming),
                );
                match &mut self.connections {
                    Some(connections) => drop(connections.spawn(connection)),
                    None => drop(tokio::spawn(connection)),
                }
            }
            Err(overload) => self.refuse(stream, peer, overload),
        }
        Ok(())
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, overload: Overload) {
        if let Some(suppressed) = self.context.admit_line_of_place(peer) {
            tracing::warn!(%peer, %overload, suppressed, "refused a connection");
        }
        self.shared.refusals.spawn(stream, overload.rejection());
    }

    /// Out of descriptors or memory: the connection stays in the kernel's queue, and
    /// trying again at once would only burn the processor that could free them.
    async fn wait_out(&mut self, trouble: &io::Error) {
        self.shared.control.tally.accept_errors.fetch_add(1, Ordering::Relaxed);
        self.shared.accept_errors_told.tell(|suppressed| {
            tracing::error!(error = %trouble, suppressed, "cannot accept connections; trying again");
        });
        tokio::select! {
            _ = self.shutdown.requested() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

/// Lets go of a connection that has ended, as soon as there is one.
async fn forget_ended(connections: &mut Option<JoinSet<Ending>>) {
    let ended = match connections {
        Some(connections) => connections.join_next().await,
        None => None,
    };
    if ended.is_none() {
        pending::<()>().await;
    }
}

/// The next connection that waits at this listener, without asking the runtime.
fn accept_from(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
    Ok((TcpStream::from_std(socket.into())?, peer))
}

/// The connection failed before it was accepted; the next one may be fine.
/// Linux passes errors that are pending on the new socket through accept().
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
    )
}

const NO_RUNTIME: &str = "cannot start the runtime of a worker";

/// Connections taken in one go before the ones already open get their turn.
const BATCH: u32 = 64;

/// How long a worker leaves the listener alone when it cannot accept.
const PAUSE: Duration = Duration::from_millis(75);

/// How often a worker that is to end tries again to accept what waits, when descriptors are short.
const MOST_TROUBLES: u32 = 20;

/// However near the deadline is, connections have this long to send their Close frame.
/// The thread that waits for the workers grants it beyond the deadline.
const LAST_WORDS: Duration = Duration::from_millis(50);
