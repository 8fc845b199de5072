//! Many connections: listeners, one worker per core, caps and shutdown.
//!
//! A worker is an OS thread with its own current-thread runtime, its own listener
//! and its own connections. Nothing is shared between workers on the way of a
//! message. This room knows connections, not what they say.

mod counters;
mod limits;
mod listener;
mod permit;
mod refusal;
mod shutdown;
mod socket;
mod worker;

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use std::{fmt, io, thread};

pub use self::counters::Counters;
use self::counters::Tally;
use self::limits::{Admission, Caps};
use self::listener::Bound;
use self::shutdown::Shutdown;
use self::worker::{Shared, Worker};
use crate::net::BoxError;
use crate::net::{Config, Context, HttpHook, Incoming, Limits, Timeouts};
use crate::proto::handshake::{Policy, Request, Response};

/// A WebSocket server that is bound to its addresses and not yet serving.
///
/// ```no_run
/// use stickler::{Incoming, Server};
///
/// fn main() -> std::io::Result<()> {
///     Server::bind("127.0.0.1:9001")?.serve(echo)
/// }
///
/// async fn echo(incoming: Incoming) -> stickler::Result<()> {
///     let (mut receiver, sender) = incoming.accept()?.split();
///     while let Some(message) = receiver.recv().await? {
///         sender.send(message)?;
///     }
///     Ok(())
/// }
/// ```
pub struct Server {
    bound: Vec<Bound>,
    workers: Option<NonZeroUsize>,
    config: Config,
    http: Option<HttpHook>,
    caps: Caps,
    control: Arc<Control>,
}

/// What handles and workers share.
pub(super) struct Control {
    shutdown: Shutdown,
    admission: Arc<Admission>,
    tally: Tally,
    /// One per worker, once they have been started.
    contexts: OnceLock<Vec<Arc<Context>>>,
}

impl Server {
    /// Listens on every address that `address` stands for, and accepts nothing yet:
    /// the kernel keeps connections until [`serve`](Self::serve) takes them.
    ///
    /// Several addresses with port 0 get one port, as the two families of a host
    /// name need, unless their IP addresses are the same. An IPv6 address on a
    /// machine without IPv6 is left out as long as another address remains.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on; the message names it. Its port is
    /// taken also when another server of this kind has it.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self {
            bound: bind(address)?,
            workers: None,
            config: Config::default(),
            http: None,
            caps: Caps::default(),
            control: Arc::new(Control {
                shutdown: Shutdown::new(),
                admission: Arc::default(),
                tally: Tally::default(),
                contexts: OnceLock::new(),
            }),
        })
    }

    /// Listens on another address too.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    pub fn bind_also(mut self, address: impl ToSocketAddrs) -> io::Result<Self> {
        self.bound.append(&mut bind(address)?);
        Ok(self)
    }

    /// Sets the number of worker threads; one per core unless set.
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Sets everything that connections are configured with.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets how much is too much.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Sets how long is too long.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.config.timeouts = timeouts;
        self
    }

    /// Sets which opening handshakes are accepted.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// Answers well-formed requests that do not ask for a WebSocket. Without an
    /// answer, or without this hook, they get 426.
    #[must_use]
    pub fn http<H>(mut self, hook: H) -> Self
    where
        H: Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    {
        self.http = Some(Arc::new(hook));
        self
    }

    /// Caps the connections that are open at once, over all workers; those beyond
    /// get 503 (RFC 9110 §15.6.4). No cap unless set.
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.caps.connections = Some(connections.get());
        self
    }

    /// Caps the connections that are open at once from one IPv4 address or one
    /// IPv6 /64; those beyond get 503. No cap unless set.
    ///
    /// Behind a proxy every connection comes from the same address.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: NonZeroUsize) -> Self {
        self.caps.per_address = Some(connections.get());
        self
    }

    /// The addresses that are listened on, with their real ports, in the order in
    /// which they were bound.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// A handle to the server, for other threads and for handlers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { control: self.control.clone(), local_addrs: self.local_addrs().into() }
    }

    /// Serves until [`Handle::shutdown`], calling the handler once for every opening
    /// handshake. It blocks, so it does not belong into an async function.
    ///
    /// A panic in a handler ends its connection with 1011 and no other.
    ///
    /// # Errors
    ///
    /// When a worker cannot start, or ended by a fault of this crate.
    pub fn serve<H, F, E>(self, handler: H) -> io::Result<()>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        self.start(handler)?.wait()
    }

    /// Does what [`serve`](Self::serve) does, and returns once every worker accepts.
    ///
    /// # Errors
    ///
    /// When a worker cannot start.
    pub fn start<H, F, E>(self, handler: H) -> io::Result<Serving>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let serving = Serving { handle: self.handle() };
        let workers = self
            .workers
            .or_else(|| thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        let config = Arc::new(self.config);
        let contexts = Context::several(&config, self.http.as_ref(), workers);
        let contexts = self.control.contexts.get_or_init(|| contexts);
        let shared = Arc::new(Shared::new(self.control.clone(), self.caps));
        let handler = Arc::new(handler);
        let (ready, is_ready) = mpsc::channel();
        for (index, (listeners, context)) in
            deal(self.bound, workers)?.into_iter().zip(contexts).enumerate()
        {
            let worker =
                Worker { index, listeners, context: context.clone(), shared: shared.clone() };
            worker.start(handler.clone(), ready.clone())?;
        }
        drop(ready);
        is_ready.into_iter().collect::<io::Result<()>>()?;
        Ok(serving)
    }
}

