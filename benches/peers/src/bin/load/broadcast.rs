//! One message to many: how long a server works for each delivery.

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use stickler_peers::accounting::Cpu;
use stickler_peers::report::Broadcast;

use crate::connection::{self, Connection, Replies};
use crate::wire::{Kind, Numbers, frame};
use crate::{Durations, Options};

/// A handler may still have to subscribe when its 101 is here.
const SETTLE: Duration = Duration::from_millis(300);
/// Who has not got a message by then has missed it.
const PATIENCE: Duration = Duration::from_secs(10);

struct Audience {
    poll: Poll,
    /// The first one's batch is what it has published; the others have none.
    subscribers: Vec<Connection<usize>>,
    message: Message,
    latency: Durations,
}

/// What each gets. A subscriber is so many bytes into it.
struct Message(Vec<u8>);

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
        let open = |index| {
            let (stream, _) = connection::open(options, &mut numbers, index, None)?;
            Connection::new(stream, &poll, Token(index), Interest::READABLE, 0)
        };
        let mut subscribers = (0..subscribers).map(open).collect::<io::Result<Vec<_>>>()?;
        let payload = Kind::Ascii.payload(options.size);
        let expected = frame(Kind::Ascii.first_byte(), &payload, None);
        // raw-tcp sends everyone the bytes that it got.
        subscribers[0].batch = match options.raw {
            true => expected.clone(),
            false => frame(Kind::Ascii.first_byte(), &payload, Some(numbers.masking_key())),
        };
        Ok(Self { poll, subscribers, message: Message(expected), latency: Durations::new() })
    }

    /// Returns how many messages were published, at least one.
    fn publish_until(&mut self, until: Instant) -> Result<u64, Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = connection::buffer();
        for published in 1.. {
            let began = Instant::now();
            if !self.subscribers[0].send()? {
                return Err("a message was not taken whole".into());
            }
            let mut left = self.subscribers.len();
            while left > 0 {
                // It never sleeps: see `Options::wait`.
                self.poll.poll(&mut events, Some(Duration::ZERO))?;
                if events.is_empty() && began.elapsed() > PATIENCE {
                    return Err(format!("{left} subscribers missed a message").into());
                }
                for event in &events {
                    let subscriber = &mut self.subscribers[event.token().0];
                    left -= usize::from(subscriber.receive(&mut buffer, &mut self.message)?);
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

impl Replies for Message {
    type Progress = usize;

    fn verify(
        &mut self,
        progress: &mut usize,
        read: &[u8],
        _: Instant,
    ) -> Result<bool, Box<dyn Error>> {
        let end = *progress + read.len();
        // The next one is published only when all have this one, so nothing may follow it.
        if self.0.get(*progress..end) != Some(read) {
            return Err("a message differs from what was published".into());
        }
        *progress = end % self.0.len();
        Ok(*progress == 0)
    }
}
