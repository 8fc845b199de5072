//! One raw connection: writes what it is told, reads strictly, remembers both for the report.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::frame::{Event, Frame, decode, dump, quote};
use crate::http::{Head, Response};
use crate::inflating::Inflating;

/// How soon an answer must come that waits for nobody. Well under the close timeout of 5 s.
pub(crate) const PROMPT: Duration = Duration::from_millis(3500);

/// How long something may take that costs the server real work.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// `Ok`, or a report a person can read.
pub(crate) type Outcome = Result<(), String>;

/// What the next read brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Event(Event),
    /// The server's FIN, on a frame border.
    Fin,
    /// Nothing more within the time given.
    Silence,
}

/// A client's end of one connection.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// How much of `received` is consumed.
    read: usize,
    finished: bool,
    partial: Option<Frame>,
    /// Once permessage-deflate is agreed.
    inflating: Option<Inflating>,
    sent: Vec<u8>,
    sent_in_all: usize,
    story: Vec<String>,
}

impl Client {
    /// Connects, with Nagle's algorithm off so that every write is a segment.
    pub(crate) fn connect(address: SocketAddr) -> Result<Client, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
        Ok(Client::over(stream))
    }

    /// Connects with a receive buffer of about this size.
    pub(crate) fn connect_with_buffer(address: SocketAddr, size: usize) -> Result<Client, String> {
        let connect = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_recv_buffer_size(size)?;
            socket.connect(&address.into())?;
            Ok(TcpStream::from(socket))
        };
        connect().map(Client::over).map_err(|error: std::io::Error| format!("connect: {error}"))
    }

    fn over(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Client {
            stream,
            received: Vec::new(),
            read: 0,
            finished: false,
            partial: None,
            inflating: None,
            sent: Vec::new(),
            sent_in_all: 0,
            story: Vec::new(),
        }
    }

    /// Connects and completes the plainest opening handshake.
    pub(crate) fn open(address: SocketAddr) -> Result<Client, String> {
        let mut client = Client::connect(address)?;
        client.upgrade()?;
        Ok(client)
    }

    /// Completes the plainest opening handshake on this connection.
    pub(crate) fn upgrade(&mut self) -> Outcome {
        let head = Head::new();
        self.send(&head.bytes())?;
        let response = self.response(LONG)?;
        response.accepts(&head).map_err(|why| self.report("101 Switching Protocols", &why))?;
        self.sent.clear();
        self.sent_in_all = 0;
        self.story.clear();
        Ok(())
    }

    /// Connects and opens with this offer of extensions, which must be accepted and lawfully answered.
    pub(crate) fn offering(address: SocketAddr, offer: &str) -> Result<Client, String> {
        let mut client = Client::connect(address)?;
        let head = Head::new().set("Sec-WebSocket-Extensions", offer);
        client.send(&head.bytes())?;
        client.accepted(&head, offer)?;
        client.sent.clear();
        client.sent_in_all = 0;
        Ok(client)
    }

    /// Reads the 101 to this head, in which the offer must be accepted and lawfully answered.
    pub(crate) fn accepted(&mut self, head: &Head, offer: &str) -> Outcome {
        let response = self.response(LONG)?;
        let agreed = response
            .accepts_and_extends(head, None)
            .and_then(|()| Inflating::agree(offer, &response.values("sec-websocket-extensions")));
        match agreed {
            Ok(Some(inflating)) => self.inflating = Some(inflating),
            Ok(None) => return Err(self.report(&format!("101 that accepts {offer}"), "declined")),
            Err(why) => return Err(self.report(&format!("101 that accepts {offer}"), &why)),
        }
        Ok(())
    }

    /// Reads from now on what was agreed, if anything was.
    pub(crate) fn adopt(&mut self, agreed: Option<Inflating>) {
        self.inflating = agreed;
    }

    /// What was agreed, and the last message.
    pub(crate) fn inflating(&self) -> &Inflating {
        self.inflating.as_ref().expect("permessage-deflate is agreed")
    }

    /// The socket, for what this type has no word for.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Writes all of it at once.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.note_sent(bytes);
        let result = self.stream.write_all(bytes);
        result.map_err(|error| self.report("the bytes are taken", &format!("write: {error}")))
    }

    /// Writes as much as is taken; a connection already gone is no fault.
    pub(crate) fn offer(&mut self, bytes: &[u8]) {
        self.note_sent(bytes);
        let _ = self.stream.write_all(bytes);
    }

    fn note_sent(&mut self, bytes: &[u8]) {
        self.sent_in_all += bytes.len();
        let room = 4096_usize.saturating_sub(self.sent.len());
        self.sent.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// FIN from our side.
    pub(crate) fn half_close(&mut self) {
        self.story.push("we sent FIN".to_owned());
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a RST instead of a FIN.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Reads until `done` finds what it wants in the unread bytes, the FIN, or the time is over.
    fn fill(&mut self, until: Instant) -> Result<bool, String> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        self.stream.set_read_timeout(Some(left)).unwrap();
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.finished = true;
                Ok(true)
            }
            Ok(count) => {
                if self.read == self.received.len() {
                    self.received.clear();
                    self.read = 0;
                }
                self.received.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(false)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(format!("read failed, the connection was reset: {error}")),
        }
    }

    fn unread(&self) -> &[u8] {
        &self.received[self.read..]
    }

    /// The next message or control frame. Server frames that break a rule are an error.
    pub(crate) fn next(&mut self, within: Duration) -> Result<Next, String> {
        let until = Instant::now() + within;
        loop {
            if let Some((frame, length)) = decode(self.unread())? {
                self.read += length;
                if let Some(event) = self.assemble(frame)? {
                    if self.story.len() < 40 {
                        self.story.push(event.to_string());
                    }
                    return Ok(Next::Event(event));
                }
                continue;
            }
            if self.finished {
                return if self.unread().is_empty() {
                    Ok(Next::Fin)
                } else {
                    Err(format!("FIN inside a frame: {}", dump(self.unread())))
                };
            }
            if !self.fill(until)? {
                return Ok(Next::Silence);
            }
        }
    }

    fn assemble(&mut self, frame: Frame) -> Result<Option<Event>, String> {
        let control = match frame.opcode {
            8 => Event::Close,
            9 => Event::Ping,
            10 => Event::Pong,
            _ => return self.assemble_message(frame),
        };
        Ok(Some(control(frame.payload)))
    }

    fn assemble_message(&mut self, frame: Frame) -> Result<Option<Event>, String> {
        let message = match (frame.opcode, self.partial.take()) {
            (0, Some(mut message)) => {
                message.payload.extend_from_slice(&frame.payload);
                Frame { fin: frame.fin, ..message }
            }
            (0, None) => return Err("server continuation with nothing to continue".to_owned()),
            (_, None) => frame,
            (_, Some(_)) => return Err("server message begun inside another".to_owned()),
        };
        if !message.fin {
            self.partial = Some(message);
            return Ok(None);
        }
        let payload = match &mut self.inflating {
            Some(inflating) => inflating.receive(message.rsv1, message.payload)?,
            None if message.rsv1 => return Err("server message with RSV1, not agreed".to_owned()),
            None => message.payload,
        };
        if message.opcode == 1 && std::str::from_utf8(&payload).is_err() {
            return Err(format!("server text is not UTF-8: {}", dump(&payload)));
        }
        Ok(Some(if message.opcode == 1 { Event::Text(payload) } else { Event::Binary(payload) }))
    }

    /// Expects exactly this next.
    pub(crate) fn expect(&mut self, event: &Event) -> Outcome {
        self.expect_within(event, PROMPT)
    }

    /// Expects exactly this next, with its own patience.
    pub(crate) fn expect_within(&mut self, event: &Event, within: Duration) -> Outcome {
        let expected = event.to_string();
        match self.next(within) {
            Ok(Next::Event(seen)) if seen == *event => Ok(()),
            Ok(next) => Err(self.report(&expected, &describe(&next, within))),
            Err(why) => Err(self.report(&expected, &why)),
        }
    }

    /// Expects the server's FIN and no further byte before it.
    pub(crate) fn expect_fin(&mut self, within: Duration) -> Outcome {
        match self.next(within) {
            Ok(Next::Fin) => Ok(()),
            Ok(next) => Err(self.report("FIN and nothing before it", &describe(&next, within))),
            Err(why) => Err(self.report("FIN and nothing before it", &why)),
        }
    }

    /// Expects that nothing at all comes for so long.
    pub(crate) fn expect_silence(&mut self, during: Duration) -> Outcome {
        match self.next(during) {
            Ok(Next::Silence) if self.unread().is_empty() => Ok(()),
            Ok(Next::Silence) => {
                let seen = format!("part of a frame: {}", dump(self.unread()));
                Err(self.report("silence", &seen))
            }
            Ok(next) => Err(self.report("silence", &describe(&next, during))),
            Err(why) => Err(self.report("silence", &why)),
        }
    }

    /// Expects that the connection is failed: a Close frame with this code and a reason that names
    /// a clause beginning with `clause`, then FIN without waiting for us, never a reset.
    pub(crate) fn expect_failed(&mut self, code: u16, clause: &str) -> Outcome {
        self.expect_failed_within(code, clause, PROMPT)
    }

    /// The same where megabytes have to be worked through first.
    pub(crate) fn expect_failed_within(
        &mut self,
        code: u16,
        clause: &str,
        within: Duration,
    ) -> Outcome {
        let expected = format!("Close {code} with a reason \"{clause}...: ...\", then FIN");
        let body = match self.next(within) {
            Ok(Next::Event(Event::Close(body))) => body,
            Ok(next) => return Err(self.report(&expected, &describe(&next, within))),
            Err(why) => return Err(self.report(&expected, &why)),
        };
        if let Err(why) = names_clause(&body, code, clause) {
            let seen = format!("{why}: {}", Event::Close(body));
            return Err(self.report(&expected, &seen));
        }
        self.expect_fin(PROMPT)
    }

    /// Starts the closing handshake with 1000, expects its echo and the server's FIN, sends ours.
    pub(crate) fn close_normally(&mut self) -> Outcome {
        self.close_and_linger()?;
        self.half_close();
        Ok(())
    }

    /// The same without our FIN.
    pub(crate) fn close_and_linger(&mut self) -> Outcome {
        self.send(&crate::frame::close(1000, ""))?;
        self.expect(&Event::Close(1000_u16.to_be_bytes().to_vec()))?;
        self.expect_fin(PROMPT)
    }

    /// Proves that the connection still works: a Ping comes back, then a clean close.
    pub(crate) fn expect_alive(&mut self) -> Outcome {
        self.send(&crate::frame::ping("still open"))?;
        self.expect(&Event::Pong(b"still open".to_vec()))?;
        self.close_normally()
    }

    /// The next HTTP response, its head and, unless it is a 1xx, everything up to the FIN.
    pub(crate) fn response(&mut self, within: Duration) -> Result<Response, String> {
        let until = Instant::now() + within;
        let mut response = self.response_head(until)?;
        if response.status >= 200 {
            while !self.finished {
                let filled = self.fill(until).map_err(|why| self.report("FIN", &why))?;
                if !filled {
                    return Err(self.report("FIN after the response", "the connection stays open"));
                }
            }
            response.body = self.unread().to_vec();
            self.read = self.received.len();
        }
        Ok(response)
    }

    /// The same for a client that sends more than any drain takes: a reset may end the body.
    pub(crate) fn response_until_reset(&mut self, within: Duration) -> Result<Response, String> {
        let until = Instant::now() + within;
        let mut response = self.response_head(until)?;
        while !self.finished && self.fill(until).unwrap_or(false) {}
        response.body = self.unread().to_vec();
        self.read = self.received.len();
        Ok(response)
    }

    fn response_head(&mut self, until: Instant) -> Result<Response, String> {
        let end = loop {
            if let Some(at) = self.unread().windows(4).position(|four| four == b"\r\n\r\n") {
                break self.read + at + 4;
            }
            if self.finished {
                let seen = format!("FIN after {}", quote(self.unread()));
                return Err(self.report("an HTTP response", &seen));
            }
            let filled = self.fill(until).map_err(|why| self.report("an HTTP response", &why))?;
            if !filled {
                let seen = format!("nothing more in time after {}", quote(self.unread()));
                return Err(self.report("an HTTP response", &seen));
            }
        };
        let response = Response::parse(&self.received[self.read..end])
            .map_err(|why| self.report("a well-formed response head", &why))?;
        self.story.push(response.summary());
        self.read = end;
        Ok(response)
    }

    /// Expects the FIN with not one byte before it.
    pub(crate) fn expect_silent_end(&mut self, within: Duration) -> Outcome {
        let until = Instant::now() + within;
        while !self.finished {
            let filled = self.fill(until).map_err(|why| self.report("a silent end", &why))?;
            if !filled {
                return Err(self.report("FIN without a byte", &format!("nothing in {within:?}")));
            }
        }
        if self.unread().is_empty() {
            return Ok(());
        }
        let seen = quote(self.unread());
        Err(self.report("FIN without a byte", &seen))
    }

    /// After the server's FIN we go on sending: it must be swallowed, not answered with a reset.
    pub(crate) fn expect_no_reset(&mut self) -> Outcome {
        let expected = "bytes after the server's FIN are drained, no RST";
        for _ in 0..4 {
            if let Err(error) = self.stream.write_all(&[0x55; 1024]) {
                return Err(self.report(expected, &format!("write: {error}")));
            }
        }
        match self.stream.read(&mut [0; 16]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.report(expected, "bytes after the server's FIN")),
            Err(error) => Err(self.report(expected, &format!("read: {error}"))),
        }
    }

    /// A failure with everything needed to play it again.
    pub(crate) fn report(&self, expected: &str, observed: &str) -> String {
        let story =
            if self.story.is_empty() { "nothing".to_owned() } else { self.story.join(" | ") };
        let sent = if self.sent.is_ascii() && self.sent.starts_with(b"GET") {
            quote(&self.sent)
        } else {
            dump(&self.sent)
        };
        format!(
            "    sent      {sent} ({} bytes in all)\n    expected  {expected}\n    \
             observed  {observed}\n    received  {story}",
            self.sent_in_all
        )
    }
}

/// What a read brought, in words.
pub(crate) fn describe(next: &Next, within: Duration) -> String {
    match next {
        Next::Event(event) => event.to_string(),
        Next::Fin => "FIN".to_owned(),
        Next::Silence => format!("nothing for {within:?}"),
    }
}

/// Checks the body of a Close frame that fails a connection.
fn names_clause(body: &[u8], code: u16, clause: &str) -> Outcome {
    if Event::close_code(body) != Some(code) {
        return Err(format!("the code is not {code}"));
    }
    let reason = std::str::from_utf8(&body[2..]).map_err(|_| "the reason is not UTF-8")?;
    if reason.len() > 123 {
        return Err(format!("the reason has {} bytes", reason.len()));
    }
    if !crate::http::opens_with_clause(reason) || !reason.starts_with(clause) {
        return Err(format!("the reason does not open with the clause \"{clause}\""));
    }
    Ok(())
}
