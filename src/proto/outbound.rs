//! Messages to the peer become frames, in the order that RFC 6455 §5.4 and §5.5 allow.
//!
//! This half knows whether a Close was sent or received and whether a fragmented message is
//! unfinished, and so what may still be sent. Frames are appended to the batch that the
//! caller gives; a frame in a batch counts as begun.

use std::sync::Arc;

use super::assembler::MessageKind;
use super::close::{CloseCode, CloseFrame, MAX_REASON_LEN};
use super::deflate::Agreement;
use super::deflate::budget::Charge;
use super::deflate::sending::Kept;
use super::frame::{HeaderBytes, MAX_CONTROL_LEN, Opcode};
use super::violation::Violation;

/// The sending half of a connection.
#[derive(Debug, Default)]
pub struct Outbound {
    rare: Option<Box<Rare>>,
    agreement: Option<Agreement>,
    stage: Stage,
    /// Whether the transport refuses bytes at present.
    congested: bool,
}

/// What most connections never need.
#[derive(Default)]
struct Rare {
    /// The newest Pong that waits, while the peer does not read.
    waiting_pong: Option<Box<[u8]>>,
    /// What later messages may refer to.
    kept: Option<Kept>,
}

impl std::fmt::Debug for Rare {
    /// Leaves the payload of the Pong out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rare")
            .field("has_waiting_pong", &self.waiting_pong.is_some())
            .field("kept", &self.kept)
            .finish()
    }
}

/// How far the closing handshake has come, as far as sending goes (RFC 6455 §7.1.2 to §7.1.7).
///
/// ```text
///          +------ fragments ------+
///          v                       |
///        Open <------------> MidMessage
///          |
///          +-- our Close --> Closing --+
///          |                           |
///          +---------------------------+-- their Close (answered if ours was not sent) --> Closed
///          |                           |
///          +---------------------------+-- failure (a Close is sent unless one was), loss --> Failed
/// ```
///
/// What leaves `Open` leaves `MidMessage` too: of an unfinished message the rest is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Messages may be sent.
    #[default]
    Open,
    /// Messages may be sent, and one of ours is unfinished.
    MidMessage,
    /// Our Close was sent. Pongs are still owed.
    Closing(SentClose),
    /// The peer's Close was received, and ours was sent.
    Closed(SentClose),
    /// The connection failed, or the transport is gone.
    Failed(Option<SentClose>),
}

/// The Close that was sent: its code, `None` for an empty body.
type SentClose = Option<CloseCode>;

/// A use of the sending side that RFC 6455 does not allow; the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// A Close was sent or received, or the connection has ended (RFC 6455 §6.1).
    Closed,
    /// The queue to this peer holds its bound or more; nothing was queued.
    QueueFull,
    /// Another message is unfinished; fragments are not interleaved (RFC 6455 §5.4).
    MessageUnfinished,
    /// A Ping with more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong,
    /// A status code that a server does not send (RFC 6455 §7.4).
    CloseCodeNotSendable,
    /// A reason of more than 123 bytes (RFC 6455 §5.5).
    ReasonTooLong,
    /// A value that cannot be written as JSON; nothing was queued. Only `Json` has it (feature `json`).
    NotSerializable,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SendError::Closed => "the connection is closing or closed",
            SendError::QueueFull => "the queue to the peer is full",
            SendError::MessageUnfinished => "a fragmented message is unfinished",
            SendError::ControlTooLong => "a control frame holds at most 125 bytes",
            SendError::CloseCodeNotSendable => "a server does not send this status code",
            SendError::NotSerializable => "the value cannot be written as JSON",
            SendError::ReasonTooLong => "the reason in a Close frame holds at most 123 bytes",
        })
    }
}

impl std::error::Error for SendError {}

impl Outbound {
    /// A connection on which nothing was sent.
    pub fn new() -> Outbound {
        Outbound::default()
    }

    /// The header of a message in one frame; its payload is to follow at once.
    ///
    /// # Errors
    /// After a Close, or while a fragmented message is unfinished.
    #[inline]
    pub fn start_message(
        &mut self,
        kind: MessageKind,
        payload_len: usize,
    ) -> Result<HeaderBytes, SendError> {
        self.check_message()?;
        // RFC 7692 §6.1: without compression RSV1 is 0.
        Ok(message_header(kind, payload_len))
    }

    /// From now on messages may be sent compressed (RFC 7692 §6). `charge` is what was charged for
    /// the histories that the connection may keep; it is given back when it ends.
    pub fn agree(&mut self, agreement: &Agreement, charge: Option<Arc<Charge>>) {
        self.agreement = Some(*agreement);
        if !agreement.server_no_context_takeover() {
            self.rare.get_or_insert_default().kept.get_or_insert_default().charge = charge;
        }
    }

    /// What was agreed about compression.
    #[inline]
    pub fn agreement(&self) -> Option<Agreement> {
        self.agreement
    }

