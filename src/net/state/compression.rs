//! permessage-deflate on one connection (RFC 7692): what is agreed, and lending inflaters.

use std::fmt;
use std::sync::Arc;

use super::State;
use super::context::Context;
use crate::net::lent::engines::{has_inflater, make_room, return_inflater, take_inflater};
use crate::net::lent::pool;
use crate::proto::deflate::budget::{Budget, Charge};
use crate::proto::deflate::{self, Agreement, Policy};
use crate::proto::extension::ExtensionOffer;

/// What was agreed on a connection, with the memory that it may keep of what it sends.
#[derive(Clone, Debug)]
pub(in crate::net) struct Compression {
    agreement: Agreement,
    /// The charge for what the connection may keep of what it sends.
    kept: Arc<Charge>,
}

impl fmt::Display for Compression {
    /// The value of Sec-WebSocket-Extensions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.agreement.fmt(f)
    }
}

/// Which offers are accepted unless the application chooses otherwise.
pub(in crate::net) fn policy(context: &Context) -> Option<Policy> {
    context.config.deflate.policy
}

/// Decides on the offers of a client (RFC 7692 §7). Forbids the client to refer back where the memory
/// for histories is short; declines all offers while that for compression is spent. Says so in the
/// log.
pub(in crate::net) fn negotiate(
    context: &Context,
    offers: &[ExtensionOffer],
    policy: Option<&Policy>,
) -> Option<Compression> {
    let mut agreement = deflate::negotiate(offers, policy?)?;
    let budget = &context.budget;
    if !agreement.client_no_context_takeover() && budget.is_short_of_histories() {
        // RFC 7692 §7.1.1.2: said unasked, this spares the server the history of the client.
        agreement = deflate::negotiate(offers, &policy?.client_context_takeover(false))?;
        tell_short_of_histories(context);
    }
    let keeps = kept_by(&agreement);
    // A quarter is left to the messages of those who have agreed already.
    let needs = keeps + budget.limit() / 4;
    // RFC 7692 §7: no offer is accepted without the memory for it.
    let kept = make_room(|| budget.has_left(needs).then(|| budget.charge(keeps)).flatten())
        .filter(|_| has_inflater(budget));
    if let Some(kept) = kept {
        return Some(Compression { agreement, kept: Arc::new(kept) });
    }
    if let Some(suppressed) = context.memory_told.admit(context.now()) {
        let (used, limit) = (budget.used(), budget.limit());
        tracing::warn!(
            clause = "RFC 7692 7",
            used,
            limit,
            suppressed,
            "declined permessage-deflate: the memory for compression is spent"
        );
    }
    None
}

#[cold]
fn tell_short_of_histories(context: &Context) {
    let Some(suppressed) = context.histories_told.admit(context.now()) else { return };
    let (histories, limit) = (context.budget.histories(), context.budget.limit());
    tracing::warn!(
        clause = "RFC 7692 7.1.1.2",
        histories,
        limit,
        suppressed,
        "imposed client_no_context_takeover: the memory for histories is short"
    );
}

/// What a connection keeps at most of what it sends, in bytes. What it keeps of what it receives is
/// charged as it comes.
fn kept_by(agreement: &Agreement) -> usize {
    let window = agreement.server_max_window_bits().size();
    if agreement.server_no_context_takeover() { 0 } else { window }
}

impl State {
    /// Messages may be compressed from here on, in both directions.
    pub(in crate::net) fn agree(&mut self, compression: Option<Compression>) {
        let Some(Compression { agreement, kept }) = compression else { return };
        self.reading.agree(&agreement);
        self.queue.outbound_mut().agree(&agreement, Some(kept));
    }

    /// Lends an inflater for the message that has begun, or fails the connection with 1013.
    /// Says whether it goes on.
    pub(super) fn lend_inflater(&mut self, context: &Context) -> bool {
        let is_of_use = !self.reading.has_lost_context();
        let lent = is_of_use.then(|| take_inflater(&context.budget)).flatten();
        let is_lent = lent.is_some();
        match lent {
            Some(inflater) => self.reading.lend_inflater(inflater, pool::take_small_buffer()),
            None => self.overload(),
        }
        is_lent
    }

    /// Gives an inflater back that no message needs at present.
    #[inline]
    pub(in crate::net) fn reclaim_inflater(&mut self) {
        let charge = |budget: &Arc<_>, growth| make_room(|| Budget::charge_history(budget, growth));
        if let Some(inflater) = self.reading.reclaim_inflater(charge) {
            return_inflater(inflater);
        }
    }
}
