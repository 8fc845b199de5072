//! A connection's place under the caps, tied to its transport.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::limits::{Admission, Caps, Overload, Source};

/// One connection's place.
pub(super) struct Permit {
    admission: Arc<Admission>,
    source: Option<Source>,
}

impl Permit {
    /// Counts a connection until the permit is dropped.
    pub(super) fn ask(
        admission: &Arc<Admission>,
        peer: IpAddr,
        caps: Caps,
    ) -> Result<Self, Overload> {
        let source = admission.admit(peer, caps)?;
        Ok(Self { admission: admission.clone(), source })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.dismiss(self.source);
    }
}

/// A transport that keeps its place for as long as it is open.
pub(super) struct Admitted<T> {
    io: T,
    _permit: Permit,
}

impl<T> Admitted<T> {
    pub(super) fn new(io: T, permit: Permit) -> Self {
        Self { io, _permit: permit }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Admitted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Admitted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
