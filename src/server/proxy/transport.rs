//! The transports of connections that begin with a header of the PROXY protocol.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::arriving::Arriving;
use super::header::ProxyHeader;
use super::peek::Carries;
use crate::net::{Client, ReadVec, passes_on};

/// A transport, behind the header that has to come first.
pub(super) struct Proxied<T: Carries> {
    before: Before<T>,
    /// What the header says, until somebody has asked.
    introduction: Option<Box<Client>>,
}

impl<T: Carries> Proxied<T> {
    pub(super) fn new(inner: T, arriving: Arriving) -> Self {
        Proxied { before: Before::new(inner, arriving), introduction: None }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut T>
    where
        T: Unpin,
    {
        Pin::new(&mut self.get_mut().before.inner)
    }
}

impl<T: Carries + ReadVec> ReadVec for Proxied<T> {
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        match ready!(self.before.poll(cx))? {
            Passed::Before => {}
            Passed::Now(header) => {
                self.introduction = Some(Box::new(Client {
                    address: header.client,
                    is_secure: header.is_secure,
                    server_name: header.server_name.map(String::into_boxed_str),
                }));
            }
            Passed::Never => return Poll::Ready(Ok(0)),
        }
        self.before.inner.poll_read_vec(cx, buffer, limit)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.before.inner.try_write(bytes)
    }

    fn take_introduction(&mut self) -> Option<Box<Client>> {
        self.introduction.take()
    }

    passes_on!(self => self.before.inner);
}

impl<T: Carries + AsyncWrite + Unpin> AsyncWrite for Proxied<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.before.inner.is_write_vectored()
    }
}

/// A connection that has no place, and only gets told so: behind the header, too.
pub(super) struct Unwelcome<T: Carries>(Before<T>);

impl<T: Carries> Unwelcome<T> {
    pub(super) fn new(inner: T, arriving: Arriving) -> Self {
        Unwelcome(Before::new(inner, arriving))
    }
}

impl<T: Carries + AsyncRead + Unpin> AsyncRead for Unwelcome<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(self.0.poll(cx))? {
            Passed::Never => Poll::Ready(Ok(())),
            Passed::Before | Passed::Now(_) => Pin::new(&mut self.0.inner).poll_read(cx, buffer),
        }
    }
}

impl<T: Carries + AsyncWrite + Unpin> AsyncWrite for Unwelcome<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.inner).poll_shutdown(cx)
    }
}

/// A transport that is not read from before the header has been.
struct Before<T: Carries> {
    inner: T,
    /// Until the header is there.
    arriving: Option<Box<Arriving>>,
}

/// Whether the header has been read.
enum Passed {
    Before,
    Now(ProxyHeader),
    /// The peer has ended without a byte.
    Never,
}

impl<T: Carries> Before<T> {
    fn new(mut inner: T, arriving: Arriving) -> Self {
        inner.hold_back();
        Before { inner, arriving: Some(Box::new(arriving)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Passed>> {
        let Some(arriving) = &mut self.arriving else { return Poll::Ready(Ok(Passed::Before)) };
        let Some(header) = ready!(arriving.poll(self.inner.stream(), cx))? else {
            return Poll::Ready(Ok(Passed::Never));
        };
        self.arriving = None;
        self.inner.begin(header.client);
        Poll::Ready(Ok(Passed::Now(header)))
    }
}
