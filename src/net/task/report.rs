//! One log event for each connection, where it ends: the clause, never a payload.

use crate::net::ending::{Ending, Initiator};
use crate::net::state::shared::Shared;

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
        let peer = self.peer.map(tracing::field::display);
        let initiator = ending.initiator;
        let code = ending.code().get();
        let sent = ending.sent.flatten().map(|sent| sent.get());
        if let Some(violation) = ending.violation {
            let Some(suppressed) = self.context.violations_told.admit(self.context.now()) else {
                return;
            };
            let clause = violation.section();
            let code = violation.close_code().get();
            let sentence = violation.sentence();
            tracing::info!(
                peer,
                clause,
                code,
                ?violation,
                suppressed,
                "failed the connection: {sentence}"
            );
        } else if let Some(status) = ending.refused {
            let Some(suppressed) = self.context.refusals_told.admit(self.context.now()) else {
                return;
            };
            match ending.rejection {
                Some(rejection) => {
                    let (clause, sentence) = (rejection.section(), rejection.sentence());
                    tracing::info!(
                        peer,
                        clause,
                        status,
                        ?rejection,
                        suppressed,
                        "refused the opening handshake: {sentence}"
                    );
                }
                None => tracing::debug!(peer, status, "answered without a WebSocket"),
            }
        } else if initiator == Initiator::Overload {
            self.report_overload();
        } else if let Some(timer) = ending.timer
            && !ending.is_clean()
        {
            let Some(suppressed) = self.context.refusals_told.admit(self.context.now()) else {
                return;
            };
            let clause = timer.section();
            tracing::info!(
                peer,
                clause,
                ?timer,
                code,
                sent,
                suppressed,
                "ended the connection: {timer}"
            );
        } else {
            let clean = ending.is_clean();
            let transport = ending.transport.map(tracing::field::debug);
            tracing::debug!(peer, ?initiator, code, sent, clean, transport, "the connection ended");
        }
    }
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
