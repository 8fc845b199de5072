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
}

/// Memory that was charged to a budget; given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    /// In bytes.
    amount: usize,
}

impl Budget {
    /// A budget of `limit` bytes, nothing of it used.
    pub const fn new(limit: usize) -> Budget {
        Budget { limit, used: AtomicUsize::new(0) }
    }

    /// Charges `amount` bytes; `None` when there is not so much left.
    pub fn charge(self: &Arc<Budget>, amount: usize) -> Option<Charge> {
        let more = |used: usize| used.checked_add(amount).filter(|sum| *sum <= self.limit);
        let charged = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        charged.ok().map(|_| Charge { budget: self.clone(), amount })
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
}

impl Drop for Charge {
    fn drop(&mut self) {
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
}
