//! One listener of one worker: accepting, the caps, and what those get that have no place.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use super::Control;
use super::accepting::{Accepted, Listener};
use super::caps::Caps;
use super::handover::{LONGEST, LONGEST_QUEUE, LOOK_AGAIN, QUIET, Rest};
use super::limits::Overload;
use super::listener;
use super::permit::Permit;
use super::proxy::Proxying;
use super::shutdown::Watch;
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls;
#[cfg(unix)]
use super::unix::UnixSocket;
use super::worker::Shared;
use crate::net::{self, BoxError, Context, Ending, Incoming, ReadVec};

/// What the connections of a listener begin with.
pub(super) enum Security {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tls::Receiving),
}

impl Security {
    #[cfg(feature = "tls")]
    pub(super) fn of(is_tls: bool, control: &Arc<Control>, context: &Arc<Context>) -> Security {
        // RFC 6455 §10.6, §4.2.2: TLS comes first, and everything else is inside of it.
        if is_tls { Security::Tls(tls::Receiving::new(control, context)) } else { Security::Plain }
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn of(_: bool, _: &Arc<Control>, _: &Arc<Context>) -> Security {
        Security::Plain
    }
}

/// One listener of one worker, and what its connections need.
pub(super) struct Door<H> {
    pub(super) listener: Listener,
    pub(super) security: Security,
    /// Where connections begin with a header of the PROXY protocol.
    pub(super) proxying: Option<Proxying>,
    /// What connections to come begin with, and which version of it that is.
    pub(super) context: Arc<Context>,
    pub(super) caps: Caps,
    pub(super) version: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) handler: Arc<H>,
    pub(super) shutdown: Watch,
    /// Whether the kernel may still hold connections that are older than the settings of the listener.
    pub(super) is_new: bool,
    /// The connections, where nobody else drops them.
    pub(super) connections: Option<JoinSet<Ending>>,
}

