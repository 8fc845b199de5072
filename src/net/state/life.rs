//! The life of a connection, and why it ended.

use std::time::Duration;

use crate::net::ending::{Ending, Initiator, TimeoutKind};
use crate::proto::event::ReceivedClose;

/// The life of a connection, from its first byte to the end of TCP.
///
/// ```text
///  Opening --the head is whole--> Deciding --101--> Open
///     |    \-- a plain request --> Answering --its end--> Finishing
///     |                              |               |
///     +-- refused, too slow, lost ---+               +-- a Close in both directions, failed, lost,
///     v                              v               v   a timer ran out
///  Finishing <----------------------------------------
///     |
///     +-- what was queued is written, TCP has ended --> Closed
/// ```
///
/// A deadline belongs to the stage that has it: leaving the stage drops it.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The request head is arriving; it is to be whole by then.
    Opening(Deadline),
    /// The application decides about the opening handshake; it is to have decided by then.
    Deciding(Deadline),
    /// A plain request is answered by the application, which has the time that it takes.
    Answering,
    /// Frames are exchanged; the closing handshake is part of it.
    Open(Closing),
    /// What is queued is written, then TCP ends; nothing is read as protocol.
    Finishing(Patience),
    /// The transport is gone.
    Closed,
}

/// The closing handshake, while frames are exchanged (RFC 6455 §7.1.2).
///
/// ```text
///  NotBegun --our Close is queued--> Queued --it is written--> Sent
///     |                                 |                        |
///     +-- the peer's Close;             +-- the peer's Close,    +-- the peer's Close,
///     v   ours answers it               v   or it is too slow    v   or the deadline
///  (Finishing) <--------------------------------------------------
/// ```
#[derive(Clone, Copy, Debug)]
enum Closing {
    NotBegun,
    /// Our Close stands behind what the peer has not taken. Only how slowly it takes that counts.
    Queued,
    /// Our Close is written; the peer's is to be here by then.
    Sent(Deadline),
}

/// How long the end of TCP is waited for.
///
/// ```text
///  Unseen --all is written, or too slowly--> Until --the deadline--> Over
///     +---- a timer had run out before -------------------------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// The task has not seen that all is written: the time counts from when it does. Until then only how
    /// slowly the peer takes bytes counts.
    Unseen,
    Until(Deadline),
    /// The transport is to be dropped without waiting for the peer.
    Over,
}

/// A time, or never; since the beginning of the connection's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) struct Deadline {
    /// Nanoseconds. What lies beyond 500 years is as good as never.
    nanos: u64,
}

impl Deadline {
    pub(in crate::net) const NEVER: Deadline = Deadline { nanos: u64::MAX };

    /// At this time, and never without one.
    pub(in crate::net) fn at(time: Option<Duration>) -> Deadline {
        let nanos = time.and_then(|time| u64::try_from(time.as_nanos()).ok());
        nanos.map_or(Deadline::NEVER, |nanos| Deadline { nanos })
    }

    /// When it is, unless that is never.
    pub(in crate::net) fn time(self) -> Option<Duration> {
        (self != Deadline::NEVER).then(|| Duration::from_nanos(self.nanos))
    }

    /// Whether it has come.
    pub(in crate::net) fn is_past(self, now: Duration) -> bool {
        self.time().is_some_and(|time| time <= now)
    }
}

/// Where a connection is in its life, and how it ends, from when that is known.
#[derive(Debug)]
pub(in crate::net) struct Life {
    stage: Stage,
    ending: Option<Box<Ending>>,
}

impl Life {
    /// A connection whose request head is to be whole by then.
    pub(in crate::net) fn new(deadline: Deadline) -> Life {
        Life { stage: Stage::Opening(deadline), ending: None }
    }

