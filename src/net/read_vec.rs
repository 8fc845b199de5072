//! What a connection asks of its transport beside `AsyncWrite`: to read into the spare capacity of
//! a `Vec`.
//!
//! Whatever is `AsyncRead` can do that. A transport that can do it in a better way is not
//! `AsyncRead` and implements the trait itself.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The side of a transport that is read.
pub(crate) trait ReadVec {
    /// Reads once, at most `limit` bytes, behind what is in `buffer`, and gives their number; 0 is
    /// the end. Room is made if there is none; `limit` is not 0.
    fn poll_read_vec(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>>;
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