    /// What a compressed message may refer back to; empty without context takeover.
    pub fn history(&self) -> &[u8] {
        let kept = self.rare.as_ref().and_then(|rare| rare.kept.as_ref());
        kept.map_or(&[], Kept::history)
    }

    /// Notes that these bytes, in plain, went out in a compressed message: later ones may refer
    /// to them. With context takeover that is owed for every one, in the order of sending.
    pub fn remember(&mut self, passed: &[u8]) {
        let kept = self.rare.as_mut().and_then(|rare| rare.kept.as_mut());
        if let (Some(kept), Some(agreement)) = (kept, &self.agreement) {
            kept.remember(passed, agreement);
        }
    }

    /// As [`Outbound::start_message`], for a payload that is compressed: RSV1 is set.
    ///
    /// # Errors
    /// As [`Outbound::start_message`].
    pub fn start_compressed(
        &mut self,
        kind: MessageKind,
        payload_len: usize,
    ) -> Result<HeaderBytes, SendError> {
        debug_assert!(self.agreement().is_some());
        // RFC 7692 §6.1: RSV1 says that the message is compressed.
        self.start_message(kind, payload_len).map(HeaderBytes::compressed)
    }

    /// Whether a whole frame that was encoded before may be sent now.
    ///
    /// # Errors
    /// As [`Outbound::start_message`].
    #[inline]
    pub fn start_prepared(&mut self) -> Result<(), SendError> {
        self.check_message()
    }

    /// The header of the next fragment; `first` gives the kind with the first one.
    ///
    /// # Errors
    /// After a Close, or when a message is to begin inside an unfinished one.
    pub fn start_fragment(
        &mut self,
        first: Option<MessageKind>,
        payload_len: usize,
        fin: bool,
    ) -> Result<HeaderBytes, SendError> {
        self.check_fragment(first)?;
        self.stage = if fin { Stage::Open } else { Stage::MidMessage };
        // RFC 6455 §5.4: the first fragment has the opcode of the message, the others continue.
        Ok(HeaderBytes::encode(first.map_or(Opcode::Continuation, opcode_of), fin, payload_len))
    }

    /// Whether a fragment may be sent now; `first` as for [`Outbound::start_fragment`].
    ///
    /// # Errors
    /// As [`Outbound::start_fragment`].
    pub fn check_fragment(&self, first: Option<MessageKind>) -> Result<(), SendError> {
        self.check_open()?;
        // RFC 6455 §5.4: fragments of two messages are not mixed.
        let fits = first.is_some() == (self.stage == Stage::Open);
        if fits { Ok(()) } else { Err(SendError::MessageUnfinished) }
    }

