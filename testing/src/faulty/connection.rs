//! The transport of one connection: the opening handshake, what is read after it, and the end of TCP
//! (RFC 6455 §7.1.1; RFC 9112 §9.6).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::answer::Refusal;
use super::head::{Head, Scan, scan};
use super::judge::{Opened, judge};
use super::rules::{Act, Asked, Place};
use super::session::Session;
use super::{Fault, Shared, after};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With FIN, and what still comes is drained.
    Fin,
    /// As it is, by dropping it.
    Dropped,
}

pub(super) struct Connection<'a> {
    stream: TcpStream,
    shared: &'a Shared,
    /// What was read and not used.
    input: Vec<u8>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(stream: TcpStream, shared: &'a Shared) -> Connection<'a> {
        Connection { stream, shared, input: Vec::new() }
    }

    /// From the head of the request to the end of frames.
    pub(super) fn serve(&mut self, number: usize) -> io::Result<End> {
        let Some(scanned) = self.read_head()? else { return Ok(End::Dropped) };
        let (head, answer) = answer(self.shared, &self.input, scanned);
        let asked = Asked { head: &self.input, number };
        let act =
            self.shared.setup.rules.iter().find_map(|rule| rule.act_on(Place::Opening, &asked));
        if let Some(act) = act {
            return self.follow(act, &answer);
        }
        match head {
            Some((head, opened)) => self.open(&head, &opened, &answer, number),
            None => self.refuse(&answer),
        }
    }

    fn open(
        &mut self,
        head: &Head,
        opened: &Opened,
        answer: &[u8],
        number: usize,
    ) -> io::Result<End> {
        if opened.continues {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        self.stream.write_all(answer)?;
        let mut session = Session::new(self.shared, opened.agreement);
        let mut input = self.input.split_off(head.end);
        loop {
            if !input.is_empty() {
                let asked = Asked { head: &input, number };
                let mut rules = self.shared.setup.rules.iter();
                if let Some(act) = rules.find_map(|rule| rule.act_on(Place::Segment, &asked)) {
                    return self.follow(act, b"");
                }
                let is_over = session.receive(&input);
                self.stream.write_all(&session.take_output())?;
                if is_over {
                    return self.finish(&session);
                }
                input.clear();
            }
            self.shared.wait_if_hung();
            if self.read(&mut input)? == 0 {
                return Ok(End::Fin);
            }
        }
    }

    /// After the server's last frame.
    fn finish(&mut self, session: &Session<'_>) -> io::Result<End> {
        if session.keeps_tcp() {
            let mut ignored = Vec::new();
            while self.read(&mut ignored)? > 0 {
                ignored.clear();
            }
        }
        Ok(End::Fin)
    }

    fn refuse(&mut self, answer: &[u8]) -> io::Result<End> {
        self.stream.write_all(answer)?;
        if self.shared.has(Fault::SecondRequestAnswered) {
            let rest = self.input.windows(4).position(|end| end == b"\r\n\r\n");
            let rest = rest.and_then(|at| self.input.get(at + 4..)).unwrap_or_default();
            if rest.windows(5).any(|window| window == b"HTTP/") {
                self.stream.write_all(answer)?;
            }
        }
        if self.shared.has(Fault::RefusalNotClosed) {
            let mut ignored = Vec::new();
            while self.read(&mut ignored)? > 0 {
                ignored.clear();
            }
        }
        Ok(End::Fin)
    }

    /// Does what a rule says instead of answering.
    fn follow(&mut self, act: Act, answer: &[u8]) -> io::Result<End> {
        match act {
            Act::Reset => {
                // Octets that were not read make the kernel send RST when the socket is closed.
                set_linger_zero(&self.stream)?;
                return Ok(End::Dropped);
            }
            Act::End => {}
            Act::Status500 => {
                let refusal = Refusal::new(500, "an error within the server");
                self.stream.write_all(&refusal.response(self.shared, false))?;
            }
            Act::Garbage => self.stream.write_all(b"\x00\xffthis is no HTTP\r\n\r\n")?,
            Act::EndWithinAnswer => {
                let lines = answer.split_inclusive(|byte| *byte == b'\n').take(2);
                self.stream.write_all(&lines.collect::<Vec<_>>().concat())?;
            }
            Act::ZeroBehindAnswer => {
                self.stream.write_all(answer)?;
                self.stream.write_all(b"0")?;
            }
            Act::Silence => {
                let mut ignored = Vec::new();
                while self.read(&mut ignored)? > 0 {
                    ignored.clear();
                }
            }
            Act::Stop => {
                self.shared.stop();
                return Ok(End::Dropped);
            }
            Act::Hang => {
                self.shared.hang();
                self.shared.wait_if_hung();
                return Ok(End::Dropped);
            }
        }
        Ok(End::Fin)
    }

    /// What a head is, once it is whole or broken; `None` where the client went away before that.
    fn read_head(&mut self) -> io::Result<Option<Scan>> {
        let mut reads = 0;
        loop {
            self.shared.wait_if_hung();
            let mut input = std::mem::take(&mut self.input);
            let count = self.read(&mut input);
            self.input = input;
            reads += 1;
            if count? == 0 {
                return Ok(None);
            }
            match scan(self.shared, &self.input) {
                Scan::Part => {}
                scanned => return Ok(Some(scanned)),
            }
            if self.shared.has(Fault::HeadInOneSegment) && reads == 1
                || self.shared.has(Fault::HeadCutInLineEnd) && self.input.ends_with(b"\r")
            {
                return Ok(Some(Scan::Bad(Refusal::new(400, "a head that is cut"))));
            }
        }
    }

    /// Reads once, behind what is there.
    fn read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(count) => {
                    input.extend_from_slice(&buffer[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// FIN, then whatever still comes is read and dropped, so that no RST overtakes the last word.
    pub(super) fn drain(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let until = after(LONGEST_DRAIN);
        let mut buffer = [0; 64 << 10];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return;
            }
            if !matches!(self.stream.read(&mut buffer), Ok(1..)) {
                return;
            }
        }
    }
}

/// A head that opens and what it opens, and the answer to it or to a bad one.
pub(super) fn answer(
    shared: &Shared,
    input: &[u8],
    scanned: Scan,
) -> (Option<(Box<Head>, Opened)>, Vec<u8>) {
    let judged = match scanned {
        Scan::Part => return (None, Vec::new()),
        Scan::Bad(refusal) => Err(refusal),
        Scan::Whole(head) => judge(shared, &head).map(|opened| (head, opened)),
    };
    match judged {
        Ok((head, opened)) => {
            let answer = opened.accepted.response(shared);
            (Some((head, opened)), answer)
        }
        Err(refusal) => (None, refusal.response(shared, input.starts_with(b"HEAD "))),
    }
}

/// Closing the socket then resets the connection.
fn set_linger_zero(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// How long what comes after the end is still read.
const LONGEST_DRAIN: Duration = Duration::from_secs(2);
