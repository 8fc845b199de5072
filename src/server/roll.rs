//! The connections of one worker, from the moment they are accepted.
//!
//! The shutdown waits for this count: the connection itself counts only from its
//! first poll, which those accepted last have not had.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::limits::{Admission, Caps, Overload, Source};

/// The connections of one worker.
pub(super) struct Roll {
    admission: Arc<Admission>,
    caps: Caps,
    live: AtomicUsize,
    emptied: Notify,
}

impl Roll {
    pub(super) fn new(admission: Arc<Admission>, caps: Caps) -> Self {
        Self { admission, caps, live: AtomicUsize::new(0), emptied: Notify::new() }
    }

    /// Counts a connection until its permit is dropped.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Permit, Overload> {
        let source = self.admission.admit(peer, self.caps)?;
        self.live.fetch_add(1, Ordering::SeqCst);
        Ok(Permit { roll: self.clone(), source })
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Waits until there is none.
    ///
    /// # Cancel safety
    ///
    /// Holds no state.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.live() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// One connection's place.
pub(super) struct Permit {
    roll: Arc<Roll>,
    source: Option<Source>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.roll.admission.dismiss(self.source);
        if self.roll.live.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.roll.emptied.notify_waiters();
        }
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
