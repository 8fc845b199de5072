//! A connection that no handler keeps open: it lasts as long as its handles.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;

use tokio::sync::mpsc;

use super::sender::Sender;

/// A handle's share in keeping the connection open; nothing is ever sent through it.
#[derive(Clone)]
pub(super) struct Held(
    #[expect(dead_code, reason = "counted until dropped")] mpsc::Sender<Infallible>,
);

impl Held {
    /// A first share, and a future that is ready when all shares are dropped, or when the connection
    /// has ended.
    pub(super) fn new(sender: Sender) -> (Held, impl Future<Output = ()> + Send + use<>) {
        let (held, mut let_go) = mpsc::channel(1);
        let wait = async move {
            tokio::select! {
                _ = let_go.recv() => {}
                _ = sender.closed() => {}
            }
        };
        (Held(held), wait)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}
