//! Many connections: listeners, one worker per core, caps and shutdown.
//!
//! A worker is an OS thread with its own current-thread runtime, its own listener
//! and its own connections. Nothing is shared between workers on the way of a
//! message. On a runtime of the application there is one worker, which is a task and
//! whose connections are tasks. This room knows connections, not what they say.

mod accepting;
mod binding;
mod buffers;
mod caps;
mod counters;
mod door;
mod handover;
mod limits;
mod listen;
mod listener;
mod listing;
mod permit;
mod proxy;
mod pulse;
mod rates;
mod refusal;
mod renewal;
mod serving;
mod shutdown;
mod snapshot;
mod socket;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;
mod worker;

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use std::{fmt, io, thread};

use tokio::runtime;

pub use self::binding::{Binding, BoundAddress};
use self::buffers::Buffers;
pub use self::caps::Caps;
use self::counters::Tally;
pub use self::counters::{Counters, Drained};
use self::handover::HandOver;
use self::limits::Admission;
pub use self::listen::Listen;
use self::listener::Bound;
pub use self::proxy::{ProxyHeader, ProxyHeaderFault};
use self::pulse::Pulse;
use self::renewal::Renewal;
pub use self::serving::{Handle, Serving};
use self::shutdown::Shutdown;
pub use self::snapshot::Snapshot;
#[cfg(feature = "tls")]
use self::tls::InForce;
#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsCounters, TlsError};
use self::worker::{Shared, Worker};
use crate::net::{
    Answer, Body, BoxError, Config, Context, HttpService, Incoming, Limits, Takes, Timeouts,
    TrustedProxies, Watchman,
};
use crate::proto::handshake::{Policy, Request};

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
    workers: Option<usize>,
    config: Config,
    http: Option<HttpService>,
    http_where: Option<Takes>,
    caps: Caps,
    buffers: Buffers,
    blocking_warning: Option<Duration>,
    control: Arc<Control>,
}

