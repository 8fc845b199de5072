//! How much memory compression may take, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on memory, shared by whoever charges it.
#[derive(Debug)]
pub struct Budget {
    /// In bytes.
    limit: usize,
    /// Bytes charged: 0 <= used <= limit
    used: AtomicUsize,
    /// Bytes of these that were charged for histories: 0 <= histories <= limit / 2
    histories: AtomicUsize,
}

/// Memory that was charged to a budget; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    /// In bytes.
    amount: usize,
    purpose: Purpose,
}

/// What memory is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Work that ends.
    Engine,
    /// What a connection keeps of what its peer has sent. It cannot go back while the connection
    /// lives, so it never takes more than half.
    History,
}

impl Budget {
    /// A budget of `limit` bytes, nothing of it used.
    pub const fn new(limit: usize) -> Budget {
        Budget { limit, used: AtomicUsize::new(0), histories: AtomicUsize::new(0) }
    }

    /// Charges `amount` bytes; `None` when there is not so much left.
    pub fn charge(self: &Arc<Budget>, amount: usize) -> Option<Charge> {
        let is_charged = add_within(&self.used, amount, self.limit);
        is_charged.then(|| Charge { budget: self.clone(), amount, purpose: Purpose::Engine })
    }

    /// The same for a history of what a peer has sent; `None` as well when half of the limit is
    /// taken by histories.
    pub fn charge_history(self: &Arc<Budget>, amount: usize) -> Option<Charge> {
        if !add_within(&self.histories, amount, self.limit / 2) {
            return None;
        }
        let Some(mut charge) = self.charge(amount) else {
            self.histories.fetch_sub(amount, Ordering::Relaxed);
            return None;
        };
        charge.purpose = Purpose::History;
        Some(charge)
    }

    /// Whether histories take so much that new connections should keep none: a quarter of the
    /// limit. What is left up to the half is for the connections that have agreed on one.
    pub fn is_short_of_histories(&self) -> bool {
        self.histories() >= self.limit / 4
    }

    /// Bytes charged for histories at present.
    pub fn histories(&self) -> usize {
        self.histories.load(Ordering::Relaxed)
    }

    /// Whether `amount` bytes are left at present.
    pub fn has_left(&self, amount: usize) -> bool {
        self.used().saturating_add(amount) <= self.limit
    }

    /// Bytes charged at present.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be charged at most.
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

impl Charge {
    /// Whether it was charged to this budget.
    pub fn is_of(&self, budget: &Arc<Budget>) -> bool {
        Arc::ptr_eq(&self.budget, budget)
    }

    /// Adds another one for the same purpose.
    pub fn add(&mut self, mut more: Charge) {
        debug_assert!(more.is_of(&self.budget) && more.purpose == self.purpose);
        self.amount += std::mem::take(&mut more.amount);
    }

    /// The budget that it was charged to.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

/// Adds, unless the sum would be beyond `limit`. Says whether it did.
fn add_within(sum: &AtomicUsize, amount: usize, limit: usize) -> bool {
    let more = |before: usize| before.checked_add(amount).filter(|after| *after <= limit);
    sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.purpose == Purpose::History {
            self.budget.histories.fetch_sub(self.amount, Ordering::Relaxed);
        }
        self.budget.used.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_never_exceeds_the_limit_and_comes_back() {
        let budget = Arc::new(Budget::new(100));
        let first = budget.charge(60).unwrap();
        assert!(budget.has_left(40) && !budget.has_left(41));
        assert!(budget.charge(41).is_none());
        assert!(budget.charge(usize::MAX).is_none());
        let second = budget.charge(40).unwrap();
        assert_eq!(budget.used(), 100);
        drop(first);
        assert_eq!(budget.used(), 40);
        drop(second);
        assert_eq!((budget.used(), budget.limit()), (0, 100));
    }

    #[test]
    fn histories_take_half_at_most_and_are_short_from_a_quarter_on() {
        let budget = Arc::new(Budget::new(100));
        let first = budget.charge_history(24).unwrap();
        assert!(!budget.is_short_of_histories());
        let second = budget.charge_history(1).unwrap();
        assert!(budget.is_short_of_histories());
        assert!(budget.charge_history(26).is_none());
        let third = budget.charge_history(25).unwrap();
        assert!(budget.charge_history(1).is_none());
        assert_eq!((budget.histories(), budget.used()), (50, 50));
        // The other half is for engines, and where these have taken more there is less.
        drop((second, third));
        let engines = budget.charge(70).unwrap();
        assert!(budget.charge_history(7).is_none());
        assert_eq!((budget.histories(), budget.used()), (24, 94));
        assert!(budget.charge_history(6).is_some());
        drop((first, engines));
        assert_eq!((budget.histories(), budget.used()), (0, 0));
    }
}
