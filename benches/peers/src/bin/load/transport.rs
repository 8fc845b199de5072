//! What the bytes of a connection go over: TCP, or TLS over it. Blocking while it is opened, and not afterwards.
//!
//! Each message of the load is a record of TLS, as clients send them, and what is written at once leaves in one call.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use stickler_peers::tls;

/// The bytes of records that are read at once.
const WIRE: usize = 64 << 10;

thread_local! {
    static RECORDS: RefCell<Vec<u8>> = RefCell::new(vec![0; WIRE]);
}

/// A transport that blocks.
pub(crate) enum Blocking {
    Plain(net::TcpStream),
    Tls(Box<StreamOwned<ClientConnection, net::TcpStream>>),
}

impl Blocking {
    /// This stream, and TLS over it if there is a configuration, with its handshake done.
    pub(crate) fn new(
        mut stream: net::TcpStream,
        config: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let Some(config) = config else { return Ok(Self::Plain(stream)) };
        let mut session = begin(config)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(session, stream))))
    }
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A transport that does not block.
pub(crate) struct Transport {
    pub(crate) stream: TcpStream,
    session: Option<Box<ClientConnection>>,
}

/// What was read.
pub(crate) struct ReadUp {
    pub(crate) len: usize,
    /// There was no more.
    pub(crate) is_all: bool,
}

impl Transport {
    /// Goes on with a transport that was opened.
    pub(crate) fn new(opened: Blocking) -> io::Result<Self> {
        let (stream, session) = match opened {
            Blocking::Plain(stream) => (stream, None),
            Blocking::Tls(stream) => {
                let (session, stream) = stream.into_parts();
                (stream, Some(Box::new(session)))
            }
        };
        stream.set_nonblocking(true)?;
        Ok(Self { stream: TcpStream::from_std(stream), session })
    }

    /// A stream that connects, and TLS over it if there is a configuration.
    pub(crate) fn connecting(
        stream: TcpStream,
        config: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let session = config.map(begin).transpose()?;
        Ok(Self { stream, session: session.map(Box::new) })
    }

    /// Whether the TLS handshake went on with an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.session.as_ref().and_then(|session| session.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Sends records that stand here.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            while session.wants_write() {
                session.write_tls(&mut self.stream)?;
            }
        }
        Ok(())
    }

    /// Takes bytes, over TLS all of them, as records of so many bytes; before the handshake is over they stay here.
    pub(crate) fn write(&mut self, bytes: &[u8], record: usize) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return self.stream.write(bytes) };
        session.set_buffer_limit(None);
        for bytes in bytes.chunks(record) {
            session.writer().write_all(bytes)?;
        }
        match self.flush() {
            Err(error) if !is_early(&error) => Err(error),
            _ => Ok(bytes.len()),
        }
    }

    /// Reads what is there, as far as there is room. Of no bytes it is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<ReadUp> {
        if self.session.is_some() {
            return RECORDS.with_borrow_mut(|records| self.read_records(records, buffer));
        }
        let len = self.stream.read(buffer)?;
        Ok(ReadUp { len, is_all: len < buffer.len() })
    }

    fn read_records(&mut self, records: &mut [u8], buffer: &mut [u8]) -> io::Result<ReadUp> {
        let mut filled = 0;
        let mut is_all = false;
        while !is_all && filled < buffer.len() {
            let len = match self.stream.read(records) {
                Ok(0) => return Ok(ReadUp { len: filled, is_all: true }),
                Ok(len) => len,
                Err(error) if is_early(&error) && filled > 0 => break,
                Err(error) => return Err(error),
            };
            is_all = len < records.len();
            filled += self.decrypt(&records[..len], &mut buffer[filled..])?;
            // The client's part of a handshake.
            match self.flush() {
                Err(error) if !is_early(&error) => return Err(error),
                _ => {}
            }
        }
        match filled {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(ReadUp { len, is_all }),
        }
    }

    /// What these records hold, for which there has to be room.
    fn decrypt(&mut self, mut records: &[u8], buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else { return Ok(0) };
        let mut filled = 0;
        while !records.is_empty() {
            session.read_tls(&mut records)?;
            let held = session.process_new_packets().map_err(io::Error::other)?;
            let end = filled + held.plaintext_bytes_to_read();
            let room = buffer.get_mut(filled..end);
            let room = room.ok_or_else(|| io::Error::other("more came than was asked for"))?;
            session.reader().read_exact(room)?;
            filled = end;
        }
        Ok(filled)
    }
}

fn begin(config: &Arc<ClientConfig>) -> io::Result<ClientConnection> {
    ClientConnection::new(config.clone(), tls::server_name()).map_err(io::Error::other)
}

/// Nothing to read or no room to write yet, or not even connected.
pub(crate) fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
