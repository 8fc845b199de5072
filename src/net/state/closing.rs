//! Every way in which a connection comes to its end, and what it leaves in the
//! [`Ending`](super::ending::Ending) (RFC 6455 §7).

use std::time::Duration;

use super::ending::{Initiator, Timer};
use super::lease::Lease;
use super::outbox::Outbox;
use super::state::{Phase, State};
use crate::proto::close::{CloseCode, CloseFrame};
use crate::proto::handshake::{Refusal, Response};
use crate::proto::inbound::ReceivedClose;
use crate::proto::outbound::SendError;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

impl State {
    fn initiate(&mut self, initiator: Initiator) {
        if !self.is_ending() {
            self.ending().initiator = initiator;
        }
    }

    /// The 101 is queued: frames from here on (RFC 6455 §4.2.2).
    pub(super) fn open(&mut self) {
        self.phase = Phase::Open;
        self.set_deadline(None);
        self.timer_due = true;
    }

    /// Starts the closing handshake, unless it has started.
    pub(super) fn close(
        &mut self,
        initiator: Initiator,
        code: CloseCode,
        reason: &str,
        deadline: Option<Duration>,
    ) {
        let frame = CloseFrame { code: Some(code), reason };
        // A Close that was sent or received already makes this one void (RFC 6455 §5.5.1).
        let _ = self.start_closing(initiator, frame, deadline);
    }

    /// As [`State::close`], and says what was wrong with it.
    pub(super) fn start_closing(
        &mut self,
        initiator: Initiator,
        frame: CloseFrame<'_>,
        deadline: Option<Duration>,
    ) -> Result<(), SendError> {
        if self.phase != Phase::Open {
            return Err(SendError::Closed);
        }
        self.with_batch(|_, outbound, batch| outbound.close(frame, batch))?;
        self.initiate(initiator);
        self.inbound.discard();
        self.set_deadline(deadline);
        self.timer_due = true;
        Ok(())
    }

    /// The peer's Close was read, and answered if ours had not been sent.
    pub(super) fn receive_close(&mut self, close: ReceivedClose) {
        self.initiate(Initiator::Peer);
        self.ending().received = Some(close);
        self.finish();
    }

    /// The peer broke a rule; the Close that says so is queued.
    pub(super) fn fail(&mut self, violation: Violation) {
        self.initiate(Initiator::Peer);
        self.ending().violation = Some(violation);
        self.finish();
    }

    /// The server shuts down before the peer said a word.
    pub(super) fn end_by_shutdown(&mut self) {
        self.initiate(Initiator::Shutdown);
        self.finish();
    }

    /// There is no memory to go on with; the peer may try again later (RFC 6455 §7.4: 1013).
    #[cfg(feature = "deflate")]
    pub(super) fn overload(&mut self) {
        self.initiate(Initiator::Overload);
        self.with_batch(|_, outbound, batch| {
            outbound.fail_with(CloseCode::TRY_AGAIN_LATER, OVERLOAD, batch);
        });
        self.inbound.fail();
        self.finish();
    }

    /// A timer ran out.
    pub(super) fn expire(&mut self, timer: Timer) {
        self.initiate(Initiator::Timer);
        self.ending().timer = Some(timer);
        self.finish();
    }

    /// The transport ended or failed; no Close is sent (RFC 6455 §7.1.5).
    pub(super) fn lose(&mut self, kind: Option<std::io::ErrorKind>) {
        self.initiate(Initiator::Transport);
        let was_clean = self.phase == Phase::Finishing;
        if !was_clean || kind.is_some() {
            self.ending().transport = Some(kind.unwrap_or(std::io::ErrorKind::UnexpectedEof));
        }
        self.outbound.shut();
        self.inbound.fail();
        self.finish();
    }

    /// Queues a refusal of the opening handshake.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.initiate(match refusal.rejection {
            Rejection::ShuttingDown => Initiator::Shutdown,
            Rejection::HandshakeTooSlow | Rejection::HandlerTooSlow => Initiator::Timer,
            Rejection::HandlerFailed if std::thread::panicking() => Initiator::HandlerPanic,
            Rejection::HandlerFailed => Initiator::HandlerError,
            _ => Initiator::Peer,
        });
        self.ending().rejection = Some(refusal.rejection);
        self.respond(&Response::from(*refusal), refusal.head_only);
    }

    /// Queues the final response to a request that is not to become a WebSocket.
    pub(super) fn respond(&mut self, response: &Response, head_only: bool) {
        self.initiate(Initiator::Application);
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        self.outbox().append(|batch| response.encode(&date, head_only, batch));
        self.ending().refused = Some(response.status());
        self.outbound.shut();
        self.finish();
    }

    /// Nothing more is read as protocol: write what is queued, then end TCP.
    fn finish(&mut self) {
        if !matches!(self.phase, Phase::Finishing | Phase::Closed) {
            self.phase = Phase::Finishing;
            self.ending().sent = self.outbound.has_sent_close().then(|| self.outbound.sent_code());
            // The time for the rest counts from when the task sees this.
            self.set_deadline(None);
            self.timer_due = true;
        }
        self.input = Lease::default();
        self.wake_reading();
        self.wake_waiting();
        self.wake_task();
    }

    /// The transport is gone. What was queued comes back, to be dropped without the lock: `Bytes`
    /// may run code of the application then.
    #[must_use]
    pub(super) fn closed(&mut self) -> Option<Box<Outbox>> {
        self.phase = Phase::Closed;
        self.outbound.shut();
        self.inbound.fail();
        self.input = Lease::default();
        let unsent = self.outbox.take();
        self.in_flight = 0;
        self.ending();
        self.wake_reading();
        self.wake_waiting();
        self.wake_watching();
        unsent
    }
}

/// The reason of the Close that ends a connection for want of memory.
#[cfg(feature = "deflate")]
const OVERLOAD: &str = "RFC 6455 10.4: no memory is left to inflate the message";
