//! A transport in memory that never waits: reads come from the input, writes are kept.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Ends with the input. What was written outlives whoever owns the transport.
pub(crate) struct Memory<'a> {
    input: &'a [u8],
    output: &'a mut Vec<u8>,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(input: &'a [u8], output: &'a mut Vec<u8>) -> Memory<'a> {
        Memory { input, output }
    }

    /// As `recv`: what fits, and 64 KiB at most; empty at the end.
    pub(crate) fn read(&mut self, most: usize) -> &'a [u8] {
        let (read, rest) = self.input.split_at(most.min(64 << 10).min(self.input.len()));
        self.input = rest;
        read
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }
}

impl AsyncRead for Memory<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.get_mut().read(buffer.remaining());
        buffer.put_slice(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let memory = self.get_mut();
        slices.iter().for_each(|slice| memory.write(slice));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
