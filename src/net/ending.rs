//! How a connection ended: a value, never a bare 1006 (RFC 6455 §7.1.4 to §7.1.6).

use std::{fmt, io};

use super::error::Error;
use crate::proto::close::CloseCode;
use crate::proto::event::ReceivedClose;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// Who began to end it.
    pub initiator: Initiator,
    /// The first Close received.
    pub received: Option<ReceivedClose>,
    /// The Close that was sent, if it was written.
    pub sent: SentClose,
    /// The rule that the peer broke.
    pub violation: Option<Violation>,
    /// The deadline that ran out.
    pub timeout: Option<TimeoutKind>,
    /// What the transport failed with.
    pub transport: Option<io::ErrorKind>,
    /// The status of the application's own answer: of [`Incoming::reject`](super::Incoming::reject),
    /// or to a request that asked for no WebSocket, that of a health check among them.
    pub answered: Option<u16>,
    /// The status of a refusal of ours.
    pub refused: Option<u16>,
    /// Which reason the refusal had.
    pub rejection: Option<Rejection>,
    /// Whether the transport ended before its own end.
    pub(super) is_truncated: bool,
}

/// Whether a Close was sent. One that was queued and never written was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SentClose {
    /// None was.
    #[default]
    NotSent,
    /// One without a status code (RFC 6455 §5.5.1).
    WithoutCode,
    /// One with this status code.
    WithCode(CloseCode),
}

impl SentClose {
    /// Whether a Close was sent.
    pub const fn is_sent(self) -> bool {
        !matches!(self, SentClose::NotSent)
    }

    /// The status code of the Close that was sent, if it had one.
    pub const fn code(self) -> Option<CloseCode> {
        match self {
            SentClose::WithCode(code) => Some(code),
            SentClose::NotSent | SentClose::WithoutCode => None,
        }
    }
}

/// Who began to end a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Initiator {
    /// The transport ended before anybody said a word.
    #[default]
    Transport,
    /// The peer sent the first Close, or broke a rule.
    Peer,
    /// The application closed, or its handler returned.
    Application,
    /// The handler returned an error, or left the opening handshake unanswered.
    HandlerError,
    /// The handler panicked.
    HandlerPanic,
    /// The server shuts down.
    Shutdown,
    /// A deadline ran out.
    Timeout,
    /// There was no memory left for the connection to go on.
    Overload,
    /// The queue to the peer had no room for a message, and
    /// [`WhenFull::Close`](super::WhenFull::Close) was chosen for that.
    FullQueue,
}

impl Initiator {
    /// All of them.
    pub const ALL: &[Initiator] = &[
        Initiator::Transport,
        Initiator::Peer,
        Initiator::Application,
        Initiator::HandlerError,
        Initiator::HandlerPanic,
        Initiator::Shutdown,
        Initiator::Timeout,
        Initiator::Overload,
        Initiator::FullQueue,
    ];
}

/// Which deadline of a connection ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// The opening handshake took too long.
    Handshake,
    /// The peer did not answer the Close, or did not end TCP.
    Close,
    /// The peer did not answer a keepalive Ping.
    Keepalive,
    /// An unfinished message, frame or frame header got no byte of its own.
    MessageIdle,
    /// The end of a message did not come.
    Message,
    /// The peer took what was queued for it more slowly than `Limits::min_drain_rate`.
    Drain,
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeoutKind::Handshake => "the opening handshake took too long",
            TimeoutKind::Close => "the closing handshake, or the end of TCP, took too long",
            TimeoutKind::Keepalive => "the peer did not answer a Ping in time",
            TimeoutKind::MessageIdle => {
                "no byte of an unfinished message or frame came for too long"
            }
            TimeoutKind::Message => "a message took longer than the limit",
            TimeoutKind::Drain => "the peer took bytes too slowly",
        })
    }
}

