//! One log event for each connection, where it ends: the clause, never a payload.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::ending::{Ending, Initiator};
use super::shared::Shared;

/// Lets so many lines through in a second, and counts the rest.
#[derive(Debug, Default)]
pub(super) struct RateLimit(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    told: u32,
    suppressed: u64,
}

impl RateLimit {
    /// Whether to tell; if so, how many were not told since the last time.
    pub(super) fn admit(&self, now: Duration) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != now.as_secs() {
            (window.second, window.told) = (now.as_secs(), 0);
        }
        if window.told >= PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

impl Shared {
    /// Nothing more is read as protocol. A fault is logged now: the peer may take its time to
    /// end TCP. Says whether it was.
    pub(super) fn report_fault(&self) -> bool {
        let fault = self.lock().finished().filter(|ending| ending.is_fault()).cloned();
        fault.is_some_and(|ending| {
            self.report(&ending);
            true
        })
    }

    /// The transport is gone: settles the ending, and logs it unless that was done.
    pub(super) fn end(&self, is_reported: bool) {
        let mut state = self.lock();
        let unsent = state.closed();
        let ending = state.ended().cloned().unwrap_or_default();
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

/// Lines of one kind in a second.
const PER_SECOND: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let limit = RateLimit::default();
        let told = (0..150).filter(|_| limit.admit(Duration::from_secs(7)).is_some()).count();
        assert_eq!(told, PER_SECOND as usize);
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(50));
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(0));
    }
}
