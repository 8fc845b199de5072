//! Where pages may come from that use an application; it may change while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use stickler::AllowedOrigin;

/// A list of origins. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Origins(Arc<RwLock<Arc<[AllowedOrigin]>>>);

impl Origins {
    pub(crate) fn new(origins: Vec<AllowedOrigin>) -> Origins {
        Origins(Arc::new(RwLock::new(origins.into())))
    }

    /// From now on those of the other list count.
    pub(crate) fn replace(&self, other: &Origins) {
        let newest = other.read();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = newest;
    }

    /// Those that count at this moment.
    pub(super) fn read(&self) -> Arc<[AllowedOrigin]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_are_replaced_together() {
        let origins = Origins::new(vec![AllowedOrigin::SameHost]);
        let clone = origins.clone();
        origins.replace(&Origins::new(Vec::new()));
        assert!(clone.read().is_empty());
    }
}
