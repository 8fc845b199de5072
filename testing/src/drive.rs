//! Drives the protocol core as a connection would, and checks its promises at every step.

use stickler::proto::{
    assembler::{MessageKind, MessageLimits},
    close::{CloseCode, CloseFrame},
    event::{Data, Delivery, Event, Payload},
    inbound::Inbound,
    outbound::Outbound,
    violation::Violation,
};

/// What can be seen of a connection, in the order in which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A whole text message was delivered.
    Text(String),
    /// A whole binary message was delivered.
    Binary(Vec<u8>),
    /// A Ping was reported.
    Ping(Vec<u8>),
    /// A Pong was reported.
    Pong(Vec<u8>),
    /// A Close was reported.
    Close(Option<u16>, String),
    /// These bytes were queued for the peer.
    Sent(Vec<u8>),
    /// The connection was failed.
    Failed(Violation),
    /// The bytes so far end inside a frame or a message.
    Unfinished,
}

/// The ways of receiving, which differ in speed and in nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Whole messages.
    Whole,
    /// Pieces, put together here.
    Pieces,
    /// Whole messages, large frames read straight into the message's buffer: those of which
    /// at least so many bytes are to come.
    Direct(usize),
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Whole, Way::Pieces, Way::Direct(0), Way::Direct(3)];
}

/// Whether the server has sent its Close before the bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It has not.
    Open,
    /// It has, and discards data.
    Closing,
}

/// What was agreed about compression (RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deflate {
    /// Nothing.
    NotAgreed,
    /// Every message of the client stands alone.
    NoContextTakeover,
    /// The client's messages refer to earlier ones.
    ContextTakeover,
}

/// One connection.
pub struct Connection {
    inbound: Inbound,
    outbound: Outbound,
    batch: Vec<u8>,
    limits: MessageLimits,
    way: Way,
    seen: Vec<Seen>,
    /// Pieces of the message that is arriving.
    pieces: Vec<u8>,
}

impl Connection {
    pub fn new(start: Start, limits: MessageLimits, way: Way) -> Connection {
        Connection::deflated(Deflate::NotAgreed, (start, limits, way))
    }

    /// A connection on which this was agreed about compression.
    pub fn deflated(
        agreed: Deflate,
        (start, limits, way): (Start, MessageLimits, Way),
    ) -> Connection {
        let mut connection = Connection {
            inbound: Inbound::new(),
            outbound: Outbound::new(),
            batch: Vec::new(),
            limits,
            way,
            seen: Vec::new(),
            pieces: Vec::new(),
        };
        lending::agree(agreed, &mut connection.inbound);
        if start == Start::Closing {
            let frame = CloseFrame { code: Some(CloseCode::GOING_AWAY), reason: "" };
            connection.outbound.close(frame, &mut connection.batch).unwrap();
            connection.inbound.discard();
            connection.batch.clear();
        }
        connection
    }

    /// All that is seen when the bytes arrive in pieces that end at `cuts`.
    pub fn transcript(
        (start, limits, way): (Start, MessageLimits, Way),
        bytes: &[u8],
        cuts: impl IntoIterator<Item = usize>,
    ) -> Vec<Seen> {
        Connection::new(start, limits, way).feed(bytes, cuts)
    }

