//! The socket as rustls reads and writes it: calls that block are calls that would block.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::plain_http::ENOUGH;
use crate::server::socket::raw;

thread_local! {
    static RECORDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the thread's buffer for records that are read. Within the loan it is empty.
pub(super) fn lend<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut records = RECORDS.try_with(RefCell::take).unwrap_or_default();
    records.resize(READ, 0);
    let result = read(&mut records);
    let _ = RECORDS.try_with(|kept| kept.replace(records));
    result
}

/// Bytes that are read at once: two records of the largest kind.
const READ: usize = 33 << 10;

/// Reads from the socket, and has the task woken where there is nothing.
pub(super) struct Reading<'a, 'b> {
    pub(super) stream: &'a TcpStream,
    pub(super) cx: &'a mut Context<'b>,
    /// Keeps the first octets of the connection, where they are wanted.
    pub(super) first: Option<&'a mut First>,
}

impl Read for Reading<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = would_block(raw::poll_recv_into(self.stream, self.cx, buffer))?;
        if let Some(first) = &mut self.first {
            first.keep(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

/// The first octets of a connection.
#[derive(Default)]
pub(super) struct First {
    octets: [u8; ENOUGH],
    /// 0 <= len <= octets.len()
    len: usize,
}

impl First {
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    pub(super) fn keep(&mut self, read: &[u8]) {
        for (place, octet) in self.octets.iter_mut().skip(self.len).zip(read) {
            *place = *octet;
            self.len += 1;
        }
    }
}

/// Writes to the socket, and has the task woken where it takes nothing.
pub(super) struct Writing<'a, 'b> {
    pub(super) stream: &'a TcpStream,
    pub(super) cx: &'a mut Context<'b>,
}

impl Write for Writing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(raw::poll_send(self.stream, self.cx, bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [slice] => self.write(slice),
            slices => would_block(raw::poll_send_vectored(self.stream, self.cx, slices)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to the socket, whatever is known of its readiness.
pub(super) struct Trying<'a>(pub(super) &'a TcpStream);

impl Write for Trying<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        raw::try_send(self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn would_block<R>(polled: Poll<io::Result<R>>) -> io::Result<R> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
