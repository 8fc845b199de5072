//! A header that is arriving: taken from the socket up to its last byte, however it is cut.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Observer;
use super::header::{MOST, ProxyHeader};
use super::peek::Peek;

/// Of whom a header may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// The peer is trusted.
    Proxy,
    /// The peer is a process of this machine, and no proxy: it may say that it speaks for itself, as health
    /// checks do.
    LocalOnly,
}

/// A header that is arriving.
pub(super) struct Arriving {
    /// Taken from the socket: the front of the header, which is not whole.
    received: Vec<u8>,
    trust: Trust,
    peer: Option<SocketAddr>,
    observer: Arc<Observer>,
    /// Whether it has come to an end that is counted or need not be.
    is_settled: bool,
}

impl Arriving {
    pub(super) fn new(trust: Trust, peer: Option<SocketAddr>, observer: Arc<Observer>) -> Self {
        Arriving { received: Vec::new(), trust, peer, observer, is_settled: false }
    }

    /// Takes what is there of the header, and gives it once it is whole; `None` where the peer has ended
    /// without a byte.
    ///
    /// # Errors
    /// It is wrong, or the transport failed. `InvalidData` is no error that a socket gives.
    pub(super) fn poll(
        &mut self,
        stream: &impl Peek,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<ProxyHeader>>> {
        if self.is_settled {
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        let mut window = [0; MOST];
        loop {
            let before = self.received.len();
            // A header that is not whole is shorter than the longest one.
            let room = window.get_mut(before..).unwrap_or_default();
            let seen = ready!(stream.poll_peek(cx, room))?;
            if seen == 0 {
                return Poll::Ready(self.ended());
            }
            self.received.extend_from_slice(room.get(..seen).unwrap_or_default());
            let header = match ProxyHeader::parse(&self.received) {
                Err(fault) => return Poll::Ready(Err(self.fail(&fault))),
                Ok(header) => header,
            };
            let of_header = header.as_ref().map_or(seen, |header| header.len - before);
            let taken = room.get_mut(..of_header).unwrap_or_default();
            if stream.take(taken)? != of_header {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
            if let Some(header) = header {
                return Poll::Ready(self.judge(header).map(Some));
            }
        }
    }

    /// Whether the peer may say this.
    fn judge(&mut self, header: ProxyHeader) -> io::Result<ProxyHeader> {
        let says_nothing = ProxyHeader { len: header.len, ..ProxyHeader::default() };
        if self.trust == Trust::LocalOnly && header != says_nothing {
            return Err(self.fail(&"it speaks for a client, and the peer is not trusted"));
        }
        self.is_settled = true;
        Ok(header)
    }

    fn ended(&mut self) -> io::Result<Option<ProxyHeader>> {
        if self.received.is_empty() {
            // Whoever connects and says nothing is not told of, as everywhere.
            self.is_settled = true;
            return Ok(None);
        }
        Err(self.fail(&"it ended early"))
    }

    fn fail(&mut self, reason: &dyn fmt::Display) -> io::Error {
        self.is_settled = true;
        self.observer.fail(self.peer, reason);
        ErrorKind::InvalidData.into()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.is_settled && !self.received.is_empty() {
            self.fail(&"it was never completed");
        }
    }
}
