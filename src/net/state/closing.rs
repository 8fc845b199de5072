//! Every way in which a connection comes to its end, and what it leaves in the
//! [`Ending`](crate::net::ending::Ending) (RFC 6455 §7).
//!
//! Nothing here wakes the connection task: most of it is what the task itself finds. A handle that
//! ends a connection wakes the task after.

use super::State;
use super::hsts::HSTS;
use super::life::Deadline;
use super::queue::Voice;
use super::shared::Shared;
use super::waiting::Wakes;
use crate::net::date::http_date;
use crate::net::ending::{Initiator, SentClose, TimeoutKind};
use crate::net::farewell::Farewell;
use crate::net::lent::amounts::Control;
use crate::net::lent::outbox::{Large, Outbox};
use crate::net::lent::pool;
use crate::proto::close::{CloseCode, CloseFrame};
use crate::proto::event::ReceivedClose;
use crate::proto::handshake::{Refusal, Response};
use crate::proto::outbound::SendError;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

impl State {
    /// The 101 is queued: frames from here on (RFC 6455 §4.2.2).
    pub(in crate::net) fn open(&mut self) {
        self.life.open();
        self.timer_due = true;
    }

    /// Queues what was in the cork of a thread, before all that the task has not taken. Nothing is queued
    /// where the transport is gone, or is to be dropped: an abort drops the cork too.
    pub(in crate::net) fn uncork(&mut self, cork: Box<Outbox>) {
        if self.life.is_closed() || self.life.is_overdue() {
            self.queue.note_lost();
            return pool::return_outbox(cork);
        }
        let voice = self.voice();
        self.queue.uncork(cork, voice);
    }