    /// Appends a Ping.
    ///
    /// # Errors
    /// After a Close, or with more than 125 bytes.
    pub fn ping(&mut self, data: &[u8], batch: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        // RFC 6455 §5.5: our own Pings have at most 125 bytes.
        if data.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong);
        }
        append(Opcode::Ping, data, batch);
        Ok(())
    }

    /// Answers a Ping. While the peer does not read, only the newest answer waits
    /// (RFC 6455 §5.5.3). The duty ends with a received Close, not with our own (§5.5.2).
    pub fn pong(&mut self, data: &[u8], batch: &mut Vec<u8>) {
        // RFC 6455 §5.5.2: Pings are answered until the peer has sent a Close.
        if matches!(self.stage, Stage::Closed(_) | Stage::Failed(_)) {
        } else if self.congested {
            self.rare.get_or_insert_default().waiting_pong = Some(data.into());
        } else {
            // One that waited answers an older Ping, so it goes first.
            self.release_pong(batch);
            // RFC 6455 §5.5.2: the Pong has the data of the Ping.
            append(Opcode::Pong, data, batch);
        }
    }

    /// Says whether the transport refuses bytes at present.
    pub fn set_congested(&mut self, congested: bool) {
        self.congested = congested;
    }

    /// Whether a Pong waits for the transport.
    pub fn has_waiting_pong(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.waiting_pong.is_some())
    }

    /// Appends the Pong that waited for the transport, and says whether there was one.
    pub fn release_pong(&mut self, batch: &mut Vec<u8>) -> bool {
        match self.rare.as_mut().and_then(|rare| rare.waiting_pong.take()) {
            Some(data) if !matches!(self.stage, Stage::Closed(_) | Stage::Failed(_)) => {
                append(Opcode::Pong, &data, batch);
                true
            }
            _ => false,
        }
    }

    /// Appends a Close and so starts the closing handshake (RFC 6455 §7.1.2).
    ///
    /// # Errors
    /// After a Close, or when the frame would break §5.5 or §7.4.
    pub fn close(&mut self, frame: CloseFrame<'_>, batch: &mut Vec<u8>) -> Result<(), SendError> {
        self.check_open()?;
        if frame.code.is_some_and(|code| !code.is_sendable()) {
            return Err(SendError::CloseCodeNotSendable);
        }
        // RFC 6455 §5.5: code and reason make at most 125 bytes.
        if frame.reason.len() > MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong);
        }
        // RFC 6455 §7.1.2: the Close has the code and the reason given.
        append_close(frame.code, frame.reason, batch);
        self.stage = Stage::Closing(frame.code);
        Ok(())
    }

    /// Answers the peer's Close with its own code and no reason, unless ours was sent. A Pong that waits
    /// goes first.
    pub fn answer_close(&mut self, code: Option<CloseCode>, batch: &mut Vec<u8>) {
        // RFC 6455 §5.5.2: the Ping came before the Close, so its Pong is owed.
        self.release_pong(batch);
        self.stage = match self.stage {
            // RFC 6455 §5.5.1: a Close is answered by one, unless ours was sent.
            Stage::Open | Stage::MidMessage => {
                append_close(code, "", batch);
                Stage::Closed(code)
            }
            Stage::Closing(sent) => Stage::Closed(sent),
            over => over,
        };
    }

    /// Appends the Close that fails the connection, unless one was sent (RFC 6455 §7.1.7). A Pong that
    /// waits goes first.
    pub fn fail(&mut self, violation: Violation, batch: &mut Vec<u8>) {
        self.fail_with(violation.close_code(), violation.reason(), batch);
    }

    /// As [`Outbound::fail`], for a cause that is not the peer's fault.
    pub fn fail_with(&mut self, code: CloseCode, reason: &str, batch: &mut Vec<u8>) {
        // RFC 6455 §5.5.2: the Ping came before the fault, so its Pong is owed.
        self.release_pong(batch);
        self.stage = match self.stage {
            Stage::Open | Stage::MidMessage => {
                append_close(Some(code), reason, batch);
                Stage::Failed(Some(Some(code)))
            }
            Stage::Closing(sent) => Stage::Failed(Some(sent)),
            over => over,
        };
    }

    /// Nothing is sent any more: the transport is gone.
    pub fn shut(&mut self) {
        self.stage = match self.stage {
            Stage::Open | Stage::MidMessage => Stage::Failed(None),
            Stage::Closing(sent) => Stage::Failed(Some(sent)),
            over => over,
        };
        self.rare = None;
    }

    /// Whether a Close was sent.
    pub fn has_sent_close(&self) -> bool {
        self.sent().is_some()
    }

    /// The code of the Close that was sent, if it had one.
    pub fn sent_code(&self) -> Option<CloseCode> {
        self.sent().flatten()
    }

    fn sent(&self) -> Option<SentClose> {
        match self.stage {
            Stage::Open | Stage::MidMessage => None,
            Stage::Closing(sent) | Stage::Closed(sent) => Some(sent),
            Stage::Failed(sent) => sent,
        }
    }

    /// Whether a Close was received.
    pub fn has_received_close(&self) -> bool {
        matches!(self.stage, Stage::Closed(_))
    }

    /// Whether messages may still be sent: the OPEN state (RFC 6455 §6.1).
    #[inline]
    pub fn is_open(&self) -> bool {
        // RFC 6455 §5.5.1, §6.1: no message follows a Close of either side.
        matches!(self.stage, Stage::Open | Stage::MidMessage)
    }

    /// Whether messages go as they are, and none is unfinished.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.stage == Stage::Open && self.agreement.is_none()
    }

    #[inline]
    fn check_message(&self) -> Result<(), SendError> {
        match self.stage {
            Stage::Open => Ok(()),
            // RFC 6455 §5.4: no message begins inside another.
            Stage::MidMessage => Err(SendError::MessageUnfinished),
            _ => Err(SendError::Closed),
        }
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.is_open() { Ok(()) } else { Err(SendError::Closed) }
    }
}

/// Appends a Close frame; without a code it has no body, and no reason either.
fn append_close(code: SentClose, reason: &str, batch: &mut Vec<u8>) {
    let body_len = code.map_or(0, |_| 2 + reason.len());
    batch.extend_from_slice(HeaderBytes::encode(Opcode::Close, true, body_len).as_bytes());
    if let Some(code) = code {
        batch.extend_from_slice(&code.get().to_be_bytes());
        batch.extend_from_slice(reason.as_bytes());
    }
}

/// The header of a message in one frame, uncompressed.
#[inline]
pub fn message_header(kind: MessageKind, payload_len: usize) -> HeaderBytes {
    // RFC 6455 §6.1: the one frame of the message is its last.
    HeaderBytes::encode(opcode_of(kind), true, payload_len)
}

pub(super) const fn opcode_of(kind: MessageKind) -> Opcode {
    match kind {
        MessageKind::Text => Opcode::Text,
        // RFC 6455 §5.6: the opcode says whether the data is text or binary.
        MessageKind::Binary => Opcode::Binary,
    }
}

/// Appends a control frame.
fn append(opcode: Opcode, data: &[u8], batch: &mut Vec<u8>) {
    debug_assert!(data.len() <= MAX_CONTROL_LEN);
    batch.extend_from_slice(HeaderBytes::encode(opcode, true, data.len()).as_bytes());
    batch.extend_from_slice(data);
}
