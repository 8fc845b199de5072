//! Sockets whose bytes can be looked at before they are taken: so a header is taken exactly, and what follows
//! is left to TLS or HTTP.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::task::ready;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// A socket that can be looked into.
pub(in crate::server) trait Peek {
    /// Looks at what is there, and gives how much that is; 0 is the end.
    fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes bytes that were seen.
    fn take(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Peek for TcpStream {
    fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        TcpStream::poll_peek(self, cx, &mut ReadBuf::new(buffer))
    }

    fn take(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

#[cfg(unix)]
impl Peek for tokio::net::UnixStream {
    fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        use rustix::io::retry_on_intr;
        use rustix::net::{RecvFlags, recv};
        loop {
            ready!(self.poll_read_ready(cx))?;
            let peeked = self.try_io(tokio::io::Interest::READABLE, || {
                Ok(retry_on_intr(|| recv(self, &mut *buffer, RecvFlags::PEEK))?.0)
            });
            match peeked {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return Poll::Ready(peeked),
            }
        }
    }

    fn take(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

/// A transport on such a socket, from which nothing has been read.
pub(in crate::server) trait Carries {
    type Stream: Peek;

    fn stream(&self) -> &Self::Stream;

    /// Something else comes first: until it begins, what it says of its end is for nobody.
    fn hold_back(&mut self) {}

    /// It is read from now on, and is this client's, where one is named.
    fn begin(&mut self, _client: Option<SocketAddr>) {}
}

impl Carries for TcpStream {
    type Stream = TcpStream;

    fn stream(&self) -> &TcpStream {
        self
    }
}

#[cfg(unix)]
impl Carries for tokio::net::UnixStream {
    type Stream = tokio::net::UnixStream;

    fn stream(&self) -> &tokio::net::UnixStream {
        self
    }
}
