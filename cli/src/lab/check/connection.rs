//! One raw connection to the server: writes what it is told, reads frames strictly. Every step has a
//! deadline and every buffer a bound, whatever the server does.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use super::agreement::Agreement;
use super::frame::{Event, Fault, Frame, decode, dump};
use super::inflate::inflate;
use super::server::Place;
use super::tape::Tapes;
use crate::tls_client::{Session, Wire, is_late};

/// What the next read brings.
#[derive(Debug)]
pub(crate) enum Next {
    Event(Event),
    /// The server's FIN.
    Fin,
    /// The connection was reset.
    Reset,
    /// Nothing more within the time given.
    Silence,
    /// The server broke a rule with what it sent.
    Fault(Fault),
}

/// A client's end of one connection.
pub(crate) struct Connection {
    wire: Wire,
    /// How long TCP may take nothing while something is written.
    patience: Duration,
    received: Vec<u8>,
    /// How much of `received` is consumed.
    read: usize,
    finished: bool,
    reset: bool,
    tapes: Tapes,
    partial: Option<Frame>,
    compression: Option<Compression>,
    /// When it is over, however much the server still says.
    deadline: Instant,
}

/// What is known of an agreed permessage-deflate.
struct Compression {
    agreement: Agreement,
    /// The last 32 KiB that the server said.
    window: Vec<u8>,
}

impl Connection {
    /// Connects, with Nagle's algorithm off so that every write is a segment, or a record of TLS.
    pub(crate) fn connect(to: &Place, within: Duration) -> std::io::Result<Connection> {
        let until = Instant::now() + within;
        let wire = Wire::connect(&to.address, within)?;
        wire.tcp().set_nodelay(true)?;
        Ok(Connection {
            wire: wire.secure(to.tls.as_ref(), until)?,
            patience: within,
            received: Vec::new(),
            read: 0,
            finished: false,
            reset: false,
            tapes: Tapes::default(),
            partial: None,
            compression: None,
            deadline: Instant::now() + LONGEST_ROW,
        })
    }

    /// Writes as much as is taken; what became of it is seen by reading. While nothing is taken, what
    /// comes back is read: a server may echo before it has read everything.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.tapes.sent.note(bytes);
        let mut rest = bytes;
        let mut progress = Instant::now();
        loop {
            match self.wire.write_some(rest, Instant::now() + TURN) {
                Ok(_) if rest.is_empty() => return,
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    progress = Instant::now();
                }
                Err(error) if is_late(&error) => {
                    if progress.elapsed() > self.patience || !self.read_what_came() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Reads until nothing more is there; `false` when it is too much, or takes too long, and the connection is ended.
    fn read_what_came(&mut self) -> bool {
        loop {
            if self.finished || self.reset {
                thread::sleep(TURN);
                return Instant::now() <= self.deadline;
            }
            match self.fill(Instant::now() + TURN) {
                Ok(true) if Instant::now() <= self.deadline => {}
                Ok(false) if Instant::now() <= self.deadline => return true,
                Err(Next::Reset) => return true,
                Ok(_) | Err(_) => {
                    let _ = self.wire.tcp().shutdown(Shutdown::Both);
                    return false;
                }
            }
        }
    }

    /// What was agreed with TLS.
    pub(crate) fn session(&self) -> Option<Session> {
        self.wire.session()
    }

    /// Whether the server's FIN has come without the close_notify that TLS wants before it.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.finished && self.wire.is_not_notified()
    }

    /// Forgets what was sent and received so far; the row begins now.
    pub(crate) fn begin_row(&mut self) {
        self.tapes = Tapes::default();
        // What came with the 101 belongs to the row.
        let early = self.unread().to_vec();
        self.tapes.received.note(&early);
        self.deadline = Instant::now() + LONGEST_ROW;
    }

    /// What was sent and received in this row.
    pub(crate) fn tapes(&self) -> Tapes {
        self.tapes.clone()
    }

    /// Whether something has come in this row, if only the end.
    pub(crate) fn has_heard(&self) -> bool {
        !self.tapes.received.is_empty() || self.finished || self.reset
    }

    /// Waits until something has come, if only the end, at most so long.
    pub(crate) fn wait(&mut self, at_most: Duration) {
        if self.unread().is_empty() && !self.finished && !self.reset {
            let _ = self.fill(Instant::now() + at_most);
        }
    }

    /// FIN from our side, and close_notify before it where there is TLS.
    pub(crate) fn half_close(&mut self) {
        self.wire.finish();
    }

    /// Reads compressed messages from now on.
    pub(crate) fn agree(&mut self, agreement: Agreement) {
        self.compression = Some(Compression { agreement, window: Vec::new() });
    }

    /// What has arrived and was not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.received.get(self.read..).unwrap_or_default()
    }

