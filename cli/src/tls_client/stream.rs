//! A TLS connection on a blocking socket, each step of which has a deadline.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ProtocolVersion};

use super::TlsClient;
use super::fault::{ended, late, sentence};

/// A client's end of a TLS connection.
pub(crate) struct TlsStream {
    session: ClientConnection,
    tcp: TcpStream,
    /// The first bytes that came: they tell a server that speaks something else.
    first: Vec<u8>,
    is_verified: bool,
    is_notified: bool,
}

/// What was agreed in a TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Such as `TLS 1.3`.
    pub(crate) version: String,
    /// As the registry of cipher suites names it.
    pub(crate) cipher: String,
    /// Whether the certificate was verified.
    pub(crate) is_verified: bool,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.cipher)?;
        if self.is_verified { Ok(()) } else { f.write_str(", its certificate not verified") }
    }
}

impl TlsStream {
    /// Makes the TLS handshake.
    ///
    /// # Errors
    /// A sentence about what failed; `TimedOut` where nothing came in time.
    pub(super) fn open(
        tcp: TcpStream,
        client: &TlsClient,
        until: Instant,
    ) -> io::Result<TlsStream> {
        let session = ClientConnection::new(Arc::clone(&client.config), client.name.clone());
        let session = session.map_err(io::Error::other)?;
        let (first, is_verified) = (Vec::new(), client.is_verified);
        let mut stream = TlsStream { session, tcp, first, is_verified, is_notified: false };
        stream.shake_hands(until).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => late(),
            _ => error,
        })?;
        Ok(stream)
    }

    fn shake_hands(&mut self, until: Instant) -> io::Result<()> {
        while self.session.is_handshaking() {
            self.flush(until)?;
            if self.session.is_handshaking() && self.receive(until)? == 0 {
                return Err(ended(&self.first));
            }
        }
        self.flush(until)
    }

    /// Reads once and decrypts; 0 at the end of TCP.
    fn receive(&mut self, until: Instant) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(left(until)?))?;
        let mut tap = Tap { tcp: &self.tcp, first: &mut self.first };
        let count = match self.session.read_tls(&mut tap) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.receive(until),
            other => other?,
        };
        if let Err(error) = self.session.process_new_packets() {
            // The alert that says why.
            let _ = self.flush(Instant::now() + BRIEF);
            return Err(io::Error::other(sentence(&error, &self.first)));
        }
        Ok(count)
    }

    /// Reads what the server said inside; 0 at the end of TCP, whether or not a close_notify came before.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when the time is over. Any other ends the connection.
    pub(super) fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        while !self.is_notified {
            match self.session.reader().read(buffer) {
                Ok(0) => self.is_notified = true,
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.receive(until)?;
                    // An answer to a key update.
                    self.flush(until)?;
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
        }
        self.read_end(until)
    }

    /// Waits for FIN behind a close_notify; RFC 8446 §6.1 has what comes between ignored.
    fn read_end(&mut self, until: Instant) -> io::Result<usize> {
        loop {
            self.tcp.set_read_timeout(Some(left(until)?))?;
            match (&self.tcp).read(&mut [0; 1024]) {
                Ok(0) => return Ok(0),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Encrypts as many of these bytes as there is room for, and writes what TCP takes; how many were encrypted.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` where TCP takes nothing in time and there is no room.
    pub(super) fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize> {
        let flushed = self.flush(until);
        let count = self.session.writer().write(bytes)?;
        match flushed {
            Err(error) if count == 0 || !is_late(&error) => Err(error),
            _ => Ok(count),
        }
    }

    /// Writes what is encrypted.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when the time is over; what is left may be written later.
    pub(super) fn flush(&mut self, until: Instant) -> io::Result<()> {
        while self.session.wants_write() {
            self.tcp.set_write_timeout(Some(left(until)?))?;
            match self.session.write_tls(&mut &self.tcp) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The end of what is said here: close_notify, then FIN (RFC 8446 §6.1).
    pub(super) fn finish(&mut self) {
        self.session.send_close_notify();
        let _ = self.flush(Instant::now() + BRIEF);
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether a close_notify has come.
    pub(super) fn is_notified(&self) -> bool {
        self.is_notified
    }

    /// What was agreed.
    pub(super) fn session(&self) -> Session {
        let version = match self.session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        };
        let cipher = self.session.negotiated_cipher_suite();
        let cipher = cipher.map_or(String::new(), |suite| format!("{:?}", suite.suite()));
        Session { version, cipher, is_verified: self.is_verified }
    }
}

/// A socket of which the first bytes are kept.
struct Tap<'a> {
    tcp: &'a TcpStream,
    first: &'a mut Vec<u8>,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut &*self.tcp).read(buffer)?;
        let wanted = FIRST.saturating_sub(self.first.len());
        self.first.extend(buffer.iter().take(count.min(wanted)));
        Ok(count)
    }
}

/// Whether the time was over, and nothing else is wrong.
pub(crate) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn left(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// How many bytes tell what a server speaks.
const FIRST: usize = 8;

/// What the last words may take; nobody waits for an answer to them.
const BRIEF: Duration = Duration::from_millis(100);
