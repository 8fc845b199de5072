//! One connection over TLS: rustls between the bytes of the socket and those of the application.
//!
//! Nothing runs by itself. The handshake goes on whenever the connection task reads, what rustls has to say by
//! itself is written then too, and nothing is read before that while the handshake goes on.
//!
//! ```text
//!  Handshaking --complete--> Open --our close_notify and FIN--> Ended
//!     |   |                   |                                   ^
//!     |   |                   +--a fault of the peer's--> Failed--+ alert, FIN
//!     |   +--no TLS, maybe a method--> Undecided--------> Failed--+ 400 or alert, FIN
//!     +--a fault of the peer's--------------------------> Failed--+ alert, FIN
//! ```

use std::io::{self, BufRead, ErrorKind, IoSlice, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{ServerConfig, ServerConnection};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::failure::{Observer, Outcome, to_io};
use super::handshake::{self, Handshake};
use super::plain_http::{self, Beginning, ENOUGH};
use super::wire::{self, Reading, Trying, Writing};
use crate::net::TlsSession;
use crate::server::socket::raw;

/// A socket with TLS on it.
pub(super) struct Session {
    tls: ServerConnection,
    stream: TcpStream,
    stage: Stage,
    /// Bytes of records that were read and for whose content rustls had no room. Most often none.
    rest: Vec<u8>,
    /// What the peer did wrong behind content that is to be taken first.
    fault: Option<rustls::Error>,
    /// Bytes of records since there was content in one.
    barren: usize,
}

/// How far it has come.
enum Stage {
    Handshaking(Box<Handshake>),
    /// What came is no TLS, and may be the beginning of a method.
    Undecided(Box<Handshake>),
    Open,
    /// What comes is thrown away. An answer or alert in clear is to be written, or the alert that rustls has.
    Failed(Option<PlainAnswer>),
    /// As `Failed`, and our FIN is out.
    Ended,
}

/// What is said in clear: the answer to plain HTTP, or an alert.
struct PlainAnswer {
    bytes: Vec<u8>,
    /// 0 <= written <= bytes.len()
    written: usize,
}

impl Session {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        config: Arc<ServerConfig>,
        observer: Arc<Observer>,
    ) -> Result<Box<Session>, rustls::Error> {
        let mut tls = ServerConnection::new(config)?;
        tls.set_buffer_limit(Some(MOST_HELD));
        let stage = Stage::Handshaking(Box::new(Handshake::new(peer, observer)));
        Ok(Box::new(Session { tls, stream, stage, rest: Vec::new(), fault: None, barren: 0 }))
    }

    /// The socket, from which nothing may have been read yet.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The handshake begins later: until then nothing is told of it.
    pub(super) fn hold_back(&mut self) {
        if let Stage::Handshaking(handshake) = &mut self.stage {
            handshake.hold_back();
        }
    }

    /// The handshake begins, with this client, where one is named.
    pub(super) fn begin(&mut self, client: Option<SocketAddr>) {
        if let Stage::Handshaking(handshake) = &mut self.stage {
            handshake.begin(client);
        }
    }

    /// What the handshake agreed on, once it is complete.
    pub(super) fn agreed(&self) -> Option<TlsSession> {
        handshake::agreed(&self.tls)
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// As `ReadVec::poll_read_vec`.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            match &self.stage {
                Stage::Failed(_) | Stage::Ended => return self.poll_discard(cx, buffer, limit),
                Stage::Undecided(_) => return Poll::Ready(Err(ready!(self.poll_decide(cx)))),
                Stage::Handshaking(_) => {
                    if let Err(error) = ready!(self.poll_send_records(cx)) {
                        return Poll::Ready(Err(self.lose(error)));
                    }
                }
                Stage::Open => match self.take_content(buffer, limit) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    taken => return Poll::Ready(taken),
                },
            }
            // The runtime lets a task make 128 of these calls before others get their turn. Of records without
            // content there may be MOST_BARREN bytes.
            match self.poll_receive(cx) {
                Poll::Ready(received) => received?,
                Poll::Pending => {
                    // Tickets, and answers to key updates: nothing else may be written for long.
                    if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                        return Poll::Ready(Err(self.lose(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads once from the socket, and deals with the records.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let first = match &mut self.stage {
            Stage::Handshaking(handshake) => Some(&mut handshake.first),
            Stage::Open => return self.poll_receive_records(cx),
            _ => None,
        };
        let mut reading = Reading { stream: &self.stream, cx, first };
        let read = match self.tls.read_tls(&mut reading) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(self.lose(error))),
        };
        self.barren += read;
        if let Err(error) = self.tls.process_new_packets() {
            return self.fail(error, cx);
        }
        let Stage::Handshaking(handshake) = &mut self.stage else {
            return Poll::Ready(self.check_barren());
        };
        if !self.tls.is_handshaking() {
            handshake.completed();
            self.stage = Stage::Open;
            self.barren = 0;
        } else if read == 0 {
            // Without a byte it is the end of a peer that never spoke, as it is without TLS.
            let is_silent = handshake.first.octets().is_empty();
            let error = self.lose(io::Error::new(ErrorKind::UnexpectedEof, ENDED_EARLY));
            if !is_silent {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The same once the handshake is over: rustls reads 4 KiB at a time, so the thread's buffer stands between
    /// it and the socket.
    fn poll_receive_records(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(fault) = self.fault.take() {
            return self.fail(fault, cx);
        }
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return self.receive(&rest, cx);
        }
        wire::lend(|records| {
            let read = match ready!(raw::poll_recv_into(&self.stream, cx, records)) {
                Ok(read) => read,
                Err(error) => return Poll::Ready(Err(self.lose(error))),
            };
            self.barren += read;
            self.receive(records.get(..read).unwrap_or_default(), cx)
        })
    }

    /// Deals with the bytes of records that were read, of which none are the end.
    fn receive(&mut self, mut records: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // Behind close_notify rustls takes nothing.
            let is_over = match self.tls.read_tls(&mut records) {
                Ok(taken) => taken == 0 || records.is_empty(),
                Err(error) => return Poll::Ready(Err(self.lose(error))),
            };
            let content = match self.tls.process_new_packets() {
                Ok(state) => state.plaintext_bytes_to_read(),
                Err(error) if self.has_content() => {
                    self.fault = Some(error);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return self.fail(error, cx),
            };
            if is_over {
                return Poll::Ready(self.check_barren());
            }
            if content > MOST_CONTENT {
                self.rest = records.to_vec();
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn has_content(&mut self) -> bool {
        self.tls.reader().fill_buf().is_ok_and(|content| !content.is_empty())
    }

    /// RFC 8446 §5.1 allows records without content, and §4.6.3 updates of keys: they cost us more than the
    /// peer, so they have a bound.
    fn check_barren(&mut self) -> io::Result<()> {
        if self.barren <= MOST_BARREN {
            return Ok(());
        }
        // There is content in the records that have just come, or else there was none for too long.
        match self.tls.reader().fill_buf() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.tls.send_close_notify();
                self.stage = Stage::Failed(None);
                Err(io::Error::new(ErrorKind::InvalidData, BARREN))
            }
            // The end is the reader's to tell.
            Err(_) => Ok(()),
        }
    }

    /// Content that rustls has decrypted. 0 is the end, by close_notify.
    fn take_content(&mut self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        if buffer.capacity() == buffer.len() {
            buffer.reserve(limit.min(LEAST_ROOM));
        }
        let mut taken = 0;
        loop {
            let room = (buffer.capacity() - buffer.len()).min(limit - taken);
            if room == 0 {
                break;
            }
            let mut reader = self.tls.reader();
            let content = match reader.fill_buf() {
                Ok(content) if !content.is_empty() => content,
                Err(error) if taken == 0 => return Err(error),
                // What else there is to tell is told by the next call.
                _ => break,
            };
            let len = content.len().min(room);
            buffer.extend_from_slice(content.get(..len).unwrap_or_default());
            reader.consume(len);
            taken += len;
        }
        self.barren = 0;
        Ok(taken)
    }

    /// The transport failed.
    fn lose(&mut self, error: io::Error) -> io::Error {
        if let Stage::Handshaking(handshake) | Stage::Undecided(handshake) = &mut self.stage {
            handshake.ended_early(&error);
        }
        self.stage = Stage::Failed(None);
        error
    }

    /// The peer has broken a rule, or has sent what is no TLS.
    fn fail(&mut self, error: rustls::Error, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match std::mem::replace(&mut self.stage, Stage::Failed(None)) {
            Stage::Handshaking(handshake)
                if Beginning::of(handshake.first.octets()) != Beginning::Other =>
            {
                self.stage = Stage::Undecided(handshake);
                self.poll_decide(cx).map(Err)
            }
            Stage::Handshaking(mut handshake) => {
                handshake.failed(Outcome::of(&error), &error);
                self.have_something_to_say();
                Poll::Ready(Err(to_io(error)))
            }
            _ => {
                self.have_something_to_say();
                Poll::Ready(Err(to_io(error)))
            }
        }
    }

    /// rustls has no alert for some faults.
    fn have_something_to_say(&mut self) {
        if self.tls.wants_write() {
            return;
        }
        if self.tls.protocol_version().is_none() {
            let answer = PlainAnswer { bytes: DECODE_ERROR.to_vec(), written: 0 };
            self.stage = Stage::Failed(Some(answer));
        } else {
            self.tls.send_close_notify();
        }
    }

    /// Reads until it is known whether what came is plain HTTP. Gives what the task is told.
    fn poll_decide(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let Stage::Undecided(handshake) = &mut self.stage else {
                return Poll::Ready(ErrorKind::InvalidData.into());
            };
            match Beginning::of(handshake.first.octets()) {
                Beginning::Undecided => {}
                Beginning::PlainHttp => {
                    handshake.failed(Outcome::PlainHttp, &PLAIN_HTTP);
                    let answer = PlainAnswer { bytes: plain_http::answer(), written: 0 };
                    // RFC 6455 §4.2.2: who speaks no TLS is told so in clear, and is gone then.
                    self.stage = Stage::Failed(Some(answer));
                    return Poll::Ready(io::Error::new(ErrorKind::InvalidData, PLAIN_HTTP));
                }
                Beginning::Other => {
                    handshake.failed(Outcome::Malformed, &NO_TLS);
                    self.stage = Stage::Failed(None);
                    return Poll::Ready(io::Error::new(ErrorKind::InvalidData, NO_TLS));
                }
            }
            let mut more = [0; ENOUGH];
            let read = match ready!(raw::poll_recv_into(&self.stream, cx, &mut more)) {
                Ok(read @ 1..) => read,
                Ok(0) => {
                    let error = io::Error::new(ErrorKind::UnexpectedEof, ENDED_EARLY);
                    return Poll::Ready(self.lose(error));
                }
                Err(error) => return Poll::Ready(self.lose(error)),
            };
            if let Stage::Undecided(handshake) = &mut self.stage {
                handshake.first.keep(more.get(..read).unwrap_or_default());
            }
        }
    }

    /// Reads what is thrown away, without a look at it.
    fn poll_discard(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        buffer.resize(before + limit.min(LEAST_ROOM), 0);
        let read =
            raw::poll_recv_into(&self.stream, cx, buffer.get_mut(before..).unwrap_or_default());
        let len = if let Poll::Ready(Ok(len)) = &read { *len } else { 0 };
        buffer.truncate(before + len);
        read
    }

    /// Writes content. It is taken once it is encrypted, of which rustls holds [`MOST_HELD`] bytes and the
    /// headers of records at most; pending while it holds so many.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_open()?;
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            let taken = self.tls.writer().write_vectored(slices)?;
            match self.poll_send_records(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if taken == 0 => {}
                Poll::Pending if taken == 0 => return Poll::Pending,
                _ => return Poll::Ready(Ok(taken)),
            }
        }
    }

    /// Writes what rustls holds, as long as it is to be written: an alert waits for our end.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stage {
            Stage::Handshaking(_) | Stage::Open => self.poll_send_records(cx),
            Stage::Undecided(_) | Stage::Failed(_) | Stage::Ended => Poll::Ready(Ok(())),
        }
    }

    /// As [`Session::poll_flush`], whatever is known of readiness.
    pub(super) fn try_flush(&mut self) -> io::Result<()> {
        self.check_open()?;
        self.try_send_records()
    }

    /// Writes the records that rustls holds.
    fn poll_send_records(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Writing { stream: &self.stream, cx }) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`Session::poll_write`], whatever is known of readiness.
    ///
    /// A byte counts as taken when it is encrypted, and so up to [`MOST_HELD`] bytes before the kernel has it. A
    /// peer is judged by what it takes of 256 KiB: it may be so much more slowly at the beginning, and no more
    /// than that over all.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_open()?;
        self.try_send_records()?;
        let taken = self.tls.writer().write(bytes)?;
        match self.try_send_records() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    fn try_send_records(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Trying(&self.stream))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Bytes of records that rustls holds.
    pub(super) fn held(&mut self) -> usize {
        // Nothing is left to be dealt with, so this only gives the number.
        self.tls.process_new_packets().map_or(0, |state| state.tls_bytes_to_write())
    }

    fn check_open(&self) -> io::Result<()> {
        if let Stage::Open = self.stage { Ok(()) } else { Err(ErrorKind::NotConnected.into()) }
    }

    /// Ends our side: what is to be said last, then FIN (RFC 6455 §7.1.1, RFC 8446 §6.1).
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                // There is nothing that could be ended.
                Stage::Handshaking(_) | Stage::Undecided(_) => break,
                Stage::Open => {
                    // RFC 9112 §9.8: nobody is to take the end for one that was cut off.
                    self.tls.send_close_notify();
                    ready!(self.poll_send_records(cx))?;
                    break;
                }
                Stage::Failed(None) => {
                    ready!(self.poll_send_records(cx))?;
                    break;
                }
                Stage::Failed(Some(answer)) => {
                    let rest = answer.bytes.get(answer.written..).unwrap_or_default();
                    if rest.is_empty() {
                        break;
                    }
                    answer.written += ready!(raw::poll_send(&self.stream, cx, rest))?;
                }
            }
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.stage = Stage::Ended;
        Poll::Ready(Ok(()))
    }

    pub(super) fn make_room(&self) {
        raw::make_room(&self.stream);
    }
}

/// How many bytes of content rustls may hold encrypted: two records.
const MOST_HELD: usize = 32 << 10;

/// How many bytes of content rustls holds before it takes no more records.
const MOST_CONTENT: usize = 16 << 10;

/// How many bytes of records may come without any content.
const MOST_BARREN: usize = 64 << 10;

/// Room that is made where there is none.
const LEAST_ROOM: usize = 4 << 10;

/// The alert before there are keys (RFC 8446 §6): fatal, decode_error.
const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

const ENDED_EARLY: &str = "the connection ended before the TLS handshake did";
const PLAIN_HTTP: &str = "plain HTTP on a TLS port";
const NO_TLS: &str = "what came is not TLS";
const BARREN: &str = "RFC 8446 5.1: too many TLS records came without content";