    /// Takes so many bytes of what has arrived.
    pub(crate) fn consume(&mut self, count: usize) {
        self.read = (self.read + count).min(self.received.len());
    }

    /// Whether the server's FIN has come.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Reads once; `Ok(false)` when the time is over.
    ///
    /// # Errors
    /// When the connection was reset, or more came than is read.
    pub(crate) fn fill(&mut self, until: Instant) -> Result<bool, Next> {
        if self.reset {
            return Err(Next::Reset);
        }
        if self.unread().len() > MOST_UNREAD {
            let much = format!("more than {MOST_UNREAD} bytes of one frame or answer");
            return Err(Next::Fault(Fault::new("", much)));
        }
        let mut buffer = [0; 16 * 1024];
        match self.wire.read(&mut buffer, until.min(self.deadline)) {
            Ok(0) => {
                self.finished = true;
                Ok(true)
            }
            Ok(count) => {
                self.received.drain(..self.read);
                self.read = 0;
                let bytes = buffer.get(..count).unwrap_or_default();
                self.received.extend_from_slice(bytes);
                self.tapes.received.note(bytes);
                Ok(true)
            }
            Err(error) if is_late(&error) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(_) => {
                self.reset = true;
                Err(Next::Reset)
            }
        }
    }

    /// The next message or control frame.
    pub(crate) fn next(&mut self, until: Instant) -> Next {
        loop {
            match decode(self.unread()) {
                Err(fault) => return Next::Fault(fault),
                Ok(Some((frame, length))) => {
                    self.consume(length);
                    match self.assemble(frame) {
                        Ok(Some(event)) => return Next::Event(event),
                        Ok(None) => {}
                        Err(fault) => return Next::Fault(fault),
                    }
                    continue;
                }
                Ok(None) => {}
            }
            if self.finished {
                return Next::Fin;
            }
            match self.fill(until) {
                Ok(true) => {}
                Ok(false) => return Next::Silence,
                Err(end) => return end,
            }
        }
    }

    fn assemble(&mut self, frame: Frame) -> Result<Option<Event>, Fault> {
        match frame.opcode {
            8 => judge_close(&frame.payload).map(|()| Some(Event::Close(frame.payload))),
            9 => Ok(Some(Event::Ping(frame.payload))),
            10 => Ok(Some(Event::Pong(frame.payload))),
            _ => self.assemble_message(frame),
        }
    }

