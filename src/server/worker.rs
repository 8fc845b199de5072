//! One worker: an OS thread with its own runtime, its own listeners and its own
//! connections. Between workers there are only caps, counters and the request to shut down.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Control;
use super::counters::OncePerSecond;
use super::limits::{Caps, Overload};
use super::permit::Permit;
use super::refusal::refuse;
use super::shutdown::Watch;
use super::socket::Socket;
use crate::net::BoxError;
use crate::net::{self, Context, Incoming};

/// What all workers of a server share.
pub(super) struct Shared {
    pub(super) control: Arc<Control>,
    pub(super) caps: Caps,
    /// Connections that are being refused for lack of a place.
    refusing: AtomicUsize,
    refusals_told: OncePerSecond,
    accept_errors_told: OncePerSecond,
}

impl Shared {
    pub(super) fn new(control: Arc<Control>, caps: Caps) -> Self {
        Self {
            control,
            caps,
            refusing: AtomicUsize::new(0),
            refusals_told: OncePerSecond::new(),
            accept_errors_told: OncePerSecond::new(),
        }
    }
}

/// What a worker begins with.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) listeners: Vec<std::net::TcpListener>,
    pub(super) context: Arc<Context>,
    pub(super) shared: Arc<Shared>,
}

impl Worker {
    /// Starts the thread, and sends one message once the worker accepts or cannot.
    pub(super) fn start<H, F, E>(
        mut self,
        handler: Arc<H>,
        ready: mpsc::Sender<io::Result<()>>,
    ) -> io::Result<()>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let thread = thread::Builder::new().name(format!("stickler-{}", self.index));
        thread.spawn(move || {
            let control = self.shared.control.clone();
            let _running = control.shutdown.started();
            let listeners = std::mem::take(&mut self.listeners);
            match prepare(listeners) {
                Err(error) => drop(ready.send(Err(error))),
                Ok((runtime, listeners)) => {
                    drop(ready.send(Ok(())));
                    drop(ready);
                    runtime.block_on(self.run(listeners, handler));
                    // Blocking work that the application started is not waited for.
                    runtime.shutdown_background();
                }
            }
        })?;
        Ok(())
    }

    /// Accepts until the shutdown, then waits for the connections or the deadline.
    async fn run<H, F, E>(self, listeners: Vec<TcpListener>, handler: Arc<H>)
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
            };
            accepting.spawn(door.accept_until_shutdown());
        }
        drop(handler);
        while let Some(ended) = accepting.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "an accept loop failed; shutting down");
                control.tally.is_broken.store(true, Ordering::Relaxed);
                control.shutdown.request(Duration::ZERO);
            }
        }
        let mut shutdown = control.shutdown.watch();
        tokio::select! {
            () = self.context.emptied() => {}
            () = async { tokio::join!(shutdown.expired(), sleep(LAST_WORDS)) ; } => {
                tracing::warn!(connections = self.context.connections(), "the deadline ended connections");
            }
        }
    }
}

fn prepare(listeners: Vec<std::net::TcpListener>) -> io::Result<(Runtime, Vec<TcpListener>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let listeners = listeners.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
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
}

impl<H, F, E> Door<H>
where
    H: Fn(Incoming) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    async fn accept_until_shutdown(mut self) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.requested() => break,
                accepted = self.listener.accept() => accepted,
            };
            if let Err(trouble) = self.accept_batch(accepted).await {
                self.wait_out(&trouble).await;
            }
        }
        self.context.shutdown();
        self.accept_rest().await;
    }

    /// Takes what the kernel has ready, so that a burst costs one wake-up.
    async fn accept_batch(&mut self, first: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
        self.open(first)?;
        for _ in 1..BATCH {
            match self.accept_now().await {
                Some(accepted) => self.open(accepted)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Connections that the kernel accepted for us would be reset when the listener
    /// closes; they are owed an answer like all others.
    async fn accept_rest(&mut self) {
        while let Some(accepted) = self.accept_now().await {
            if self.open(accepted).is_err() {
                break;
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

    /// Starts the connection. Only troubles of our own come back as errors.
    fn open(&self, accepted: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        // Replies leave in one write, so Nagle's algorithm could only delay them.
        // It fails when the peer is gone already, which the first read tells.
        let _ = stream.set_nodelay(true);
        match Permit::ask(&self.shared.control.admission, peer.ip(), self.shared.caps) {
            Ok(permit) => {
                let handler = self.handler.clone();
                let io = Socket::new(stream, permit);
                tokio::spawn(net::serve_transport(
                    io,
                    Some(peer),
                    self.context.clone(),
                    move |incoming| handler(incoming),
                ));
            }
            Err(overload) => self.refuse(stream, peer, overload),
        }
        Ok(())
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, overload: Overload) {
        let shared = self.shared.clone();
        shared.refusals_told.tell(|suppressed| {
            tracing::warn!(%peer, %overload, suppressed, "refused a connection");
        });
        // Refusing is cheap, but not free: beyond this many, connections are dropped.
        if shared.refusing.fetch_add(1, Ordering::Relaxed) >= REFUSED_AT_ONCE {
            shared.refusing.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        tokio::spawn(async move {
            refuse(stream).await;
            shared.refusing.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Out of descriptors or memory: the connection stays in the kernel's queue, and
    /// trying again at once would only burn the processor that could free them.
    async fn wait_out(&mut self, trouble: &io::Error) {
        self.shared.control.tally.accept_errors.fetch_add(1, Ordering::Relaxed);
        self.shared.accept_errors_told.tell(|suppressed| {
            tracing::error!(error = %trouble, suppressed, "cannot accept connections; trying again");
        });
        tokio::select! {
            () = self.shutdown.requested() => {}
            () = sleep(PAUSE) => {}
        }
    }
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

/// Connections taken in one go before the ones already open get their turn.
const BATCH: usize = 64;

/// How long a worker leaves the listener alone when it cannot accept.
const PAUSE: Duration = Duration::from_millis(75);

/// However near the deadline is, connections have this long to send their Close frame.
/// The thread that waits for the workers grants it beyond the deadline.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Connections told 503 at the same time, in all workers.
const REFUSED_AT_ONCE: usize = 256;
