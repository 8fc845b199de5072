//! A connection's place among the subscribers of a topic.

use std::fmt;
use std::sync::Arc;

use super::branch::Branch;

/// One connection's place among the subscribers of a [`Topic`], given up when this is dropped:
/// messages that have not been queued to it by then are not.
///
/// It keeps the connection's state, but not the connection: that ends as if it were not there.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    pub(super) branch: Arc<Branch>,
    pub(super) number: u64,
}

impl Subscription {
    /// Messages that this subscriber missed so far, because it did not take earlier ones.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.branch.lock().members.get(&self.number).map_or(0, |member| member.skipped)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let sender = self.branch.lock().remove(self.number);
        // Outside of the lock: it may be the last handle of its connection.
        drop(sender);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}