    /// Starts the closing handshake, unless it has started.
    pub(in crate::net) fn close(&mut self, initiator: Initiator, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code: Some(code), reason };
        // A Close that was sent or received already makes this one void (RFC 6455 §5.5.1).
        let _ = self.start_closing(initiator, frame);
    }

    /// As [`State::close`], and says what was wrong with it.
    pub(in crate::net) fn start_closing(
        &mut self,
        initiator: Initiator,
        frame: CloseFrame<'_>,
    ) -> Result<(), SendError> {
        if !self.life.is_open() {
            return Err(SendError::Closed);
        }
        self.queue.append(|outbound, batch| outbound.close(frame, batch))?;
        self.life.initiate(initiator);
        self.life.queued_close();
        self.reading.discard();
        self.timer_due = true;
        Ok(())
    }

    /// The peer's Close was read: it is answered, unless ours was sent (RFC 6455 §5.5.1).
    pub(super) fn receive_close(&mut self, close: ReceivedClose) {
        self.queue.append(|outbound, batch| outbound.answer_close(close.code, batch));
        self.life.initiate(Initiator::Peer);
        self.life.ending().received = Some(close);
        // RFC 6455 §5.5.1: after both Close frames the server ends TCP at once.
        self.finish();
    }

    /// The peer broke a rule (RFC 6455 §7.1.7).
    pub(in crate::net) fn fail(&mut self, violation: Violation) {
        self.queue.append(|outbound, batch| outbound.fail(violation, batch));
        self.life.initiate(Initiator::Peer);
        self.life.ending().violation = Some(violation);
        // RFC 6455 §7.1.7: a failed connection is ended.
        self.finish();
    }

    /// The server shuts down: its last message goes, if there is room for it, and then the Close.
    pub(in crate::net) fn take_leave(&mut self, farewell: &Farewell, max_queued: usize) {
        if let Some(message) = &farewell.message
            && self.life.is_open()
            && self.queue.check_message(Voice::Other, max_queued).is_ok()
            && self.queue.outbound_mut().start_prepared().is_ok()
        {
            // Connections share its bytes.
            self.queue.append_large(&[], Large::Shared(message.frame().clone()));
            self.queue.count_message(message.kind(), message.payload().len());
        }
        self.close(Initiator::Shutdown, farewell.code, &farewell.reason);
    }

    /// The server shuts down before the peer said a word.
    pub(in crate::net) fn end_by_shutdown(&mut self) {
        self.life.initiate(Initiator::Shutdown);
        self.finish();
    }

    /// There is no memory to go on with; the peer may try again later (RFC 6455 §7.4: 1013).
    pub(super) fn overload(&mut self, shortage: Shortage) {
        self.life.initiate(Initiator::Overload);
        self.queue_failure(CloseCode::TRY_AGAIN_LATER, shortage.reason());
        self.finish();
    }

    /// The queue has no room for a message, and the connection is to close then: the Close goes behind
    /// what is queued. Says whether that is new.
    pub(in crate::net) fn close_full(&mut self) -> bool {
        let frame = CloseFrame { code: Some(CloseCode::POLICY_VIOLATION), reason: FULL_QUEUE };
        self.start_closing(Initiator::FullQueue, frame).is_ok()
    }

    /// The peer takes nothing, and what is queued for it is needed elsewhere: the connection is dropped. What
    /// was queued comes back, to be dropped without the lock.
    #[must_use]
    pub(super) fn drop_for_memory(&mut self) -> Option<Box<Outbox>> {
        if self.life.is_closed() {
            return None;
        }
        self.life.initiate(Initiator::Overload);
        let unsent = self.queue.shut();
        self.finish();
        self.life.give_up();
        unsent
    }

    /// The peer did not answer a Ping in time.
    pub(in crate::net) fn give_up_silent_peer(&mut self) {
        self.queue_failure(CloseCode::INTERNAL_ERROR, NO_PONG);
        self.expire(TimeoutKind::Keepalive);
    }

    /// The rest of a message did not come in time.
    pub(in crate::net) fn give_up_message(&mut self, timer: TimeoutKind) {
        let reason = if timer == TimeoutKind::Message { LATE_MESSAGE } else { IDLE_MESSAGE };
        self.queue_failure(CloseCode::POLICY_VIOLATION, reason);
        self.expire(timer);
    }

    /// Queues the Close of a connection that fails for a reason which is no violation (RFC 6455 §7.1.7).
    fn queue_failure(&mut self, code: CloseCode, reason: &str) {
        self.queue.append(|outbound, batch| outbound.fail_with(code, reason, batch));
    }

    /// A timer ran out.
    pub(in crate::net) fn expire(&mut self, timer: TimeoutKind) {
        self.life.initiate(Initiator::Timeout);
        self.life.ending().timeout = Some(timer);
        // Where no Close was sent, nothing else is sent all the same.
        self.queue.outbound_mut().shut();
        self.finish();
    }

    /// A timer ran out, and the peer is waited for no longer.
    pub(in crate::net) fn expire_at_once(&mut self, timer: TimeoutKind) {
        self.expire(timer);
        self.life.give_up();
    }

    /// The peer takes bytes too slowly. What waits is dropped, and the Close goes behind the frame of which
    /// so many bytes are left; it has until then to be taken. What was queued comes back, to be dropped
    /// without the lock.
    #[must_use]
    pub(in crate::net) fn fail_slow_peer(
        &mut self,
        left: usize,
        deadline: Deadline,
    ) -> Option<Box<Outbox>> {
        let unsent = self.queue.give_up_waiting(left);
        self.queue_failure(CloseCode::POLICY_VIOLATION, TOO_SLOW);
        self.expire(TimeoutKind::Drain);
        self.life.wait_for_end(deadline);
        unsent
    }

    /// The application ends the connection without a Close. What was queued comes back, to be dropped
    /// without the lock.
    #[must_use]
    pub(in crate::net) fn abort(&mut self) -> Option<Box<Outbox>> {
        if self.life.is_closed() {
            return None;
        }
        self.life.initiate(Initiator::Application);
        self.life.ending().transport = Some(std::io::ErrorKind::ConnectionAborted);
        let unsent = self.queue.shut();
        self.finish();
        self.life.give_up();
        unsent
    }

    /// The transport ended or failed; no Close is sent (RFC 6455 §7.1.5).
    pub(in crate::net) fn lose(&mut self, kind: Option<std::io::ErrorKind>) {
        self.life.initiate(Initiator::Transport);
        let was_clean = self.life.is_finishing();
        if !was_clean || kind.is_some() {
            self.life.ending().transport = Some(kind.unwrap_or(std::io::ErrorKind::UnexpectedEof));
        }
        // A read that ends gives no error. This one is of a transport with an end of its own.
        self.life.ending().is_truncated |= kind == Some(std::io::ErrorKind::UnexpectedEof);
        if kind.is_none() {
            // RFC 6455 §5.5.2: a Ping before the peer's FIN is owed its Pong, which still can be written.
            self.queue
                .append_control(Control::Pong, |outbound, batch| outbound.release_pong(batch));
        }
        // RFC 6455 §7.2.1: a connection whose transport is lost is over.
        self.finish_without_close();
    }

    /// Queues a refusal of the opening handshake.
    pub(in crate::net) fn refuse(&mut self, refusal: &Refusal, shared: &Shared) {
        self.life.initiate(match refusal.rejection {
            Rejection::ShuttingDown => Initiator::Shutdown,
            Rejection::HandshakeTooSlow | Rejection::HandlerTooSlow => Initiator::Timeout,
            Rejection::HandlerFailed if std::thread::panicking() => Initiator::HandlerPanic,
            Rejection::HandlerFailed => Initiator::HandlerError,
            _ => Initiator::Peer,
        });
        self.note_refusal(refusal.rejection);
        self.send_response(Response::from(*refusal), refusal.head_only, shared);
    }

    /// Queues the application's own answer to an opening handshake.
    pub(in crate::net) fn reject(&mut self, response: Response, shared: &Shared) {
        self.answer(response, false, shared);
    }

    /// Queues the answer to a request, without its content for HEAD (RFC 9110 §9.3.2).
    pub(in crate::net) fn answer(&mut self, response: Response, head_only: bool, shared: &Shared) {
        self.life.initiate(Initiator::Application);
        self.life.ending().answered = Some(response.status());
        self.send_response(response, head_only, shared);
    }

    /// A plain request was answered with this status: by the application, unless we had a reason of
    /// our own.
    #[cfg(feature = "http")]
    pub(in crate::net) fn answered(&mut self, status: u16, rejection: Option<Rejection>) {
        match rejection {
            Some(rejection) => {
                self.life.initiate(match rejection {
                    Rejection::HandlerFailed => Initiator::HandlerError,
                    _ => Initiator::Peer,
                });
                self.note_refusal(rejection);
            }
            None => {
                self.life.initiate(Initiator::Application);
                self.life.ending().answered = Some(status);
            }
        }
        self.finish_without_close();
    }

    fn note_refusal(&mut self, rejection: Rejection) {
        let ending = self.life.ending();
        ending.rejection = Some(rejection);
        ending.refused = Some(rejection.status());
    }

    fn send_response(&mut self, mut response: Response, head_only: bool, shared: &Shared) {
        if let Some(hsts) = shared.hsts(self)
            && !response.fields().contains(HSTS)
        {
            // It cannot fail: the name is a token, the value visible ASCII.
            let _ = response.insert(HSTS, hsts);
        }
        let date = http_date(std::time::SystemTime::now());
        self.queue.append(|_, batch| response.encode(date.as_deref(), head_only, batch));
        // RFC 6455 §4.2.2: behind a refusal no frame is read or sent.
        self.finish_without_close();
    }

    /// The task has written everything that was queued.
    pub(in crate::net) fn all_written(&mut self, shared: &Shared) {
        if self.life.is_finishing() {
            // The end of TCP is waited for from now on.
            self.timer_due = true;
        }
        if self.queue.is_close_taken() {
            if self.life.awaits_close() {
                self.life.wrote_close(shared.close_deadline());
                self.timer_due = true;
            }
            let code = self.queue.outbound().sent_code();
            self.life.ending().sent = code.map_or(SentClose::WithoutCode, SentClose::WithCode);
        }
    }

    /// As [`State::finish`], and no frame is sent from here on, not even a Close.
    fn finish_without_close(&mut self) {
        self.queue.outbound_mut().shut();
        self.finish();
    }

    /// Nothing more is read as protocol: write what is queued, then end TCP.
    fn finish(&mut self) {
        if self.life.finish() {
            self.timer_due = true;
        }
        self.reading.finish();
        self.wakes.add(Wakes::INPUT);
        self.wakes.add(Wakes::OTHERS);
    }

    /// The transport is gone. What was queued comes back, to be dropped without the lock: `Bytes`
    /// may run code of the application then.
    #[must_use]
    pub(in crate::net) fn closed(&mut self) -> Option<Box<Outbox>> {
        self.life.close();
        self.reading.finish();
        self.wakes.add(Wakes::INPUT);
        self.wakes.add(Wakes::OTHERS);
        self.queue.shut()
    }
}

