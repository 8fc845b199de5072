//! A connection that no handler keeps open: it lasts as long as its handles, which are counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::shared::Shared;

/// The handles of a connection that they keep open.
#[derive(Debug)]
pub(super) struct Held {
    handles: AtomicUsize,
    let_go: Notify,
}

impl Shared {
    /// From here on so many handles keep the connection open, and those that come of them. The first
    /// call counts.
    pub(in crate::net) fn hold(&self, handles: usize) {
        let held = Held { handles: AtomicUsize::new(handles), let_go: Notify::new() };
        let _ = self.rare().held.set(held);
    }

    #[inline]
    fn held(&self) -> Option<&Held> {
        self.rare.get()?.held.get()
    }

    /// There is one more handle.
    #[inline]
    pub(in crate::net) fn take_hold(&self) {
        if let Some(held) = self.held() {
            held.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// There is one handle less.
    #[inline]
    pub(in crate::net) fn lose_hold(&self) {
        if let Some(held) = self.held()
            && held.handles.fetch_sub(1, Ordering::AcqRel) == 1
        {
            held.let_go.notify_one();
        }
    }

    /// Waits until the last handle is gone; for ever where handles keep nothing open. Await it once.
    pub(in crate::net) async fn let_go(&self) {
        match self.held() {
            Some(held) => held.let_go.notified().await,
            None => std::future::pending().await,
        }
    }
}
