//! One log event for each connection, where it ends: the clause, never a payload.

use std::net::SocketAddr;

use crate::net::ending::{Ending, Initiator, TimeoutKind};
use crate::net::state::context::Context;
use crate::net::state::shared::Shared;
use crate::proto::close::CloseCode;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

impl Shared {
    /// Nothing more is read as protocol. A fault is logged now: the peer may take its time to
    /// end TCP. Says whether it was.
    pub(super) fn report_fault(&self) -> bool {
        let fault = self.lock().life.finished().filter(|ending| ending.is_fault()).cloned();
        fault.is_some_and(|ending| {
            self.report(&ending);
            true
        })
    }

    /// The transport is gone: settles the ending, and logs it unless that was done.
    pub(super) fn end(&self, is_reported: bool) {
        let mut state = self.lock();
        let unsent = state.closed();
        let ending = state.life.ended().cloned().unwrap_or_default();
        drop(state);
        drop(unsent);
        if !is_reported {
            self.report(&ending);
        }
    }

    fn report(&self, ending: &Ending) {
        if ending.rejection == Some(Rejection::HandlerFailed) {
            self.report_unanswered();
        } else if let Some(violation) = ending.violation {
            self.report_violation(violation);
        } else if let Some(rejection) = ending.rejection {
            self.report_refusal(rejection);
        } else if let Some(status) = ending.answered {
            self.report_answer(status);
        } else if ending.initiator == Initiator::Overload {
            self.report_overload();
        } else if let Some(timer) = ending.timeout
            && !ending.is_clean()
        {
            self.report_timer(timer, ending);
        } else {
            let peer = self.peer.map(tracing::field::display);
            let (initiator, code) = (ending.initiator, ending.code().get());
            let (sent, clean) = (sent_code(ending), ending.is_clean());
            let transport = ending.transport.map(tracing::field::debug);
            tracing::debug!(peer, ?initiator, code, sent, clean, transport, "the connection ended");
        }
    }

    /// A handler that failed or panicked was logged as that, and so was an answer that is invalid.
    fn report_unanswered(&self) {
        let state = self.lock();
        if state.is_failure_told {
            return;
        }
        let path = state.path().to_string();
        drop(state);
        let peer = self.peer.map(tracing::field::display);
        tracing::error!(
            peer,
            path,
            status = 500,
            "the handler left the opening handshake unanswered"
        );
    }

    fn report_violation(&self, violation: Violation) {
        let Some(suppressed) = self.context.violations_told.admit(self.context.now()) else {
            return;
        };
        let peer = self.peer.map(tracing::field::display);
        let (clause, code) = (violation.section(), violation.close_code().get());
        let sentence = violation.sentence();
        tracing::info!(
            peer,
            clause,
            code,
            ?violation,
            suppressed,
            "failed the connection: {sentence}"
        );
    }

    /// An answer of the application is no refusal, whatever its status.
    fn report_answer(&self, status: u16) {
        let peer = self.peer.map(tracing::field::display);
        let path = self.lock().path().to_owned();
        tracing::debug!(peer, status, path, "answered the request");
    }

    fn report_refusal(&self, rejection: Rejection) {
        self.context.report_rejection(self.peer, rejection);
    }

    fn report_timer(&self, timer: TimeoutKind, ending: &Ending) {
        let Some(suppressed) = self.context.refusals_told.admit(self.context.now()) else { return };
        let peer = self.peer.map(tracing::field::display);
        let (clause, code, sent) = (timer.section(), ending.code().get(), sent_code(ending));
        tracing::info!(
            peer,
            clause,
            ?timer,
            code,
            sent,
            suppressed,
            "ended the connection: {timer}"
        );
    }
}

impl Context {
    /// An opening handshake was refused; its peer is known where the transport has an address.
    pub(in crate::net) fn report_rejection(&self, peer: Option<SocketAddr>, rejection: Rejection) {
        let Some(suppressed) = self.refusals_told.admit(self.now()) else { return };
        let peer = peer.map(tracing::field::display);
        let (clause, status, sentence) =
            (rejection.section(), rejection.status(), rejection.sentence());
        let what = if rejection.is_of_content() { "request" } else { "opening handshake" };
        tracing::info!(
            peer,
            clause,
            status,
            ?rejection,
            suppressed,
            "refused the {what}: {sentence}"
        );
    }
}

/// The status code of the Close that was sent, if it had one.
fn sent_code(ending: &Ending) -> Option<u16> {
    ending.sent.code().map(CloseCode::get)
}

/// Without compression nothing is inflated.
#[cfg(not(feature = "deflate"))]
impl Shared {
    fn report_overload(&self) {}
}

#[cfg(feature = "deflate")]
impl Shared {
    /// Logs that the connection was failed for want of memory.
    fn report_overload(&self) {
        let Some(suppressed) = self.context.memory_told.admit(self.context.now()) else { return };
        let peer = self.peer.map(tracing::field::display);
        let limit = self.context.budget.limit();
        tracing::warn!(
            peer,
            clause = "RFC 6455 10.4",
            code = 1013,
            limit,
            suppressed,
            "failed the connection: no memory is left to inflate its message"
        );
    }
}
