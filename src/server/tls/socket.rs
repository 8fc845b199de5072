//! The transports of connections over TLS.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::session::Session;
use crate::net::{ReadVec, TlsSession};
use crate::proto::rejection::Rejection;
use crate::server::permit::Permit;
use crate::server::proxy::Carries;

/// One accepted connection over TLS. What is behind the box is as large as rustls makes it.
pub(in crate::server) struct TlsSocket {
    session: Box<Session>,
    permit: Permit,
}

impl TlsSocket {
    pub(super) fn new(session: Box<Session>, permit: Permit) -> TlsSocket {
        TlsSocket { session, permit }
    }
}

impl ReadVec for TlsSocket {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        self.session.poll_read(cx, buffer, limit)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.session.try_write(bytes)
    }

    fn unflushed(&mut self) -> usize {
        self.session.held()
    }

    fn try_flush(&mut self) -> io::Result<()> {
        self.session.try_flush()
    }

    fn is_secure(&self) -> bool {
        true
    }

    fn tls_session(&self) -> Option<TlsSession> {
        self.session.agreed()
    }

    fn count_client(&mut self, client: IpAddr) -> Result<(), Rejection> {
        self.permit.count_client(client)
    }

    fn make_room(&mut self) {
        self.session.make_room();
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.session.local_addr()
    }
}

impl Carries for TlsSocket {
    type Stream = TcpStream;

    fn stream(&self) -> &TcpStream {
        self.session.stream()
    }

    fn hold_back(&mut self) {
        self.session.hold_back();
    }

    fn begin(&mut self, client: Option<SocketAddr>) {
        self.session.begin(client);
    }
}

impl Carries for RefusedTls {
    type Stream = TcpStream;

    fn stream(&self) -> &TcpStream {
        self.0.stream()
    }

    fn hold_back(&mut self) {
        self.0.hold_back();
    }

    fn begin(&mut self, client: Option<SocketAddr>) {
        self.0.begin(client);
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(bytes);
        self.session.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.poll_shutdown(cx)
    }

    /// A header and its payload become one record.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.permit.note_written(slices.first().map_or(&[], |slice| slice));
        self.session.poll_write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// A connection over TLS that has no place, and only gets told so.
pub(in crate::server) struct RefusedTls(Box<Session>);

impl RefusedTls {
    pub(super) fn new(session: Box<Session>) -> RefusedTls {
        RefusedTls(session)
    }
}

impl AsyncRead for RefusedTls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            let mut content = Vec::with_capacity(buffer.remaining());
            ready!(self.0.poll_read(cx, &mut content, buffer.remaining()))?;
            buffer.put_slice(&content);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RefusedTls {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
