//! One message to many: how long a server works for each delivery.
//!
//! The load waits without sleeping. On a network nobody's receiver is woken by the server's thread.

use std::error::Error;
use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use stickler_peers::accounting::Cpu;
use stickler_peers::report::Broadcast;

use crate::wire::{Kind, Numbers, frame};
use crate::{Durations, Options, handshake};

/// A handler may still have to subscribe when its 101 is here.
const SETTLE: Duration = Duration::from_millis(300);
/// Who has not got a message by then has missed it.
const PATIENCE: Duration = Duration::from_secs(10);

struct Subscriber {
    stream: TcpStream,
    /// How much of the message is here.
    read: usize,
}

struct Audience {
    poll: Poll,
    subscribers: Vec<Subscriber>,
    /// What the first one sends, to have it published.
    sent: Vec<u8>,
    /// What each gets.
    expected: Vec<u8>,
    latency: Durations,
}

/// Publishes again and again, each time when all have got what came before.
pub(crate) fn measure(options: &Options, subscribers: usize) -> Result<Broadcast, Box<dyn Error>> {
    let mut audience = Audience::new(options, subscribers)?;
    thread::sleep(SETTLE);
    let phases = options.phases();
    audience.publish_until(phases.counting)?;
    audience.latency = Durations::new();
    let (began, before) = (Instant::now(), Cpu::of(options.pid)?);
    let messages = audience.publish_until(phases.end)?;
    let (elapsed, cpu) = (began.elapsed(), Cpu::of(options.pid)? - before);
    let deliveries = messages * subscribers as u64;
    let per_delivery = |time: Duration| time.as_secs_f64() * 1e6 / deliveries as f64;
    Ok(Broadcast {
        subscribers,
        messages,
        deliveries_per_second: deliveries as f64 / elapsed.as_secs_f64(),
        cpu_us_per_delivery: per_delivery(cpu.total),
        user_us_per_delivery: per_delivery(cpu.user),
        server_busy: cpu.total.as_secs_f64() / elapsed.as_secs_f64(),
        latency_us: audience.latency.latency(),
    })
}

impl Audience {
    fn new(options: &Options, subscribers: usize) -> io::Result<Self> {
        let mut numbers = Numbers::new();
        let poll = Poll::new()?;
        let subscribers = (0..subscribers)
            .map(|index| Subscriber::open(options, &mut numbers, &poll, Token(index)))
            .collect::<io::Result<_>>()?;
        let payload = Kind::Ascii.payload(options.size);
        let expected = frame(Kind::Ascii.first_byte(), &payload, None);
        // raw-tcp sends everyone the bytes that it got.
        let sent = match options.raw {
            true => expected.clone(),
            false => frame(Kind::Ascii.first_byte(), &payload, Some(numbers.masking_key())),
        };
        Ok(Self { poll, subscribers, sent, expected, latency: Durations::new() })
    }

    /// Returns how many messages were published, at least one.
    fn publish_until(&mut self, until: Instant) -> Result<u64, Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        for published in 1.. {
            let began = Instant::now();
            self.subscribers[0].stream.write_all(&self.sent)?;
            let mut left = self.subscribers.len();
            while left > 0 {
                // It does not sleep: waking it would be the server's work, and the more often the slower that is.
                self.poll.poll(&mut events, Some(Duration::ZERO))?;
                if events.is_empty() && began.elapsed() > PATIENCE {
                    return Err(format!("{left} subscribers missed a message").into());
                }
                for event in &events {
                    let subscriber = &mut self.subscribers[event.token().0];
                    left -= usize::from(subscriber.receive(&self.expected)?);
                }
            }
            self.latency.record(began.elapsed(), 1);
            if Instant::now() >= until {
                return Ok(published);
            }
        }
        unreachable!("the loop has no end of its own")
    }
}

impl Subscriber {
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
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, read: 0 })
    }

    /// Reads what is there, and tells whether the message is whole now.
    fn receive(&mut self, expected: &[u8]) -> Result<bool, Box<dyn Error>> {
        let mut buffer = [0; 4096];
        let len = match self.stream.read(&mut buffer) {
            Ok(0) => return Err("the server closed a connection".into()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        // The next one is published only when all have this one, so nothing may follow it.
        if expected.get(self.read..self.read + len) != Some(&buffer[..len]) {
            return Err("a message differs from what was published".into());
        }
        self.read = (self.read + len) % expected.len();
        Ok(self.read == 0)
    }
}
