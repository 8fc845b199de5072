//! Connect, opening handshake, close, and again: what it costs to set a connection up. Over TLS its handshake is before.
//!
//! The client ends each connection with a reset, so that no side is left with sockets in TIME_WAIT, and each of
//! the connections that are under way at once has a loopback address of its own to come from: with some ten thousand
//! a second, one address would be through all its ports twice within a second, and would meet those that others
//! left in TIME_WAIT. A connection that takes too long all the same is given up and counted.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use stickler_peers::accounting::Cpu;
use stickler_peers::report::Handshakes;

use crate::handshake::Handshake;
use crate::transport::{Transport, is_early};
use crate::wire::Numbers;
use crate::{Durations, Options};

/// Requests with keys of their own, made before the load begins.
const REQUESTS: usize = 64;

/// Who is not through by then is given up: a SYN that is lost is sent again after a second.
const PATIENCE: Duration = Duration::from_millis(800);
/// How often it is looked for such ones.
const SWEEP: Duration = Duration::from_millis(100);

/// One connection after the other.
struct Slot {
    transport: Transport,
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
    resumed: u64,
    given_up: u64,
    latency: Durations,
}

/// Runs the load, and counts after the warm-up.
pub(crate) fn measure(options: &Options) -> Result<Handshakes, Box<dyn Error>> {
    let mut setup = Setup::new(options)?;
    let phases = options.phases();
    setup.run(phases.counting)?;
    (setup.count, setup.resumed, setup.given_up) = (0, 0, 0);
    setup.latency = Durations::new();
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
        resumed: setup.resumed,
        given_up: setup.given_up,
        latency_us: setup.latency.latency(),
    })
}

impl<'o> Setup<'o> {
    fn new(options: &'o Options) -> io::Result<Self> {
        let mut numbers = Numbers::new();
        let handshakes = (0..REQUESTS).map(|_| Handshake::new(&mut numbers, None)).collect();
        let poll = Poll::new()?;
        let slots = (0..options.connections)
            .map(|index| Slot::open(&poll, options, index, index % REQUESTS))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            options,
            poll,
            handshakes,
            slots,
            count: 0,
            resumed: 0,
            given_up: 0,
            latency: Durations::new(),
        })
    }

    fn run(&mut self, until: Instant) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        let mut swept = Instant::now();
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            self.poll.poll(&mut events, Some(self.options.wait(SWEEP.min(until - now))))?;
            for event in &events {
                self.advance(event.token().0)?;
            }
            if swept.elapsed() >= SWEEP {
                self.give_up()?;
                swept = Instant::now();
            }
        }
    }

    /// Begins anew with what has taken too long.
    fn give_up(&mut self) -> io::Result<()> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.began.elapsed() >= PATIENCE {
                self.given_up += 1;
                *slot = Slot::open(&self.poll, self.options, index, slot.request)?;
            }
        }
        Ok(())
    }

    /// Takes one connection further, and replaces it when it is done.
    fn advance(&mut self, index: usize) -> Result<(), Box<dyn Error>> {
        let slot = &mut self.slots[index];
        let handshake = &self.handshakes[slot.request];
        slot.send(&handshake.request)?;
        if slot.receive(handshake, self.options.raw)? {
            self.count += 1;
            self.resumed += u64::from(slot.transport.is_resumed());
            self.latency.record(slot.began.elapsed(), 1);
            let request = (slot.request + 1) % REQUESTS;
            *slot = Slot::open(&self.poll, self.options, index, request)?;
        }
        Ok(())
    }
}

impl Slot {
    fn open(poll: &Poll, options: &Options, index: usize, request: usize) -> io::Result<Self> {
        let began = Instant::now();
        let mut stream = connect(options.address, index)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), interest)?;
        let transport = Transport::connecting(stream, options.client.as_ref())?;
        Ok(Self { transport, request, sent: false, response: Vec::with_capacity(512), began })
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Box<dyn Error>> {
        if self.sent {
            match self.transport.flush() {
                Err(error) if !is_early(&error) => return Err(error.into()),
                _ => {}
            }
        } else {
            match self.transport.write(request, request.len()) {
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
        match self.transport.read(&mut buffer) {
            Ok(read) if read.len == 0 => Err("the server closed a connection".into()),
            Ok(read) => {
                self.response.extend_from_slice(&buffer[..read.len]);
                Ok(handshake.is_answered(&self.response, fixed)?)
            }
            Err(error) if is_early(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Begins to connect, from an address that only the connections of this place come from.
fn connect(address: SocketAddr, place: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    let source = Ipv4Addr::new(127, 1, (place >> 8) as u8, place as u8);
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