impl<H, F, E> Door<H>
where
    H: Fn(Incoming) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    /// Gives the connections, where nobody else drops them.
    pub(super) async fn accept_until_shutdown(mut self) -> Option<JoinSet<Ending>> {
        let farewell = loop {
            let accepted = tokio::select! {
                biased;
                farewell = self.shutdown.listeners_close() => break farewell,
                accepted = self.listener.accept() => accepted,
                () = forget_ended(&mut self.connections) => continue,
            };
            if let Err(trouble) = self.accept_batch(accepted).await {
                self.wait_out(&trouble).await;
            }
        };
        self.listener.turn_away();
        // What was loaded since the last connection holds for those in the queue, too.
        self.renew();
        if self.shared.hand_over.is_meant() {
            self.hand_over().await;
        }
        self.context.drain(farewell);
        self.accept_rest().await;
        self.connections
    }

    /// Takes what the kernel has ready, so that a burst costs one wake-up.
    async fn accept_batch(&mut self, first: io::Result<Accepted>) -> io::Result<()> {
        if let Some(connections) = &mut self.connections {
            // Otherwise a flood keeps those that have ended.
            while connections.try_join_next().is_some() {}
        }
        self.renew();
        self.open(first, self.caps)?;
        for _ in 1..BATCH {
            match self.listener.accept_now().await {
                Some(accepted) => self.open(accepted, self.caps)?,
                None => {
                    self.is_new = false;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Has connections to come begin with what is newest.
    fn renew(&mut self) {
        let Some((version, newest)) = self.shared.control.renewal.since(self.version) else {
            return;
        };
        self.version = version;
        if let Some(config) = newest.config {
            self.context = Arc::new(self.context.with_config(config));
        }
        if let Some(caps) = newest.caps {
            self.caps = caps;
        }
    }

    /// Serves or leaves what waits in the queue, where a successor is expected; then lets the opening handshakes
    /// that go on come to their end. All of it takes a short time at most, and no longer than the shutdown.
    async fn hand_over(&mut self) {
        let mut shutdown = self.shutdown.clone();
        let rest = self.listener.rest;
        let shared = self.shared.clone();
        let handing_over = async {
            if rest == Rest::Served {
                self.serve_waiting().await;
            }
            if rest != Rest::Refused {
                self.listener.close();
            }
            if rest == Rest::Served {
                shared.hand_over.note_closed();
            }
            shared.hand_over.openings_over(&shared.control.admission).await;
        };
        tokio::select! {
            () = handing_over => {}
            () = sleep(LONGEST) => {}
            () = shutdown.expired() => {}
        }
        if rest == Rest::Left {
            self.listener.close();
        }
    }

    /// Accepts what waits, as at any time, until the queue stays empty.
    async fn serve_waiting(&mut self) {
        let began = Instant::now();
        let mut taken_at = began;
        while taken_at.elapsed() < QUIET && began.elapsed() < LONGEST_QUEUE {
            match self.listener.accept_waiting() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(LOOK_AGAIN).await,
                accepted => {
                    taken_at = Instant::now();
                    if self.open(accepted, self.caps).is_err() {
                        sleep(PAUSE).await;
                    }
                    yield_now().await;
                }
            }
        }
    }

    /// Connections that the kernel accepted for us would be reset when the listener closes; they are
    /// owed an answer like all others. The socket itself is asked until it has none. No caps: all get the
    /// same answer.
    async fn accept_rest(&mut self) {
        let (mut taken, mut troubles) = (0, 0);
        // All that are older than the request to shut down fit into the queue of the kernel.
        while taken <= listener::BACKLOG.unsigned_abs() && troubles < MOST_TROUBLES {
            match self.listener.accept_waiting() {
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

    /// Starts the connection, if the caps have a place for it. Only troubles of our own come back as errors.
    fn open(&mut self, accepted: io::Result<Accepted>, caps: Caps) -> io::Result<()> {
        match accepted {
            Ok(Accepted::Tcp(stream, peer)) => self.open_tcp(stream, peer, caps),
            #[cfg(unix)]
            Ok(Accepted::Unix(stream)) => self.open_unix(stream, caps),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Each kind of transport is a type of its own, so that no connection is larger for the sake of another
    /// kind.
    fn open_tcp(&mut self, stream: TcpStream, peer: SocketAddr, caps: Caps) {
        // Replies leave in one write, so Nagle's algorithm could only delay them.
        // It fails when the peer is gone already, which the first read tells.
        let _ = stream.set_nodelay(true);
        if self.is_new {
            self.shared.buffers.set_on_connection(&stream);
        }
        if let Some(proxying) = self.proxying.clone() {
            return self.open_proxied_tcp(&proxying, stream, peer, caps);
        }
        // Behind a proxy the client is counted, once it is known.
        let counted = if self.context.trusts(Some(peer)) { None } else { Some(peer) };
        match (self.admit(counted, caps), &self.security) {
            (Ok(permit), Security::Plain) => self.serve(Socket::new(stream, permit), Some(peer)),
            (Err(overload), Security::Plain) => self.refuse(stream, Some(peer), overload),
            #[cfg(feature = "tls")]
            (Ok(permit), Security::Tls(tls)) => {
                if let Some(socket) = tls.admit(stream, peer, permit) {
                    self.serve(socket, Some(peer));
                }
            }
            // The answer goes behind the handshake, so this costs more: the number of refusals is bounded.
            #[cfg(feature = "tls")]
            (Err(overload), Security::Tls(tls)) => {
                if let Some(socket) = tls.refuse(stream, peer) {
                    self.refuse(socket, Some(peer), overload);
                }
            }
        }
    }

    #[cfg(unix)]
    fn open_unix(&mut self, stream: UnixStream, caps: Caps) {
        self.shared.buffers.set_on_unix(&stream);
        if let Some(proxying) = self.proxying.clone() {
            return self.open_proxied_unix(&proxying, stream, caps);
        }
        match self.admit(None, caps) {
            Ok(permit) => self.serve(UnixSocket::new(stream, permit), None),
            Err(overload) => self.refuse(stream, None, overload),
        }
    }

    pub(super) fn admit(&self, peer: Option<SocketAddr>, caps: Caps) -> Result<Permit, Overload> {
        let admission = &self.shared.control.admission;
        if self.context.is_out_of_memory() {
            admission.count_out_of_memory();
            return Err(Overload::Memory);
        }
        Permit::ask(admission, peer.map(|peer| peer.ip()), caps)
    }

    /// Starts the task of one connection.
    pub(super) fn serve<T>(&mut self, transport: T, peer: Option<SocketAddr>)
    where
        T: ReadVec + AsyncWrite + Unpin + Send + 'static,
    {
        let handler = self.handler.clone();
        let context = self.context.clone();
        let handler = move |incoming| handler(incoming);
        // Of two types, so that a connection that is not inspected never asks.
        if context.is_inspected() {
            self.spawn(net::serve_inspected(Box::new(transport), peer, context, handler));
        } else {
            self.spawn(net::serve_transport(transport, peer, context, handler));
        }
    }

    fn spawn(&mut self, connection: impl Future<Output = Ending> + Send + 'static) {
        match &mut self.connections {
            Some(connections) => drop(connections.spawn(connection)),
            None => drop(tokio::spawn(connection)),
        }
    }

    pub(super) fn refuse<T>(&self, stream: T, peer: Option<SocketAddr>, overload: Overload)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Some(suppressed) = self.context.admit_line_of_place(peer) {
            let peer = peer.map(tracing::field::display);
            let listener = &self.listener.address;
            tracing::warn!(peer, %listener, %overload, suppressed, "refused a connection");
        }
        self.shared.refusals.spawn(stream, overload.rejection());
    }

    /// Out of descriptors or memory: the connection stays in the kernel's queue, and
    /// trying again at once would only burn the processor that could free them.
    async fn wait_out(&mut self, trouble: &io::Error) {
        self.shared.control.tally.accept_errors.fetch_add(1, Ordering::Relaxed);
        let listener = &self.listener.address;
        self.shared.accept_errors_told.tell(|suppressed| {
            tracing::error!(%listener, error = %trouble, suppressed, "cannot accept connections; trying again");
        });
        tokio::select! {
            _ = self.shutdown.listeners_close() => {}
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
const BATCH: u32 = 64;

/// How long a worker leaves the listener alone when it cannot accept.
const PAUSE: Duration = Duration::from_millis(75);

/// How often a worker that is to end tries again to accept what waits, when descriptors are short.
const MOST_TROUBLES: u32 = 20;