    pub(in crate::net) fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(_))
    }

    pub(in crate::net) fn is_deciding(&self) -> bool {
        matches!(self.stage, Stage::Deciding(_))
    }

    /// Whether frames are exchanged.
    #[inline]
    pub(in crate::net) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    pub(in crate::net) fn is_finishing(&self) -> bool {
        matches!(self.stage, Stage::Finishing(_))
    }

    pub(in crate::net) fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }

    /// Whether nothing more is read as protocol.
    pub(in crate::net) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Finishing(_) | Stage::Closed)
    }

    /// Whether the transport is to be dropped without waiting for the peer.
    pub(in crate::net) fn is_overdue(&self) -> bool {
        matches!(self.stage, Stage::Finishing(Patience::Over))
    }

    /// The deadline of the stage that the connection is in.
    pub(in crate::net) fn deadline(&self) -> Deadline {
        match self.stage {
            Stage::Opening(deadline)
            | Stage::Deciding(deadline)
            | Stage::Open(Closing::Sent(deadline))
            | Stage::Finishing(Patience::Until(deadline)) => deadline,
            _ => Deadline::NEVER,
        }
    }

    /// The request head is to be whole, or TCP to have ended, by then, if that is earlier than it was.
    pub(in crate::net) fn hurry(&mut self, late: Deadline) {
        if let Stage::Opening(deadline) | Stage::Finishing(Patience::Until(deadline)) =
            &mut self.stage
        {
            *deadline = late.min(*deadline);
        }
    }

    /// Whether the request was refused, or had another answer than the 101, and TCP is to end.
    pub(in crate::net) fn was_answered(&self) -> bool {
        let is_answer = |ending: &Ending| ending.refused.is_some() || ending.answered.is_some();
        self.is_finishing() && self.ending.as_deref().is_some_and(is_answer)
    }

    /// The head is whole; the application decides, with the time that is left.
    pub(in crate::net) fn decide(&mut self) {
        if let Stage::Opening(deadline) = self.stage {
            self.stage = Stage::Deciding(deadline);
        }
    }

    /// A plain request is whole; the application answers it.
    pub(in crate::net) fn answer(&mut self) {
        if self.is_opening() {
            self.stage = Stage::Answering;
        }
    }

    /// The 101 is queued, or was sent by something else.
    pub(in crate::net) fn open(&mut self) {
        self.stage = Stage::Open(Closing::NotBegun);
    }

    /// Our Close is queued.
    pub(in crate::net) fn queued_close(&mut self) {
        if self.is_open() {
            self.stage = Stage::Open(Closing::Queued);
        }
    }

    /// Our Close is written; the peer's is to be here by then.
    pub(in crate::net) fn wrote_close(&mut self, deadline: Deadline) {
        if let Stage::Open(Closing::Queued) = self.stage {
            self.stage = Stage::Open(Closing::Sent(deadline));
        }
    }

    /// Whether our Close is queued, and the peer's is waited for.
    #[inline]
    pub(in crate::net) fn awaits_close(&self) -> bool {
        matches!(self.stage, Stage::Open(Closing::Queued | Closing::Sent(_)))
    }

    /// Nothing more is read as protocol. Says whether that is new.
    pub(in crate::net) fn finish(&mut self) -> bool {
        let is_new = !self.is_over();
        if is_new {
            self.stage = Stage::Finishing(Patience::Unseen);
        }
        is_new
    }

    /// Whether the end of TCP is not waited for yet.
    pub(in crate::net) fn is_end_unseen(&self) -> bool {
        matches!(self.stage, Stage::Finishing(Patience::Unseen))
    }

    /// The end of TCP is waited for until then.
    pub(in crate::net) fn wait_for_end(&mut self, deadline: Deadline) {
        if matches!(self.stage, Stage::Finishing(Patience::Unseen)) {
            self.stage = Stage::Finishing(Patience::Until(deadline));
        }
    }

    /// The peer is waited for no longer.
    pub(in crate::net) fn give_up(&mut self) {
        if self.is_finishing() {
            self.stage = Stage::Finishing(Patience::Over);
        }
    }

    /// The transport is gone.
    pub(in crate::net) fn close(&mut self) {
        self.stage = Stage::Closed;
        self.ending();
    }

    /// The ending so far.
    pub(in crate::net) fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
    }

    /// Notes who began to end the connection; the first one counts.
    pub(in crate::net) fn initiate(&mut self, initiator: Initiator) {
        if self.ending.is_none() {
            self.ending().initiator = initiator;
        }
    }

    /// Notes that a timer of the end of TCP ran out, unless one had before.
    pub(in crate::net) fn note_late_end(&mut self) {
        self.ending().timeout.get_or_insert(TimeoutKind::Close);
    }

    /// The peer's Close, once it was read.
    pub(in crate::net) fn received_close(&self) -> Option<&ReceivedClose> {
        self.ending.as_ref()?.received.as_ref()
    }

    /// How the connection ended, once it is closed.
    pub(in crate::net) fn ended(&self) -> Option<&Ending> {
        self.ending.as_deref().filter(|_| self.is_closed())
    }

    /// The ending, once nothing more will be received.
    pub(in crate::net) fn finished(&mut self) -> Option<&Ending> {
        if self.is_over() { Some(self.ending()) } else { None }
    }
}
