//! What the log says of a connection: at debug that it opened and how it ended, and above that what went
//! wrong, where it ends, with the clause. Never a payload, a query or a header field, save a name that the
//! peer asked for.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use crate::net::ending::{Ending, Initiator, TimeoutKind};
use crate::net::state::context::Context;
use crate::net::state::counted::Counted;
use crate::net::state::id::ConnectionId;
use crate::net::state::rate_limit::{RateLimit, Told};
use crate::net::state::shared::Shared;
use crate::proto::close::CloseCode;
use crate::proto::handshake::Request;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

impl Shared {
    /// The address of the peer.
    fn address(&self) -> Option<IpAddr> {
        self.peer().map(|peer| peer.ip())
    }

    /// Whether to tell of this connection what has such a limit; if so, how many lines were left out since
    /// the last one.
    pub(super) fn may_tell(&self, kind: impl FnOnce(&Told) -> &RateLimit) -> Option<u64> {
        kind(&self.context.told).admit(self.address(), self.context.told.now())
    }

    /// The 101 is queued, or was sent by something else: logs what was agreed on, at debug.
    pub(in crate::net) fn report_opening(
        &self,
        subprotocol: Option<&str>,
        extensions: Option<&str>,
    ) {
        self.note_opening(subprotocol);
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let mut state = self.lock();
        state.marks.tell_opening();
        let path = state.path().to_owned();
        drop(state);
        let (id, peer) = self.named();
        let subprotocol = subprotocol.map(shown);
        tracing::debug!(id, peer, path, subprotocol, extensions, "the connection opened");
    }

    /// The 101 names none of the subprotocols that the client offers: it is counted, and the log says it,
    /// because a browser then fails the connection with 1006 and does not say why.
    pub(in crate::net) fn report_unspoken_subprotocols(&self, request: &Request) {
        self.context.count(Counted::UnspokenSubprotocols);
        let context = &self.context;
        let Some(suppressed) = context.told.unspoken.admit(self.address(), context.told.now())
        else {
            return;
        };
        let (id, peer) = self.named();
        let count = request.subprotocols().count();
        let mut offered: Vec<_> = request.subprotocols().take(SHOWN_NAMES).map(shown).collect();
        if count > SHOWN_NAMES {
            offered.push(format!("and {} more", count - SHOWN_NAMES));
        }
        let (clause, path) = ("RFC 6455 4.2.2", request.path());
        tracing::info!(
            id,
            peer,
            clause,
            path,
            offered = offered.join(", "),
            suppressed,
            "accepted without a subprotocol, since none that the client offers is spoken here: a browser \
             gives up now (1006); speak one (Policy::subprotocols, or --subprotocol NAME), or any, to \
             try things out"
        );
    }

    /// Nothing more is read as protocol. A fault is logged now: the peer may take its time to
    /// end TCP. Says whether it was.
    pub(super) fn report_fault(&self) -> bool {
        let fault = self.lock().life.finished().filter(|ending| ending.is_fault()).cloned();
        fault.is_some_and(|ending| {
            self.report(&ending);
            true
        })
    }

    /// The transport is gone: settles the ending, logs it unless that was done, and counts it.
    pub(super) fn end(&self, is_reported: bool) {
        let mut state = self.lock();
        let unsent = state.closed();
        let ending = state.life.ended().cloned().unwrap_or_default();
        drop(state);
        drop(unsent);
        let is_told = is_reported || self.report(&ending);
        self.report_ending(&ending, is_told);
        let is_in_order = ending.is_as_it_should_be();
        let drained = if is_in_order { Counted::DrainedClean } else { Counted::DrainedUnclean };
        self.context.count_end(&ending, drained);
    }

    /// As [`Shared::end`], of a connection whose task was dropped before.
    pub(super) fn end_dropped(&self) {
        let mut state = self.lock();
        state.lose(Some(ErrorKind::Interrupted));
        let unsent = state.closed();
        let ending = state.life.ended().cloned().unwrap_or_default();
        drop(state);
        drop(unsent);
        self.report_ending(&ending, true);
        self.context.count_end(&ending, Counted::DrainedCut);
    }

    /// How it ended, at debug: of each connection whose opening the log has, and of those of which it
    /// says nothing else.
    fn report_ending(&self, ending: &Ending, is_told: bool) {
        let mut state = self.lock();
        let is_opening_told = state.marks.take_told_opening();
        if is_told && !is_opening_told {
            return;
        }
        let path = is_opening_told.then(|| state.path().to_owned());
        drop(state);
        let lasted = is_opening_told.then(|| self.age());
        let (id, peer) = self.named();
        let (initiator, code) = (ending.initiator, ending.code().get());
        let (sent, clean) = (sent_code(ending), ending.is_clean());
        let violation = ending.violation.map(tracing::field::debug);
        let timer = ending.timeout.map(tracing::field::debug);
        let transport = ending.transport.map(tracing::field::debug);
        let lasted = lasted.map(tracing::field::debug);
        tracing::debug!(
            id,
            peer,
            path,
            ?initiator,
            code,
            sent,
            clean,
            violation,
            timer,
            transport,
            lasted,
            "the connection ended"
        );
    }