impl TimeoutKind {
    /// All of them.
    pub const ALL: &[TimeoutKind] = &[
        TimeoutKind::Handshake,
        TimeoutKind::Close,
        TimeoutKind::Keepalive,
        TimeoutKind::MessageIdle,
        TimeoutKind::Message,
        TimeoutKind::Drain,
    ];

    /// The clause that the deadline serves.
    pub const fn section(self) -> &'static str {
        match self {
            TimeoutKind::Handshake => "RFC 6455 4.2.1",
            TimeoutKind::Close => "RFC 6455 7.1.1",
            TimeoutKind::Keepalive => "RFC 6455 5.5.2",
            TimeoutKind::MessageIdle | TimeoutKind::Message | TimeoutKind::Drain => "RFC 6455 10.4",
        }
    }
}

impl Ending {
    /// Whether all that the log says of it is known by now: what the fault was, of the peer, of a timer
    /// or of memory, or what the application answered.
    pub(super) fn is_fault(&self) -> bool {
        self.violation.is_some()
            || self.refused.is_some()
            || self.answered.is_some()
            || self.timeout.is_some()
            || matches!(self.initiator, Initiator::Overload | Initiator::FullQueue)
    }

    /// Whether each side said what it had to: a Close, or one asked and the other answered. Or nothing was
    /// ever said, and nothing went wrong.
    pub(super) fn is_as_it_should_be(&self) -> bool {
        let is_answered = self.answered.is_some() || self.refused.is_some();
        let is_faultless =
            self.timeout.is_none() && self.transport.is_none() && self.violation.is_none();
        self.is_clean() || is_answered || (is_faultless && !self.sent.is_sent())
    }

    /// Whether TCP ended after a Close in each direction (RFC 6455 §7.1.4).
    pub fn is_clean(&self) -> bool {
        self.received.is_some()
            && self.sent.is_sent()
            && self.violation.is_none()
            && self.transport.is_none()
    }

    /// Whether TCP ended without the end of TLS: nobody can tell whether the peer ended it, or a stranger cut
    /// the connection (RFC 8446 §6.1). An ending like this is never clean, and `transport` is
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    ///
    /// Once both Close frames have passed, what the peer sends is not looked at: many clients then end TCP
    /// alone, and nothing is missing.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The status code as applications see it: that of the first Close received, 1005 when
    /// that had none, 1006 when there was no Close (RFC 6455 §7.1.5).
    pub fn code(&self) -> CloseCode {
        match &self.received {
            Some(close) => close.code.unwrap_or(CloseCode::NO_STATUS),
            None => CloseCode::ABNORMAL,
        }
    }

    /// The reason in the first Close received; the peer's own words (RFC 6455 §7.1.6).
    pub fn reason(&self) -> &str {
        self.received.as_ref().map_or("", |close| &close.reason)
    }

    /// What `Receiver::recv` says of it: `None` after a completed closing handshake.
    pub(super) fn to_error(&self) -> Option<Error> {
        if let Some(violation) = self.violation {
            return Some(Error::Violation(violation));
        }
        if self.received.is_some() {
            return None;
        }
        // Who was refused may keep TCP open for as long as it is let: that is not why the connection ended.
        let rejection =
            self.rejection.filter(|_| self.timeout.is_none_or(|it| it == TimeoutKind::Close));
        if let Some(rejection) = rejection {
            return Some(Error::Refused(rejection.into()));
        }
        if let Some(timeout) = self.timeout {
            return Some(Error::Timeout(timeout));
        }
        if self.initiator == Initiator::Overload {
            return Some(Error::Overload);
        }
        let kind = self.transport.unwrap_or(io::ErrorKind::UnexpectedEof);
        let sentence = if self.is_truncated {
            "TCP ended without the end of TLS, and without a closing handshake"
        } else {
            "the transport ended without a closing handshake"
        };
        Some(Error::Transport(io::Error::new(kind, sentence)))
    }
}
