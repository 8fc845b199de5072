//! permessage-deflate on one connection (RFC 7692): what is agreed, and lending inflaters.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::State;
use super::closing::Shortage;
use super::context::Context;
use crate::net::lent::engines::{
    has_inflater, make_room, return_inflater, take_compressor, take_inflater,
};
use crate::net::lent::pool;
use crate::proto::deflate::budget::{Budget, Charge};
use crate::proto::deflate::{self, Agreement, Compressor, Inflater, Policy, Shape};
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
    let kept = make_room(|| context.has_left(needs).then(|| context.charge(keeps)).flatten())
        .filter(|_| context.memory.waiting_inflaters() > 0 || has_inflater(budget));
    if let Some(kept) = kept {
        return Some(Compression { agreement, kept: Arc::new(kept) });
    }
    if let Some(suppressed) = context.told.memory.admit(None, context.told.now()) {
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
    let Some(suppressed) = context.told.histories.admit(None, context.told.now()) else { return };
    let (histories, limit) = (context.budget.histories(), context.budget.limit());
    tracing::warn!(
        clause = "RFC 7692 7.1.1.2",
        histories,
        limit,
        suppressed,
        "imposed client_no_context_takeover: the memory for histories is short"
    );
}

/// A compressor of this shape. Where there is none, inflaters that have waited for a while are taken back.
pub(in crate::net) fn lend_compressor(context: &Context, shape: Shape) -> Option<Compressor> {
    context.reclaiming(A_WHILE, || take_compressor(shape, &context.budget))
}

impl Context {
    /// Whether so many bytes of the budget for compression are left, or would be if inflaters that wait for
    /// input were taken back: a peer that makes no progress takes compression from nobody.
    fn has_left(&self, amount: usize) -> bool {
        let waiting = self.memory.waiting_inflaters().saturating_mul(Inflater::MEMORY);
        let used = self.budget.used().saturating_sub(waiting);
        used.saturating_add(amount) <= self.budget.limit()
    }

    /// Charges so many bytes to the budget for compression, and takes inflaters back for that.
    fn charge(&self, amount: usize) -> Option<Charge> {
        self.reclaiming(A_WHILE, || self.budget.charge(amount))
    }

    /// Tries until it succeeds or no inflater is left that has waited for input for so long.
    fn reclaiming<R>(&self, least: Duration, lend: impl Fn() -> Option<R>) -> Option<R> {
        loop {
            if let Some(lent) = lend() {
                return Some(lent);
            }
            if !self.memory.take_back_inflater(least) {
                return None;
            }
        }
    }
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
        let lend = || context.reclaiming(Duration::ZERO, || take_inflater(&context.budget));
        let lent = is_of_use.then(lend).flatten();
        let is_lent = lent.is_some();
        match lent {
            Some(inflater) => self.reading.lend_inflater(inflater, pool::take_small_buffer()),
            None => self.overload(Shortage::NoInflater),
        }
        is_lent
    }

    /// Gives an inflater back that no message needs at present.
    #[inline]
    pub(in crate::net) fn reclaim_inflater(&mut self, context: &Context) {
        // A message that waits for input takes from nobody what the next one may refer to.
        let charge = |budget: &Arc<_>, growth| {
            let charge = || make_room(|| Budget::charge_history(budget, growth));
            context.reclaiming(Duration::ZERO, charge)
        };
        if let Some(mut inflater) = self.reading.reclaim_inflater(charge) {
            let (deflated, inflated) = inflater.take_passed();
            context.tally.inflated(deflated, inflated);
            return_inflater(inflater);
        }
    }
}

/// What can be done without compression takes an inflater only from a message that has got no byte for so
/// long.
const A_WHILE: Duration = Duration::from_secs(1);
