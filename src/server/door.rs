//! One listener of one worker: accepting, the caps, and what those get that have no place.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::limits::{Caps, Overload};
use super::listener;
use super::permit::Permit;
use super::shutdown::Watch;
use super::socket::Socket;
use super::worker::Shared;
use crate::net::{self, BoxError, Context, Ending, Incoming, ReadVec};

/// One listener of one worker, and what its connections need.
pub(super) struct Door<H> {
    pub(super) listener: TcpListener,
    pub(super) context: Arc<Context>,
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
            Ok(permit) => self.serve(Socket::new(stream, permit), Some(peer)),
            Err(overload) => self.refuse(stream, peer, overload),
        }
        Ok(())
    }

    /// Starts the task of one connection.
    fn serve<T>(&mut self, transport: T, peer: Option<SocketAddr>)
    where
        T: ReadVec + AsyncWrite + Unpin + Send + 'static,
    {
        let handler = self.handler.clone();
        let context = self.context.clone();
        let connection =
            net::serve_transport(transport, peer, context, move |incoming| handler(incoming));
        match &mut self.connections {
            Some(connections) => drop(connections.spawn(connection)),
            None => drop(tokio::spawn(connection)),
        }
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

/// Connections taken in one go before the ones already open get their turn.
const BATCH: u32 = 64;

/// How long a worker leaves the listener alone when it cannot accept.
const PAUSE: Duration = Duration::from_millis(75);

/// How often a worker that is to end tries again to accept what waits, when descriptors are short.
const MOST_TROUBLES: u32 = 20;