/// Gives every worker a listener of each address.
fn deal(bound: Vec<Bound>, workers: usize) -> io::Result<Vec<Vec<std::net::TcpListener>>> {
    let mut hands: Vec<_> = (0..workers).map(|_| Vec::with_capacity(bound.len())).collect();
    for bound in bound {
        for (hand, listener) in hands.iter_mut().zip(bound.into_listeners(workers)?) {
            hand.push(listener);
        }
    }
    Ok(hands)
}

fn bind(address: impl ToSocketAddrs) -> io::Result<Vec<Bound>> {
    let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    listener::bind_all(&addresses)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

/// A server whose workers accept connections. Dropping it shuts the server down
/// at once.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct Serving {
    handle: Handle,
}

impl Serving {
    /// A handle to the server.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Blocks until the server has been shut down.
    ///
    /// Returns shortly after the deadline of the shutdown even when application code
    /// keeps a worker from ending; that thread is left behind.
    ///
    /// # Errors
    ///
    /// When a worker ended by a fault of this crate.
    pub fn wait(self) -> io::Result<()> {
        self.handle.control.shutdown.wait();
        if self.handle.control.tally.is_broken.load(Ordering::Relaxed) {
            return Err(io::Error::other("a worker failed"));
        }
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.shutdown(Duration::ZERO);
    }
}

/// Ends a server and reads its numbers, from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    control: Arc<Control>,
    local_addrs: Arc<[SocketAddr]>,
}

impl Handle {
    /// Stops accepting, sends Close 1001 to every connection, refuses undecided
    /// opening handshakes with 503, and drops what is left after `within`.
    ///
    /// Does not wait: [`Server::serve`] returns when it is done. Called again, the
    /// earlier deadline holds.
    pub fn shutdown(&self, within: Duration) {
        self.control.shutdown.request(within);
    }

    /// The addresses that were bound when the handle was made.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// What the server has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let Control { admission, tally, contexts, .. } = &*self.control;
        let contexts = contexts.get().into_iter().flatten();
        let sum = |count: fn(&Context) -> u64| contexts.clone().map(|each| count(each)).sum();
        Counters {
            connections: admission.live(),
            accepted: admission.accepted(),
            refused: admission.refused(),
            accept_errors: tally.accept_errors.load(Ordering::Relaxed),
            panics: sum(Context::panics),
            unspoken_subprotocols: sum(Context::unspoken_subprotocols),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("local_addrs", &self.local_addrs)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
