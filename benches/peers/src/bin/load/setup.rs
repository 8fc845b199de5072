//! Connect, opening handshake, close, and again: what it costs to set a connection up.
//!
//! The client ends each connection with a reset, so that no side is left with sockets in TIME_WAIT and the
//! ports of the loopback do not run out.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use stickler_peers::accounting::Cpu;
use stickler_peers::report::Handshakes;

use crate::handshake::Handshake;
use crate::wire::Numbers;
use crate::{Durations, Options};

/// Requests with keys of their own, made before the load begins.
const REQUESTS: usize = 64;

/// One connection after the other.
struct Slot {
    stream: TcpStream,
    request: usize,
    sent: bool,
    response: Vec<u8>,
    began: Instant,
}

struct Setup<'o> {
    options: &'o Options,
    poll: Poll,
    handshakes: Vec<Handshake>,
    slots: Vec<Slot>,
    count: u64,
    latency: Durations,
}

/// Runs the load, and counts after the warm-up.
pub(crate) fn measure(options: &Options) -> Result<Handshakes, Box<dyn Error>> {
    let mut setup = Setup::new(options)?;
    let phases = options.phases();
    setup.run(phases.counting)?;
    (setup.count, setup.latency) = (0, Durations::new());
    let (began, before) = (Instant::now(), Cpu::of(options.pid)?);
    setup.run(phases.end)?;
    if setup.count == 0 {
        return Err("no handshake was completed".into());
    }
    let (elapsed, cpu) = (began.elapsed(), Cpu::of(options.pid)? - before);
    Ok(Handshakes {
        handshakes: setup.count,
        handshakes_per_second: setup.count as f64 / elapsed.as_secs_f64(),
        cpu_us_per_handshake: cpu.total.as_secs_f64() * 1e6 / setup.count as f64,
        server_busy: cpu.total.as_secs_f64() / elapsed.as_secs_f64(),
        latency_us: setup.latency.latency(),
    })
}

impl<'o> Setup<'o> {
    fn new(options: &'o Options) -> io::Result<Self> {
        let mut numbers = Numbers::new();
        let handshakes = (0..REQUESTS).map(|_| Handshake::new(&mut numbers)).collect();
        let poll = Poll::new()?;
        let slots = (0..options.connections)
            .map(|index| Slot::open(&poll, options.address, index, index % REQUESTS))
            .collect::<io::Result<_>>()?;
        Ok(Self { options, poll, handshakes, slots, count: 0, latency: Durations::new() })
    }

    fn run(&mut self, until: Instant) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Ok(());
            }
            self.poll.poll(&mut events, Some(left))?;
            for event in &events {
                self.advance(event.token().0)?;
            }
        }
    }

    /// Takes one connection further, and replaces it when it is done.
    fn advance(&mut self, index: usize) -> Result<(), Box<dyn Error>> {
        let slot = &mut self.slots[index];
        let handshake = &self.handshakes[slot.request];
        slot.send(&handshake.request)?;
        if slot.receive(handshake, self.options.raw)? {
            self.count += 1;
            self.latency.record(slot.began.elapsed(), 1);
            let request = (slot.request + 1) % REQUESTS;
            *slot = Slot::open(&self.poll, self.options.address, index, request)?;
        }
        Ok(())
    }
}

impl Slot {
    fn open(poll: &Poll, address: SocketAddr, index: usize, request: usize) -> io::Result<Self> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), interest)?;
        Ok(Self { stream, request, sent: false, response: Vec::with_capacity(512), began })
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Box<dyn Error>> {
        if !self.sent {
            match self.stream.write(request) {
                Ok(len) if len == request.len() => self.sent = true,
                Ok(_) => return Err("a request was not taken whole".into()),
                Err(error) if is_early(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn receive(&mut self, handshake: &Handshake, fixed: bool) -> Result<bool, Box<dyn Error>> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err("the server closed a connection".into()),
            Ok(len) => {
                self.response.extend_from_slice(&buffer[..len]);
                Ok(handshake.is_answered(&self.response, fixed)?)
            }
            Err(error) if is_early(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Nothing to read or no room to write yet, or not even connected.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