/// What handles and workers share.
pub(super) struct Control {
    shutdown: Arc<Shutdown>,
    pulse: Arc<Pulse>,
    admission: Arc<Admission>,
    tally: Tally,
    /// What has changed since the workers began.
    renewal: Renewal,
    /// What new TLS connections are served with.
    #[cfg(feature = "tls")]
    tls: InForce,
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
    /// When an address cannot be listened on; the message names it, unless it could not be resolved.
    /// Its port is taken also when another server of this kind has it.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::listen(Listen::tcp(address)?)
    }

    /// As [`bind`](Self::bind), for connections that begin with TLS: `wss://`. [`tls`](Self::tls) is to be
    /// set then.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    #[cfg(feature = "tls")]
    pub fn bind_tls(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::listen(Listen::tcp(address)?.tls())
    }

    fn of(bound: Vec<Bound>) -> Self {
        Self {
            bound,
            workers: None,
            config: Config::default(),
            http: None,
            http_where: None,
            caps: Caps::default(),
            buffers: Buffers::default(),
            blocking_warning: Some(BLOCKING_WARNING),
            control: Arc::new(Control {
                shutdown: Arc::new(Shutdown::new()),
                pulse: Arc::default(),
                admission: Arc::default(),
                tally: Tally::default(),
                renewal: Renewal::default(),
                #[cfg(feature = "tls")]
                tls: InForce::default(),
                contexts: OnceLock::new(),
            }),
        }
    }

    /// Listens on another address too.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    pub fn bind_also(self, address: impl ToSocketAddrs) -> io::Result<Self> {
        self.listen_also(Listen::tcp(address)?)
    }

    /// Listens on another address too, for connections that begin with TLS. Plain listeners and those of TLS
    /// may stand beside each other.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    #[cfg(feature = "tls")]
    pub fn bind_also_tls(self, address: impl ToSocketAddrs) -> io::Result<Self> {
        self.listen_also(Listen::tcp(address)?.tls())
    }

    /// Sets the certificates and keys of all TLS listeners. [`Handle::reload_tls`] replaces them while the
    /// server runs.
    ///
    /// The TLS handshake and the opening handshake behind it share one deadline,
    /// [`Timeouts::handshake`], and one place under [`max_handshakes`](Self::max_handshakes). What fails is
    /// told to the log, and [`Counters::tls`] counts it.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        self.control.tls.replace(tls);
        self
    }

    /// Sets the number of worker threads, which is not 0; one per core unless set.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
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

    /// Sets which proxies are believed about their clients, and what they say.
    ///
    /// From there on the client's address is what the log, [`peer_addr`](crate::Incoming::peer_addr) and the
    /// caps per address have: a connection from a trusted proxy is counted for its client, once the request
    /// head or the [PROXY header](Listen::proxy_protocol) says who that is. A client beyond a cap gets the same
    /// answer as at the door; [`Counters`] has it among the accepted, too.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.config.trusted_proxies = Some(proxies);
        self
    }

    /// Answers requests that do not ask for a WebSocket, of any method, on the same port. Without this
    /// they get 426, or 405 where they are no GET.
    ///
    /// A request is judged as strictly as an opening handshake before the handler sees it. Its content
    /// is bounded by `Limits::max_body_size` and is to arrive within `Timeouts::handshake` after the
    /// head; the client's address is among its extensions, as a [`SocketAddr`], and that of the transport's peer
    /// as a [`TransportAddr`](crate::TransportAddr). How long the handler takes
    /// is its own matter, unless the client resets the connection: bound what may hang. The connection
    /// is closed after the answer, whose `Connection`, `Date` and framing are not the handler's to set.
    /// A panic or an error is answered with 500 and logged.
    ///
    /// ```no_run
    /// use stickler::{Body, Server, http};
    ///
    /// # async fn chat(incoming: stickler::Incoming) -> stickler::Result<()> { Ok(()) }
    /// # fn main() -> std::io::Result<()> {
    /// Server::bind("127.0.0.1:9001")?.http(page).serve(chat)
    /// # }
    ///
    /// async fn page(request: http::Request<Body>) -> http::Result<http::Response<Body>> {
    ///     match (request.method(), request.uri().path()) {
    ///         (&http::Method::GET | &http::Method::HEAD, "/") => Ok(http::Response::new("hello".into())),
    ///         _ => http::Response::builder().status(404).body(Body::empty()),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn http<H, F>(mut self, handler: H) -> Self
    where
        H: Fn(http::Request<Body>) -> F + Send + Sync + 'static,
        F: Future<Output: Answer> + Send + 'static,
    {
        self.http = Some(HttpService::of_handler(handler));
        self
    }

    /// As [`http`](Self::http), by a service of tower's kind, such as a `Router` of axum. Each request gets
    /// a clone of it.
    #[must_use]
    pub fn http_service<S, B>(mut self, service: S) -> Self
    where
        S: tower_service::Service<
                http::Request<Body>,
                Response = http::Response<B>,
                Error: Into<BoxError>,
                Future: Send,
            > + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.http = Some(HttpService::of_service(service));
        self
    }

    /// Narrows what [`http`](Self::http) or [`http_service`](Self::http_service) answers to the requests of
    /// which `takes` says so: a page beside WebSockets, for instance. All others are refused as if there was
    /// no handler, with 404, 405 or 426. `takes` sees the head alone and is to return at once.
    ///
    /// ```no_run
    /// use stickler::Server;
    ///
    /// # async fn chat(incoming: stickler::Incoming) -> stickler::Result<()> { Ok(()) }
    /// # async fn page(_: stickler::http::Request<stickler::Body>) -> stickler::http::Response<&'static str> {
    /// #     stickler::http::Response::new("hello")
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// let server = Server::bind("127.0.0.1:9001")?.http(page);
    /// server.http_where(|request| request.method() == "GET" && request.path() == "/page").serve(chat)
    /// # }
    /// ```
    #[must_use]
    pub fn http_where<P>(mut self, takes: P) -> Self
    where
        P: Fn(&Request) -> bool + Send + Sync + 'static,
    {
        self.http_where = Some(Arc::new(takes));
        self
    }

    /// Bounds what the kernel holds of one connection until the peer has acknowledged it, in bytes
    /// (`SO_SNDBUF`); it is not 0. Unless set the kernel decides, and grows it as the path needs.
    ///
    /// A bound limits the throughput of a long path to itself per round trip. Linux takes twice the
    /// number, since its own bookkeeping counts too, and no more than `net.core.wmem_max`.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.buffers.send = Some(bytes);
        self
    }

    /// Bounds what the kernel holds of one connection without having sent it, in bytes
    /// (`TCP_NOTSENT_LOWAT`); it is not 0, and not above [`send_buffer`](Self::send_buffer).
    /// 64 KiB unless set; `usize::MAX` for no bound.
    ///
    /// What a slow peer does not take waits in the queue instead, which `send` refuses to fill, so
    /// that the application may send what is newer. It costs long paths nothing. Linux and
    /// Android have it; elsewhere nothing is bounded by it.
    #[must_use]
    pub fn unsent_low_water(mut self, bytes: usize) -> Self {
        self.buffers.unsent_low_water = Some(bytes);
        self
    }

    /// Sets from when on a handler that keeps its thread within one poll is warned of, in the log,
    /// once for each type of handler and path; 100 ms unless set, and never with `None`. It is
    /// measured to 25 ms.
    ///
    /// All connections of a worker wait for such a handler: see [`serve`](Self::serve). On a
    /// multi-thread runtime `block_in_place` lets the others go on, but it is warned of too: nobody
    /// answers a Ping on that connection meanwhile.
    #[must_use]
    pub fn blocking_warning(mut self, after: Option<Duration>) -> Self {
        self.blocking_warning = after;
        self
    }

    /// The addresses of TCP that are listened on, with their real ports, in the order in
    /// which they were bound.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.iter().filter_map(|bound| bound.address.tcp()).collect()
    }

    /// All listeners, Unix sockets too, in the order in which they were bound.
    #[must_use]
    pub fn bindings(&self) -> Vec<Binding> {
        self.bound.iter().map(Bound::binding).collect()
    }

    /// A handle to the server, for other threads and for handlers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            control: self.control.clone(),
            local_addrs: self.local_addrs().into(),
            bindings: self.bindings().into(),
        }
    }

    /// Serves until [`Handle::shutdown`], calling the handler once for every opening
    /// handshake. It blocks, so it does not belong into an async function: there
    /// [`start`](Self::start) gives what is awaited.
    ///
    /// A panic in a handler ends its connection with 1011 and no other.
    ///
    /// Each worker is a current-thread runtime, and all its connections wait while one handler
    /// keeps the thread. Give work that blocks or computes for long to
    /// [`tokio::task::spawn_blocking`]. `tokio::task::block_in_place` panics there: it needs a
    /// multi-thread runtime, which [`start_on`](Self::start_on) can serve on.
    ///
    /// # Errors
    ///
    /// Inside a tokio runtime, which it would block; when a setting cannot be; when a worker cannot
    /// start, or ended by a fault of this crate.
    pub fn serve<H, F, E>(self, handler: H) -> io::Result<()>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        if runtime::Handle::try_current().is_ok() {
            return Err(io::Error::other(SERVE_IN_RUNTIME));
        }
        self.start(handler)?.wait()
    }

    /// Starts what [`serve`](Self::serve) does, and returns once every worker accepts.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a setting cannot be, or else when a worker
    /// cannot start.
    pub fn start<H, F, E>(self, handler: H) -> io::Result<Serving>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        self.check()?;
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = self.workers.unwrap_or_else(cores);
        let (serving, workers) = self.into_workers(workers)?;
        let handler = Arc::new(handler);
        let (ready, is_ready) = mpsc::channel();
        for (index, worker) in workers.into_iter().enumerate() {
            worker.start(index, handler.clone(), ready.clone())?;
        }
        drop(ready);
        is_ready.into_iter().collect::<io::Result<()>>()?;
        Ok(serving)
    }

    /// Serves on a runtime of the application, such as `Handle::current()` gives it: accepting is a
    /// task there, and so is each connection. On a multi-thread runtime a connection goes from
    /// thread to thread, which costs more than a worker does, and handlers may call
    /// `tokio::task::block_in_place`; it keeps the connection waiting, and no other.
    ///
    /// When the runtime ends, the server does.
    ///
    /// # Panics
    ///
    /// The runtime has no I/O. Without timers its tasks panic, and nobody is served.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when a setting cannot be,
    /// [`workers`](Self::workers) among them: the runtime has its own. When the listeners cannot be
    /// registered.
    pub fn start_on<H, F, E>(self, runtime: &runtime::Handle, handler: H) -> io::Result<Serving>
    where
        H: Fn(Incoming) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        self.check()?;
        if self.workers.is_some() {
            return Err(invalid("workers is set, but the runtime has threads of its own"));
        }
        let _entered = runtime.enter();
        let (serving, workers) = self.into_workers(1)?;
        let handler = Arc::new(handler);
        for worker in workers {
            worker.start_on(runtime, handler.clone())?;
        }
        Ok(serving)
    }

    fn check(&self) -> io::Result<()> {
        if self.workers == Some(0) {
            return Err(invalid("workers is 0: nobody could be served"));
        }
        self.caps.check().map_err(invalid)?;
        if self.blocking_warning == Some(Duration::ZERO) {
            return Err(invalid("blocking_warning is 0: every handler would be warned of"));
        }
        #[cfg(feature = "tls")]
        if !self.control.tls.is_set() && self.bound.iter().any(|bound| bound.is_tls) {
            return Err(invalid("there is a TLS listener, and Server::tls is not set"));
        }
        if !self.config.trusted_proxies.as_ref().is_some_and(TrustedProxies::names_networks)
            && let Some(bound) = self.bound.iter().find(|bound| bound.is_open_to_proxies())
        {
            let address = &bound.address;
            return Err(invalid(format!("{address} {NOBODY_TRUSTED}")));
        }
        self.buffers.check().map_err(invalid)?;
        self.config.check().map_err(invalid)
    }

    /// What so many workers begin with.
    fn into_workers(self, count: usize) -> io::Result<(Serving, Vec<Worker>)> {
        let serving = Serving { handle: self.handle() };
        let watchman = Watchman::new(self.blocking_warning);
        let config = Arc::new(self.config);
        let http = self.http.map(|http| http.only_where(self.http_where));
        let contexts = Context::several(&config, http.as_ref(), &watchman, count);
        let contexts = self.control.contexts.get_or_init(|| contexts);
        if let Some(farewell) = self.control.shutdown.farewell() {
            // It was asked for before there was a context to tell.
            contexts.iter().for_each(|context| context.announce(farewell.clone()));
        }
        self.control.admission.begin_caps_of_clients(self.caps);
        let hands = deal(self.bound, count)?;
        let hand_over = HandOver::new(hands.iter().flatten().map(|listener| listener.rest));
        let shared = Shared::new(self.control.clone(), self.caps, self.buffers, hand_over);
        let shared = Arc::new(shared);
        let hands = hands.into_iter().zip(contexts);
        let workers = hands.map(|(listeners, context)| Worker {
            listeners,
            context: context.clone(),
            shared: shared.clone(),
        });
        Ok((serving, workers.collect()))
    }
}

fn invalid(sentence: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, sentence)
}

/// Gives every worker a listener of each address.
fn deal(bound: Vec<Bound>, workers: usize) -> io::Result<Vec<Vec<Bound>>> {
    let mut hands: Vec<_> = (0..workers).map(|_| Vec::with_capacity(bound.len())).collect();
    for bound in bound {
        for (hand, listener) in hands.iter_mut().zip(bound.into_listeners(workers)?) {
            hand.push(listener);
        }
    }
    Ok(hands)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("bindings", &self.bindings()).finish_non_exhaustive()
    }
}

const SERVE_IN_RUNTIME: &str = "Server::serve blocks, and this is a tokio runtime: await \
    Server::start(handler)?, or Server::start_on(&Handle::current(), handler)? to serve on it";

const NOBODY_TRUSTED: &str = "takes the PROXY protocol and is for other machines too: say which proxies are \
    trusted";

/// From when on a handler that keeps its thread is warned of.
const BLOCKING_WARNING: Duration = Duration::from_millis(100);
