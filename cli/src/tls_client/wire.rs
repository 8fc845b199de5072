//! A connection with TLS or without: what both have in common.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::TlsClient;
use super::stream::{Session, TlsStream};

/// A client's end of a connection, on a blocking socket.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Wire {
    /// TCP alone.
    pub(crate) fn connect(address: &SocketAddr, within: Duration) -> io::Result<Wire> {
        TcpStream::connect_timeout(address, within).map(Wire::Plain)
    }

    /// Makes the TLS handshake, where there is to be one.
    ///
    /// # Errors
    /// A sentence about what failed.
    pub(crate) fn secure(self, client: Option<&TlsClient>, until: Instant) -> io::Result<Wire> {
        match (self, client) {
            (Wire::Plain(tcp), Some(client)) => {
                Ok(Wire::Tls(Box::new(TlsStream::open(tcp, client, until)?)))
            }
            (wire, _) => Ok(wire),
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Wire::Plain(tcp) => tcp,
            Wire::Tls(stream) => stream.tcp(),
        }
    }

    /// What was agreed with TLS.
    pub(crate) fn session(&self) -> Option<Session> {
        match self {
            Wire::Plain(_) => None,
            Wire::Tls(stream) => Some(stream.session()),
        }
    }

    /// Whether there is TLS, and no close_notify has come (RFC 8446 §6.1).
    pub(crate) fn is_not_notified(&self) -> bool {
        match self {
            Wire::Plain(_) => false,
            Wire::Tls(stream) => !stream.is_notified(),
        }
    }

    /// Reads once; 0 at the end of TCP.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when the time is over.
    pub(crate) fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        match self {
            Wire::Plain(tcp) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                tcp.set_read_timeout(Some(left))?;
                tcp.read(buffer)
            }
            Wire::Tls(stream) => stream.read(buffer, until),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// It was not taken in time, or the connection has ended.
    pub(crate) fn write_all(&mut self, bytes: &[u8], until: Instant) -> io::Result<()> {
        match self {
            Wire::Plain(tcp) => {
                let left = until.saturating_duration_since(Instant::now());
                tcp.set_write_timeout(Some(left.max(LEAST)))?;
                tcp.write_all(bytes)
            }
            Wire::Tls(stream) => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let count = stream.write(rest, until)?;
                    rest = rest.get(count..).unwrap_or_default();
                }
                stream.flush(until)
            }
        }
    }

    /// Writes what TCP takes now, or holds it back encrypted; how much of it. Nothing is held back any more where there was
    /// nothing to write, and no error.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` where nothing is taken in time.
    pub(crate) fn write_some(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize> {
        match self {
            Wire::Plain(tcp) => {
                let left = until.saturating_duration_since(Instant::now());
                tcp.set_write_timeout(Some(left.max(LEAST)))?;
                tcp.write(bytes)
            }
            Wire::Tls(stream) => stream.write(bytes, until),
        }
    }

    /// The end of what is said here: close_notify where there is TLS, then FIN.
    pub(crate) fn finish(&mut self) {
        match self {
            Wire::Plain(tcp) => drop(tcp.shutdown(Shutdown::Write)),
            Wire::Tls(stream) => stream.finish(),
        }
    }
}

/// A time-out of nothing would be none at all.
const LEAST: Duration = Duration::from_millis(1);
