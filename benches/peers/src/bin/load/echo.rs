//! Messages to and fro, as fast as the server gives them back.

use std::error::Error;
use std::io;
use std::time::Instant;

use mio::{Interest, Poll, Token};
use stickler_peers::accounting::{Cpu, resident};
use stickler_peers::report::Messages;

use crate::connection::{self, Connection, Replies, run};
use crate::wire::{Numbers, frame};
use crate::{Durations, Options};

/// What all connections wait for, and what is counted. Each is so many bytes into it.
struct Echoes {
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
    let mut connections = open(options, &poll)?;
    let mut replies = Echoes::new(options);
    let phases = options.phases();
    run(&mut poll, &mut connections, &mut replies, options, phases.counting)?;

    replies.count = 0;
    replies.latency = Durations::new();
    let (began, server, load) = snapshot(options.pid)?;
    run(&mut poll, &mut connections, &mut replies, options, phases.end)?;
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

fn open(options: &Options, poll: &Poll) -> io::Result<Vec<Connection<usize>>> {
    let mut numbers = Numbers::new();
    let open = |index| {
        let (stream, _) = connection::open(options, &mut numbers, index, None)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let mut connection = Connection::new(stream, poll, Token(index), interest, 0)?;
        let payload = options.kind.payload(options.size);
        let batch = (0..options.in_flight).map(|_| {
            // raw-tcp sends back what it got, so there everything has to be the same.
            let key = if options.raw { [1, 2, 3, 4] } else { numbers.masking_key() };
            frame(options.kind.first_byte(), &payload, Some(key))
        });
        let batch: Vec<_> = batch.collect();
        connection.message = batch[0].len();
        connection.batch = batch.concat();
        Ok(connection)
    };
    (0..options.connections).map(open).collect()
}

impl Echoes {
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
}

impl Replies for Echoes {
    type Progress = usize;

    fn verify(
        &mut self,
        progress: &mut usize,
        read: &[u8],
        began: Instant,
    ) -> Result<bool, Box<dyn Error>> {
        let end = *progress + read.len();
        if self.expected.get(*progress..end) != Some(read) {
            return Err("a reply differs from what was sent".into());
        }
        let complete = (end / self.reply - *progress / self.reply) as u64;
        if complete > 0 {
            self.count += complete;
            self.latency.record(began.elapsed(), complete);
        }
        let is_back = end == self.expected.len();
        *progress = if is_back { 0 } else { end };
        Ok(is_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_count_as_they_come_and_a_wrong_one_is_found() {
        let began = Instant::now();
        let (expected, latency) = (b"\x82\x01a\x82\x01a".to_vec(), Durations::new());
        let mut echoes = Echoes { expected, reply: 3, count: 0, latency };
        let mut progress = 0;
        for (read, is_back, count) in
            [(&b"\x82\x01"[..], false, 0), (b"a\x82", false, 1), (b"\x01a", true, 2)]
        {
            assert_eq!(echoes.verify(&mut progress, read, began).unwrap(), is_back);
            assert_eq!(echoes.count, count);
        }
        assert_eq!(progress, 0);
        assert!(echoes.verify(&mut progress, b"\x82\x01b", began).is_err());
        let one_too_many = b"\x82\x01a\x82\x01a\x82";
        assert!(echoes.verify(&mut progress, one_too_many, began).is_err());
    }
}