    /// All that is seen when the bytes arrive in pieces that end at `cuts`.
    pub fn feed(mut self, bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Vec<Seen> {
        let mut at = 0;
        for cut in cuts {
            self.arrive(&bytes[at..cut]);
            at = cut;
        }
        self.arrive(&bytes[at..]);
        self.end()
    }

    /// Bytes arrive in one read.
    pub fn arrive(&mut self, bytes: &[u8]) {
        let mut input = bytes.to_vec();
        let mut rest = &mut input[..];
        let most_steps = 2 * bytes.len() + 4 + 2 * self.limits.max_message_size / SHARE;
        for _ in 0..most_steps {
            let direct = self.arrive_direct(rest);
            rest = &mut rest[direct..];
            let untouched = if rest.len() <= 4096 { rest.to_vec() } else { Vec::new() };
            match self.step(rest) {
                Ok((consumed, more)) => {
                    // A step never looks past its event.
                    let behind = untouched.get(consumed..).unwrap_or_default();
                    assert!(rest[consumed..].starts_with(behind), "bytes behind an event changed");
                    rest = &mut rest[consumed..];
                    if !more {
                        assert!(rest.is_empty(), "input left over without an event");
                        return;
                    }
                }
                Err(violation) => self.fail(violation),
            }
        }
        panic!("{most_steps} steps for {} bytes", bytes.len());
    }

    /// Ends the reading.
    pub fn end(mut self) -> Vec<Seen> {
        if !self.inbound.has_ended() && self.inbound.is_mid_message() {
            self.seen.push(Seen::Unfinished);
        }
        self.seen
    }

    /// One call of `receive`: the bytes consumed, and whether there was an event.
    fn step(&mut self, input: &mut [u8]) -> Result<(usize, bool), Violation> {
        let ended = self.inbound.has_ended();
        let delivery = if self.way == Way::Pieces { Delivery::Pieces } else { Delivery::Message };
        let buffered = self.inbound.buffered();
        let step = self.inbound.receive(input, delivery, &self.limits)?;
        assert!(step.consumed <= input.len(), "more consumed than there was");
        let grown = self.inbound.buffered().saturating_sub(buffered);
        assert!(grown <= step.consumed.max(SHARE + 3), "{grown} bytes in one step");
        let more = step.event.is_some();
        let is_lent = step.event == Some(Event::NoInflater);
        if let Some(event) = step.event {
            assert!(!ended, "{event:?} after the end");
            self.report(event, input);
        }
        self.report_batch();
        if !is_lent {
            lending::reclaim(&mut self.inbound);
        }
        Ok((step.consumed, more))
    }

    /// Lets payload of a frame that is cut arrive in the message's own buffer.
    fn arrive_direct(&mut self, input: &[u8]) -> usize {
        let Way::Direct(threshold) = self.way else { return 0 };
        let Some((mut buffer, room)) = self.inbound.take_direct(threshold) else { return 0 };
        let appended = room.min(input.len());
        buffer.extend_from_slice(&input[..appended]);
        if let Err(violation) = self.inbound.restore_direct(buffer, appended) {
            self.fail(violation);
        }
        appended
    }

    fn fail(&mut self, violation: Violation) {
        self.outbound.fail(violation, &mut self.batch);
        assert!(self.inbound.has_ended() && !self.outbound.is_open());
        self.report_batch();
        self.seen.push(Seen::Failed(violation));
    }

    fn report(&mut self, event: Event, input: &[u8]) {
        match event {
            Event::Message(data) => {
                let payload = self.payload(&data.payload, input);
                self.report_message(&data, payload);
            }
            Event::Piece { data, last } => {
                let piece = self.payload(&data.payload, input);
                assert!(last || !piece.is_empty(), "an empty piece that is not the last");
                if data.kind() == MessageKind::Text {
                    assert!(std::str::from_utf8(&piece).is_ok(), "text cut inside a character");
                }
                self.pieces.extend(piece);
                if last {
                    let whole = std::mem::take(&mut self.pieces);
                    self.report_message(&data, whole);
                }
            }
            Event::Ping(at) => {
                self.outbound.pong(self.inbound.control_payload(&at, input), &mut self.batch);
                let payload = self.payload(&at, input);
                self.seen.push(Seen::Ping(payload));
            }
            Event::Pong(at) => {
                let payload = self.payload(&at, input);
                self.seen.push(Seen::Pong(payload));
            }
            Event::NoInflater => lending::lend(&mut self.inbound),
            // Others would get their turn here.
            Event::Paused => lending::pause(),
            Event::Close(close) => {
                self.outbound.answer_close(close.code, &mut self.batch);
                assert!(self.inbound.has_ended() && self.outbound.has_received_close());
                let code = close.code.map(CloseCode::get);
                self.seen.push(Seen::Close(code, close.reason.into()));
            }
        }
    }

    fn report_message(&mut self, data: &Data, payload: Vec<u8>) {
        self.seen.push(match data.kind() {
            MessageKind::Text => Seen::Text(String::from_utf8(payload).unwrap()),
            MessageKind::Binary => Seen::Binary(payload),
        });
    }

    fn payload(&mut self, at: &Payload, input: &[u8]) -> Vec<u8> {
        match at {
            Payload::Input(range) => input[range.clone()].to_vec(),
            Payload::Assembled => self.inbound.take_assembled(Vec::new()),
            Payload::Control => self.inbound.control().to_vec(),
        }
    }

    fn report_batch(&mut self) {
        if !self.batch.is_empty() {
            self.seen.push(Seen::Sent(std::mem::take(&mut self.batch)));
        }
    }
}

/// Output of compressed messages after which a step ends, in bytes.
const SHARE: usize = 256 << 10;

/// Inflaters, lent to one connection after the other.
#[cfg(feature = "deflate")]
mod lending {
    use std::{cell::RefCell, sync::Arc};

    use stickler::proto::{
        deflate::{Inflater, Policy, budget::Budget, negotiate},
        extension::parse_offers,
        inbound::Inbound,
    };

    use super::Deflate;

    thread_local! {
        static IDLE: RefCell<Option<Box<Inflater>>> = const { RefCell::new(None) };
    }

    pub(super) fn agree(agreed: Deflate, inbound: &mut Inbound) {
        if agreed != Deflate::NotAgreed {
            let policy =
                Policy::default().client_context_takeover(agreed == Deflate::ContextTakeover);
            let offers = parse_offers([&b"permessage-deflate"[..]]).unwrap();
            inbound.agree(&negotiate(&offers, &policy).unwrap());
        }
    }

    pub(super) fn lend(inbound: &mut Inbound) {
        let idle = IDLE.take();
        let budget = Arc::new(Budget::new(usize::MAX));
        let inflater = idle.unwrap_or_else(|| Inflater::new(&budget).unwrap().into());
        inbound.lend_inflater(inflater);
    }

    pub(super) fn pause() {}

    pub(super) fn reclaim(inbound: &mut Inbound) {
        if let Some(inflater) = inbound.reclaim_inflater(Budget::charge_history) {
            assert!(!inflater.is_begun());
            IDLE.set(Some(inflater));
        }
    }
}

#[cfg(not(feature = "deflate"))]
mod lending {
    use stickler::proto::inbound::Inbound;

    use super::Deflate;

    pub(super) fn agree(agreed: Deflate, _: &mut Inbound) {
        assert_eq!(agreed, Deflate::NotAgreed);
    }

    pub(super) fn lend(_: &mut Inbound) {
        panic!("an inflater is wanted without compression");
    }

    pub(super) fn reclaim(_: &mut Inbound) {}

    pub(super) fn pause() {
        panic!("a pause without compression");
    }
}
