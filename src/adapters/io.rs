//! hyper's transport as one of tokio's.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper hands over after its 101: first the bytes that it has read behind the request head.
#[derive(Debug)]
pub(super) struct Transport {
    upgraded: Upgraded,
    /// How many bytes the next read asks for. A buffer is filled with zeros so far before it is read
    /// into, so this follows what arrives.
    wanted: usize,
}

impl Transport {
    pub(super) fn new(upgraded: Upgraded) -> Transport {
        Transport { upgraded, wanted: LEAST_WANTED }
    }

    fn upgraded(self: Pin<&mut Self>) -> Pin<&mut Upgraded> {
        Pin::new(&mut self.get_mut().upgraded)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let asked = buf.remaining().min(this.wanted);
        let mut unfilled = hyper::rt::ReadBuf::new(buf.initialize_unfilled_to(asked));
        ready!(Pin::new(&mut this.upgraded).poll_read(cx, unfilled.unfilled()))?;
        let read = unfilled.filled().len();
        buf.advance(read);
        // A read that was filled asks for twice as much the next time, a short one for half.
        this.wanted = if read == this.wanted {
            (this.wanted * 2).min(MOST_WANTED)
        } else if read < this.wanted / 2 {
            (this.wanted / 2).max(LEAST_WANTED)
        } else {
            this.wanted
        };
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.upgraded().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.upgraded().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.upgraded.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.upgraded().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.upgraded().poll_shutdown(cx)
    }
}

const LEAST_WANTED: usize = 2 << 10;
const MOST_WANTED: usize = 64 << 10;