    fn assemble_message(&mut self, frame: Frame) -> Result<Option<Event>, Fault> {
        let wrong = |what| Err(Fault::new("RFC 6455 5.4", what));
        let message = match (frame.opcode, self.partial.take()) {
            (0, Some(mut message)) => {
                message.payload.extend_from_slice(&frame.payload);
                Frame { fin: frame.fin, ..message }
            }
            (0, None) => return wrong("a server continuation with nothing to continue"),
            (_, None) => frame,
            (_, Some(_)) => return wrong("a server message begun inside another"),
        };
        if message.payload.len() > MOST_UNREAD {
            return Err(Fault::new("", "a server message larger than is read"));
        }
        if !message.fin {
            self.partial = Some(message);
            return Ok(None);
        }
        let payload = match (&mut self.compression, message.rsv1) {
            (_, false) => message.payload,
            (Some(compression), true) => compression.inflate(&message.payload)?,
            (None, true) => {
                return Err(Fault::new("RFC 6455 5.2", "a server message with RSV1, not agreed"));
            }
        };
        if message.opcode == 1 && std::str::from_utf8(&payload).is_err() {
            let what = format!("server text that is not UTF-8: {}", dump(&payload));
            return Err(Fault::new("RFC 6455 5.6", what));
        }
        Ok(Some(if message.opcode == 1 { Event::Text(payload) } else { Event::Binary(payload) }))
    }
}

impl Compression {
    fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        let wrong = |section, why: String| {
            Fault::new(section, format!("a server message that does not inflate: {why}"))
        };
        let inflated = inflate(&self.window, payload, MOST_UNREAD)
            .map_err(|why| wrong("RFC 7692 7.2.1", format!("{why}: {}", dump(payload))))?;
        let window = 1 << self.agreement.server_max_window_bits.unwrap_or(15);
        if inflated.max_distance > window {
            let far =
                format!("it refers {} bytes back, {window} were agreed", inflated.max_distance);
            return Err(wrong("RFC 7692 7.2.1", far));
        }
        if !self.agreement.server_no_context_takeover {
            self.window.extend_from_slice(&inflated.output);
            let old = self.window.len().saturating_sub(32 << 10);
            self.window.drain(..old);
        }
        Ok(inflated.output)
    }
}

/// What a Close frame of a server may not hold.
fn judge_close(body: &[u8]) -> Result<(), Fault> {
    let (code, reason) = match body.split_first_chunk::<2>() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None if body.is_empty() => return Ok(()),
        None => return Err(Fault::new("RFC 6455 5.5.1", "a server Close with a body of one byte")),
    };
    let bad = match code {
        1005 | 1006 | 1015 => Some(("RFC 6455 7.4.1", "which never stands in a Close")),
        1004 => Some(("RFC 6455 7.4.1", "which is reserved")),
        0..=999 => Some(("RFC 6455 7.4.2", "and codes below 1000 are not used")),
        1016..=2999 => Some(("RFC 6455 7.4.2", "which is reserved and has no definition")),
        // RFC 6455 says nothing of codes above 4999.
        _ => None,
    };
    if let Some((section, why)) = bad {
        return Err(Fault::new(section, format!("a server Close with code {code}, {why}")));
    }
    if std::str::from_utf8(reason).is_err() {
        let what = format!("a server Close {code} whose reason is not UTF-8: {}", dump(reason));
        return Err(Fault::new("RFC 6455 5.5.1", what));
    }
    Ok(())
}

/// No row takes longer, whatever the server does.
const LONGEST_ROW: Duration = Duration::from_secs(30);

/// How long is waited before it is looked the other way, while bytes go both ways.
const TURN: Duration = Duration::from_millis(2);

/// Bytes of one frame, message or answer that are kept.
const MOST_UNREAD: usize = 20 << 20;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_comes_back_is_read_while_much_is_sent() {
        const MUCH: usize = 12 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 64 << 10];
            let mut count = 0;
            // Reads no further before it has written all that it read.
            while count < MUCH {
                let read = stream.read(&mut buffer).unwrap();
                count += read;
                stream.write_all(&buffer[..read]).unwrap();
            }
        });
        let mut connection =
            Connection::connect(&Place { address, tls: None }, Duration::from_secs(10)).unwrap();
        connection.send(&vec![7; MUCH]);
        let until = Instant::now() + Duration::from_secs(10);
        while connection.unread().len() < MUCH && connection.fill(until).unwrap() {}
        assert_eq!(connection.unread().len(), MUCH);
        server.join().unwrap();
    }
}
