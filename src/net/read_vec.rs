//! What a connection asks of its transport beside `AsyncWrite`: to read into the spare capacity of
//! a `Vec`, to try a write that readiness says nothing of, and to say whether it is secured.
//!
//! Whatever is `AsyncRead` can do that. A transport that can do it in a better way is not
//! `AsyncRead` and implements the trait itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::proxied::Client;
use super::state::id::ConnectionId;
#[cfg(feature = "tls")]
use super::tls_session::TlsSession;
use crate::proto::rejection::Rejection;

/// What a transport can do beside `AsyncWrite`.
pub(crate) trait ReadVec {
    /// Reads once, at most `limit` bytes, behind what is in `buffer`, and gives their number; 0 is
    /// the end. Room is made if there is none; `limit` is not 0.
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>>;

    /// Writes once, whatever is known of readiness. Leaves no waker.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is taken, and where there is no better way to know than readiness.
    fn try_write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Bytes that were written and that the transport itself still holds, as TLS does.
    fn unflushed(&mut self) -> usize {
        0
    }

    /// Flushes as [`ReadVec::try_write`] writes.
    ///
    /// # Errors
    /// `WouldBlock` where the transport still holds something, and where there is no better way to know than
    /// readiness.
    fn try_flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether TLS secures it, which is so from the beginning or never.
    fn is_secure(&self) -> bool {
        false
    }

    /// What its TLS handshake agreed on. Asked once, when the opening handshake is judged.
    #[cfg(feature = "tls")]
    fn tls_session(&self) -> Option<TlsSession> {
        None
    }

    /// The connection on it has this name, for what the transport has to log.
    fn name(&mut self, _id: ConnectionId) {}

    /// What a proxy said of its client before the first byte, once that has been read. Given once.
    fn take_introduction(&mut self) -> Option<Box<Client>> {
        None
    }

    /// Counts the connection for the address of its client, which a proxy has said. Asked once.
    ///
    /// # Errors
    /// The address has as many as it may.
    fn count_client(&mut self, _client: IpAddr) -> Result<(), Rejection> {
        Ok(())
    }

    /// Has the transport take a little more than it was meant to: the last that is written to it.
    fn make_room(&mut self) {}

    /// Our own address, where there is one. Asked once for a connection that is inspected.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The request head of an opening handshake was read, and these bytes with it that stand behind it.
    fn head_is_read(&mut self, _early: &[u8]) {}
}

impl<T: AsyncRead + Unpin> ReadVec for T {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        // Without filling it with zeros first.
        pin!(self.read_buf(&mut buffer.limit(limit))).poll(cx)
    }
}

/// A transport of any kind.
pub(crate) trait AnyTransport: ReadVec + AsyncWrite + Unpin + Send {}

impl<T: ReadVec + AsyncWrite + Unpin + Send> AnyTransport for T {}

/// What a transport passes on of the one inside of it, whatever it does with the bytes: stands in an `impl ReadVec`.
/// Default methods would hide one that is forgotten.
macro_rules! passes_on {
    ($self:ident => $inner:expr) => {
        fn unflushed(&mut $self) -> usize {
            ($inner).unflushed()
        }

        fn try_flush(&mut $self) -> std::io::Result<()> {
            ($inner).try_flush()
        }

        fn is_secure(&$self) -> bool {
            ($inner).is_secure()
        }

        #[cfg(feature = "tls")]
        fn tls_session(&$self) -> Option<crate::net::TlsSession> {
            ($inner).tls_session()
        }

        fn name(&mut $self, id: crate::net::ConnectionId) {
            ($inner).name(id);
        }

        fn count_client(
            &mut $self,
            client: std::net::IpAddr,
        ) -> Result<(), crate::proto::rejection::Rejection> {
            ($inner).count_client(client)
        }

        fn make_room(&mut $self) {
            ($inner).make_room();
        }

        fn local_addr(&$self) -> Option<std::net::SocketAddr> {
            ($inner).local_addr()
        }
    };
}
pub(crate) use passes_on;

impl ReadVec for Box<dyn AnyTransport> {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_read_vec(cx, buffer, limit)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).try_write(bytes)
    }

    fn take_introduction(&mut self) -> Option<Box<Client>> {
        (**self).take_introduction()
    }

    fn head_is_read(&mut self, early: &[u8]) {
        (**self).head_is_read(early);
    }

    passes_on!(self => **self);
}