    /// Logs what went wrong, or what the answer was. Says whether there was anything of that.
    fn report(&self, ending: &Ending) -> bool {
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
        } else if ending.initiator == Initiator::FullQueue {
            self.report_full_queue(ending);
        } else if let Some(timer) = ending.timeout
            && !ending.is_clean()
        {
            self.report_timer(timer, ending);
        } else {
            return false;
        }
        true
    }

    /// A handler that failed or panicked was logged as that, and so was an answer that is invalid.
    fn report_unanswered(&self) {
        let state = self.lock();
        if state.marks.is_failure_told() {
            return;
        }
        let path = state.path().to_string();
        drop(state);
        let Some(suppressed) = self.may_tell(|told| &told.failures) else { return };
        let (id, peer) = self.named();
        tracing::error!(
            id,
            peer,
            path,
            status = 500,
            suppressed,
            "the handler left the opening handshake unanswered"
        );
    }

    fn report_violation(&self, violation: Violation) {
        let Some(suppressed) = self.may_tell(|told| &told.violations) else { return };
        let (id, peer) = self.named();
        let (clause, code) = (violation.section(), violation.close_code().get());
        let sentence = violation.sentence();
        tracing::info!(
            id,
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
        let (id, peer) = self.named();
        let path = self.lock().path().to_owned();
        tracing::debug!(id, peer, status, path, "answered the request");
    }

    fn report_refusal(&self, rejection: Rejection) {
        self.context.report_rejection(Some(self.id()), self.peer(), rejection);
    }

    /// The queue to the peer was full, and the connection was to close then.
    fn report_full_queue(&self, ending: &Ending) {
        let Some(suppressed) = self.may_tell(|told| &told.refusals) else { return };
        let (id, peer) = self.named();
        let (code, sent, limit) =
            (ending.code().get(), sent_code(ending), self.limits().max_queued);
        tracing::info!(
            id,
            peer,
            clause = "RFC 6455 10.4",
            code,
            sent,
            limit,
            suppressed,
            "closed the connection: more was queued for the peer than it took"
        );
    }

    fn report_timer(&self, timer: TimeoutKind, ending: &Ending) {
        let Some(suppressed) = self.may_tell(|told| &told.refusals) else { return };
        let (id, peer) = self.named();
        let (clause, code, sent) = (timer.section(), ending.code().get(), sent_code(ending));
        tracing::info!(
            id,
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
    /// An opening handshake was refused. It has an id unless something else has read it; its peer is known where the
    /// transport has an address.
    pub(in crate::net) fn report_rejection(
        &self,
        id: Option<ConnectionId>,
        peer: Option<SocketAddr>,
        rejection: Rejection,
    ) {
        let address = peer.map(|peer| peer.ip());
        let Some(suppressed) = self.told.refusals.admit(address, self.told.now()) else { return };
        let (id, peer) = (id.map(tracing::field::display), peer.map(tracing::field::display));
        let (clause, status, sentence) =
            (rejection.section(), rejection.status(), rejection.sentence());
        let what = if rejection.is_of_content() { "request" } else { "opening handshake" };
        tracing::info!(
            id,
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

/// A name that the peer chose: a token, so visible ASCII (RFC 6455 §4.1). Some clients put credentials there,
/// which are long, or named so: of these only the length is shown.
fn shown(name: &str) -> String {
    if name.len() >= LONG_NAME || CREDENTIALS.iter().any(|word| holds(name, word)) {
        return format!("(a name of {} octets)", name.len());
    }
    name.to_owned()
}

/// Whether this word, in small letters, is in the name, whatever the case of that.
fn holds(name: &str, word: &str) -> bool {
    let mut places = name.as_bytes().windows(word.len());
    places.any(|place| place.eq_ignore_ascii_case(word.as_bytes()))
}

/// Words in names that are credentials.
const CREDENTIALS: [&str; 4] = ["bearer", "token", "jwt", "auth"];

/// From here on a name may be a credential: a key of 128 bits in hex has so many octets, and no name of a
/// common subprotocol does.
const LONG_NAME: usize = 32;

/// How many of the names that a client offers the log shows.
const SHOWN_NAMES: usize = 4;

impl Shared {
    /// Logs that the connection was failed for want of memory.
    fn report_overload(&self) {
        let Some(suppressed) = self.may_tell(|told| &told.memory) else { return };
        let (id, peer) = self.named();
        let (used, limit) = (self.context.memory.used(), self.context.memory.limit());
        tracing::warn!(
            id,
            peer,
            clause = "RFC 6455 10.4",
            code = 1013,
            used,
            limit,
            suppressed,
            "failed the connection for want of memory"
        );
    }
}