/// Why there is no memory for a connection to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// There is no inflater for its message.
    #[cfg(feature = "deflate")]
    NoInflater,
    /// Its inflater is needed elsewhere, and its message gets no input.
    #[cfg(feature = "deflate")]
    Inflater,
    /// Its peer makes no progress, and what it holds is needed elsewhere.
    Idle,
    /// There is no room for its message.
    Message,
}

impl Shortage {
    /// The reason of the Close (RFC 6455 §10.4).
    const fn reason(self) -> &'static str {
        match self {
            #[cfg(feature = "deflate")]
            Shortage::NoInflater => "RFC 6455 10.4: no memory is left to inflate the message",
            #[cfg(feature = "deflate")]
            Shortage::Inflater => {
                "RFC 6455 10.4: the compressed message waited too long while inflaters are short"
            }
            Shortage::Idle => {
                "RFC 6455 10.4: memory is short, and the peer has sent or taken nothing for too long"
            }
            Shortage::Message => "RFC 6455 10.4: no memory is left for a message of this length",
        }
    }
}

/// The reasons of the Close that gives up a message.
const IDLE_MESSAGE: &str =
    "RFC 6455 10.4: no byte of an unfinished message or frame came for too long";
const LATE_MESSAGE: &str = "RFC 6455 10.4: a message took longer than the limit";
/// The reason of the Close that ends a connection to a peer that takes bytes too slowly.
const TOO_SLOW: &str = "RFC 6455 10.4: bytes are taken too slowly";
/// The reason of the Close for a peer that does not take what is sent to it.
const FULL_QUEUE: &str = "RFC 6455 10.4: more was queued for the peer than it took";

/// The reason of the Close that gives up a silent peer.
const NO_PONG: &str = "RFC 6455 5.5.2: no answer to a Ping in time";
