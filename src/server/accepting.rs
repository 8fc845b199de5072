//! A listener on the runtime of its worker: accepting from whatever kind of socket it is.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
#[cfg(unix)]
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::binding::BoundAddress;
use super::buffers::Buffers;
use super::handover::{Rest, turn_away};
use super::listener::Bound;
#[cfg(unix)]
use super::unix::SocketFile;

/// A listener that accepts until it is closed.
pub(super) struct Listener {
    /// Dropped before the socket is: see there.
    #[cfg(unix)]
    file: Option<Arc<SocketFile>>,
    /// Until it is closed.
    socket: Option<Kind>,
    /// For the log: a program may have several listeners, and several servers.
    pub(super) address: BoundAddress,
    pub(super) rest: Rest,
    /// Whether its connections begin with TLS.
    pub(super) is_tls: bool,
    /// Whether a header of the PROXY protocol comes before that.
    pub(super) is_proxied: bool,
}

enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    /// On the runtime that the calling thread is in.
    pub(super) fn new(bound: Bound, buffers: Buffers) -> io::Result<Self> {
        let is_tcp = bound.address.tcp().is_some();
        let socket = if is_tcp {
            let listener = TcpListener::from_std(bound.socket.into())?;
            buffers.set_on_listener(&listener)?;
            Kind::Tcp(listener)
        } else {
            of_unix(bound.socket)?
        };
        Ok(Self {
            #[cfg(unix)]
            file: bound.file,
            socket: Some(socket),
            address: bound.address,
            rest: bound.rest,
            is_tls: bound.is_tls,
            is_proxied: bound.is_proxied,
        })
    }

    /// The next connection.
    ///
    /// # Cancel safety
    /// No connection is lost.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        if self.socket.is_none() {
            return pending().await;
        }
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The next connection, if the runtime knows that there is one.
    pub(super) async fn accept_now(&self) -> Option<io::Result<Accepted>> {
        poll_fn(|cx| match self.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &self.socket {
            Some(Kind::Tcp(listener)) => {
                listener.poll_accept(cx).map_ok(|(stream, peer)| Accepted::Tcp(stream, peer))
            }
            #[cfg(unix)]
            Some(Kind::Unix(listener)) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| Accepted::Unix(stream))
            }
            None => Poll::Pending,
        }
    }

    /// The next connection that waits, without asking the runtime: it may not know yet that some wait, and it
    /// hides them from a task that has taken its share of a turn.
    ///
    /// # Errors
    /// `WouldBlock` where none waits.
    pub(super) fn accept_waiting(&self) -> io::Result<Accepted> {
        match &self.socket {
            Some(Kind::Tcp(listener)) => {
                let (socket, peer) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                let peer = peer.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
                Ok(Accepted::Tcp(TcpStream::from_std(socket.into())?, peer))
            }
            #[cfg(unix)]
            Some(Kind::Unix(listener)) => {
                let (socket, _) = SockRef::from(listener).accept()?;
                socket.set_nonblocking(true)?;
                let stream = std::os::fd::OwnedFd::from(socket);
                Ok(Accepted::Unix(UnixStream::from_std(stream.into())?))
            }
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// No new connections come to a socket of ours from here on, where that can be; those that wait may still
    /// be accepted.
    pub(super) fn turn_away(&self) {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            file.remove();
        }
        let (Rest::Served, Some(Kind::Tcp(listener))) = (self.rest, &self.socket) else { return };
        if let Err(error) = turn_away(&SockRef::from(listener)) {
            let listener = &self.address;
            tracing::warn!(%listener, %error, "cannot turn new connections away; some may be reset");
        }
    }

    /// Gives the socket up. What waits in its queue is reset, unless somebody else has the socket.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }
}

#[cfg(unix)]
fn of_unix(socket: socket2::Socket) -> io::Result<Kind> {
    let listener = std::os::fd::OwnedFd::from(socket);
    UnixListener::from_std(listener.into()).map(Kind::Unix)
}

#[cfg(not(unix))]
fn of_unix(_: socket2::Socket) -> io::Result<Kind> {
    Err(ErrorKind::Unsupported.into())
}
