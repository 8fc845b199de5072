//! A connection of the load: opened, written to, read from. What has to come back is for the load to say.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::transport::{Blocking, ReadUp, Transport};
use crate::wire::Numbers;
use crate::{Options, handshake};

const READ: usize = 256 << 10;

/// One connection: what it sends at once, again and again, and how far it is.
pub(crate) struct Connection<P> {
    transport: Transport,
    pub(crate) batch: Vec<u8>,
    /// The bytes of a message in the batch, of which TLS makes a record.
    pub(crate) message: usize,
    written: usize,
    /// When the batch was begun.
    began: Instant,
    /// How far its replies are.
    pub(crate) progress: P,
}

/// What has to come back, over all connections.
pub(crate) trait Replies {
    /// How far one connection is.
    type Progress;

    /// Holds what was read against what has to come; the batch was begun at `began`.
    ///
    /// Tells whether everything has come that the batch asked for. If so, the connection begins anew.
    fn verify(
        &mut self,
        progress: &mut Self::Progress,
        read: &[u8],
        began: Instant,
    ) -> Result<bool, Box<dyn Error>>;

    /// Makes the next batch, where it is not the same again.
    fn fill(&self, _progress: &Self::Progress, _batch: &mut Vec<u8>) {}
}

/// A stream that is ready for messages, and the extensions that were agreed on: behind the opening handshake, or
/// at once where the server is raw-tcp.
pub(crate) fn open(
    options: &Options,
    numbers: &mut Numbers,
    number: usize,
    offer: Option<&str>,
) -> io::Result<(Blocking, String)> {
    let stream = match options.raw {
        true => handshake::connect_raw(options.address, number)?,
        false => handshake::connect(options.address)?,
    };
    let mut stream = Blocking::new(stream, options.client.as_ref())?;
    let extensions = match options.raw {
        true => String::new(),
        false => handshake::shake(&mut stream, numbers, offer)?,
    };
    Ok((stream, extensions))
}

/// What a read goes to, the same for all connections.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; READ]
}

/// Writes and reads as the sockets allow it, until then.
pub(crate) fn run<R: Replies>(
    poll: &mut Poll,
    connections: &mut [Connection<R::Progress>],
    replies: &mut R,
    options: &Options,
    until: Instant,
) -> Result<(), Box<dyn Error>> {
    let mut events = Events::with_capacity(1024);
    let mut buffer = buffer();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return Ok(());
        }
        poll.poll(&mut events, Some(options.wait(left)))?;
        for event in &events {
            let connection = &mut connections[event.token().0];
            if event.is_readable() {
                connection.receive(&mut buffer, replies)?;
            }
            connection.send()?;
        }
    }
}

impl<P> Connection<P> {
    /// Has the poll tell, edge-triggered, what can be done: the first event says that it can be written to, if that
    /// is of interest.
    pub(crate) fn new(
        opened: Blocking,
        poll: &Poll,
        token: Token,
        interest: Interest,
        progress: P,
    ) -> io::Result<Self> {
        let mut transport = Transport::new(opened)?;
        poll.registry().register(&mut transport.stream, token, interest)?;
        let (batch, message, began) = (Vec::new(), usize::MAX, Instant::now());
        Ok(Self { transport, batch, message, written: 0, began, progress })
    }

    /// Writes what is left of the batch, as far as the socket takes it; tells whether that is all.
    pub(crate) fn send(&mut self) -> io::Result<bool> {
        if self.written == 0 {
            self.began = Instant::now();
        }
        match self.write_all() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write_all(&mut self) -> io::Result<()> {
        while self.written < self.batch.len() {
            let rest = &self.batch[self.written..];
            self.written += self.transport.write(rest, self.message)?;
        }
        self.transport.flush()
    }

    /// Reads what is there, and begins anew when everything has come back, which it tells.
    pub(crate) fn receive<R: Replies<Progress = P>>(
        &mut self,
        buffer: &mut [u8],
        replies: &mut R,
    ) -> Result<bool, Box<dyn Error>> {
        loop {
            let ReadUp { len, is_all } = match self.transport.read(buffer) {
                Ok(ReadUp { len: 0, .. }) => return Err("the server closed a connection".into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            if replies.verify(&mut self.progress, &buffer[..len], self.began)? {
                replies.fill(&self.progress, &mut self.batch);
                self.written = 0;
                return Ok(true);
            }
            if is_all {
                return Ok(false);
            }
        }
    }
}
