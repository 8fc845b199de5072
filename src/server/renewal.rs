//! What connections to come begin with, where it has changed since the server began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::caps::Caps;
use crate::net::Config;

/// The newest configuration and caps. A listener looks at the version before it opens connections, and reads the
/// rest only where that has changed.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// How often something was changed; written under the lock.
    version: AtomicU64,
    newest: Mutex<Newest>,
}

/// What was changed; `None` for what is as it was when the server began.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest {
    pub(super) config: Option<Arc<Config>>,
    pub(super) caps: Option<Caps>,
}

impl Renewal {
    pub(super) fn change(&self, change: impl FnOnce(&mut Newest)) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut newest);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// What has changed since this version, and which one it is by now.
    pub(super) fn since(&self, version: u64) -> Option<(u64, Newest)> {
        if self.version.load(Ordering::Acquire) == version {
            return None;
        }
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        Some((self.version.load(Ordering::Acquire), newest.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_reads_each_change_once() {
        let renewal = Renewal::default();
        assert!(renewal.since(0).is_none());
        renewal.change(|newest| newest.caps = Some(Caps::default()));
        let (version, newest) = renewal.since(0).unwrap();
        assert!(newest.caps.is_some() && newest.config.is_none());
        assert!(renewal.since(version).is_none());
        renewal.change(|newest| newest.config = Some(Arc::default()));
        let (_, newest) = renewal.since(version).unwrap();
        assert!(newest.caps.is_some() && newest.config.is_some());
    }
}
