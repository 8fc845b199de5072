//! Messages to and fro, as fast as the server gives them back.

use std::error::Error;
use std::io::{self, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use stickler_peers::accounting::{Cpu, resident};
use stickler_peers::report::Messages;

use crate::wire::{Numbers, frame};
use crate::{Durations, Options, handshake};

const READ: usize = 256 << 10;

/// One connection: what it sends again and again, and how far it is.
struct Connection {
    stream: TcpStream,
    batch: Vec<u8>,
    written: usize,
    read: usize,
    began: Instant,
}

/// What all connections wait for, and what is counted.
struct Replies {
    /// The bytes that a batch brings back.
    expected: Vec<u8>,
    /// How many of them are one reply.
    reply: usize,
    count: u64,
    latency: Durations,
}

/// Runs the load, and counts after the warm-up.
pub(crate) fn measure(options: &Options) -> Result<Messages, Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut numbers = Numbers::new();
    let mut connections = (0..options.connections)
        .map(|index| Connection::open(options, &mut numbers, &poll, Token(index)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut replies = Replies::new(options);
    let phases = options.phases();
    run(&mut poll, &mut connections, &mut replies, phases.counting)?;

    replies.count = 0;
    replies.latency = Durations::new();
    let (began, server, load) = snapshot(options.pid)?;
    run(&mut poll, &mut connections, &mut replies, phases.end)?;
    let (ended, server_after, load_after) = snapshot(options.pid)?;

    if replies.count == 0 {
        return Err("no message came back".into());
    }
    Ok(Messages::new(
        replies.count,
        ended - began,
        (server_after - server, load_after - load),
        replies.latency.latency(),
        resident(options.pid)?,
    ))
}

fn snapshot(pid: u32) -> io::Result<(Instant, Cpu, Cpu)> {
    Ok((Instant::now(), Cpu::of(pid)?, Cpu::of(std::process::id())?))
}

fn run(
    poll: &mut Poll,
    connections: &mut [Connection],
    replies: &mut Replies,
    until: Instant,
) -> Result<(), Box<dyn Error>> {
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ];
    loop {
        let now = Instant::now();
        if now >= until {
            return Ok(());
        }
        poll.poll(&mut events, Some(until - now))?;
        for event in &events {
            let connection = &mut connections[event.token().0];
            if event.is_readable() {
                connection.receive(&mut buffer, replies)?;
            }
            connection.send()?;
        }
    }
}

impl Connection {
    fn open(
        options: &Options,
        numbers: &mut Numbers,
        poll: &Poll,
        token: Token,
    ) -> io::Result<Self> {
        let stream = if options.raw {
            handshake::connect_raw(options.address, token.0)?
        } else {
            handshake::open(options.address, numbers)?
        };
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        // Edge-triggered: the first event says that it can be written to.
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let payload = options.kind.payload(options.size);
        let batch = (0..options.in_flight).flat_map(|_| {
            // raw-tcp sends back what it got, so there everything has to be the same.
            let key = if options.raw { [1, 2, 3, 4] } else { numbers.masking_key() };
            frame(options.kind.first_byte(), &payload, Some(key))
        });
        Ok(Self { stream, batch: batch.collect(), written: 0, read: 0, began: Instant::now() })
    }

    /// Writes what is left of the batch, as far as the socket takes it.
    fn send(&mut self) -> io::Result<()> {
        if self.written == 0 {
            self.began = Instant::now();
        }
        while self.written < self.batch.len() {
            match self.stream.write(&self.batch[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, and begins anew when the batch has come back.
    fn receive(&mut self, buffer: &mut [u8], replies: &mut Replies) -> Result<(), Box<dyn Error>> {
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            replies.verify(self, &buffer[..len])?;
            if self.read == replies.expected.len() {
                (self.read, self.written) = (0, 0);
                return Ok(());
            }
            if len < buffer.len() {
                return Ok(());
            }
        }
    }
}

impl Replies {
    fn new(options: &Options) -> Self {
        let key = options.raw.then_some([1, 2, 3, 4]);
        let payload = options.kind.payload(options.size);
        let reply = frame(options.kind.first_byte(), &payload, key);
        Self {
            expected: reply.repeat(options.in_flight),
            reply: reply.len(),
            count: 0,
            latency: Durations::new(),
        }
    }

    /// Holds what was read against what was to come.
    fn verify(&mut self, connection: &mut Connection, read: &[u8]) -> Result<(), Box<dyn Error>> {
        let end = connection.read + read.len();
        if self.expected.get(connection.read..end) != Some(read) {
            return Err("a reply differs from what was sent".into());
        }
        let complete = (end / self.reply - connection.read / self.reply) as u64;
        connection.read = end;
        if complete > 0 {
            self.count += complete;
            self.latency.record(connection.began.elapsed(), complete);
        }
        Ok(())
    }
}
