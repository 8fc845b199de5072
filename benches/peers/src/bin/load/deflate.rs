//! Messages to and fro with permessage-deflate (RFC 7692).
//!
//! The client compresses each message by itself, with zlib's level 6, before the load begins. Of a server without
//! context takeover every reply is verified: the first reply to a message is inflated, and what differs from it later
//! is inflated too. With context takeover one connection of sixteen inflates everything; of the others the frames
//! are looked at.

use std::error::Error;
use std::io;
use std::time::Instant;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use mio::{Interest, Poll, Token};
use stickler_peers::accounting::{Cpu, resident};
use stickler_peers::report::{Compressed, Messages};

use crate::connection::{self, Connection, Replies, run};
use crate::corpus::{self, MESSAGES};
use crate::wire::{Numbers, frame, server_frame};
use crate::{Durations, Options};

/// What browsers offer.
pub(crate) const OFFER: &str = "permessage-deflate; client_max_window_bits";
/// RFC 7692 §7.2.1: what a sender leaves out at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const LEVEL: u32 = 6;
/// Of servers with context takeover, one connection in so many is inflated.
const INFLATED: usize = 16;

/// What was agreed on.
pub(crate) struct Agreement {
    answer: String,
}

impl Agreement {
    pub(crate) fn new(answer: &str) -> Result<Self, Box<dyn Error>> {
        if !answer.starts_with("permessage-deflate") {
            return Err("the server declined to compress".into());
        }
        Ok(Self { answer: answer.into() })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.answer.split(';').skip(1).map(str::trim);
        parameters.find_map(|parameter| {
            let rest = parameter.strip_prefix(name)?;
            Some(rest.trim_start_matches('=').trim_matches('"'))
        })
    }

    fn has_server_takeover(&self) -> bool {
        self.parameter("server_no_context_takeover").is_none()
    }

    /// A masked frame with `message`, compressed within the window that was agreed on.
    pub(crate) fn frame(&self, message: &[u8], key: [u8; 4]) -> io::Result<Vec<u8>> {
        let bits = self.parameter("client_max_window_bits").and_then(|bits| bits.parse().ok());
        let mut compress =
            Compress::new_with_window_bits(Compression::new(LEVEL), false, bits.unwrap_or(15));
        let mut payload = Vec::with_capacity(message.len() + 1024);
        compress.compress_vec(message, &mut payload, FlushCompress::Sync)?;
        let payload = payload.strip_suffix(&TAIL).ok_or(io::ErrorKind::InvalidData)?;
        Ok(frame(0xc1, payload, Some(key)))
    }
}

/// Inflates a message behind the ones before it.
pub(crate) fn inflate(inflater: &mut Decompress, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut message = Vec::with_capacity(4 * corpus::SIZE);
    for mut part in [payload, &TAIL] {
        while !part.is_empty() {
            let before = inflater.total_in();
            let status = inflater.decompress_vec(part, &mut message, FlushDecompress::Sync)?;
            part = &part[(inflater.total_in() - before) as usize..];
            if status != Status::Ok || message.len() == message.capacity() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
    Ok(message)
}

/// How far one connection is.
struct Progress {
    /// The first message of the batch.
    first: usize,
    received: Vec<u8>,
    /// Replies to this batch that are here.
    replies: usize,
    /// With context takeover, if this connection is one of those that are looked into.
    inflater: Option<Decompress>,
}

/// What all connections send and expect, and what is counted.
struct Echoes {
    messages: Vec<Vec<u8>>,
    frames: Vec<Vec<u8>>,
    in_flight: usize,
    takeover: bool,
    /// Payloads that are known to be right, by message.
    known: Vec<Vec<u8>>,
    count: u64,
    bytes: u64,
    latency: Durations,
}

/// Runs the load, and counts after the warm-up.
pub(crate) fn measure(options: &Options) -> Result<Compressed, Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let (mut connections, answer) = open(options, &poll)?;
    let agreement = Agreement::new(&answer)?;
    let mut replies = Echoes::new(&agreement, options.in_flight)?;
    for (index, connection) in connections.iter_mut().enumerate() {
        connection.progress.inflater =
            (replies.takeover && index % INFLATED == 0).then(|| Decompress::new(false));
        replies.fill(&connection.progress, &mut connection.batch);
    }
    let phases = options.phases();
    run(&mut poll, &mut connections, &mut replies, options, phases.counting)?;
    (replies.count, replies.bytes, replies.latency) = (0, 0, Durations::new());
    let (began, before) = (Instant::now(), Cpu::of(options.pid)?);
    let load = Cpu::of(std::process::id())?;
    run(&mut poll, &mut connections, &mut replies, options, phases.end)?;
    if replies.count == 0 {
        return Err("no message came back".into());
    }
    let (elapsed, server) = (began.elapsed(), Cpu::of(options.pid)? - before);
    let load = Cpu::of(std::process::id())? - load;
    Ok(Compressed {
        echo: Messages::new(
            replies.count,
            elapsed,
            (server, load),
            replies.latency.latency(),
            resident(options.pid)?,
        ),
        reply_bytes: replies.bytes as f64 / replies.count as f64,
        sent_bytes: replies.frames.iter().map(Vec::len).sum::<usize>() as f64 / MESSAGES as f64,
        extensions: answer,
    })
}

fn open(options: &Options, poll: &Poll) -> io::Result<(Vec<Connection<Progress>>, String)> {
    let (mut numbers, mut answer) = (Numbers::new(), String::new());
    let open = |index| {
        let (stream, extensions) = connection::open(options, &mut numbers, index, Some(OFFER))?;
        answer = extensions;
        let progress =
            Progress { first: index * 7, received: Vec::new(), replies: 0, inflater: None };
        let interest = Interest::READABLE | Interest::WRITABLE;
        Connection::new(stream, poll, Token(index), interest, progress)
    };
    let connections = (0..options.connections).map(open).collect::<io::Result<_>>()?;
    Ok((connections, answer))
}

impl Echoes {
    fn new(agreement: &Agreement, in_flight: usize) -> io::Result<Self> {
        let (mut numbers, messages) = (Numbers::new(), corpus::messages());
        let frames = messages.iter().map(|message| agreement.frame(message, numbers.masking_key()));
        Ok(Self {
            frames: frames.collect::<io::Result<_>>()?,
            known: vec![Vec::new(); messages.len()],
            messages,
            in_flight,
            takeover: agreement.has_server_takeover(),
            count: 0,
            bytes: 0,
            latency: Durations::new(),
        })
    }

    fn judge(
        &mut self,
        message: usize,
        first_byte: u8,
        payload: &[u8],
        inflater: Option<&mut Decompress>,
    ) -> Result<(), Box<dyn Error>> {
        self.count += 1;
        let is_right = match (first_byte, inflater) {
            (0x81, _) => payload == self.messages[message],
            (0xc1, Some(inflater)) => inflate(inflater, payload)? == self.messages[message],
            (0xc1, None) if self.takeover => !payload.is_empty(),
            (0xc1, None) if self.known[message] == payload => true,
            (0xc1, None) => {
                let inflated = inflate(&mut Decompress::new(false), payload)?;
                self.known[message] = payload.to_vec();
                inflated == self.messages[message]
            }
            _ => false,
        };
        if is_right { Ok(()) } else { Err("a reply differs from what was sent".into()) }
    }
}

impl Replies for Echoes {
    type Progress = Progress;

    /// Judges all replies that are whole.
    fn verify(
        &mut self,
        progress: &mut Progress,
        read: &[u8],
        began: Instant,
    ) -> Result<bool, Box<dyn Error>> {
        progress.received.extend_from_slice(read);
        let mut taken = 0;
        while let Some((first_byte, payload)) = server_frame(&progress.received[taken..]) {
            let payload = taken + payload.start..taken + payload.end;
            if progress.replies == self.in_flight {
                return Err("a reply too many".into());
            }
            let message = (progress.first + progress.replies) % MESSAGES;
            let inflater = progress.inflater.as_mut();
            self.judge(message, first_byte, &progress.received[payload.clone()], inflater)?;
            self.bytes += (payload.end - taken) as u64;
            self.latency.record(began.elapsed(), 1);
            taken = payload.end;
            progress.replies += 1;
        }
        progress.received.drain(..taken);
        let is_back = progress.replies == self.in_flight;
        if is_back {
            (progress.first, progress.replies) =
                ((progress.first + progress.replies) % MESSAGES, 0);
        }
        Ok(is_back)
    }

    /// Puts the frames of the next messages behind each other.
    fn fill(&self, progress: &Progress, batch: &mut Vec<u8>) {
        batch.clear();
        for index in progress.first..progress.first + self.in_flight {
            batch.extend_from_slice(&self.frames[index % MESSAGES]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_inflates_to_the_same() {
        let answer = "permessage-deflate; server_no_context_takeover; client_max_window_bits=10";
        let agreement = Agreement::new(answer).unwrap();
        assert!(!agreement.has_server_takeover());
        assert_eq!(agreement.parameter("client_max_window_bits"), Some("10"));
        let message = &corpus::messages()[3];
        // A key of zeros leaves the payload as it is.
        let frame = agreement.frame(message, [0; 4]).unwrap();
        assert!(frame.len() < message.len() / 2);
        let payload = &frame[8..];
        assert_eq!(inflate(&mut Decompress::new(false), payload).unwrap(), *message);
        assert!(inflate(&mut Decompress::new(false), &[0xff; 9]).is_err());
        assert!(Agreement::new("").is_err());
    }

    #[test]
    fn a_wrong_reply_is_found_also_when_a_right_one_is_known() {
        let agreement = Agreement::new("permessage-deflate; server_no_context_takeover").unwrap();
        let mut replies = Echoes::new(&agreement, 1).unwrap();
        let payload = |index: usize| {
            agreement.frame(&corpus::messages()[index], [0; 4]).unwrap()[8..].to_vec()
        };
        for _ in 0..2 {
            replies.judge(0, 0xc1, &payload(0), None).unwrap();
        }
        assert!(replies.judge(0, 0xc1, &payload(1), None).is_err());
        assert!(replies.judge(0, 0x82, &payload(0), None).is_err());
    }
}
